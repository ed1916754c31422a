//! What loops do with descriptors, sockets and processes: each method is a function of a page.

use super::event_loop::not_implemented;
use crate::builtins::prelude::*;

macro_rules! paged {
    ($($(#[$doc:meta])* $table:ident { $($kind:literal $name:literal $arguments:literal)* })*) => {
        $($(#[$doc])* pub(super) const $table: &[Row] = &[
            $(method(concat!($kind, " ", $name, "(", $arguments, ")"), |vm, args| vm.call_page("asyncio", $name, args)),)*
        ];)*

        /// The same of a loop class written from scratch, which must replace them.
        pub(super) const ABSTRACT_METHODS: &[Row] =
            &[$($(method(concat!($kind, " ", $name, "(", $arguments, ")"), not_implemented),)*)*];
    };
}

/// What there is only the name of.
pub(super) const ABSENT: &[Row] = &[
    method(
        "async def start_tls(transport, protocol, sslcontext, *, server_side=False, server_hostname=None, \
         ssl_handshake_timeout=None, ssl_shutdown_timeout=None)",
        |vm, _| Err(vm.not_implemented("loop.start_tls() is not supported: aio has no TLS")),
    )
    .says("Would encrypt a connection from now on: there is no TLS here."),
    method("async def sendfile(transport, file, offset=0, count=None, *, fallback=True)", |vm, _| {
        Err(vm.not_implemented("loop.sendfile() is not supported: write what is in the file to the transport"))
    })
    .says("Would have the system send a file: there is no such call here."),
];

paged! {
    /// Methods of every loop.
    BASE {
        "async def" "sock_sendfile" "sock, file, offset=0, count=None, *, fallback=True"
        "async def" "getaddrinfo" "host, port, *, family=0, type=0, proto=0, flags=0"
        "async def" "getnameinfo" "sockaddr, flags=0"
                "async def" "create_connection" "protocol_factory, host=None, port=None, *, ssl=None, family=0, \
            proto=0, flags=0, sock=None, local_addr=None, server_hostname=None, ssl_handshake_timeout=None, \
            ssl_shutdown_timeout=None, happy_eyeballs_delay=None, interleave=None, all_errors=False"
                "async def" "create_server" "protocol_factory, host=None, port=None, *, family=0, flags=0, \
            sock=None, backlog=100, ssl=None, reuse_address=None, reuse_port=None, keep_alive=None, \
            ssl_handshake_timeout=None, ssl_shutdown_timeout=None, start_serving=True"
                "async def" "connect_accepted_socket" "protocol_factory, sock, *, ssl=None, \
            ssl_handshake_timeout=None, ssl_shutdown_timeout=None"
                "async def" "create_datagram_endpoint" "protocol_factory, local_addr=None, remote_addr=None, *, \
            family=0, proto=0, flags=0, reuse_port=None, allow_broadcast=None, sock=None"
        "async def" "connect_read_pipe" "protocol_factory, pipe"
        "async def" "connect_write_pipe" "protocol_factory, pipe"
                "async def" "subprocess_exec" "protocol_factory, program, *args, stdin=-1, stdout=-1, stderr=-1, \
            universal_newlines=False, shell=False, bufsize=0, encoding=None, errors=None, text=None, **kwargs"
                "async def" "subprocess_shell" "protocol_factory, cmd, *, stdin=-1, stdout=-1, stderr=-1, \
            universal_newlines=False, shell=True, bufsize=0, encoding=None, errors=None, text=None, **kwargs"
    }
    /// Those of one that watches descriptors.
    SELECTOR {
        "def" "add_reader" "fd, callback, *args"
        "def" "add_writer" "fd, callback, *args"
        "def" "remove_reader" "fd"
        "def" "remove_writer" "fd"
        "def" "_add_reader" "fd, callback, *args"
        "def" "_add_writer" "fd, callback, *args"
        "def" "_remove_reader" "fd"
        "def" "_remove_writer" "fd"
        "async def" "sock_recv" "sock, n"
        "async def" "sock_recv_into" "sock, buf"
        "async def" "sock_recvfrom" "sock, bufsize"
        "async def" "sock_recvfrom_into" "sock, buf, nbytes=0"
        "async def" "sock_sendall" "sock, data"
        "async def" "sock_sendto" "sock, data, address"
        "async def" "sock_connect" "sock, address"
        "async def" "sock_accept" "sock"
    }
    /// Those of the system's.
    UNIX {
                "async def" "create_unix_connection" "protocol_factory, path=None, *, ssl=None, sock=None, \
            server_hostname=None, ssl_handshake_timeout=None, ssl_shutdown_timeout=None"
                "async def" "create_unix_server" "protocol_factory, path=None, *, sock=None, backlog=100, ssl=None, \
            ssl_handshake_timeout=None, ssl_shutdown_timeout=None, start_serving=True, cleanup_socket=True"
    }
}
