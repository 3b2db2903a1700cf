//! What a player's presence can be told and what it answers.

use crate::{
    actors::duel::Party,
    cluster::PeerNotice,
    ids::{DuelId, PlayerId, SessionRef},
    protocol::{Push, signal::SignalError},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// In which lobby a player wants to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LobbyWish {
    /// Its name.
    pub lobby: String,
    /// He takes deltas.
    pub delta: bool,
}

/// Everything it can be told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum DuellistCommand {
    /// By his signal session, when it begins and now and then.
    Attach {
        /// Which.
        session: SessionRef,
        /// The account's.
        nickname: String,
        /// It is new, and replaces any other.
        fresh: bool,
        /// Where it believes to be, for one that has forgotten.
        lobby: Option<LobbyWish>,
    },
    /// By his signal session, when it ends.
    Detach {
        /// Which.
        session: SessionRef,
    },
    /// `join_lobby`
    JoinLobby {
        /// Of which session.
        session: SessionRef,
        /// Which.
        wish: LobbyWish,
    },
    /// `leave_lobby`
    LeaveLobby,
    /// `request_match`
    Request {
        /// Whom.
        target: PlayerId,
    },
    /// Which open request this player has made to him.
    Find {
        /// Whose.
        requester: PlayerId,
    },
    /// By another's presence: he asks this player. Of two players the one with the lesser id decides whether there is a
    /// request between them already, so that two that cross meet here.
    Pair {
        /// The match that it will be, if it is new.
        duel: DuelId,
        /// Who asks.
        requester: Party,
    },
    /// By a match: somebody asks this player.
    Offer {
        /// Which match.
        duel: DuelId,
        /// Who asks.
        requester: Party,
    },
    /// By a match, when it is accepted and now and then: the player is in it. One that is not renewed for
    /// `duel.hold_ms` is forgotten.
    Hold {
        /// Which match.
        duel: DuelId,
    },
    /// By a match: it has not begun after all. If there is a request, it stays open.
    Release {
        /// Which match.
        duel: DuelId,
    },
    /// By a match: what he is to be told.
    Tell {
        /// In order.
        pushes: Vec<Arc<Push>>,
    },
    /// By a match: it is over, or never began.
    Over {
        /// Which.
        duel: DuelId,
    },
    /// Whether he is in a lobby or a match: he has somebody to connect to. Makes no presence.
    IsPresent,
    /// Of other nodes.
    Peer(PeerNotice),
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum DuellistReply {
    /// It is done.
    Done,
    /// It is not, and nothing has changed.
    Refused(SignalError),
    /// To `Attach`: a newer session is the account's.
    Replaced,
    /// To `Find`.
    Found(Option<DuelId>),
    /// To `Pair`: it crossed a request of this player, which is accepted by it.
    Crossed,
    /// To `Offer`: he has been told. His nickname.
    Offered(String),
    /// To `Hold`: he is in it.
    Held {
        /// He has a session.
        attached: bool,
        /// The account's, if he has ever had one.
        nickname: Option<String>,
    },
    /// To `Hold`: he is in another.
    Busy,
    /// To `IsPresent`.
    Present(bool),
    /// To `Tell`.
    Told {
        /// He has a session.
        attached: bool,
    },
}
