//! One player at his table: reads, checks, acts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::guests::wall_clock;
use crate::meter::{Latencies, Meter};
use crate::player::{Message, Outcome, Player, Push};

use super::Counts;
use super::script::{Action, Expect, on_phase};
use super::table::Table;
use super::view::{View, text};

/// The leader's place.
const LEADER: usize = 0;
/// Longer than a phase by this much without a word, and the game stands still.
const SILENCE: Duration = Duration::from_secs(30);
/// How long answers may be missing after the last push.
const LAST_ANSWERS: Duration = Duration::from_secs(5);
const US_PER_MS: i64 = 1000;
/// What everybody is told alike.
const PUBLIC: [&str; 6] =
    ["game.phase", "game.votes", "game.verdict_tally", "game.night_result", "game.death", "game.over"];

/// What a player has seen and measured.
pub struct Books {
    /// What happened, how often.
    pub seen: Counts,
    /// What must not have happened, how often.
    pub faults: Counts,
    /// From the server's `started_at` to our ear, microseconds.
    pub delay: Latencies,
    /// From a phase's deadline to the start of the next, microseconds.
    pub lateness: Latencies,
}

impl Books {
    /// Enters a fault.
    pub fn fault(&mut self, fault: String) {
        *self.faults.entry(fault).or_default() += 1;
    }

    fn saw(&mut self, what: String) {
        *self.seen.entry(what).or_default() += 1;
    }
}

/// One player.
pub struct Seat {
    player: Player,
    slot: usize,
    table: Arc<Table>,
    meter: Arc<Meter>,
    bar: ProgressBar,
    view: View,
    round: usize,
    left: bool,
    /// What each open request is expected to bring, and at which phase it was sent.
    expected: HashMap<u32, (Action, u64)>,
    books: Books,
}

impl Seat {
    /// A connected player who has taken his seat in the room.
    pub fn new(
        player: Player,
        me: String,
        slot: usize,
        table: Arc<Table>,
        meter: Arc<Meter>,
        bar: ProgressBar,
    ) -> Self {
        let view = View { me, ..View::default() };
        let (expected, books) = (HashMap::new(), Books::default());
        Self { player, slot, table, meter, bar, view, round: 1, left: false, expected, books }
    }

    /// Plays all games of the table.
    pub async fn play(mut self) -> Books {
        if self.slot != LEADER {
            self.act(Action { kind: "room.ready", payload: json!({"ready": true}), expect: Expect::Granted });
        }
        let patience = SILENCE + Duration::from_millis(self.table.phase_ms);
        while self.round <= self.table.rounds && !self.left {
            match timeout(patience, self.player.next()).await {
                Ok(Ok(Some(message))) => self.take(message).await,
                Ok(Ok(None)) => {
                    self.books.fault(format!("closed by the server: {:?}", self.player.closed));
                    break;
                }
                Ok(Err(error)) => {
                    self.books.fault(format!("{error:#}"));
                    break;
                }
                Err(_) => {
                    self.books.fault(format!("silence in {}, day {}", self.view.phase, self.view.day));
                    break;
                }
            }
        }
        self.end().await
    }

    /// Waits for the answers that are still due and closes in good order.
    async fn end(mut self) -> Books {
        while self.player.closed.is_none() && self.player.unanswered() > 0 {
            match timeout(LAST_ANSWERS, self.player.next()).await {
                Ok(Ok(Some(Message::Answer { id, outcome, took_us }))) => {
                    self.check_answer(id, &outcome, took_us)
                }
                Ok(Ok(Some(Message::Push(_)))) => {}
                _ => {
                    self.books.fault(format!("{} requests without an answer", self.player.unanswered()));
                    break;
                }
            }
        }
        for fault in std::mem::take(&mut self.player.faults) {
            self.books.fault(fault);
        }
        if let Err(error) = self.player.leave().await {
            self.books.fault(format!("at the close: {error:#}"));
        }
        self.books
    }

    async fn take(&mut self, message: Message) {
        match message {
            Message::Answer { id, outcome, took_us } => self.check_answer(id, &outcome, took_us),
            Message::Push(push) => {
                if PUBLIC.contains(&push.kind.as_str()) && !self.left {
                    self.table.heard(self.slot, &push.kind, &push.payload);
                }
                if let Err(fault) = self.observe(&push) {
                    self.books.fault(fault);
                }
                if push.kind == "room.state" && std::mem::take(&mut self.view.state_due) {
                    self.next_round().await;
                }
            }
        }
    }

    fn observe(&mut self, push: &Push) -> Result<(), String> {
        let payload = &push.payload;
        if self.view.state_due && push.kind != "room.state" && push.kind.starts_with("game.") {
            return Err(format!("{} between game.over and room.state", push.kind));
        }
        match push.kind.as_str() {
            "room.startable" if payload["startable"] == true => self.start_game()?,
            "room.started" => self.view.start(&payload["room"]),
            "game.role" => {
                self.view.learn_role(payload)?;
                self.table.roles().insert(self.view.me.clone(), self.view.role.clone());
            }
            "game.phase" => self.enter_phase(payload)?,
            "game.votes" => self.view.count_votes(payload)?,
            "game.night_choice" => self.view.see_choice(payload)?,
            "game.investigation" => self.view.investigate()?,
            "chat.message" => self.view.read(payload)?,
            "game.death" => {
                self.note(|| format!("death {}", text(payload, "cause").unwrap_or_default()));
                self.view.bury(payload)?;
            }
            "game.night_result" => {
                self.note(|| {
                    format!("night with{} victim", if payload["victim"].is_null() { "out" } else { "" })
                });
            }
            "game.over" => self.finish(payload)?,
            _ => {}
        }
        Ok(())
    }

    /// Counts public happenings once a table.
    fn note(&mut self, what: impl FnOnce() -> String) {
        if self.slot == LEADER {
            self.books.saw(what());
        }
    }

    fn start_game(&mut self) -> Result<(), String> {
        if self.slot != LEADER {
            return Err("room.startable went to one who does not lead".into());
        }
        self.act(Action { kind: "room.start", payload: json!({}), expect: Expect::Granted });
        Ok(())
    }

    fn enter_phase(&mut self, payload: &Value) -> Result<(), String> {
        let now = i64::try_from(wall_clock().as_micros()).unwrap_or(i64::MAX);
        let started = payload["started_at"].as_i64().unwrap_or_default() * US_PER_MS;
        record(&mut self.books.delay, now - started);
        let entered = self.view.enter_phase(payload, self.table.phase_ms);
        self.note(|| format!("phase {}", text(payload, "phase").unwrap_or_default()));
        let last = self.round == self.table.rounds;
        let actions = on_phase(&self.view, self.slot, &self.table.roles(), last);
        actions.into_iter().for_each(|action| self.act(action));
        if let Some(late_ms) = entered? {
            record(&mut self.books.lateness, late_ms * US_PER_MS);
        }
        Ok(())
    }

    fn finish(&mut self, payload: &Value) -> Result<(), String> {
        self.note(|| format!("won by {}", text(payload, "winner").unwrap_or_default()));
        self.note(|| "game finished".into());
        if self.slot == LEADER {
            self.bar.inc(1);
        }
        let roles = self.table.roles().clone();
        self.view.finish(payload, &roles)
    }

    /// The leader opens the next game; the others make themselves ready once he has.
    async fn next_round(&mut self) {
        self.round += 1;
        if self.round > self.table.rounds {
            return;
        }
        if self.slot == LEADER {
            if let Err(error) = self.player.must("room.rematch", json!({})).await {
                self.books.fault(format!("{error:#}"));
            }
            self.table.opened.send_replace(self.round);
        } else {
            let mut opened = self.table.opened.subscribe();
            let round = self.round;
            if timeout(SILENCE, opened.wait_for(|opened| *opened >= round)).await.is_ok() {
                self.act(Action {
                    kind: "room.ready",
                    payload: json!({"ready": true}),
                    expect: Expect::Granted,
                });
            }
        }
    }

    fn act(&mut self, action: Action) {
        let id = self.player.send(action.kind, &action.payload);
        self.expected.insert(id, (action, self.view.changes));
    }

    fn check_answer(&mut self, id: u32, outcome: &Outcome, took_us: u64) {
        self.meter.window().record_us(took_us);
        let Some((action, at)) = self.expected.remove(&id) else { return };
        self.left |= action.kind == "room.leave" && outcome.is_ok();
        let same_phase = at == self.view.changes;
        match (action.expect, outcome) {
            (Expect::Granted, Ok(_)) => self.books.saw(format!("{} granted", action.kind)),
            (Expect::Refused, Err(refusal)) if refusal.code == "not_allowed" => {
                self.books.saw(format!("{} refused, as it must be", action.kind));
            }
            _ if !same_phase => self.books.saw(format!("{} answered in a later phase", action.kind)),
            (_, outcome) => {
                let got = outcome.as_ref().map_or_else(ToString::to_string, |_| "ok".into());
                let phase = &self.view.phase;
                self.books.fault(format!("{} in {phase} by a {}: {got}", action.kind, self.view.role));
            }
        }
    }
}

fn record(histogram: &mut Latencies, us: i64) {
    histogram.saturating_record(u64::try_from(us).unwrap_or_default().max(1));
}
