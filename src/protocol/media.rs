//! Payloads of `media.*` (spec 7). The words in them (`pub`, `ready` …) are the media port's.

use crate::{
    ids::PlayerId,
    media::{ClientSignal, Pc, PcState, PeerState, Refusal, Track, turn::IceServer},
    protocol::{ErrorCode, Rejection},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `media.offer` and `media.answer` of a client.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Description {
    /// An offer is for `pub`, an answer for `sub`.
    pub pc: Pc,
    /// Session description.
    pub sdp: String,
}

/// `media.state` of a client.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct StateReport {
    /// Which connection.
    pub pc: Pc,
    /// `sub ready`: offer to me. `pub ready`: I send what the flags say. `closed`: I leave media.
    pub state: PcState,
    /// On `pub`: whether I send sound now.
    pub audio: Option<bool>,
    /// On `pub`: whether I send pictures now.
    pub video: Option<bool>,
}

/// `media.reset`, both ways.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Reset {
    /// Which connection.
    pub pc: Pc,
}

impl Description {
    /// The offer in it.
    pub fn offer(self) -> Result<ClientSignal, Rejection> {
        match self.pc {
            Pc::Pub => Ok(ClientSignal::Offer { sdp: self.sdp }),
            Pc::Sub => Err(Rejection::new(ErrorCode::BadMessage, "payload.pc: you offer on pub alone")),
        }
    }

    /// The answer in it.
    pub fn answer(self) -> Result<ClientSignal, Rejection> {
        match self.pc {
            Pc::Sub => Ok(ClientSignal::Answer { sdp: self.sdp }),
            Pc::Pub => Err(Rejection::new(ErrorCode::BadMessage, "payload.pc: you answer on sub alone")),
        }
    }
}

impl From<StateReport> for ClientSignal {
    fn from(report: StateReport) -> Self {
        let StateReport { pc, state, audio, video } = report;
        Self::State { pc, state, audio, video }
    }
}

impl From<Reset> for ClientSignal {
    fn from(reset: Reset) -> Self {
        Self::Reset { pc: reset.pc }
    }
}

/// `media.answer` of the server.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Answered<'a> {
    /// Always `pub`.
    pub pc: Pc,
    /// Session description.
    pub sdp: &'a str,
}

/// `media.offer` of the server.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Offered<'a> {
    /// Always `sub`.
    pub pc: Pc,
    /// Session description.
    pub sdp: &'a str,
    /// Whose stream each media line carries.
    pub tracks: &'a [Track],
}

/// `media.state` of the server.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StateOf {
    /// Whose.
    #[schemars(with = "String")]
    pub player_id: PlayerId,
    /// What it is.
    #[serde(flatten)]
    pub state: PeerState,
}

/// `media.speaking`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Speaking {
    /// Who.
    #[schemars(with = "String")]
    pub player_id: PlayerId,
    /// Whether he speaks.
    pub speaking: bool,
}

/// `media.refused`: a description was taken and could not be followed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Refused {
    /// Which connection; it is as it was before.
    pub pc: Pc,
    /// Why: `too_large`, `bad_description`, `full` or `busy`.
    pub reason: Refusal,
}

/// `media.allowed`: what the rules let one player hear and see, and who may hear and see him. Who may do so in secret
/// (the dead, spectators) is not named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Allowed {
    /// Whom he hears.
    #[schemars(with = "Vec<String>")]
    pub hears: Vec<PlayerId>,
    /// Whom he sees.
    #[schemars(with = "Vec<String>")]
    pub sees: Vec<PlayerId>,
    /// Who hears him.
    #[schemars(with = "Vec<String>")]
    pub heard_by: Vec<PlayerId>,
    /// Who sees him.
    #[schemars(with = "Vec<String>")]
    pub seen_by: Vec<PlayerId>,
}

/// `MEDIA`: `room.state.media`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct MediaView {
    /// For the `RTCPeerConnection`.
    pub ice_servers: Vec<IceServer>,
    /// Everybody who has said anything of his media: `{player_id: {state, audio, video}}`.
    #[schemars(with = "BTreeMap<String, PeerState>")]
    pub states: BTreeMap<PlayerId, PeerState>,
}
