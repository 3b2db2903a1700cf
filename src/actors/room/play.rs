//! The room around its game: start, moves, deadlines, the end, and the room's own timers. Pure.

use super::{
    decide::{Refused, RoomEffect, Step, To, refuse},
    messages::{Caller, RoomReply},
    state::{LastGame, OkKind, Running},
};
use crate::{
    game::{Audience, Effect, GameFact, Input, Seat, Setup, Viewer},
    ids::{MatchId, PlayerId},
    protocol::{ErrorCode, Push, messages::LogEntry},
    store::Row,
};
use serde_json::{Value, json};

/// Game pushes that are public happenings of the room (`ROOM.log`).
const LOGGED: [&str; 4] = ["game.phase", "game.death", "game.night_result", "game.over"];

impl Step<'_> {
    /// Tells the leader, and him alone, when he may start and when no longer.
    pub(super) fn tell_startable(&mut self) {
        let now = self.room.is_startable(self.cx.games).then_some(self.room.leader);
        let before = self.room.startable;
        if now == before {
            return;
        }
        self.room.startable = now;
        for (player, startable) in [(before, false), (now, true)] {
            if let Some(player) = player {
                self.push(To::Only(vec![player]), "room.startable", &json!({"startable": startable}));
            }
        }
    }

    pub(super) fn start(&mut self, by: &Caller) -> Result<(), Refused> {
        self.leader_in_waiting(by)?;
        if !self.room.is_startable(self.cx.games) {
            return refuse(ErrorCode::NotStartable, "too few players, or somebody is not ready");
        }
        let Some(kind) = self.cx.games.get(&self.room.game) else {
            return refuse(ErrorCode::Internal, "the room's game is unknown here");
        };
        let seat = |m: &super::state::Member| Seat {
            player_id: m.player_id,
            nickname: m.nickname.clone(),
            bot: m.bot,
        };
        let setup = Setup {
            settings: self.room.settings.clone(),
            seats: self.room.players().map(seat).collect(),
            seed: self.cx.chance.seed.clone(),
            now: self.cx.now,
            drop_grace_ms: self.cx.config.room.drop_grace_ms,
        };
        let header = setup.clone();
        let (game, effects) = kind.start(setup)?;
        let match_id = MatchId(self.cx.chance.id);
        let seed = header.seed.clone();
        self.room.running = Some(Running { match_id, seed, started_at: self.cx.now, entries: 0, game });
        self.room.last_game = None;
        self.log("room.started", None);
        self.effects.push(RoomEffect::GameBegins);
        let payload = json!({"room": self.room.view()});
        self.push(To::All, "room.started", &payload);
        self.record_start(match_id, &header);
        self.tell_started(match_id);
        self.perform(None, effects, Vec::new());
        Ok(())
    }

    fn record_start(&mut self, match_id: MatchId, setup: &Setup<Value>) {
        let header = json!({
            "match_id": match_id,
            "room_id": self.room.room_id,
            "game": self.room.game,
            "version": env!("CARGO_PKG_VERSION"),
            "settings": setup.settings,
            "seats": setup.seats,
            "seed": setup.seed,
            "drop_grace_ms": setup.drop_grace_ms,
            "started_at": setup.now,
        });
        self.rows.push(Row::MatchStarted {
            match_id,
            room: self.room.room_id,
            header,
            participants: setup.seats.iter().filter(|s| !s.bot).map(|s| s.player_id).collect(),
            at: setup.now,
        });
    }

    pub(super) fn play(&mut self, by: &Caller, name: &str, payload: &Value) -> Result<RoomReply, Refused> {
        let now = self.cx.now;
        let Some(running) = &mut self.room.running else {
            return refuse(ErrorCode::NotAllowed, "no game is on");
        };
        let input = Input::Command { by: by.player_id, name: name.to_owned(), payload: payload.clone() };
        let (effects, facts) = running.game.play(&input, now)?;
        self.answer(by, OkKind::Empty);
        self.perform(Some(input), effects, facts);
        Ok(RoomReply::Seated)
    }

    /// An input that the game cannot refuse.
    pub(super) fn game_input(&mut self, input: Input) {
        let now = self.cx.now;
        let Some(running) = &mut self.room.running else { return };
        match running.game.play(&input, now) {
            Ok((effects, facts)) => self.perform(Some(input), effects, facts),
            Err(refusal) => {
                tracing::debug!(room_id = %self.room.room_id, %refusal, "the game ignored an input")
            }
        }
    }

    /// The server was away: noted in the log, because the game counts its absences anew.
    pub(super) fn game_restarted(&mut self) {
        let now = self.cx.now;
        if let Some(running) = &mut self.room.running {
            running.game.restarted(now);
            self.perform(None, Vec::new(), Vec::new());
        }
    }

    /// Records an entry of the match log and turns the game's effects into the room's.
    fn perform(&mut self, input: Option<Input>, effects: Vec<Effect>, facts: Vec<GameFact>) {
        let now = self.cx.now;
        let Some(running) = &mut self.room.running else { return };
        let (match_id, n) = (running.match_id, running.entries);
        running.entries += 1;
        let body = json!({"n": n, "at": now, "input": input, "effects": effects});
        self.rows.push(Row::MatchEntry { match_id, n, at: now, body });
        self.tell_of_game(match_id, facts);
        for effect in effects {
            match effect {
                Effect::Push { to, name, payload, droppable } => self.game_push(to, name, payload, droppable),
                Effect::Media(_) => {} // as the game is now, so are its media: see `tune_media`
                Effect::Show { player_id } => self.effects.push(RoomEffect::Snapshot(player_id)),
                Effect::Expel { player_id } => self.remove(player_id, "expelled"),
                Effect::Over { winner, roles } => self.game_over(match_id, winner, roles),
            }
        }
    }

    fn game_push(&mut self, to: Audience, name: String, mut payload: Value, droppable: bool) {
        if LOGGED.contains(&name.as_str()) {
            let player_id = payload.get("player_id").and_then(|id| serde_json::from_value(id.clone()).ok());
            self.room.log.push_back(LogEntry { at: self.cx.now, kind: name.clone(), player_id });
            while self.room.log.len() > self.cx.config.limits.log_entries {
                self.room.log.pop_front();
            }
        }
        if name == "game.over"
            && let (Some(fields), Some(running)) = (payload.as_object_mut(), &self.room.running)
        {
            fields.insert("match_id".to_owned(), json!(running.match_id));
        }
        let to = match to {
            Audience::All => To::All,
            Audience::Only(players) => To::Only(players),
        };
        let push = if droppable { Push::droppable(name, &payload) } else { Push::new(name, &payload) };
        self.effects.push(RoomEffect::Push { to, push });
    }

    /// The record is closed, the room waits again, all see all.
    fn game_over(&mut self, match_id: MatchId, winner: String, roles: Value) {
        let Some(running) = self.room.running.take() else { return };
        let humans = self.room.humans().map(|m| m.player_id).filter(|id| running.game.is_participant(*id));
        let players = humans.map(|id| (id, running.game.view(Viewer::Player(id)))).collect();
        self.room.last_game = Some(LastGame { players, others: running.game.view(Viewer::Spectator) });
        self.room.deserted_since = None;
        let now = self.cx.now;
        let ended = json!({"ended_at": now, "winner": winner, "roles": roles});
        self.rows.push(Row::MatchEnded { match_id, winner, at: now, ended });
        for member in &mut self.room.members {
            member.ready = false;
            if member.dropped_at.is_some() {
                member.dropped_at = Some(now); // a window of his own to come back in
            }
        }
        let members: Vec<PlayerId> = self.room.humans().map(|m| m.player_id).collect();
        self.effects.extend(members.into_iter().map(RoomEffect::Snapshot));
    }

    pub(super) fn rematch(&mut self, by: &Caller) -> Result<(), Refused> {
        self.leader_in_waiting(by)?;
        if self.room.last_game.is_none() {
            return refuse(ErrorCode::NotAllowed, "no game has ended here");
        }
        self.room.last_game = None;
        self.unready_all();
        let members: Vec<PlayerId> = self.room.humans().map(|m| m.player_id).collect();
        self.effects.extend(members.into_iter().map(RoomEffect::Snapshot));
        Ok(())
    }

    /// Does what is due now. False if nothing is.
    pub(super) fn wake(&mut self) -> bool {
        let (now, config) = (self.cx.now, self.cx.config);
        if self.room.next_wake(config).is_none_or(|due| due > now) {
            return false;
        }
        if self.room.running.as_ref().and_then(|r| r.game.deadline()).is_some_and(|due| due <= now) {
            self.game_input(Input::Deadline);
        }
        let window = config.session.resume_window_ms;
        if self.room.running.is_some() && self.room.deserted_since.is_some_and(|since| since + window <= now)
        {
            self.game_input(Input::Abandoned);
        }
        if self.room.leader_due(config).is_some_and(|due| due <= now)
            && let Some(next) = self.room.successor()
        {
            self.lead(next);
        }
        self.remove_dropped();
        if self.room.empty_since.is_some_and(|since| since + config.room.empty_close_ms <= now) {
            self.close("empty");
        }
        true
    }

    /// Those who did not come back within the window: in a waiting room, and spectators always.
    fn remove_dropped(&mut self) {
        let (now, window) = (self.cx.now, self.cx.config.session.resume_window_ms);
        let waiting = self.room.running.is_none();
        let gone = |m: &&super::state::Member| m.dropped_at.is_some_and(|at| at + window <= now);
        let humans = self.room.humans().filter(|m| waiting || m.spectator);
        let gone: Vec<PlayerId> = humans.filter(gone).map(|m| m.player_id).collect();
        for player in gone {
            self.remove(player, "dropped");
        }
    }

    /// The room ends: a game in it is aborted, its seats are free, its row goes.
    pub(super) fn close(&mut self, reason: &str) {
        self.game_input(Input::Abandoned);
        self.push(To::All, "room.closed", &json!({"reason": reason}));
        let room = self.room.room_id;
        let seated: Vec<PlayerId> = self.room.humans().map(|m| m.player_id).collect();
        self.rows.extend(seated.into_iter().map(|account| Row::FreeSeat { account, room }));
        self.rows.push(Row::Unlist { room });
        self.effects.push(RoomEffect::Close);
        self.closes = true;
    }
}
