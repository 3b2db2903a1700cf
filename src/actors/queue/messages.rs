//! What a queue's actor can be told.

use crate::cluster::PeerNotice;
use serde::{Deserialize, Serialize};

/// Everything that a queue's actor can be told. Each may come twice, or be lost: the next tick does the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum QueueCommand {
    /// A place is free, somebody has come, or an operator has changed something: look now.
    Turn,
    /// A reminder of its own.
    Wake {
        /// Its number.
        wake_no: i64,
    },
    /// Of other nodes.
    Peer(PeerNotice),
}

/// All that it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueueReply {
    /// It will look.
    Heard,
}
