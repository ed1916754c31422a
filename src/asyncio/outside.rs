//! What loops do with descriptors, sockets and processes: each method is a function of a page.

use super::call_library;
use crate::object::native::{Row, method};

macro_rules! paged {
    ($($name:literal $arguments:literal)*) => {
        /// Methods of the loop.
        pub(super) const METHODS: &[Row] = &[
            $(method(concat!("def ", $name, "(", $arguments, ")"), |vm, args| call_library(vm, $name, args)),)*
            method("def start_tls(*args, **kwargs)", |vm, _| {
                Err(vm.not_implemented("loop.start_tls() is not supported: aio has no TLS"))
            }),
            method("def sendfile(*args, **kwargs)", |vm, _| {
                Err(vm.not_implemented("loop.sendfile() is not supported: write what is in the file to the transport"))
            }),
        ];
    };
}

/// Whether a row is that of a coroutine function.
pub(super) fn is_async(row: &Row) -> bool {
    let is_plain = ["add_", "remove_", "_"].iter().any(|prefix| row.name().starts_with(prefix));
    !is_plain && METHODS.iter().any(|method| method.signature == row.signature)
}

paged! {
    "add_reader" "fd, callback, *args"
    "add_writer" "fd, callback, *args"
    "remove_reader" "fd"
    "remove_writer" "fd"
    "_add_reader" "fd, callback, *args"
    "_add_writer" "fd, callback, *args"
    "_remove_reader" "fd"
    "_remove_writer" "fd"
    "sock_recv" "sock, n"
    "sock_recv_into" "sock, buf"
    "sock_recvfrom" "sock, bufsize"
    "sock_recvfrom_into" "sock, buf, nbytes=0"
    "sock_sendall" "sock, data"
    "sock_sendto" "sock, data, address"
    "sock_sendfile" "sock, file, offset=0, count=None, *, fallback=None"
    "sock_connect" "sock, address"
    "sock_accept" "sock"
    "getaddrinfo" "host, port, *, family=0, type=0, proto=0, flags=0"
    "getnameinfo" "sockaddr, flags=0"
    "create_connection" "protocol_factory, host=None, port=None, *, ssl=None, family=0, proto=0, flags=0, sock=None, \
        local_addr=None, server_hostname=None, ssl_handshake_timeout=None, ssl_shutdown_timeout=None, \
        happy_eyeballs_delay=None, interleave=None, all_errors=False"
    "create_server" "protocol_factory, host=None, port=None, *, family=0, flags=0, sock=None, backlog=100, ssl=None, \
        reuse_address=None, reuse_port=None, keep_alive=None, ssl_handshake_timeout=None, \
        ssl_shutdown_timeout=None, start_serving=True"
    "create_unix_connection" "protocol_factory, path=None, *, ssl=None, sock=None, server_hostname=None, \
        ssl_handshake_timeout=None, ssl_shutdown_timeout=None"
    "create_unix_server" "protocol_factory, path=None, *, sock=None, backlog=100, ssl=None, ssl_handshake_timeout=None, \
        ssl_shutdown_timeout=None, start_serving=True, cleanup_socket=True"
    "connect_accepted_socket" "protocol_factory, sock, *, ssl=None, ssl_handshake_timeout=None, \
        ssl_shutdown_timeout=None"
    "create_datagram_endpoint" "protocol_factory, local_addr=None, remote_addr=None, *, family=0, proto=0, flags=0, reuse_port=None, \
        allow_broadcast=None, sock=None"
    "connect_read_pipe" "protocol_factory, pipe"
    "connect_write_pipe" "protocol_factory, pipe"
    "subprocess_exec" "protocol_factory, program, *args, stdin=-1, stdout=-1, stderr=-1, universal_newlines=False, \
        shell=False, bufsize=0, encoding=None, errors=None, text=None, **kwargs"
    "subprocess_shell" "protocol_factory, cmd, *, stdin=-1, stdout=-1, stderr=-1, universal_newlines=False, shell=True, \
        bufsize=0, encoding=None, errors=None, text=None, **kwargs"
}
