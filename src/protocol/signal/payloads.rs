//! What clients of `/ws/signal` send (spec 4.1). Ids are read as text: whose they are is checked before what they are.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// `join_lobby`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JoinLobby {
    /// The sender's own.
    pub player_id: String,
    /// Ignored: the name is the account's.
    #[serde(default)]
    pub player_name: Option<String>,
    /// Which lobby; `main` if left out.
    #[serde(default)]
    pub lobby: Option<String>,
    /// Wants `lobby_delta` after the first `lobby_update`.
    #[serde(default)]
    pub delta: bool,
}

/// `leave_lobby`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeaveLobby {
    /// The sender's own.
    pub player_id: String,
}

/// `request_match`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestMatch {
    /// The sender's own.
    pub requester_id: String,
    /// Whom he asks: a player in a lobby.
    pub target_id: String,
}

/// `accept_match`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcceptMatch {
    /// The sender's own.
    pub accepter_id: String,
    /// Whose request.
    pub requester_id: String,
    /// Of the request; without it, the open one of that player.
    #[serde(default)]
    pub session_id: Option<String>,
}

/// `decline_match`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeclineMatch {
    /// The sender's own.
    pub decliner_id: String,
    /// Whose request.
    pub requester_id: String,
    /// Of the request; without it, the open one of that player.
    #[serde(default)]
    pub session_id: Option<String>,
}

/// `cancel_match_request`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancelRequest {
    /// The sender's own.
    pub requester_id: String,
    /// To whom the request was.
    pub target_id: String,
    /// Of the request.
    pub session_id: String,
}

/// `send_sdp_offer` and `send_sdp_answer`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SendSdp {
    /// The sender's own.
    pub sender_id: String,
    /// The other player of the session.
    pub receiver_id: String,
    /// The description, passed on as it is.
    pub sdp: String,
    /// Of the match.
    pub session_id: String,
}

/// `send_ice_candidate`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SendCandidate {
    /// The sender's own.
    pub sender_id: String,
    /// The other player of the session.
    pub receiver_id: String,
    /// `RTCIceCandidateInit`: an object, passed on as it is.
    pub candidate: Value,
    /// Of the match.
    pub session_id: String,
}

/// How a peer's data channel fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionState {
    /// It is open.
    Connected,
    /// It will not be.
    Failed,
}

/// `report_connection`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportConnection {
    /// Of the match.
    pub session_id: String,
    /// `connected` or `failed`.
    pub state: ConnectionState,
}

/// `report_result`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportResult {
    /// Of the match.
    pub session_id: String,
    /// Who won; `null` is a draw.
    #[serde(deserialize_with = "Option::deserialize")]
    pub winner_id: Option<String>,
    /// Frames played.
    #[serde(default)]
    pub frames: Option<u32>,
    /// Of the last state: a string or a number.
    #[serde(default)]
    pub checksum: Option<Value>,
}

/// `leave_match`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeaveMatch {
    /// Of the match.
    pub session_id: String,
}
