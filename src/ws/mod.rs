//! WebSocket transport: bytes to frames and back, bounds, heartbeat (spec 1.1). Knows no game.
//!
//! `upgrade` checks who comes and from where, answers 101 and takes the socket out of the HTTP dispatcher;
//! from then on `connection`, one task a socket, turns its bytes into frames for the session (`ear`: of which of
//! the two endpoints) and writes what the session's outbox holds. `sockets` counts them, for the limit and for the drain: the HTTP server has
//! forgotten them.

mod connection;
mod ear;
mod frames;
mod sockets;
mod upgrade;

pub use sockets::Sockets;
pub use upgrade::{WsState, upgrade};
