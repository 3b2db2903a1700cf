//! The cheapest WebSocket client that still obeys the protocol.
//!
//! The generator shares its machine with the server it measures, so what it spends on a frame is
//! taken from the figure. Hence the split: [`handshake`] opens a socket, [`Reader`] hands out
//! borrowed payloads from one buffer a thread, [`Link`] writes from anywhere without a task.
//! Knows frames, not messages: what is inside them is the business of `player` and `fanout`.

mod handshake;
mod link;
mod reader;

pub use handshake::{Opening, open};
pub use link::Link;
pub use reader::{Frames, Reader};

/// Text frame, final.
pub const TEXT: u8 = 0x1;
/// Close frame.
pub const CLOSE: u8 = 0x8;
/// Heartbeat question.
pub const PING: u8 = 0x9;
/// Heartbeat answer.
pub const PONG: u8 = 0xA;

/// Close code of an orderly end.
pub const CLOSE_NORMAL: u16 = 1000;
/// Close code of a peer that does not read fast enough (spec 1.1).
pub const CLOSE_TOO_SLOW: u16 = 1013;
