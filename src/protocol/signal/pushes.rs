//! What clients of `/ws/signal` are sent (spec 4.2).

use crate::{
    ids::{DuelId, PlayerId},
    liveops::DuelOutcome,
    protocol::Push,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// Whether a player can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LobbyStatus {
    /// He can.
    Available,
    /// He is in a match.
    InMatch,
}

/// A player in a lobby.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LobbyPlayer {
    /// His account.
    pub player_id: PlayerId,
    /// Its nickname.
    pub player_name: String,
    /// `available` or `in_match`.
    pub status: LobbyStatus,
}

macro_rules! pushes {
    ($($(#[$doc:meta])* $Type:ident = $name:literal { $($(#[$fdoc:meta])* $field:ident: $ty:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Serialize, JsonSchema)]
            #[serde(rename_all = "camelCase")]
            pub struct $Type { $($(#[$fdoc])* pub $field: $ty,)* }

            impl $Type {
                /// Its type on the wire.
                pub const NAME: &'static str = $name;

                /// As a message.
                pub fn push(&self) -> Arc<Push> {
                    Push::new(Self::NAME, self)
                }
            }
        )*

        /// Names of all messages to clients but `error`.
        pub const SERVER_TYPES: &[&str] = &[$($name,)*];
    };
}

pushes! {
    /// To whoever joins a lobby, before its first `lobby_update`, and again when deltas may have been lost.
    LobbyJoined = "lobby_joined" {
        /// Its name.
        lobby: String,
        /// Of the `lobby_update` that follows.
        version: u64,
        /// Which of its shards, from 0: a lobby of more than `lobby.capacity` players has several.
        shard: u64,
    }
    /// Who is in the lobby. The newest replaces one that is not sent yet.
    LobbyUpdate = "lobby_update" {
        /// All of them, in the order of their ids.
        players: Vec<LobbyPlayer>,
    }
    /// What has changed since the version before, to those who joined with `delta: true`.
    LobbyDelta = "lobby_delta" {
        /// New, or known and to be replaced.
        joined: Vec<LobbyPlayer>,
        /// Gone.
        left: Vec<PlayerId>,
        /// Of another status.
        changed: Vec<LobbyPlayer>,
        /// One more than the one before; if not, join again.
        version: u64,
    }
    /// To the requester: his request is open.
    MatchRequestSent = "match_request_sent" {
        /// Whom he asked.
        target_id: PlayerId,
        /// Of the request, and of the match that may come of it.
        session_id: DuelId,
    }
    /// To the target.
    MatchRequestReceived = "match_request_received" {
        /// Who asks.
        requester_id: PlayerId,
        /// His nickname.
        requester_name: String,
        /// Of the request.
        session_id: DuelId,
    }
    /// To the requester, who now offers; to the accepter too if he has not sent `accept_match` himself (requests that
    /// crossed, arranged matches) and after he has come back: who reads his own id in `accepterId` waits for the offer.
    MatchRequestAccepted = "match_request_accepted" {
        /// Who accepts, and answers the offer.
        accepter_id: PlayerId,
        /// His nickname.
        accepter_name: String,
        /// Of the match.
        session_id: DuelId,
        /// Who offers.
        requester_id: PlayerId,
        /// His nickname.
        requester_name: String,
    }
    /// To the requester.
    MatchRequestDeclined = "match_request_declined" {
        /// Whom he had asked.
        decliner_id: PlayerId,
        /// His nickname.
        decliner_name: String,
        /// Of the request, which is over.
        session_id: DuelId,
    }
    /// To the target.
    MatchRequestCancelled = "match_request_cancelled" {
        /// Who had asked.
        requester_id: PlayerId,
        /// Of the request, which is over.
        session_id: DuelId,
    }
    /// To the accepter.
    SdpOfferReceived = "sdp_offer_received" {
        /// The requester.
        sender_id: PlayerId,
        /// As he sent it.
        sdp: String,
        /// Of the match.
        session_id: DuelId,
    }
    /// To the requester.
    SdpAnswerReceived = "sdp_answer_received" {
        /// The accepter.
        sender_id: PlayerId,
        /// As he sent it.
        sdp: String,
        /// Of the match.
        session_id: DuelId,
    }
    /// To the other peer, never before his peer's description.
    IceCandidateReceived = "ice_candidate_received" {
        /// Whose.
        sender_id: PlayerId,
        /// As he sent it.
        candidate: Value,
        /// Of the match.
        session_id: DuelId,
    }
    /// To both, when both have reported `connected`.
    MatchStarted = "match_started" {
        /// The other.
        opponent_id: PlayerId,
        /// His nickname.
        opponent_name: String,
        /// Of the match.
        session_id: DuelId,
    }
    /// To both: there will be no match of this session.
    MatchFailed = "match_failed" {
        /// Of the session, which is over.
        session_id: DuelId,
        /// See [`FailReason`].
        reason: FailReason,
    }
    /// To both: a match that had started is over.
    MatchEnded = "match_ended" {
        /// Of the session, which is over.
        session_id: DuelId,
        /// See [`EndReason`].
        reason: EndReason,
        /// What is known of its result.
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<MatchResult>,
    }
}

/// Why there is no match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailReason {
    /// Nobody answered the request in time.
    Expired,
    /// No connection in time.
    ConnectTimeout,
    /// A peer reported `failed`.
    ConnectionFailed,
    /// A peer sent `leave_match`.
    PeerLeft,
    /// A peer lost his socket and did not come back in time.
    PeerLost,
    /// A player is in another match.
    InMatch,
    /// The server could not go on with it.
    ServerError,
}

/// Why a match that had started is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Its result is known, agreed or not.
    Result,
    /// A peer sent `leave_match`.
    PeerLeft,
    /// Both have gone, or both reported `failed`.
    ConnectionLost,
    /// It took too long.
    TimedOut,
}

/// What is known of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MatchResult {
    /// `agreed`, `disputed`, `unreported` or `abandoned`.
    pub outcome: DuelOutcome,
    /// Of an agreed one: who won; `null` is a draw.
    pub winner_id: Option<PlayerId>,
}
