//! The binary gateway: packets over TCP or TLS (spec 5.1). Knows no game.
//!
//! `packet` is the format, pure; `framing` makes a `Framing` of it; `hello` finds out who connects;
//! [`serve`] takes a socket from the listener to its end. A session behind it is the same as behind a WebSocket.
//! Called by `node`, on the threads of the HTTP workers, which the listener's sockets are spread over.

mod framing;
mod hello;
#[cfg(test)]
mod hello_tests;
mod packet;
#[cfg(test)]
mod packet_tests;
mod service;

#[cfg(test)]
pub(crate) use packet::TABLE;
pub use service::{TcpState, serve};
