//! WebSocket transport: bytes to frames and back, bounds, heartbeat (spec 1.1). Knows no game.
//!
//! `upgrade` checks who comes and from where, `reader` turns the socket's bytes into frames for the session,
//! `writer` is the response body and drains the session's outbox. The reader is a task of its own: actix polls
//! a body only while the peer reads, so nothing that must go on for a stuck peer may live in it.

mod frames;
mod reader;
mod socket;
mod upgrade;
mod writer;

pub use socket::remember_socket;
pub use upgrade::{WsState, connect};
