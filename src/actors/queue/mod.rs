//! A queue's actor: who admits (spec 3.1).
//!
//! [`QueueActor`] is an entity: one at most in the cluster for a queue's id, on a node with the role `queue`. `state`
//! decides, pure, how many may come in; `turn` performs one round of it on the line and on SQL; `actor` says when: at each
//! tick, and at once when a place is free; `meters` tells operators. Nothing else goes through it: tickets, polls and passes are the
//! [desk](crate::queue)'s.

mod actor;
mod messages;
mod meters;
mod state;
#[cfg(test)]
mod state_tests;
#[cfg(all(test, feature = "testkit"))]
mod tests;
mod turn;

pub use actor::QueueActor;
pub use messages::{QueueCommand, QueueReply};
