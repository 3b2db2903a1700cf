//! Video and voice of rooms: the port through which the rest of the code knows them (spec 7).
//!
//! Owns the typed messages between a room and its media, and the two traits that carry them. Called by the room,
//! which widens its game's [`crate::game::MediaPolicy`] into a [`Policy`]. The messages can be serialised, so that a
//! room's media may run on another node. Nothing here, and nothing that uses this port, names webrtc.
//!
//! A player has two connections, so that offers never cross: on `pub` the browser offers what it sends, on `sub` the
//! server offers what it forwards, one offer at a time.

mod arrivals;
mod budget;
mod codec;
mod connection;
mod early;
mod elsewhere;
mod engine;
mod h264;
mod ladder;
mod layer;
mod levels;
mod mux;
mod negotiation;
mod outlet;
mod peer;
mod policy;
mod rates;
mod rewrite;
mod room;
mod server;
mod source;
mod stun;
#[cfg(any(test, feature = "testkit"))]
pub mod synthetic;
mod table;
mod tap;
pub mod turn;
mod vp8;
mod wire;

pub use elsewhere::{Anywhere, serve};
pub use server::Server;

use crate::{
    config,
    game::MediaKind,
    ids::{PlayerId, RoomId},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Opens rooms' media, on this node or another.
pub trait MediaServer: Send + Sync + 'static {
    /// Begins the media of a room: nobody is in it, nothing is forwarded. What it has to say goes to `events`, in order.
    /// The first command on the link is [`MediaCommand::Open`]. Dropping the link closes the room's media.
    fn link(&self, room: RoomId, events: MediaEvents) -> Box<dyn MediaLink>;

    /// Whether there are any to open at the moment.
    fn is_there(&self) -> bool {
        true
    }
}

/// One room's line to its media.
pub trait MediaLink: Send {
    /// Hands a command over and never waits. Commands are carried out in order. `Err` says that this command is lost:
    /// the queue is full ([`LinkError::Busy`]) or the media is gone ([`LinkError::Lost`]).
    fn tell(&self, command: MediaCommand) -> Result<(), LinkError>;
}

/// Takes a room's events. It is called on the media's threads and must not block.
pub type MediaEvents = Arc<dyn Fn(MediaEvent) + Send + Sync>;

/// Why a command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Too many commands wait: try again.
    #[error("the media of the room is busy")]
    Busy,
    /// It has ended; open it anew.
    #[error("the media of the room is gone")]
    Lost,
}

/// What a room asks of its media.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MediaCommand {
    /// Begins with nobody, under this policy. Sent again, it drops everybody and begins anew.
    Open {
        /// Who receives whom.
        policy: Policy,
    },
    /// This player may signal from now on. For one who is in already his connections are dropped first.
    Join {
        /// Who.
        player: PlayerId,
    },
    /// What his page says. From one who has not joined it is dropped.
    Signal {
        /// Who.
        player: PlayerId,
        /// What.
        signal: ClientSignal,
    },
    /// From now on these streams are forwarded and no others. Takes effect on packets at once, without renegotiation.
    SetPolicy {
        /// Who receives whom.
        policy: Policy,
    },
    /// He has left the room: his connections close.
    Leave {
        /// Who.
        player: PlayerId,
    },
    /// The room ends: everything closes.
    Close,
    /// Asks for [`MediaEvent::Stats`].
    Stats,
}

/// What the media tells its room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MediaEvent {
    /// For his page; must not be dropped, and stay in order.
    Signal {
        /// To whom.
        player: PlayerId,
        /// What.
        signal: ServerSignal,
    },
    /// His media has changed. Sent on change alone.
    State {
        /// Whose.
        player: PlayerId,
        /// What it is now.
        #[serde(flatten)]
        state: PeerState,
    },
    /// He begins or ceases to speak. Only of streams that the policy lets through to somebody.
    Speaking {
        /// Who.
        player: PlayerId,
        /// Whether he speaks.
        speaking: bool,
    },
    /// A signal was not carried out; the connection is as it was before.
    Refused {
        /// Whose signal.
        player: PlayerId,
        /// Which connection.
        pc: Pc,
        /// Why.
        reason: Refusal,
    },
    /// Answers [`MediaCommand::Stats`].
    Stats {
        /// Counters since `Open`.
        stats: RoomStats,
    },
    /// This media has ended by a fault, with everybody's connections: the room may open it anew.
    Lost,
}

/// One of a player's two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pc {
    /// He sends; his browser offers.
    Pub,
    /// He receives; the server offers.
    Sub,
}

/// What a page says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ClientSignal {
    /// Offers on `pub`: the first time, to renegotiate, or with a new ufrag to restart ICE. Sound and pictures, one of
    /// each, the pictures in `media.layers` layers of simulcast at most; no data channels.
    Offer {
        /// Description.
        sdp: String,
    },
    /// Answers the server's open offer on `sub`.
    Answer {
        /// Description.
        sdp: String,
    },
    /// How a connection fares.
    State {
        /// Which.
        pc: Pc,
        /// How.
        state: PcState,
        /// On `pub`: whether he sends sound now (false: he has muted himself). What he says he does not send is dropped.
        audio: Option<bool>,
        /// On `pub`: whether he sends pictures now.
        video: Option<bool>,
    },
    /// He has thrown this connection away. The server does so too, says [`ServerSignal::Reset`] in its turn, and `sub` it
    /// offers anew. Offers and answers that come before that echo are of the old connection: his page ignores them.
    Reset {
        /// Which.
        pc: Pc,
    },
}

/// How a page says that a connection fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PcState {
    /// `sub`: I can receive, offer to me. `pub`: I send, as `audio` and `video` say.
    Ready,
    /// It failed here; the game goes on.
    Failed,
    /// I leave media; the game goes on.
    Closed,
}

/// What the server says to a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ServerSignal {
    /// Answers his offer on `pub`.
    Answer {
        /// Description.
        sdp: String,
    },
    /// Offers on `sub`: one at a time.
    Offer {
        /// Description.
        sdp: String,
        /// Whose stream each media line carries. Lines that are not listed carry nothing.
        tracks: Vec<Track>,
    },
    /// After his own [`ClientSignal::Reset`]: what comes now is of the new connection. Otherwise the server has lost this
    /// connection, or on `pub` the room's pictures change their codec: his page throws it away and begins anew, with
    /// `ready` for `sub` and an offer for `pub`.
    Reset {
        /// Which.
        pc: Pc,
    },
}

/// One media line of an offer on `sub`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Track {
    /// `a=mid` of the line.
    pub mid: String,
    /// Whose stream it carries.
    pub player_id: PlayerId,
    /// Microphone or camera.
    pub kind: MediaKind,
}

/// A player's media, as the others see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PeerState {
    /// His connections, taken together.
    pub state: MediaState,
    /// Whether he sends sound.
    pub audio: bool,
    /// Whether he sends pictures.
    pub video: bool,
}

/// A player's connections, taken together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MediaState {
    /// He has none.
    #[default]
    Off,
    /// One is being made.
    Connecting,
    /// Each that he has stands.
    Connected,
    /// One has failed; he may try again.
    Failed,
}

/// Why a signal was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The description is longer than `media.sdp_bytes`.
    #[error("the description is too long")]
    TooLarge,
    /// It cannot be read or followed, offers more than the limits allow, or nothing was asked.
    #[error("the description cannot be followed")]
    BadDescription,
    /// So many send already as the room may have (`media.publishers`).
    #[error("the room has as many senders as it may have")]
    Full,
    /// The last one is still being worked on.
    #[error("the last description is still being worked on")]
    Busy,
}

/// Who receives whom. What is not listed is dropped at the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// At most one entry a sender and kind.
    pub streams: Vec<Stream>,
}

/// One sender's sound or pictures and who receives them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// The sender.
    pub from: PlayerId,
    /// Microphone or camera.
    pub kind: MediaKind,
    /// Who receives it; spectators by their ids.
    pub to: Vec<PlayerId>,
}

/// What a room's media has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomStats {
    /// Players in it.
    pub players: u64,
    /// Players who send.
    pub publishers: u64,
    /// Streams that come in.
    pub sources: u64,
    /// RTP packets that came in.
    pub packets_in: u64,
    /// RTP packets forwarded, one for each receiver.
    pub packets_out: u64,
    /// Bytes of them.
    pub bytes_out: u64,
    /// RTP packets that the policy let through to nobody.
    pub withheld: u64,
    /// RTP packets over a sender's bitrate.
    pub over_rate: u64,
    /// RTP packets that had waited for too long (`media.stale_ms`).
    #[serde(default)]
    pub stale: u64,
    /// RTP packets that a receiver's full queue did not take.
    pub queue_full: u64,
    /// Key frames asked for.
    pub key_frame_requests: u64,
}

impl ClientSignal {
    /// Which connection it is about.
    pub fn pc(&self) -> Pc {
        match self {
            Self::Offer { .. } => Pc::Pub,
            Self::Answer { .. } => Pc::Sub,
            Self::State { pc, .. } | Self::Reset { pc } => *pc,
        }
    }

    /// Whether it is within the limits. The room's media checks again; asked first, a player gets his refusal at once.
    pub fn check(&self, limits: &config::Media) -> Result<(), Refusal> {
        match self {
            Self::Offer { sdp } | Self::Answer { sdp } if sdp.len() > limits.sdp_bytes => {
                Err(Refusal::TooLarge)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
