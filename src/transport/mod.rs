//! What every way to a session has in common, whatever the stream and its frames (spec 1.1, 5.1).
//!
//! `Connection` is one socket: it reads and writes one stream, keeps the heartbeat, bounds what waits, and takes
//! leave; `pulse` is its clock, `writer` what it
//! writes. What differs is behind two traits: `Framing`, how messages stand in bytes (`ws::frames`, `tcp::framing`),
//! and `Peer`, who is spoken with through it (`SessionPeer`: a session, by its `line`). `entry` finds the
//! session of a socket that resumes. `sockets` counts all of them.
//! Called by `ws` and `tcp`, which find out who comes. Knows no game.

mod connection;
pub(crate) mod entry;
mod framing;
mod line;
mod peer;
mod pulse;
mod sockets;
mod stream;
mod writer;

pub(crate) use connection::{Connection, More, Terms};
pub(crate) use framing::{Fault, Framing, Incoming};
pub(crate) use line::Line;
pub(crate) use peer::{Peer, SessionPeer, Speaks};
pub(crate) use sockets::Held;
pub use sockets::Sockets;
pub use stream::Stream;
