//! What a matchmaker is told and what it answers: one enum each, the same near and far.

use crate::{
    clock::UnixMs,
    cluster::PeerNotice,
    ids::{PlayerId, SessionRef},
    protocol::matchmaking::{MatchFound, MatchMode},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A player who looks for others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// His account.
    pub player_id: PlayerId,
    /// Its nickname: what the others are shown.
    pub nickname: String,
    /// His session.
    pub session: SessionRef,
    /// Of this search: another `matchmaking.enter` is another.
    pub search: Uuid,
    /// When he entered: he keeps his place in the line wherever the matchmaker goes.
    pub since: UnixMs,
}

/// Everything a matchmaker can be told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum MatchmakerCommand {
    /// Makes the matchmaker of this mode, if it was never made.
    Open {
        /// What it finds.
        mode: MatchMode,
    },
    /// By a session, again and again while it looks: the reply waits for a match, `matchmaking.hold_ms` at most.
    Enter(Ticket),
    /// He looks no more.
    Leave {
        /// Who.
        player_id: PlayerId,
        /// Which search.
        search: Uuid,
    },
    /// Of another node.
    Peer(PeerNotice),
    /// It has no reminders.
    Wake {
        /// Of none.
        wake_no: i64,
    },
}

/// What a matchmaker answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MatchmakerReply {
    /// Done, and there is nothing to say.
    Done,
    /// Nobody yet: enter again.
    Waiting,
    /// Somebody.
    Found(MatchFound),
    /// There is no room in the pool: enter again later.
    Full,
}

impl MatchmakerCommand {
    /// For logs.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Enter(_) => "enter",
            Self::Leave { .. } => "leave",
            Self::Peer(_) => "peer",
            Self::Wake { .. } => "wake",
        }
    }
}
