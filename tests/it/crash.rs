//! `kill -9` at random instants while games are played: no acknowledged command is lost or doubled, and the
//! node answers again within two seconds (spec 1.5).
//!
//! Each room's leader keeps a model of what he knows for certain: what was acknowledged to him and what he was
//! shown. The snapshot after each restart must agree with it. A command in doubt is sent again under its id.

use crate::process::Process;
use playhouse::testkit::{Failure, SocketPlayer};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// Rooms with a game on all the time: one person, seven bots, one game after another.
const GAMES: usize = 20;
/// Rooms that wait, whose leader adds bots and changes settings.
const WAITING: usize = 4;
const KILLS: usize = 50;
const BOTS: usize = 7;

/// One room with its leader.
struct Leader {
    me: SocketPlayer,
    /// Sent, and not answered: (id, type, payload).
    in_doubt: Option<(u32, &'static str, Value)>,
    acknowledged: usize,
    knows: Knows,
    /// Frames of the transcript that have been looked at.
    seen: usize,
}

/// What he knows to be true.
enum Knows {
    Waiting { bots: usize, day_ms: u64 },
    Playing(Box<Playing>),
}

#[derive(Default)]
struct Playing {
    /// Games that have ended.
    over: usize,
    game: Match,
    /// Whether he has been cleared the table, and may start.
    cleared: bool,
}

/// One game, as it was shown to him.
#[derive(Default)]
struct Match {
    phase: Value,
    role: Value,
    dead: BTreeSet<String>,
    living: BTreeSet<String>,
    will: Option<Value>,
    /// His acknowledged ballot, and when its phase began.
    ballot: Option<(Value, Value)>,
    /// When the phase began in which he sent what is in doubt.
    sent_in: Value,
    winner: Option<Value>,
}

impl Match {
    fn see(&mut self, name: &str, payload: &Value) {
        match name {
            "game.phase" => self.phase = payload.clone(),
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
        if let Some(will) = &self.will {
            assert_eq!(game["you"]["will"], *will, "the last will");
        }
        if let Some((started_at, choice)) = &self.ballot
            && *started_at == game["started_at"]
        {
            assert_eq!(game["you"].get("choice"), Some(choice), "the ballot: {game}");
        }
    }
}

impl Leader {
    async fn enter(base: &str, n: usize) -> Result<Self, Failure> {
        let mut me = SocketPlayer::enter(base, &format!("Leader{n}")).await?;
        let settings = json!({"day_ms": 1_000, "vote_ms": 4_000, "defence_ms": 1_000, "verdict_ms": 3_000,
            "final_words_ms": 1_000, "night_ms": 2_000, "roles": {"police": 1}});
        me.ok("room.create", json!({"capacity": 12, "settings": settings})).await?;
        let mut leader = Self {
            me,
            in_doubt: None,
            acknowledged: 1,
            knows: Knows::Waiting { bots: 0, day_ms: 1_000 },
            seen: 0,
        };
        if n < GAMES {
            for _ in 0..BOTS {
                leader.me.ok("room.add_bot", json!({})).await?;
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
    async fn play(&mut self, until: Instant, rng: &mut StdRng) {
        while Instant::now() < until {
            if self.one(rng).await.is_err() {
                return; // cut off: what was sent is in doubt
            }
        }
    }

    async fn one(&mut self, rng: &mut StdRng) -> Result<(), Failure> {
        if self.in_doubt.is_none() {
            let (name, payload) = self.choose(rng);
            if let Knows::Playing(playing) = &mut self.knows {
                playing.game.sent_in = playing.game.phase["started_at"].clone();
            }
            let id = self.me.send(name, payload.clone()).await?;
            self.in_doubt = Some((id, name, payload));
        }
        let Some((id, name, payload)) = self.in_doubt.clone() else { return Ok(()) };
        let answer = self.me.answer_to(id).await;
        self.look(Some(id));
        self.settle(name, &payload, answer?);
        self.look(None);
        Ok(())
    }

    /// Takes note of what has been shown to him, up to the answer to `until`.
    fn look(&mut self, until: Option<u32>) {
        let Knows::Playing(playing) = &mut self.knows else { return };
        while let Some(frame) = self.me.transcript.get(self.seen) {
            if until.is_some_and(|id| frame["re"] == id) {
                break;
            }
            self.seen += 1;
            playing.game.see(frame["type"].as_str().unwrap_or_default(), &frame["payload"]);
        }
    }

    fn settle(&mut self, name: &str, payload: &Value, answer: Result<Value, Value>) {
        self.in_doubt = None;
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

    /// Back on the restarted node: the state is what was acknowledged, and the doubt is settled by its id.
    async fn come_back(&mut self, base: &str) -> Result<(), Failure> {
        self.look(None);
        let resumed = self.me.resume(base).await?;
        let resumed = resumed.map_err(|error| format!("resume was refused: {error}"))?;
        assert_eq!(resumed["mode"], "snapshot");
        let state = self.me.expect("room.state").await?;
        self.must_agree(&state);
        if let Some((id, name, payload)) = self.in_doubt.clone() {
            self.me.send_with(id, name, payload.clone()).await?;
            let answer = self.me.answer_to(id).await?;
            self.look(Some(id));
            self.settle(name, &payload, answer);
            self.me.ok("room.state", json!({})).await?;
            let state = self.me.expect("room.state").await?;
            self.must_agree(&state);
        }
        Ok(())
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
                    return; // which game this is only the answer will tell
                }
                let game = &state["game"];
                assert_eq!(game.is_null(), playing.cleared, "a game too many or too few: {state}");
                if playing.cleared {
                    return;
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

#[actix::test]
async fn fifty_kills_over_twenty_games_lose_and_double_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = Process::start(dir.path());
    let mut rng = StdRng::seed_from_u64(9);
    let base = node.base();
    let entering = (0..GAMES + WAITING).map(|n| Leader::enter(&base, n));
    let mut leaders = futures_util::future::try_join_all(entering).await.expect("all enter");
    let mut slowest = Duration::ZERO;
    let mut killed_in: BTreeMap<String, usize> = BTreeMap::new();
    for kill in 0..KILLS {
        let until = Instant::now() + Duration::from_millis(rng.random_range(5..500));
        let mut rngs: Vec<StdRng> =
            (0..leaders.len()).map(|n| StdRng::seed_from_u64((kill * 100 + n) as u64)).collect();
        let playing = leaders
            .iter_mut()
            .zip(&mut rngs)
            .map(|(leader, rng)| leader.play(until + Duration::from_secs(1), rng));
        let killing = async {
            tokio::time::sleep_until(until.into()).await;
            let died = Instant::now();
            node.kill_and_restart();
            died
        };
        let (_, died) = futures_util::future::join(futures_util::future::join_all(playing), killing).await;
        for leader in &leaders {
            if let Knows::Playing(playing) = &leader.knows {
                let phase = playing.game.phase["phase"].as_str().unwrap_or("between games");
                *killed_in.entry(phase.to_owned()).or_default() += 1;
            }
        }
        let base = node.base();
        let coming = leaders.iter_mut().map(|leader| leader.come_back(&base));
        futures_util::future::try_join_all(coming).await.unwrap_or_else(|e| panic!("after kill {kill}: {e}"));
        slowest = slowest.max(died.elapsed());
    }
    let acknowledged: usize = leaders.iter().map(|leader| leader.acknowledged).sum();
    let over: usize = leaders.iter().map(|l| if let Knows::Playing(p) = &l.knows { p.over } else { 0 }).sum();
    println!(
        "{acknowledged} commands acknowledged and {over} games ended over {KILLS} kills, in {killed_in:?}; \
         slowest return of all {}: {slowest:?}",
        leaders.len()
    );
    assert!(acknowledged > KILLS * leaders.len(), "only {acknowledged} commands were acknowledged");
    for phase in ["day", "vote", "night"] {
        assert!(killed_in.contains_key(phase), "no kill in {phase}: {killed_in:?}");
    }
    assert!(over > 0, "no game came to its end");
}

#[actix::test]
async fn a_graceful_stop_closes_with_1012_and_keeps_the_room() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = Process::start(dir.path());
    let mut player = SocketPlayer::enter(&node.base(), "Player").await.unwrap();
    let made = player.ok("room.create", json!({})).await.unwrap();
    let status = tokio::task::spawn_blocking(move || {
        let status = node.terminate();
        (node, status)
    });
    while player.receive().await.unwrap() {}
    assert_eq!(player.closed, Some(1012));
    let (mut node, status) = status.await.unwrap();
    assert!(status.success(), "{status}");
    node.restart();
    player.resume(&node.base()).await.unwrap().expect("resumed");
    let state = player.expect("room.state").await.unwrap();
    assert_eq!(state["room"]["room_id"], made["room"]["room_id"]);
}
