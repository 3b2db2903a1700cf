//! A player's session: who he is, his rate limit, his `seq` and resume ring, the room he is in.
//!
//! It outlives its socket for the resume window, and any transport can attach to it. [`Door`] is where
//! transports come in; [`PlayerSession`] is the actor (`life`: how it begins and ends); [`Outbox`] its send side
//! (`outgoing`: what goes in and comes out); `router` says what a client message becomes. A session knows rooms by
//! key alone, through the cluster.

mod actor;
mod asked;
mod bracket;
mod door;
pub(crate) mod flusher;
mod life;
mod matchmaking;
mod messages;
mod mutes;
mod out;
mod outbox;
mod outgoing;
mod port;
mod queueing;
mod router;
mod seat;
mod showtime;
mod token;

pub use actor::PlayerSession;
pub use door::{Attached, Door, Player};
pub use messages::{Detached, Input, ResumeSession, SessionNotice};
pub use mutes::Mutes;
pub use outbox::Outbox;
pub use outgoing::{Attachment, Bounds, Drained, HandedOver, Outgoing, ResumeMode};
pub use port::{Port, Take};
pub use router::CLIENT_TYPES;
pub use token::ResumeTokens;
