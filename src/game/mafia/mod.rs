//! Mafia (spec 1.3, 1.4, 1.6, 1.7): the state of one game and the rules that change it.
//!
//! Owns the whole game: roles, phases, ballots, night, deaths, end, and who may know, write, hear and see what.
//! Called by the room actor through [`Game`], and by `playhouse replay`. Never reads a clock, never draws from
//! anything but the seed, never sends: it answers with [`Effect`]s.
//!
//! | file | rule |
//! | --- | --- |
//! | `flow` | which phase follows which |
//! | `ballots` | votes, verdicts, tallies, completeness |
//! | `night` | night choices and their resolution |
//! | `deaths` | dying, leaving, being expelled, and when the game ends |
//! | `facts` | what the activity stream is told |
//! | `absence` | absentees and votes to expel them |
//! | `view`, `access` | who may know what; who may write, read, hear and see |
//! | `roles/` | one file a role |
//! | `bot` | what a bot does |
//!
//! **What is left to the room.** It adds `match_id` to the payload of `game.over`. An audience and a media grant may
//! name players who have left, for they may return as the dead: it sends to those of them who are members. Everybody
//! counts as connected at the start: it tells of those who are not by [`Input::Connection`]. A changed media policy
//! stands in front of the pushes of its step; after [`Effect::Over`] the room's own policy applies.

mod absence;
mod access;
mod ballots;
mod bot;
mod command;
mod deaths;
mod facts;
mod flow;
mod night;
mod phase;
mod roles;
mod settings;
mod shapes;
#[cfg(test)]
mod tests;
mod view;

pub use roles::{Role, Side};
pub use settings::{Reveal, RoleCounts, Settings, VoteTie};

use super::{
    Audience, BotMove, Effect, Game, GameFact, Input, InvalidSettings, MediaPolicy, Refusal, RoomRules,
    Setup, Viewer,
};
use crate::{clock::UnixMs, ids::PlayerId};
use command::Command;
use phase::Phase;
use rand::{SeedableRng as _, seq::SliceRandom as _};
use rand_chacha::{ChaCha8Rng, ChaCha20Rng};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shapes::{Death, Finding};
use std::collections::{BTreeMap, BTreeSet};

/// A running game.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mafia {
    settings: Settings,
    seed: String,
    drop_grace_ms: u64,
    /// In the order in which they sit.
    players: Vec<Player>,
    phase: Phase,
    day: u64,
    started_at: UnixMs,
    ends_at: UnixMs,
    /// Votes in a row that named nobody.
    ties: u64,
    /// Absent player → who wants him expelled.
    kicks: BTreeMap<PlayerId, BTreeSet<PlayerId>>,
    /// What each police has found out.
    findings: Vec<(PlayerId, Finding)>,
    deaths: Vec<Death>,
    /// Set once the game is over.
    winner: Option<String>,
}

/// One who sits at the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Player {
    id: PlayerId,
    role: Role,
    alive: bool,
    /// When his connection dropped, if it is down.
    dropped_at: Option<UnixMs>,
    /// Votes in a row to whose close he had no ballot.
    missed_votes: u64,
    absent: bool,
    will: Option<String>,
}

impl Game for Mafia {
    const NAME: &'static str = "mafia";
    type Settings = Settings;

    fn validate(settings: &Settings, players: Option<usize>) -> Result<(), InvalidSettings> {
        settings.validate(players)
    }
    fn follow(settings: &mut Settings, patch: &Value) {
        settings.follow(patch);
    }
    fn room_rules(settings: &Settings) -> RoomRules {
        settings.room_rules()
    }
    fn start(setup: Setup<Settings>) -> (Self, Vec<Effect>) {
        let mut game = Self::deal(setup);
        let mut out = Vec::new();
        for player in &game.players {
            push_to(&mut out, vec![player.id], "game.role", game.role_of(player));
        }
        let now = game.started_at;
        game.enter(Phase::Day, now, &mut out);
        if game.settings.media {
            out.insert(0, Effect::Media(game.media_policy()));
        }
        (game, out)
    }
    fn handle(&mut self, input: &Input, now: UnixMs) -> Result<Vec<Effect>, Refusal> {
        if let Input::Command { by, name, payload } = input {
            let command = Command::parse(name, payload)?;
            let media = self.media_policy();
            let mut out = Vec::new();
            self.command(*by, command, now, &mut out)?;
            self.announce_media(&media, &mut out);
            return Ok(out);
        }
        let mut out = Vec::new();
        if self.winner.is_none() {
            let media = self.media_policy();
            self.happening(input, now, &mut out);
            self.announce_media(&media, &mut out);
        }
        Ok(out)
    }
    fn deadline(&self) -> Option<UnixMs> {
        self.winner.is_none().then(|| self.closes_at())
    }
    fn restarted(&mut self, now: UnixMs) {
        for player in &mut self.players {
            player.dropped_at = player.dropped_at.and(Some(now));
        }
    }
    fn is_participant(&self, player: PlayerId) -> bool {
        self.player(player).is_some()
    }
    fn view(&self, viewer: Viewer) -> Value {
        serde_json::to_value(self.view_of(viewer)).unwrap_or_default()
    }
    fn writes_to(&self, viewer: Viewer) -> Option<&'static str> {
        self.channel_of(viewer)
    }
    fn reads(&self, viewer: Viewer, channel: &str) -> bool {
        self.may_read(viewer, channel)
    }
    fn member_flags(&self, player: PlayerId) -> Option<(bool, bool)> {
        self.player(player).map(|p| (p.alive, p.absent))
    }
    fn media(&self) -> MediaPolicy {
        self.media_policy()
    }
    fn facts(&self, before: &Self, input: &Input) -> Vec<GameFact> {
        self.facts_since(before, input)
    }
    fn bot_move(view: &Value, me: PlayerId, rng: &mut ChaCha8Rng) -> Option<BotMove> {
        bot::next_move(view, me, rng)
    }
}

impl Mafia {
    /// Seats everybody and deals the roles from the seed.
    fn deal(setup: Setup<Settings>) -> Self {
        let Setup { settings, seats, seed, now, drop_grace_ms } = setup;
        let mut roles: Vec<Role> = Vec::with_capacity(seats.len());
        for (role, count) in settings.roles.resolve(seats.len()) {
            roles.extend(std::iter::repeat_n(role, count));
        }
        let rest = Role::all().find(|r| matches!(r.spec().count, roles::Count::Rest));
        roles.extend(rest.into_iter().cycle().take(seats.len().saturating_sub(roles.len())));
        roles.shuffle(&mut chance(&seed, 0));
        let seat = |(seat, role): (super::Seat, Role)| Player {
            id: seat.player_id,
            role,
            alive: true,
            dropped_at: None,
            missed_votes: 0,
            absent: false,
            will: None,
        };
        Self {
            players: seats.into_iter().zip(roles).map(seat).collect(),
            settings,
            seed,
            drop_grace_ms,
            phase: Phase::Day,
            day: 1,
            started_at: now,
            ends_at: now,
            ties: 0,
            kicks: BTreeMap::new(),
            findings: Vec::new(),
            deaths: Vec::new(),
            winner: None,
        }
    }

    /// A player's message. Refusals tell nothing but what the player himself may know.
    fn command(
        &mut self,
        by: PlayerId,
        command: Command,
        now: UnixMs,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        if self.winner.is_some() {
            return Err(refused("the game is over"));
        }
        match self.player(by) {
            None => return Err(refused("you do not play in this game")),
            Some(player) if !player.alive => return Err(refused("the dead do not act")),
            Some(_) if now >= self.closes_at() => return Err(refused("too late: the phase is over")),
            Some(_) => {}
        }
        match command {
            Command::Vote { suspect } => self.vote(by, suspect, now, out),
            Command::Verdict { execute } => self.judge(by, execute, now, out),
            Command::Night { target } => self.choose(by, target, now, out),
            Command::Will { text } => self.write_will(by, text),
            Command::KickVote { target } => self.kick_vote(by, target, now, out),
        }
    }

    /// What happens to the game without anybody's message.
    fn happening(&mut self, input: &Input, now: UnixMs, out: &mut Vec<Effect>) {
        match input {
            Input::Command { .. } => {}
            // A timer that was set before the close moved, or runs fast.
            Input::Deadline if now < self.closes_at() => {}
            Input::Deadline => self.close_phase(now, out),
            Input::Left { player_id } => self.leave(*player_id, now, out),
            Input::Connection { player_id, connected } => {
                if let Some(player) = self.player_mut(*player_id) {
                    player.dropped_at = (!connected).then_some(now);
                }
            }
            Input::Abandoned => self.finish("aborted", out),
        }
    }

    fn write_will(&mut self, by: PlayerId, text: String) -> Result<(), Refusal> {
        if !self.settings.wills {
            return Err(refused("there are no last wills in this room"));
        }
        if let Some(player) = self.player_mut(by) {
            player.will = (!text.is_empty()).then_some(text);
        }
        Ok(())
    }

    /// Puts a changed media policy in front of the pushes that tell of the change: a dead player's microphone is
    /// off before anybody hears of his death. After the end the room's own policy applies.
    fn announce_media(&self, before: &MediaPolicy, out: &mut Vec<Effect>) {
        if self.winner.is_some() || !self.settings.media {
            return;
        }
        let policy = self.media_policy();
        if policy != *before {
            out.insert(0, Effect::Media(policy));
        }
    }

    fn player(&self, id: PlayerId) -> Option<&Player> {
        self.players.iter().find(|p| p.id == id)
    }
    fn player_mut(&mut self, id: PlayerId) -> Option<&mut Player> {
        self.players.iter_mut().find(|p| p.id == id)
    }
    /// A living player to be named in a ballot.
    fn living_target(&self, id: PlayerId) -> Result<&Player, Refusal> {
        match self.player(id) {
            None => Err(refused("there is no such player")),
            Some(player) if !player.alive => Err(refused("that player is dead")),
            Some(player) => Ok(player),
        }
    }
    fn living(&self) -> impl Iterator<Item = &Player> {
        self.players.iter().filter(|p| p.alive)
    }
    fn is_alive(&self, id: PlayerId) -> bool {
        self.player(id).is_some_and(|p| p.alive)
    }
    /// The audience of a private push: these, and all the dead, who may know everything (spec 1.3).
    fn with_the_dead(&self, may_know: impl Fn(&Player) -> bool) -> Vec<PlayerId> {
        self.players.iter().filter(|p| !p.alive || may_know(p)).map(|p| p.id).collect()
    }
}

/// Chance for one purpose: stream 0 of the seed deals the roles, stream n jitters the close of night n.
fn chance(seed: &str, purpose: u64) -> ChaCha20Rng {
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(seed.as_bytes().chunks(2)) {
        *byte = std::str::from_utf8(pair).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok()).unwrap_or(0);
    }
    let mut rng = ChaCha20Rng::from_seed(key);
    rng.set_stream(purpose);
    rng
}

fn refused(why: &str) -> Refusal {
    Refusal::NotAllowed(why.into())
}

fn push(out: &mut Vec<Effect>, to: Audience, name: &str, payload: impl Serialize, droppable: bool) {
    let payload = serde_json::to_value(payload).unwrap_or_else(|_| json!({}));
    out.push(Effect::Push { to, name: name.into(), payload, droppable });
}
fn push_all(out: &mut Vec<Effect>, name: &str, payload: impl Serialize) {
    push(out, Audience::All, name, payload, false);
}
fn push_to(out: &mut Vec<Effect>, to: Vec<PlayerId>, name: &str, payload: impl Serialize) {
    push(out, Audience::Only(to), name, payload, false);
}
/// A running count: only the latest matters to a slow reader.
fn push_tally(out: &mut Vec<Effect>, name: &str, payload: impl Serialize) {
    push(out, Audience::All, name, payload, true);
}
