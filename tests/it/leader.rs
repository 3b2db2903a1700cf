//! A room's leader with a memory: what was acknowledged to him and what he was shown, and whether the servers agree.
//!
//! A command in doubt is sent again under its id; what is refused for the moment is too.

use playhouse::testkit::{Failure, SocketPlayer};
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

const BOTS: usize = 7;
/// How long a room may not answer before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(20);

/// One room with its leader.
pub struct Leader {
    pub me: SocketPlayer,
    /// Sent, and not answered: (id, type, payload).
    in_doubt: Option<(u32, &'static str, Value)>,
    pub acknowledged: usize,
    pub knows: Knows,
    /// How long he thinks before each command.
    pub pause: Duration,
    /// The latest that a phase has begun after the end of the one before was due, ms.
    pub latest_phase_ms: i64,
    /// Frames of the transcript that have been looked at.
    seen: usize,
}

/// What he knows to be true.
pub enum Knows {
    Waiting { bots: usize, day_ms: u64 },
    Playing(Box<Playing>),
}

#[derive(Default)]
pub struct Playing {
    /// Games that have ended.
    pub over: usize,
    pub game: Match,
    /// Whether he has been cleared the table, and may start.
    cleared: bool,
}

/// One game, as it was shown to him.
#[derive(Default)]
pub struct Match {
    pub phase: Value,
    role: Value,
    dead: BTreeSet<String>,
    living: BTreeSet<String>,
    will: Option<Value>,
    /// His acknowledged ballot, and when its phase began.
    ballot: Option<(Value, Value)>,
    /// When the phase began in which he sent what is in doubt.
    sent_in: Value,
    winner: Option<Value>,
    /// The latest that a phase has begun after the end of the one before was due, ms.
    latest_ms: i64,
    /// When the phase began that was pushed last.
    entered_at: Option<i64>,
}

impl Match {
    fn see(&mut self, name: &str, payload: &Value) {
        match name {
            "game.phase" => self.enter(payload),
            // He may have missed what lies between.
            "room.state" if payload["game"]["winner"].is_null() && payload["game"]["phase"].is_string() => {
                self.phase = payload["game"].clone();
            }
            "game.role" => self.role = payload["role"].clone(),
            "game.over" => self.winner = Some(payload["winner"].clone()),
            "game.death" => {
                let id = payload["player_id"].as_str().unwrap();
                self.living.remove(id);
                self.dead.insert(id.to_owned());
            }
            _ => {}
        }
    }

    /// Each deadline fires once, and is no phase comes before its time is told.
    fn enter(&mut self, phase: &Value) {
        let (before, now) = (&self.phase, phase["started_at"].as_i64());
        assert!(now > self.entered_at, "a phase again: {phase}");
        self.entered_at = now;
        if now == before["started_at"].as_i64() {
            return; // who dies is shown the whole state first
        }
        assert!(now > before["started_at"].as_i64(), "an earlier phase: {before} then {phase}");
        if let (Some(due), Some(now)) = (before["ends_at"].as_i64(), now) {
            self.latest_ms = self.latest_ms.max(now - due);
        }
        self.phase = phase.clone();
    }

    /// His ballot counted in this phase, if it is the one in which he sent it.
    fn ballot_is(&mut self, choice: &Value) {
        let phase = self.phase["started_at"].clone();
        self.ballot = Some((phase, choice.clone())).filter(|(phase, _)| *phase == self.sent_in);
    }

    /// A snapshot of the same game shows all of this, and nothing earlier.
    fn must_agree(&mut self, me: &str, game: &Value, doubt: bool) {
        let dead: BTreeSet<&str> =
            game["deaths"].as_array().unwrap().iter().map(|d| d["player_id"].as_str().unwrap()).collect();
        assert!(self.dead.iter().all(|id| dead.contains(id.as_str())), "the dead live again: {game}");
        assert_eq!(game["deaths"].as_array().unwrap().len(), dead.len(), "somebody died twice: {game}");
        let role = if game["winner"].is_null() { &game["you"]["role"] } else { &game["roles"][me] };
        if self.role.is_null() {
            self.role = role.clone(); // its push was lost with the node
        }
        assert_eq!(*role, self.role, "another role: {game}");
        assert!(self.winner.as_ref().is_none_or(|winner| *winner == game["winner"]), "won otherwise: {game}");
        let (before, now) = (self.phase["started_at"].as_i64(), game["started_at"].as_i64());
        assert!(now >= before, "back to an earlier phase: {} then {game}", self.phase);
        if doubt || !game["winner"].is_null() {
            return; // what was in doubt may have been done; after its end a game shows nobody's own
        }
        if let Some((started_at, choice)) = &self.ballot
            && *started_at == game["started_at"]
        {
            assert_eq!(game["you"].get("choice"), Some(choice), "the ballot: {game}");
        }
    }
}

impl Leader {
    /// A guest with a room; with `games`, of bots with whom he plays one game after another.
    pub async fn enter(base: &str, n: usize, games: bool) -> Result<Self, Failure> {
        let mut me = SocketPlayer::enter(base, &format!("Leader{n}")).await?;
        // A vote closes when all have voted; one who is cut off must not miss two, or the bots expel him.
        let settings = json!({"day_ms": 1_000, "vote_ms": 15_000, "defence_ms": 1_000, "verdict_ms": 3_000,
            "final_words_ms": 1_000, "night_ms": 2_000, "roles": {"police": 1}});
        me.insist("room.create", json!({"capacity": 12, "settings": settings})).await?;
        let mut leader = Self {
            me,
            in_doubt: None,
            acknowledged: 1,
            knows: Knows::Waiting { bots: 0, day_ms: 1_000 },
            pause: Duration::ZERO,
            latest_phase_ms: 0,
            seen: 0,
        };
        if games {
            for _ in 0..BOTS {
                leader.me.insist("room.add_bot", json!({})).await?;
            }
            leader.knows = Knows::Playing(Box::new(Playing { cleared: true, ..Playing::default() }));
        }
        Ok(leader)
    }

    fn choose(&self, rng: &mut StdRng) -> (&'static str, Value) {
        match &self.knows {
            Knows::Waiting { bots, .. } => match rng.random_range(0..3) {
                0 if *bots < 11 => ("room.add_bot", json!({})),
                1 => ("room.ready", json!({"ready": rng.random_bool(0.5)})),
                _ => ("room.settings", json!({"day_ms": rng.random_range(1_000..600_000)})),
            },
            Knows::Playing(playing) => self.play_on(playing, rng),
        }
    }

    fn play_on(&self, playing: &Playing, rng: &mut StdRng) -> (&'static str, Value) {
        let game = &playing.game;
        if playing.cleared {
            return ("room.start", json!({}));
        }
        if game.winner.is_some() {
            return ("room.rematch", json!({}));
        }
        let others: Vec<_> = game.living.iter().filter(|id| **id != self.me.guest.id).collect();
        let somebody = if rng.random_bool(0.3) { None } else { others.choose(rng) };
        let alive = !game.dead.contains(&self.me.guest.id);
        match game.phase["phase"].as_str() {
            _ if !alive => ("room.state", json!({})),
            Some("vote") if rng.random_bool(0.5) => ("game.vote", json!({"suspect": somebody})),
            Some("verdict") if game.phase["accused"] != self.me.guest.id && rng.random_bool(0.5) => {
                ("game.verdict", json!({"execute": rng.random_bool(0.5)}))
            }
            Some("night") if game.role != "citizen" && rng.random_bool(0.5) => {
                ("game.night", json!({"target": somebody}))
            }
            _ => ("game.will", json!({"text": format!("will {}", rng.random_range(0..1_000_000))})),
        }
    }

    /// Commands until the deadline or the node's death.
    pub async fn play(&mut self, until: Instant, rng: &mut StdRng) {
        while Instant::now() < until {
            match tokio::time::timeout_at((until + Duration::from_millis(500)).into(), self.one(rng)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return, // cut off or not answered: what was sent is in doubt
            }
        }
    }

    async fn one(&mut self, rng: &mut StdRng) -> Result<(), Failure> {
        if self.in_doubt.is_none() {
            tokio::time::sleep(self.pause).await;
            let (name, payload) = self.choose(rng);
            if let Knows::Playing(playing) = &mut self.knows {
                playing.game.sent_in = playing.game.phase["started_at"].clone();
            }
            self.in_doubt = Some((self.me.new_id(), name, payload));
        }
        self.send_it().await
    }

    /// What is in doubt, under its id.
    async fn send_it(&mut self) -> Result<(), Failure> {
        let Some((id, name, payload)) = self.in_doubt.clone() else { return Ok(()) };
        self.me.send_with(id, name, payload).await?;
        self.answer(id).await
    }

    async fn answer(&mut self, id: u32) -> Result<(), Failure> {
        let answer = self.me.answer_to(id).await;
        self.look(Some(id));
        match answer? {
            Err(error) if error["code"] == "try_again" || error["code"] == "moving" => {
                let wait = error["retry_after_ms"].as_u64().unwrap_or(100);
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
            answer => {
                if let Some((_, name, payload)) = self.in_doubt.take() {
                    self.settle(name, &payload, answer);
                }
            }
        }
        self.look(None);
        Ok(())
    }

    /// Takes note of what has been shown to him, up to the answer to `until`.
    fn look(&mut self, until: Option<u32>) {
        let unseen = &self.me.transcript[self.seen..];
        let answer = until.and_then(|id| unseen.iter().position(|frame| frame["re"] == id));
        self.look_up_to(self.seen + answer.unwrap_or(unseen.len()));
    }

    fn look_up_to(&mut self, frames: usize) {
        if let Knows::Playing(playing) = &mut self.knows {
            for frame in self.me.transcript.get(self.seen..frames).unwrap_or_default() {
                playing.game.see(frame["type"].as_str().unwrap_or_default(), &frame["payload"]);
                self.latest_phase_ms = self.latest_phase_ms.max(playing.game.latest_ms);
            }
        }
        self.seen = self.seen.max(frames);
    }

    fn settle(&mut self, name: &str, payload: &Value, answer: Result<Value, Value>) {
        let answer = match answer {
            Ok(answer) => answer,
            // The phase has closed or he has died meanwhile.
            Err(error) if name.starts_with("game.") && error["code"] == "not_allowed" => return,
            Err(error) => panic!("{name} {payload} was refused: {error}"),
        };
        self.acknowledged += 1;
        match &mut self.knows {
            Knows::Waiting { bots, .. } if name == "room.add_bot" => *bots += 1,
            Knows::Waiting { day_ms, .. } if name == "room.settings" => {
                *day_ms = payload["day_ms"].as_u64().unwrap();
            }
            Knows::Waiting { .. } => {}
            Knows::Playing(playing) => match name {
                "room.start" => {
                    let members = answer["room"]["members"].as_array().unwrap();
                    let living = members.iter().map(|m| m["player_id"].as_str().unwrap().to_owned());
                    playing.game = Match { living: living.collect(), ..Match::default() };
                    playing.cleared = false;
                }
                "room.rematch" => {
                    playing.over += 1;
                    (playing.game, playing.cleared) = (Match::default(), true);
                }
                "game.vote" => playing.game.ballot_is(&payload["suspect"]),
                "game.night" => playing.game.ballot_is(&payload["target"]),
                "game.verdict" => playing.game.ballot_is(&payload["execute"]),
                "game.will" => playing.game.will = Some(payload["text"].clone()),
                _ => {}
            },
        }
    }

    /// How many of his games have ended.
    pub fn games_over(&self) -> usize {
        if let Knows::Playing(playing) = &self.knows { playing.over } else { 0 }
    }

    /// On a node again, where his session goes on.
    pub async fn come_back(&mut self, base: &str) -> Result<(), Failure> {
        self.look(None);
        let resumed = self.me.resume(base).await?;
        resumed.map_err(|error| format!("{} may not resume: {error}", self.me.guest.nickname))?;
        Ok(())
    }

    /// The room is as he knows it, and as he knows it again once his doubt is settled.
    pub async fn check(&mut self) -> Result<(), Failure> {
        let state = self.state().await?;
        self.must_agree(&state);
        let began = Instant::now();
        while self.in_doubt.is_some() {
            if began.elapsed() > PATIENCE {
                return Err(format!("{:?} is not answered", self.in_doubt).into());
            }
            self.send_it().await?;
        }
        let state = self.state().await?;
        self.must_agree(&state);
        Ok(())
    }

    /// His `room.state`, as soon as his room gives one.
    async fn state(&mut self) -> Result<Value, Failure> {
        let began = Instant::now();
        while let Err(error) = self.me.ask("room.state", json!({})).await? {
            if began.elapsed() > PATIENCE {
                return Err(format!("no room.state: {error}").into());
            }
            let wait = error["retry_after_ms"].as_u64().unwrap_or(100);
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
        let asked = self.me.transcript.len();
        loop {
            if let Some(at) = self.me.transcript[asked..].iter().position(|f| f["type"] == "room.state") {
                self.look_up_to(asked + at); // what came before it, and not what came after
                return Ok(self.me.transcript[asked + at]["payload"].clone());
            }
            let received = tokio::time::timeout(PATIENCE, self.me.receive()).await;
            if !received.map_err(|_| "answered, and no room.state came")?? {
                return Err("closed before its room.state".into());
            }
        }
    }

    /// With a command in doubt its effect may be there or not.
    fn must_agree(&mut self, state: &Value) {
        let doubt = self.in_doubt.as_ref().map(|(_, name, _)| *name);
        let bots = state["room"]["members"].as_array().unwrap().iter().filter(|m| m["bot"] == true).count();
        match &mut self.knows {
            Knows::Waiting { bots: known, day_ms } => {
                let now = state["room"]["settings"]["day_ms"].as_u64().unwrap();
                let more = usize::from(doubt == Some("room.add_bot"));
                assert!((*known..=*known + more).contains(&bots), "{bots} bots, acknowledged {known}");
                assert!(
                    now == *day_ms || doubt == Some("room.settings"),
                    "day_ms {now}, acknowledged {day_ms}"
                );
            }
            Knows::Playing(playing) => {
                assert_eq!(bots, BOTS);
                if matches!(doubt, Some("room.start" | "room.rematch")) {
                    return; // which game this is only its answer will tell
                }
                let game = &state["game"];
                assert_eq!(game.is_null(), playing.cleared, "a game too many or too few: {state}");
                if playing.cleared {
                    return;
                }
                if let (None, Some(will)) = (doubt, &playing.game.will)
                    && game["winner"].is_null()
                    && game["you"]["will"] != *will
                {
                    let of_late = self.me.transcript.len().saturating_sub(40);
                    let frames: Vec<String> =
                        self.me.transcript[of_late..].iter().map(Value::to_string).collect();
                    panic!(
                        "the last will is {}, acknowledged was {will}:\n{}",
                        game["you"]["will"],
                        frames.join("\n")
                    );
                }
                playing.game.must_agree(&self.me.guest.id, game, doubt.is_some());
                for death in game["deaths"].as_array().unwrap() {
                    playing.game.see("game.death", death);
                }
                playing.game.phase = game.clone();
                playing.game.winner = Some(game["winner"].clone()).filter(|winner| !winner.is_null());
            }
        }
    }
}
