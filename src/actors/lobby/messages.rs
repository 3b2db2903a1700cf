//! What a shard of a lobby can be told and what it answers.

use crate::{
    actors::duel::Party,
    cluster::PeerNotice,
    ids::{PlayerId, SessionRef},
    protocol::signal::pushes::LobbyStatus,
};
use serde::{Deserialize, Serialize};

/// Everything it can be told; all by presences of players.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum LobbyCommand {
    /// This player joins, or wants a new base.
    Join {
        /// Who.
        player: Party,
        /// Whether he can be asked.
        status: LobbyStatus,
        /// Where he is told.
        session: SessionRef,
        /// The lobby's name.
        lobby: String,
        /// Which shard of it this is.
        shard: u64,
        /// He takes deltas.
        delta: bool,
    },
    /// This player is still there.
    Here {
        /// Who.
        player: Party,
        /// Whether he can be asked.
        status: LobbyStatus,
        /// Where he is told.
        session: SessionRef,
        /// He takes deltas.
        delta: bool,
    },
    /// This player has gone.
    Leave {
        /// Who.
        player_id: PlayerId,
    },
    /// This player has entered or left a match.
    Status {
        /// Who.
        player_id: PlayerId,
        /// Whether he can be asked.
        status: LobbyStatus,
    },
    /// Of other nodes.
    Peer(PeerNotice),
}

/// What it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LobbyReply {
    /// It is done.
    Done,
    /// He is in.
    Joined,
    /// The shard is full: try the next.
    Full,
    /// To `Here`: he is not in, join again.
    Unknown,
}
