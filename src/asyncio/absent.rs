//! What asyncio has for sockets, pipes and processes: names that say they are not there.

use crate::object::native::{Row, method, native};

macro_rules! absent {
    ($row:ident, $prefix:literal, $($($name:literal)*; $what:literal),*) => {
        &[$($($row(concat!("def ", $name, "(*args, **kwargs)"), |vm, _| {
            Err(vm.not_implemented(concat!($prefix, $name, "() is not supported: aio has no ", $what)))
        })),*),*]
    };
}

/// Methods of the loop.
pub(super) const LOOP_METHODS: &[Row] = absent!(
    method, "loop.",
    "getaddrinfo" "getnameinfo" "create_connection" "create_server" "sendfile" "start_tls"
    "create_unix_connection" "create_unix_server" "connect_accepted_socket" "create_datagram_endpoint"
    "sock_recv" "sock_recv_into" "sock_recvfrom" "sock_recvfrom_into" "sock_sendall" "sock_sendto"
    "sock_connect" "sock_accept" "sock_sendfile"; "network",
    "add_reader" "remove_reader" "add_writer" "remove_writer" "connect_read_pipe" "connect_write_pipe"; "file descriptors",
    "subprocess_shell" "subprocess_exec"; "processes"
);

/// Functions of the module.
pub(super) const FUNCTIONS: &[(&str, &[Row])] = &[
    (
        "asyncio.streams",
        absent!(native, "asyncio.", "open_connection" "start_server" "open_unix_connection" "start_unix_server"; "network"),
    ),
    (
        "asyncio.subprocess",
        absent!(native, "asyncio.", "create_subprocess_exec" "create_subprocess_shell"; "processes"),
    ),
];
