//! Games: pure state machines behind the [`Game`] trait.
//!
//! A game owns its rules and nothing else. It is called by the room actor (and by `playhouse replay`), is
//! handed time and a seed as arguments, and answers with [`Effect`]s. It never names actix, tokio, sqlx or a
//! clock, so a whole game runs in a unit test in microseconds, and the log of its inputs reproduces it exactly.
//!
//! A new game is one file: implement [`Game`], add it to a [`Registry`], play it (`examples/`).

pub mod mafia;
pub mod rating;
mod registry;
pub mod replay;

pub use registry::{AnyGame, GameKind, Registry};

use crate::{clock::UnixMs, ids::PlayerId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Who sits at the table when the game starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// The player.
    pub player_id: PlayerId,
    /// As shown to the others.
    pub nickname: String,
    /// Played by the server.
    pub bot: bool,
}

/// What a game is started with. Equal setups and equal inputs give equal games.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setup<S> {
    /// Validated by [`Game::validate`] for this head count.
    pub settings: S,
    /// In the order in which they sit; spectators are not among them.
    pub seats: Vec<Seat>,
    /// 32 random bytes as 64 hex digits: the only source of chance. Disclosed at the end alone.
    pub seed: String,
    /// When the game starts.
    pub now: UnixMs,
    /// How long a dropped player still counts as connected when a ballot is checked for completeness, in ms.
    pub drop_grace_ms: u64,
}

/// Everything that can happen to a game. The log of these is the game.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Input {
    /// A player's (or bot's) `game.*` message. `name` is the whole wire type, e.g. `game.vote`.
    Command {
        /// Who sent it. A member of the room; maybe not a player of this game.
        by: PlayerId,
        /// Wire type.
        name: String,
        /// Untrusted.
        payload: Value,
    },
    /// The deadline of [`Game::deadline`] has come.
    Deadline,
    /// A player left the room for good during the game.
    Left {
        /// Who.
        player_id: PlayerId,
    },
    /// A player's connection dropped or came back.
    Connection {
        /// Who.
        player_id: PlayerId,
        /// True when he is back.
        connected: bool,
    },
    /// No human has been connected for the resume window: the game ends as aborted.
    Abandoned,
}

/// To whom a push goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Every member of the room, spectators included.
    All,
    /// These players alone.
    Only(Vec<PlayerId>),
}

/// What the rules ask of the room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Effect {
    /// Send this push.
    Push {
        /// To whom.
        to: Audience,
        /// Wire type, e.g. `game.votes`.
        name: String,
        /// As spec 1.8 has it.
        payload: Value,
        /// Only the latest of this name matters: a slow reader may miss the ones before it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        droppable: bool,
    },
    /// Who may be heard and seen by whom from now on (spec 1.6).
    Media(MediaPolicy),
    /// This player may see more than before: he is sent his whole view (`room.state`).
    Show {
        /// Who.
        player_id: PlayerId,
    },
    /// The game has put this player out of the room (`room.member_left {reason: "expelled"}`).
    Expel {
        /// Who.
        player_id: PlayerId,
    },
    /// The game is over; the room is waiting again. Always the last effect.
    Over {
        /// For the match record: `citizens`, `mafia`, `draw`, `aborted` …
        winner: String,
        /// What became of each player, as the match record shows it (for Mafia: `{player_id: role}`).
        roles: Value,
    },
}

/// Who receives each live stream (spec 1.6); what is not listed is dropped at the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaPolicy {
    /// At most one entry a sender and kind.
    pub streams: Vec<StreamGrant>,
}

/// One sender's audio or video and who receives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamGrant {
    /// The sender.
    pub from: PlayerId,
    /// Microphone or camera.
    pub kind: MediaKind,
    /// The players who receive it (never the sender).
    pub to: Vec<PlayerId>,
    /// Whether the room's spectators receive it too.
    pub spectators: bool,
}

/// Microphone or camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// Microphone.
    Audio,
    /// Camera.
    Video,
}

/// Something that happened to a player, for the activity stream (spec 2.3). It is no part of the game's log.
#[derive(Clone, Debug, PartialEq)]
pub struct GameFact {
    /// Name of its schema in `schemas/`: `game_won` …
    pub kind: &'static str,
    /// To whom.
    pub player_id: PlayerId,
    /// The fields of the schema that the room does not know.
    pub body: Value,
}

impl GameFact {
    /// How a player stands at the end, `{won}`: the room makes one fact of all of them.
    pub const STANDING: &'static str = "match_finished";

    /// This happened to him.
    pub fn new(kind: &'static str, player_id: PlayerId, body: Value) -> Self {
        Self { kind, player_id, body }
    }
}

/// Through whose eyes a game is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// A player of this game, living or dead, present or gone.
    Player(PlayerId),
    /// A spectator, or anybody else.
    Spectator,
}

/// Why a command was refused (`not_allowed`); the state is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The rules forbid it, in plain words fit for the player's eyes: they tell nothing he may not know.
    #[error("{0}")]
    NotAllowed(String),
    /// The payload is not of the command's shape.
    #[error("{0}")]
    BadPayload(String),
    /// The game knows no such command.
    #[error("unknown command")]
    UnknownCommand,
}

/// Settings that cannot be played (`invalid_settings`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct InvalidSettings {
    /// The offending field, dotted (`roles.mafia`).
    pub field: String,
    /// Why, in plain words.
    pub message: String,
}

/// What the room needs to know of a game's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomRules {
    /// Heads needed to start.
    pub min_players: usize,
    /// Whether strangers may watch.
    pub allow_spectators: bool,
    /// Whether the room has video and voice.
    pub media: bool,
}

/// A move a bot wants to make: the same message a person would send.
#[derive(Clone, Debug, PartialEq)]
pub struct BotMove {
    /// Wire type: `game.vote`, `chat.send` …
    pub name: &'static str,
    /// Its payload.
    pub payload: Value,
}

/// A game. Pure: no clock, no I/O, no global randomness, no iteration in an order that is not fixed.
pub trait Game: Sized + Clone + Serialize + DeserializeOwned + Send + 'static {
    /// Name in `ROOM.game` and in match records.
    const NAME: &'static str;
    /// All settings, with defaults; unknown fields are refused.
    type Settings: Clone + Default + Serialize + DeserializeOwned + Send + 'static;

    /// Checks the ranges of the settings (`players: None`), and whether so many players can play by them.
    fn validate(settings: &Self::Settings, players: Option<usize>) -> Result<(), InvalidSettings>;
    /// Sets what follows from other settings unless the patch names it. Called when a patch has been laid over them.
    fn follow(_settings: &mut Self::Settings, _patch: &Value) {}
    /// What the room must know of the settings.
    fn room_rules(settings: &Self::Settings) -> RoomRules;
    /// Starts a game: each his private push, then the first phase.
    fn start(setup: Setup<Self::Settings>) -> (Self, Vec<Effect>);
    /// Applies one input. On `Err` nothing has changed. A `Command` at or past the deadline is refused.
    fn handle(&mut self, input: &Input, now: UnixMs) -> Result<Vec<Effect>, Refusal>;
    /// When [`Input::Deadline`] is due; `None` once the game is over.
    fn deadline(&self) -> Option<UnixMs>;
    /// The server was away: deadlines that passed meanwhile fire one at a time, and the phase that follows
    /// starts from `now` (that is what `handle(Deadline, now)` does); recorded times of drops start anew.
    fn restarted(&mut self, now: UnixMs);
    /// Whether this player takes or took part, living, dead or gone.
    fn is_participant(&self, player: PlayerId) -> bool;
    /// `GAME` of spec 1.8 as this viewer may know it.
    fn view(&self, viewer: Viewer) -> Value;
    /// The chat channel in which this viewer may write now.
    fn writes_to(&self, viewer: Viewer) -> Option<&'static str>;
    /// Whether this viewer may read this chat channel now.
    fn reads(&self, viewer: Viewer, channel: &str) -> bool;
    /// Members' own flags of `MEMBER`: `(alive, absent)`; `None` for one who does not play.
    fn member_flags(&self, player: PlayerId) -> Option<(bool, bool)>;
    /// The current media policy (spec 1.6).
    fn media(&self) -> MediaPolicy;
    /// What became true between `before` and now, by this input that was applied: `vote_cast`, `player_died`, at the end
    /// `game_finished` for each player and `game_won` for each winner. Told of the people among them who are in the room.
    fn facts(&self, _before: &Self, _input: &Input) -> Vec<GameFact> {
        Vec::new()
    }
    /// What a bot would do now, knowing nothing but its own view. Asked some times in each phase.
    fn bot_move(view: &Value, me: PlayerId, rng: &mut rand_chacha::ChaCha8Rng) -> Option<BotMove>;
}
