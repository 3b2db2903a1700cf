//! WebSocket transport: the upgrade, and bytes to frames and back (spec 1.1). Knows no game.
//!
//! `upgrade` checks who comes and from where, answers 101 and takes the socket out of the HTTP dispatcher; from then
//! on it is a `Connection` with the framing of `frames`.

mod frames;
mod upgrade;

pub use upgrade::{WsState, upgrade};
