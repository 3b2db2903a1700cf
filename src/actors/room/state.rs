//! A room as data: who is in it, who leads, what is being played. Pure; saved whole in every commit.
//!
//! `decide` changes a copy of it, `view` shows it, `actor` commits and performs.

use crate::{
    clock::UnixMs,
    config::Config,
    game::{AnyGame, Registry, RoomRules},
    ids::{MatchId, PlayerId, RoomId, SessionId, SessionRef},
    protocol::messages::{LogEntry, RoomStatus, Visibility},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use uuid::Uuid;

/// Everything a room must not forget.
#[derive(Clone, Serialize, Deserialize)]
pub struct RoomState {
    pub(super) room_id: RoomId,
    pub(super) code: String,
    pub(super) name: String,
    pub(super) visibility: Visibility,
    pub(super) capacity: usize,
    pub(super) game: String,
    pub(super) settings: Value,
    pub(super) leader: PlayerId,
    pub(super) created_at: UnixMs,
    /// In order of arrival.
    pub(super) members: Vec<Member>,
    pub(super) banned: Vec<PlayerId>,
    /// Whose room it is: its paid seats alone let in.
    #[serde(default)]
    pub(super) showtime: Option<Uuid>,
    pub(super) log: VecDeque<LogEntry>,
    /// Who was last told that he may start.
    pub(super) startable: Option<PlayerId>,
    /// Since when no human is a member.
    pub(super) empty_since: Option<UnixMs>,
    /// Since when no human is connected, while a game is on.
    pub(super) deserted_since: Option<UnixMs>,
    /// When the run of the node began that last activated the room.
    pub(super) run_began: UnixMs,
    /// When it was last committed.
    #[serde(default)]
    pub(super) committed_at: UnixMs,
    /// Numbers the reminders, so that a stale one is known.
    pub(super) wake_no: i64,
    /// The last game after its end, until the next begins.
    pub(super) last_game: Option<LastGame>,
    #[serde(skip)]
    pub(super) running: Option<Running>,
}

/// A member: a person, a bot or a spectator.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Member {
    pub player_id: PlayerId,
    pub nickname: String,
    pub bot: bool,
    pub spectator: bool,
    pub ready: bool,
    pub connected: bool,
    /// When he lost his socket; `None` while connected.
    pub dropped_at: Option<UnixMs>,
    pub session: Option<SessionRef>,
    /// Whom he does not want to hear.
    pub muted: Vec<PlayerId>,
    /// His last durable commands, so that a repeated one is answered again.
    pub answered: VecDeque<Answered>,
}

/// A durable command that was done, and what its `ok` carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answered {
    pub session: SessionId,
    pub request: u32,
    pub kind: OkKind,
}

/// What an `ok` carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum OkKind {
    /// `{}`
    Empty,
    /// `{room}` as it is when it is answered.
    Room,
}

/// `GAME` as it ended: all may see all, and each player his own part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct LastGame {
    pub players: BTreeMap<PlayerId, Value>,
    pub others: Value,
}

/// The game being played.
pub(super) struct Running {
    pub match_id: MatchId,
    pub seed: String,
    pub started_at: UnixMs,
    /// Entries of the match log so far.
    pub entries: i64,
    pub game: Box<dyn AnyGame>,
}

impl Clone for Running {
    fn clone(&self) -> Self {
        Self {
            match_id: self.match_id,
            seed: self.seed.clone(),
            started_at: self.started_at,
            entries: self.entries,
            game: self.game.clone_box(),
        }
    }
}

/// The stored form: the room, and its game under its own name.
#[derive(Serialize, Deserialize)]
struct Saved<R> {
    room: R,
    game: Option<SavedGame>,
}

#[derive(Serialize, Deserialize)]
struct SavedGame {
    match_id: MatchId,
    seed: String,
    started_at: UnixMs,
    entries: i64,
    state: Value,
}

impl RoomState {
    /// The bytes for the store.
    pub fn save(&self) -> Result<Vec<u8>, String> {
        let game = match &self.running {
            None => None,
            Some(running) => Some(SavedGame {
                match_id: running.match_id,
                seed: running.seed.clone(),
                started_at: running.started_at,
                entries: running.entries,
                state: running.game.save().map_err(|e| e.to_string())?,
            }),
        };
        serde_json::to_vec(&Saved { room: self, game }).map_err(|e| e.to_string())
    }

    /// What [`save`](Self::save) wrote.
    pub fn restore(bytes: &[u8], games: &Registry) -> Result<Self, String> {
        let Saved { mut room, game } =
            serde_json::from_slice::<Saved<Self>>(bytes).map_err(|e| e.to_string())?;
        if let Some(saved) = game {
            let kind = games.get(&room.game).ok_or_else(|| format!("unknown game {}", room.game))?;
            room.running = Some(Running {
                match_id: saved.match_id,
                seed: saved.seed,
                started_at: saved.started_at,
                entries: saved.entries,
                game: kind.restore(saved.state).map_err(|e| e.to_string())?,
            });
        }
        Ok(room)
    }

    pub(super) fn status(&self) -> RoomStatus {
        if self.running.is_some() { RoomStatus::Playing } else { RoomStatus::Waiting }
    }

    pub(super) fn member(&self, player: PlayerId) -> Option<&Member> {
        self.members.iter().find(|m| m.player_id == player)
    }

    pub(super) fn member_mut(&mut self, player: PlayerId) -> Option<&mut Member> {
        self.members.iter_mut().find(|m| m.player_id == player)
    }

    /// Everybody at the table: bots, not spectators.
    pub(super) fn players(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|m| !m.spectator)
    }

    pub(super) fn humans(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|m| !m.bot)
    }

    pub(super) fn rules(&self, games: &Registry) -> RoomRules {
        let rules = games.get(&self.game).and_then(|kind| kind.room_rules(&self.settings).ok());
        rules.unwrap_or(RoomRules { min_players: usize::MAX, allow_spectators: false, media: false })
    }

    /// Enough are here and all but the leader are ready.
    pub(super) fn is_startable(&self, games: &Registry) -> bool {
        self.running.is_none()
            && self.players().count() >= self.rules(games).min_players
            && self.players().all(|m| m.ready || m.bot || m.player_id == self.leader)
    }

    /// When this room next wants to be woken, whoever holds it then.
    pub fn next_wake(&self, config: &Config) -> Option<UnixMs> {
        let window = config.session.resume_window_ms;
        let playing = self.running.as_ref().and_then(|running| running.game.deadline());
        let deserted = self.running.as_ref().and(self.deserted_since).map(|since| since + window);
        let empty = self.empty_since.map(|since| since + config.room.empty_close_ms);
        let dropped = self
            .humans()
            .filter(|m| self.running.is_none() || m.spectator)
            .filter_map(|m| m.dropped_at.map(|at| at + window))
            .min();
        let look = self.committed_at + config.room.look_again_ms;
        [playing, deserted, empty, dropped, self.leader_due(config), Some(look)].into_iter().flatten().min()
    }

    /// When a dropped leader's grace ends, if anybody could follow him.
    pub(super) fn leader_due(&self, config: &Config) -> Option<UnixMs> {
        let dropped = self.member(self.leader)?.dropped_at?;
        self.successor()?;
        Some(dropped + config.room.leader_grace_ms)
    }

    /// The longest-present connected human at the table.
    pub(super) fn successor(&self) -> Option<PlayerId> {
        self.players().find(|m| !m.bot && m.connected && m.player_id != self.leader).map(|m| m.player_id)
    }
}
