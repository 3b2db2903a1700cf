//! What a bracket is told and what it answers: one enum each, the same near and far.

use crate::{
    actors::duel::Party,
    clock::UnixMs,
    cluster::PeerNotice,
    protocol::{Rejection, bracket::BracketView},
};
use serde::{Deserialize, Serialize};

/// What a bracket must know of its showtime.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    /// Its title.
    pub title: String,
    /// When it starts.
    pub starts_at: UnixMs,
}

/// Everything a bracket can be told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum BracketCommand {
    /// By the session of one who has a paid seat, after the doors have opened. The first makes the bracket.
    Join {
        /// Who.
        player: Party,
        /// The showtime, as it is now.
        opening: Opening,
    },
    /// How it stands.
    State,
    /// Of another node.
    Peer(PeerNotice),
    /// A reminder is due.
    Wake {
        /// Of the commit that asked for it; every one is heeded.
        wake_no: i64,
    },
}

/// What a bracket answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum BracketReply {
    /// How it stands, with whoever has joined.
    State(BracketView),
    /// It is not done, and nothing has changed.
    Refused(Rejection),
    /// Heard.
    Done,
}

impl BracketCommand {
    /// For logs.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Join { .. } => "join",
            Self::State => "state",
            Self::Peer(_) => "peer",
            Self::Wake { .. } => "wake",
        }
    }
}
