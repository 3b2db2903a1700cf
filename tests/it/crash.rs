//! `kill -9` at random instants while games are played: no acknowledged command is lost or doubled, and the
//! node answers again within two seconds (spec 1.5).
//!
//! Each room's leader adds and removes bots, renames settings and plays; every acknowledged change goes into a
//! model of his own, which the next snapshot must equal. Commands in doubt are sent again under the same id.

use playhouse::testkit::{Failure, SocketPlayer};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const ROOMS: usize = 20;
const KILLS: usize = 50;

/// A node as a process of its own, on ports that stay the same over its restarts.
pub struct Process {
    child: Child,
    dir: std::path::PathBuf,
    ports: (u16, u16),
    /// `section.field=value`, over those that all have.
    settings: Vec<String>,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Process {
    pub fn start(dir: &Path) -> Self {
        Self::with(dir, &[])
    }

    pub fn with(dir: &Path, settings: &[&str]) -> Self {
        let ports = (free_port(), free_port());
        let settings: Vec<_> = settings.iter().map(|set| (*set).to_owned()).collect();
        Self { child: spawn(dir, ports, &settings), dir: dir.to_owned(), ports, settings }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn admin(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.1)
    }

    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.0)
    }

    /// No goodbye, no flush: SIGKILL, then the same binary on the same data.
    pub fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(&self.dir, self.ports, &self.settings);
    }

    /// SIGTERM, and how it ended.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }

    pub fn restart(&mut self) {
        self.child = spawn(&self.dir, self.ports, &self.settings);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns once the node says that it is up.
fn spawn(dir: &Path, ports: (u16, u16), settings: &[String]) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_playhouse"))
        .arg("--set")
        .arg(format!("server.listen=127.0.0.1:{}", ports.0))
        .arg("--set")
        .arg(format!("admin.listen=127.0.0.1:{}", ports.1))
        .arg("--set")
        .arg(format!("data.dir={}", dir.display()))
        .args(["--set", "limits.guests_per_minute=100000", "--set", "limits.messages_per_s=1000"])
        .args(["--set", "limits.messages_burst=1000", "--set", "log.filter=warn"])
        .args(settings.iter().flat_map(|set| ["--set", set.as_str()]))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("Playhouse is up") {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "the node did not start");
    }
    std::thread::spawn(move || out.lines().for_each(drop)); // so that it never blocks on its output
    child
}

/// One room with its leader, and what he knows to be true of it.
struct Player {
    me: SocketPlayer,
    /// Bots that were acknowledged, in order.
    bots: usize,
    day_ms: u64,
    /// Sent, and not answered: (id, type, payload).
    in_doubt: Option<(u32, &'static str, Value)>,
    acknowledged: usize,
    playing: bool,
    vote: Option<Value>,
}

impl Player {
    async fn enter(base: &str, n: usize) -> Result<Self, Failure> {
        let mut me = SocketPlayer::enter(base, &format!("Leader{n}")).await?;
        let settings = json!({"day_ms": 1_000, "vote_ms": 600_000, "night_ms": 600_000});
        me.ok("room.create", json!({"capacity": 12, "settings": settings})).await?;
        let mut player =
            Self { me, bots: 0, day_ms: 1_000, in_doubt: None, acknowledged: 1, playing: false, vote: None };
        if n.is_multiple_of(2) {
            player.begin_game().await?;
        }
        Ok(player)
    }

    /// Half of the rooms are in a game, in its first vote.
    async fn begin_game(&mut self) -> Result<(), Failure> {
        for _ in 0..5 {
            self.me.ok("room.add_bot", json!({})).await?;
        }
        self.me.ok("room.start", json!({})).await?;
        self.me
            .wait_for("the vote", |f| f["type"] == "game.phase" && f["payload"]["phase"] == "vote")
            .await?;
        (self.bots, self.playing) = (5, true);
        Ok(())
    }

    fn choose(&self, rng: &mut StdRng) -> (&'static str, Value) {
        if self.playing {
            // His own ballot, to and fro; the bots' ballots close the vote one day, which is fine.
            let suspect = if rng.random_bool(0.5) { json!(self.me.guest.id) } else { Value::Null };
            return ("game.vote", json!({"suspect": suspect}));
        }
        match rng.random_range(0..3) {
            0 if self.bots < 11 => ("room.add_bot", json!({})),
            1 => ("room.ready", json!({"ready": rng.random_bool(0.5)})),
            _ => ("room.settings", json!({"day_ms": rng.random_range(1_000..600_000)})),
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
            let id = self.me.send(name, payload.clone()).await?;
            self.in_doubt = Some((id, name, payload));
        }
        let Some((id, name, payload)) = self.in_doubt.clone() else { return Ok(()) };
        let answer = self.me.answer_to(id).await?;
        self.settle(name, &payload, answer);
        Ok(())
    }

    fn settle(&mut self, name: &str, payload: &Value, answer: Result<Value, Value>) {
        self.in_doubt = None;
        match (answer, name) {
            (Ok(_), "room.add_bot") => self.bots += 1,
            (Ok(_), "room.settings") => self.day_ms = payload["day_ms"].as_u64().unwrap(),
            (Ok(_), "game.vote") => self.vote = Some(payload["suspect"].clone()),
            (Ok(_), _) => {}
            (Err(error), "game.vote") if error["code"] == "not_allowed" => self.vote = None, // the vote is over
            (Err(error), _) => panic!("{name} was refused: {error}"),
        }
        self.acknowledged += 1;
    }

    /// Back on the restarted node: the state is what was acknowledged, and the doubt is settled by its id.
    async fn come_back(&mut self, base: &str) -> Result<(), Failure> {
        let resumed = self.me.resume(base).await?;
        let resumed = resumed.map_err(|error| format!("resume was refused: {error}"))?;
        assert_eq!(resumed["mode"], "snapshot");
        let state = self.me.expect("room.state").await?;
        self.must_equal(&state, self.in_doubt.is_some());
        if let Some((id, name, payload)) = self.in_doubt.clone() {
            self.me.send_with(id, name, payload.clone()).await?;
            let answer = self.me.answer_to(id).await?;
            self.settle(name, &payload, answer);
            self.me.ok("room.state", json!({})).await?;
            let state = self.me.expect("room.state").await?;
            self.must_equal(&state, false);
        }
        Ok(())
    }

    /// With a command in doubt its effect may be there or not.
    fn must_equal(&self, state: &Value, doubt: bool) {
        let bots = state["room"]["members"].as_array().unwrap().iter().filter(|m| m["bot"] == true).count();
        let day_ms = state["room"]["settings"]["day_ms"].as_u64().unwrap();
        assert!(
            bots == self.bots || (doubt && bots == self.bots + 1),
            "{bots} bots, acknowledged {}",
            self.bots
        );
        assert!(day_ms == self.day_ms || doubt, "day_ms {day_ms}, acknowledged {}", self.day_ms);
        if self.playing && state["game"]["phase"] == "vote" && !doubt && state["game"]["day"] == 1 {
            let mine = &state["game"]["you"]["choice"];
            assert!(self.vote.is_none() || self.vote.as_ref() == Some(mine), "{mine} is not {:?}", self.vote);
        }
    }
}

#[actix::test]
async fn fifty_kills_over_twenty_rooms_lose_and_double_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = Process::start(dir.path());
    let mut rng = StdRng::seed_from_u64(9);
    let base = node.base();
    let entering = (0..ROOMS).map(|n| Player::enter(&base, n));
    let mut players = futures_util::future::try_join_all(entering).await.expect("all enter");
    let mut slowest = Duration::ZERO;
    for kill in 0..KILLS {
        let until = Instant::now() + Duration::from_millis(rng.random_range(5..250));
        let mut rngs: Vec<StdRng> =
            (0..ROOMS).map(|n| StdRng::seed_from_u64((kill * ROOMS + n) as u64)).collect();
        let playing = players
            .iter_mut()
            .zip(&mut rngs)
            .map(|(player, rng)| player.play(until + Duration::from_secs(1), rng));
        let killing = async {
            tokio::time::sleep_until(until.into()).await;
            let died = Instant::now();
            node.kill_and_restart();
            died
        };
        let (_, died) = futures_util::future::join(futures_util::future::join_all(playing), killing).await;
        let base = node.base();
        let coming = players.iter_mut().map(|player| player.come_back(&base));
        futures_util::future::try_join_all(coming).await.unwrap_or_else(|e| panic!("after kill {kill}: {e}"));
        slowest = slowest.max(died.elapsed());
    }
    let acknowledged: usize = players.iter().map(|player| player.acknowledged).sum();
    println!(
        "{acknowledged} commands acknowledged over {KILLS} kills; slowest return of all {ROOMS}: {slowest:?}"
    );
    assert!(acknowledged > KILLS * ROOMS, "only {acknowledged} commands were acknowledged");
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
