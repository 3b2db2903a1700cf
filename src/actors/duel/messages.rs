//! What a match can be told and what it answers: one enum each, the same near and far.
//!
//! A player's messages come from his signal session (`actors::signal`), which has checked that they are his; the
//! matchmaker arranges; the players' presence (`actors::duellist`) says who has come and gone.

use crate::{cluster::PeerNotice, ids::PlayerId, liveops::DuelOutcome, protocol::signal::SignalError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A player of a match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// His account.
    pub player_id: PlayerId,
    /// Its nickname: what the other is shown.
    pub nickname: String,
}

/// Everything a match can be told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum DuelCommand {
    /// One player asks another: the match begins in `requested`.
    Request {
        /// Who asks, and will offer.
        requester: Party,
        /// Whom.
        target: PlayerId,
    },
    /// The matchmaker pairs two, under a fresh [`DuelId`](crate::ids::DuelId): the match begins in `accepted`, and both
    /// are told. Who is not on `/ws/signal` yet has `duel.connect_ms` to come.
    Arrange {
        /// The first is the requester, and offers.
        players: [Party; 2],
    },
    /// A player's message.
    Client {
        /// Who: proved by his token.
        by: PlayerId,
        /// What.
        message: DuelMessage,
    },
    /// A player has a signal session, perhaps again: he is told where the match stands.
    Came {
        /// Who.
        player_id: PlayerId,
    },
    /// A player has none any more.
    Lost {
        /// Who.
        player_id: PlayerId,
    },
    /// A player of a request that is not answered yet is in another match.
    Taken {
        /// Who.
        player_id: PlayerId,
    },
    /// By a bracket: where the match is, or how it went. Changes nothing.
    Look,
    /// By a bracket whose round is over: a match that has not ended by now ends without a result.
    CallOff,
    /// Of another node.
    Peer(PeerNotice),
    /// A reminder is due; stale numbers are ignored.
    Wake {
        /// Of the commit that asked for it.
        wake_no: i64,
    },
}

/// A player's message to his match (spec 4.1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum DuelMessage {
    /// `accept_match`.
    Accept {
        /// Whose request.
        requester: PlayerId,
        /// He asked the same himself, and so must be told that this is a match now.
        crossed: bool,
    },
    /// `decline_match`.
    Decline {
        /// Whose request.
        requester: PlayerId,
    },
    /// `cancel_match_request`.
    Cancel {
        /// To whom it was.
        target: PlayerId,
    },
    /// `send_sdp_offer`.
    Offer {
        /// To whom.
        receiver: PlayerId,
        /// As the browser wrote it.
        sdp: String,
    },
    /// `send_sdp_answer`.
    Answer {
        /// To whom.
        receiver: PlayerId,
        /// As the browser wrote it.
        sdp: String,
    },
    /// `send_ice_candidate`.
    Candidate {
        /// To whom.
        receiver: PlayerId,
        /// `RTCIceCandidateInit`, passed on as it is.
        candidate: Value,
    },
    /// `report_connection`: true for `connected`, false for `failed`.
    ReportConnection(bool),
    /// `report_result`.
    ReportResult {
        /// `None`: a draw.
        winner: Option<PlayerId>,
        /// Frames played.
        frames: Option<i64>,
        /// Of his last state.
        checksum: Option<String>,
    },
    /// `leave_match`.
    Leave,
}

impl DuelMessage {
    /// For logs: the wire type.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Accept { .. } => "accept_match",
            Self::Decline { .. } => "decline_match",
            Self::Cancel { .. } => "cancel_match_request",
            Self::Offer { .. } => "send_sdp_offer",
            Self::Answer { .. } => "send_sdp_answer",
            Self::Candidate { .. } => "send_ice_candidate",
            Self::ReportConnection(_) => "report_connection",
            Self::ReportResult { .. } => "report_result",
            Self::Leave => "leave_match",
        }
    }
}

impl DuelCommand {
    /// For logs.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Request { .. } => "request_match",
            Self::Arrange { .. } => "arrange",
            Self::Client { message, .. } => message.label(),
            Self::Came { .. } => "came",
            Self::Lost { .. } => "lost",
            Self::Taken { .. } => "taken",
            Self::Look => "look",
            Self::CallOff => "call_off",
            Self::Peer(_) => "peer",
            Self::Wake { .. } => "wake",
        }
    }
}

/// What a match answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum DuelReply {
    /// It is done.
    Done,
    /// It is not, and nothing has changed.
    Refused(SignalError),
    /// [`DuelCommand::Arrange`] alone: this player is in another match, and nothing was begun.
    Busy(PlayerId),
    /// To [`DuelCommand::Look`].
    Stands(Standing),
}

/// Where a match is, for a bracket. Sides are in the order of its players.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// Not over.
    Open,
    /// There was no connection.
    Failed {
        /// Who had no signal session when it ended.
        absent: [bool; 2],
        /// Who left.
        left: Option<usize>,
    },
    /// It was played.
    Ended {
        /// What is known of its result.
        outcome: DuelOutcome,
        /// Who won, if that is known.
        winner: Option<PlayerId>,
        /// Who left.
        left: Option<usize>,
        /// Somebody has reported a result.
        reported: bool,
    },
}
