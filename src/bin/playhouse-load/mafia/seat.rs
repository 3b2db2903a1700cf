//! One player at his table: reads, checks, acts, and comes back where his node goes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::comeback::How;
use crate::guests::wall_clock;
use crate::meter::Meter;
use crate::player::{Message, Player, Push};
use crate::requests::Outcome;

use super::books::Books;
use super::script::{Action, Expect, on_phase};
use super::snapshot::Shown;
use super::table::Table;
use super::view::{View, number, text};

/// The leader's place.
pub const LEADER: usize = 0;
/// Longer than a phase by this much without a word, and the game stands still.
const SILENCE: Duration = Duration::from_secs(30);
/// How long answers may be missing after the last push.
const LAST_ANSWERS: Duration = Duration::from_secs(5);
const US_PER_MS: i64 = 1000;
/// What everybody is told alike.
const PUBLIC: [&str; 6] =
    ["game.phase", "game.votes", "game.verdict_tally", "game.night_result", "game.death", "game.over"];

/// One player.
pub struct Seat {
    player: Player,
    slot: usize,
    table: Arc<Table>,
    meter: Arc<Meter>,
    bar: ProgressBar,
    view: View,
    round: usize,
    /// For this round he has said that he is ready.
    ready_for: usize,
    opened: watch::Receiver<usize>,
    left: bool,
    /// What he did in this phase may be lost with his session.
    act_again: bool,
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
        let (expected, books, opened) = (HashMap::new(), Books::default(), table.opened.subscribe());
        Self {
            player,
            slot,
            table,
            meter,
            bar,
            view,
            round: 1,
            ready_for: 0,
            opened,
            left: false,
            act_again: false,
            expected,
            books,
        }
    }

    /// Where he sits.
    pub fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table)
    }

    /// Plays all games of the table.
    pub async fn play(mut self) -> Books {
        self.get_ready();
        let patience = SILENCE + Duration::from_millis(self.table.phase_ms);
        while self.round <= self.table.rounds && !self.left {
            let (player, opened) = (&mut self.player, &mut self.opened);
            let heard = tokio::select! {
                heard = timeout(patience, player.next()) => heard,
                Ok(()) = opened.changed() => {
                    self.get_ready();
                    continue;
                }
            };
            let Ok(heard) = heard else {
                self.books.fault(format!("silence in {}, day {}", self.view.phase, self.view.day));
                break;
            };
            match heard {
                Ok(Some(message)) => self.take(message),
                Ok(None) if self.come_back().await => {}
                Ok(None) => break,
                Err(error) => {
                    self.books.fault(format!("{error:#}"));
                    break;
                }
            }
        }
        self.end().await
    }

    /// After the loss of his socket. False: there is no way back.
    async fn come_back(&mut self) -> bool {
        if !self.player.may_come_back() {
            self.books.fault(format!("closed by the server: {:?}", self.player.closed));
            return false;
        }
        let back = match self.player.come_back().await {
            Ok(back) => back,
            Err(error) => {
                self.books.fault(format!("{error:#}"));
                return false;
            }
        };
        self.books.came_back(&back);
        for id in &back.given_up {
            let given_up = self.expected.remove(id);
            self.left |= given_up.is_some_and(|(action, _)| action.kind == "room.leave");
            self.books.saw("requests in doubt, given up".into());
        }
        if back.how == How::Refused {
            self.table.may_have_missed(self.slot);
            self.act_again = true;
        }
        self.ready_for = 0; // whoever drops while the room waits is no longer ready
        self.get_ready();
        true
    }

    /// Waits for the answers that are still due and closes in good order.
    async fn end(mut self) -> Books {
        while self.player.unanswered() > 0 {
            match timeout(LAST_ANSWERS, self.player.next()).await {
                Ok(Ok(Some(Message::Answer { id, outcome, took_us }))) => {
                    self.check_answer(id, &outcome, took_us)
                }
                Ok(Ok(Some(Message::Push(_)))) => {}
                Ok(Ok(None)) if self.player.may_come_back() && self.come_back().await => {}
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

    fn take(&mut self, message: Message) {
        match message {
            Message::Answer { id, outcome, took_us } => self.check_answer(id, &outcome, took_us),
            Message::Push(push) => {
                if PUBLIC.contains(&push.kind.as_str()) && !self.left {
                    self.table.heard(self.slot, &push.kind, &push.payload);
                }
                if let Err(fault) = self.observe(&push) {
                    self.books.fault(fault);
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
            "room.started" => {
                self.view.start(&payload["room"]);
                self.table.games().start(self.round);
            }
            "room.state" => self.see_all(payload)?,
            "room.closed" => return Err(format!("the room was closed: {}", payload["reason"])),
            "session.moving" => self.books.saw("players told to move".into()),
            "game.role" => {
                self.view.learn_role(payload)?;
                self.share_role();
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

    /// A whole view: the end that `game.over` announced, or what was missed.
    fn see_all(&mut self, state: &Value) -> Result<(), String> {
        self.table.may_have_missed(self.slot);
        if std::mem::take(&mut self.view.state_due) {
            self.next_round();
            return Ok(());
        }
        let shown = self.view.resync(state);
        if self.view.in_game {
            self.table.games().start(self.round);
            self.share_role();
        }
        let again = std::mem::take(&mut self.act_again) && self.view.in_game;
        match shown? {
            Shown::Nothing if again => self.act_on_phase(),
            Shown::Nothing => {}
            Shown::Phase => {
                self.table.games().phase(self.round, &state["game"]);
                self.act_on_phase();
            }
            Shown::End(winner) => {
                self.game_over(winner);
                self.next_round();
            }
        }
        Ok(())
    }

    fn share_role(&self) {
        self.table.roles().insert(self.view.me.clone(), self.view.role.clone());
    }

    /// Counts public happenings once a table, as its leader hears them.
    fn note(&mut self, what: impl FnOnce() -> String) {
        if self.slot == LEADER {
            self.books.saw(what());
        }
    }

    fn start_game(&mut self) -> Result<(), String> {
        if self.slot != LEADER {
            return Err("room.startable went to one who does not lead".into());
        }
        self.act(granted("room.start", json!({})));
        Ok(())
    }

    fn enter_phase(&mut self, payload: &Value) -> Result<(), String> {
        let now = i64::try_from(wall_clock().as_micros()).unwrap_or(i64::MAX);
        self.books.heard_after(now - number(payload, "started_at") * US_PER_MS);
        let entered = self.view.enter_phase(payload, self.table.phase_ms);
        self.table.games().phase(self.round, payload);
        if entered != Ok(false) {
            self.act_on_phase();
        }
        entered.map(|_| ())
    }

    fn act_on_phase(&mut self) {
        let phase = self.view.phase.clone();
        self.note(|| format!("phase {phase}"));
        let last = self.round == self.table.rounds;
        let actions = on_phase(&self.view, self.slot, &self.table.roles(), last);
        actions.into_iter().for_each(|action| self.act(action));
    }

    fn finish(&mut self, payload: &Value) -> Result<(), String> {
        self.game_over(text(payload, "winner"));
        let roles = self.table.roles().clone();
        self.view.finish(payload, &roles)
    }

    fn game_over(&mut self, winner: Option<String>) {
        self.note(|| format!("won by {}", winner.as_deref().unwrap_or("somebody")));
        if self.slot == LEADER {
            self.bar.inc(1);
        }
        self.table.games().end(self.round, winner);
    }

    /// The leader opens the next game; the others make themselves ready once he has.
    fn next_round(&mut self) {
        self.round += 1;
        if self.slot == LEADER && self.round <= self.table.rounds {
            self.act(granted("room.rematch", json!({})));
        }
        self.get_ready();
    }

    /// Once for each game that the leader has opened, and again after a loss.
    fn get_ready(&mut self) {
        let open = *self.opened.borrow_and_update() >= self.round;
        if open && self.slot != LEADER && !self.view.in_game && self.ready_for < self.round {
            self.ready_for = self.round;
            self.act(granted("room.ready", json!({"ready": true})));
        }
    }

    fn phase_is_over(&self) -> bool {
        i64::try_from(wall_clock().as_millis()).is_ok_and(|now| now >= self.view.ends_at)
    }

    fn act(&mut self, action: Action) {
        let id = self.player.send(action.kind, &action.payload);
        self.expected.insert(id, (action, self.view.changes));
    }

    fn check_answer(&mut self, id: u32, outcome: &Outcome, took_us: u64) {
        self.meter.window().record_us(took_us);
        let Some((action, at)) = self.expected.remove(&id) else { return };
        let refused = outcome.as_ref().err().map(|refusal| refusal.code.as_str());
        // After a loss he may be told that it was done already.
        self.left |= action.kind == "room.leave" && matches!(refused, None | Some("not_in_room"));
        if action.kind == "room.rematch" && refused.is_none() {
            self.table.opened.send_replace(self.round);
        }
        let same_phase = at == self.view.changes;
        match (action.expect, outcome) {
            (Expect::Granted, Ok(_)) => self.books.saw(format!("{} granted", action.kind)),
            (Expect::Refused, Err(refusal)) if refusal.code == "not_allowed" => {
                self.books.saw(format!("{} refused, as it must be", action.kind));
            }
            _ if self.left => {}
            _ if !same_phase => self.books.saw(format!("{} answered in a later phase", action.kind)),
            // Taken when its time was over, and before the next phase could be told.
            _ if refused == Some("not_allowed") && self.phase_is_over() => {
                self.books.saw(format!("{} came too late", action.kind));
            }
            // Somebody dropped while the room waited; he makes himself ready again.
            _ if refused == Some("not_startable") => self.books.saw("starts put off".into()),
            (_, outcome) => {
                let got = outcome.as_ref().map_or_else(ToString::to_string, |_| "ok".into());
                let phase = &self.view.phase;
                self.books.fault(format!("{} in {phase} by a {}: {got}", action.kind, self.view.role));
            }
        }
    }
}

fn granted(kind: &'static str, payload: Value) -> Action {
    Action { kind, payload, expect: Expect::Granted }
}
