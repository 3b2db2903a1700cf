//! A player's session: who he is, his rate limit, his `seq` and resume ring, the room he is in.
//!
//! It outlives its socket for the resume window, and any transport can attach to it. [`Door`] is where
//! transports come in; [`PlayerSession`] is the actor; [`Outbox`] its send side; `router` says what a client
//! message becomes. A session knows rooms by key alone, through the cluster.

mod actor;
mod asked;
mod door;
mod outbox;
mod router;
mod seat;
mod token;

pub use actor::{Detached, Input, PlayerSession, ResumeSession, SessionNotice};
pub use door::{Attached, Door, Player};
pub use outbox::{Attachment, Bounds, Drained, HandedOver, Outbox, Outgoing, ResumeMode};
pub use router::CLIENT_TYPES;
pub use token::ResumeTokens;
