//! Sixty clients in twenty rooms, spread over all nodes, write, read and talk for minutes while one fault after
//! another is drawn from a seed. All they called and were answered is recorded, and judged by a model that knows
//! nothing of the servers (`judge`).
//!
//! A run of the tests draws the same faults each time and lasts a minute. `PLAYHOUSE_SEED=7 PLAYHOUSE_HISTORY_S=300` draws
//! others and goes on for longer. A history that is found wanting is left in the target folder.

use super::{
    NODES, Servers,
    judge::{Event, Field, Micros, What, judge},
};
use futures_util::future::{join_all, try_join_all};
use playhouse::testkit::{Failure, SocketPlayer};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

const ROOMS: usize = 20;
const PLACES: usize = 3;
const SEED: u64 = 1;
const SECONDS: u64 = 60;
const BOTS: u64 = 8;
/// How long a client waits for an answer before it tries another node.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long a client may be without any node.
const LONGEST: Duration = Duration::from_secs(60);
/// A node that wakes has taken note of it by then.
const AWAKE: Duration = Duration::from_secs(5);

/// What all write to.
struct Record {
    began: Instant,
    events: Mutex<Vec<Event>>,
    over: AtomicBool,
}

impl Record {
    fn now(&self) -> Micros {
        self.began.elapsed().as_micros() as Micros
    }

    fn enter(&self, room: usize, what: What) {
        let mut events = self.events.lock().unwrap();
        events.push(Event { at: self.now(), room, what }); // under the lock: in the order of times
    }
}

/// One member of a room, who writes, reads and talks.
struct Client {
    room: usize,
    place: usize,
    me: SocketPlayer,
    /// Of all members, by their places.
    ids: Vec<String>,
    /// Last numbers of his fields.
    setting: u64,
    bots: u64,
    ready: u64,
    reports: u64,
    said: u64,
    /// The room, as it was last shown to him.
    shown: Option<Value>,
    bases: Arc<Vec<String>>,
    record: Arc<Record>,
    rng: StdRng,
}

impl Client {
    /// One command after another until it is over.
    async fn go_on(&mut self) -> Result<(), Failure> {
        while !self.record.over.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(self.rng.random_range(50..250))).await;
            match self.rng.random_range(0..10) {
                0..3 => self.read().await?,
                3 => self.say().await?,
                4 if self.leads() && self.bots < BOTS => {
                    self.bots += 1;
                    self.write(Field::Bots, self.bots, "room.add_bot", json!({})).await?;
                }
                5..7 if self.leads() => {
                    self.setting += 1;
                    let settings = json!({"day_ms": DAY_MS + self.setting});
                    self.write(Field::Setting, self.setting, "room.settings", settings).await?;
                }
                7..9 => {
                    self.reports += 1;
                    let about = &self.ids[(self.place + 1) % PLACES];
                    let report = json!({"player_id": about, "reason": self.reports.to_string()});
                    self.write(Field::Report(self.place), self.reports, "player.report", report).await?;
                }
                _ => {
                    self.ready += 1;
                    let ready = json!({"ready": self.ready % 2 == 1});
                    self.write(Field::Ready(self.place), self.ready, "room.ready", ready).await?;
                }
            }
        }
        Ok(())
    }

    /// On which node he is.
    fn node(&self) -> usize {
        self.bases.iter().position(|base| *base == self.me.guest.base).unwrap()
    }

    fn leads(&self) -> bool {
        self.place == 0
    }

    async fn write(
        &mut self,
        field: Field,
        n: u64,
        name: &'static str,
        payload: Value,
    ) -> Result<(), Failure> {
        self.record.enter(self.room, What::Began(field, n));
        self.insist(name, payload).await?;
        self.record.enter(self.room, What::Done(field, n));
        Ok(())
    }

    async fn read(&mut self) -> Result<(), Failure> {
        let asked = self.record.now();
        self.insist("room.state", json!({})).await?;
        self.shown = None; // what came before the answer is older than the question
        while self.shown.is_none() {
            match tokio::time::timeout(PATIENCE, self.me.receive()).await {
                Ok(Ok(true)) => self.listen(),
                _ => return Ok(()), // its node went with it; the next read will do
            }
        }
        let Some(room) = self.shown.take() else { return Ok(()) };
        let values = self.fields(&room);
        self.record.enter(self.room, What::Read { asked, node: self.node(), values });
        Ok(())
    }

    fn fields(&self, room: &Value) -> Vec<(Field, u64)> {
        let members = room["members"].as_array().unwrap();
        let bots = members.iter().filter(|member| member["bot"] == true).count() as u64;
        let setting = room["settings"]["day_ms"].as_u64().unwrap() - DAY_MS;
        let mut fields = vec![(Field::Bots, bots), (Field::Setting, setting)];
        for (place, id) in self.ids.iter().enumerate() {
            let member = members.iter().find(|member| member["player_id"] == json!(id));
            let member = member.unwrap_or_else(|| panic!("a member has lost his seat: {room}"));
            fields.push((Field::Ready(place), u64::from(member["ready"] == true)));
        }
        fields
    }

    /// Chat is volatile: it may be lost with its node, but nobody may hear it twice.
    async fn say(&mut self) -> Result<(), Failure> {
        self.said += 1;
        let said = self.me.ask("chat.send", json!({"text": self.said.to_string()}));
        match tokio::time::timeout(PATIENCE, said).await {
            Ok(Ok(Ok(_))) => self.record.enter(self.room, What::Said(self.place, self.said)),
            Ok(Ok(Err(_))) => {}
            Ok(Err(_)) | Err(_) => self.come_back().await?,
        }
        self.listen();
        Ok(())
    }

    /// Sends it until it is granted, under one id, on whatever node answers.
    async fn insist(&mut self, name: &str, payload: Value) -> Result<(), Failure> {
        let began = Instant::now();
        let id = self.me.new_id();
        while began.elapsed() < LONGEST {
            let sent = self.me.send_with(id, name, payload.clone()).await;
            let answered = match sent {
                Ok(()) => tokio::time::timeout(PATIENCE, self.me.answer_to(id)).await.ok(),
                Err(_) => None,
            };
            self.listen();
            match answered {
                Some(Ok(Ok(_))) => return Ok(()),
                Some(Ok(Err(error))) if error["code"] == "try_again" || error["code"] == "moving" => {
                    let wait = error["retry_after_ms"].as_u64().unwrap_or(100);
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                }
                Some(Ok(Err(error))) => return Err(format!("{name} {payload} was refused: {error}").into()),
                Some(Err(_)) | None => self.come_back().await?,
            }
        }
        Err(format!("{name} {payload} was not answered for {LONGEST:?}").into())
    }

    /// His session goes on at the first node that answers.
    async fn come_back(&mut self) -> Result<(), Failure> {
        let began = Instant::now();
        while began.elapsed() < LONGEST {
            let base = self.bases[self.rng.random_range(0..NODES)].clone();
            match tokio::time::timeout(PATIENCE, self.me.resume(&base)).await {
                Ok(Ok(Ok(_))) => return Ok(()),
                Ok(Ok(Err(error))) if error["code"] != "try_again" => {
                    return Err(format!("{} may not resume: {error}", self.me.guest.nickname).into());
                }
                _ => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
        Err(format!("{} finds no node", self.me.guest.nickname).into())
    }

    fn listen(&mut self) {
        for frame in &self.me.transcript {
            let payload = &frame["payload"];
            match frame["type"].as_str() {
                Some("chat.message") => {
                    let from = self.ids.iter().position(|id| payload["from"] == json!(id)).unwrap();
                    let n = payload["text"].as_str().unwrap().parse().unwrap();
                    self.record.enter(self.room, What::Heard { from, by: self.place, n });
                }
                Some("room.state") => self.shown = Some(payload["room"].clone()),
                _ => {}
            }
        }
        self.me.forget();
    }
}

const DAY_MS: u64 = 1_000;

/// A room with its members, each on a node of his own.
async fn room(
    room: usize,
    bases: &Arc<Vec<String>>,
    record: &Arc<Record>,
    seed: u64,
) -> Result<Vec<Client>, Failure> {
    let mut players = Vec::new();
    let mut code = Value::Null;
    for place in 0..PLACES {
        let base = &bases[(room + place) % NODES];
        let mut me = SocketPlayer::enter(base, &format!("R{room}P{place}")).await?;
        if place == 0 {
            let wish = json!({"capacity": 12, "settings": {"day_ms": DAY_MS}});
            code = me.insist("room.create", wish).await?["room"]["code"].clone();
        } else {
            me.insist("room.join", json!({"code": code})).await?;
        }
        players.push(me);
    }
    let ids: Vec<String> = players.iter().map(|player| player.guest.id.clone()).collect();
    let client = |(place, me)| Client {
        room,
        place,
        me,
        ids: ids.clone(),
        setting: 0,
        bots: 0,
        ready: 0,
        reports: 0,
        said: 0,
        shown: None,
        bases: bases.clone(),
        record: record.clone(),
        rng: StdRng::seed_from_u64(seed * 1_000 + (room * PLACES + place) as u64),
    };
    Ok(players.into_iter().enumerate().map(client).collect())
}

/// One fault after another, with some quiet between; then all is well again.
fn faults(servers: &mut Servers, record: &Record, until: Instant, rng: &mut StdRng) {
    let sleep = |ms: u64| std::thread::sleep(Duration::from_millis(ms));
    sleep(2_000);
    while Instant::now() < until {
        let (node, long) = (rng.random_range(0..NODES), rng.random_range(500..10_000));
        let fault = rng.random_range(0..8);
        println!("{:6.1} s  fault {fault}, node {node}, {long} ms", record.now() as f64 / 1e6);
        match fault {
            0 | 1 => {
                servers.nodes[node].kill();
                sleep(long);
                servers.nodes[node].restart();
            }
            2 => {
                assert!(servers.nodes[node].terminate().success());
                servers.nodes[node].restart();
            }
            3 => {
                let asleep = Duration::from_millis(long * 3);
                let until = record.began.elapsed() + asleep + AWAKE;
                record.enter(0, What::Asleep { node, until: until.as_micros() as Micros });
                servers.nodes[node].signal("-STOP");
                std::thread::sleep(asleep);
                servers.nodes[node].signal("-CONT");
            }
            4 => {
                servers.redis.kill();
                sleep(long / 3);
                servers.redis.restart().unwrap();
            }
            5 => {
                servers.redis.pause();
                sleep(long);
                servers.redis.resume();
            }
            6 => servers.postgres.restart().unwrap(),
            _ => {
                servers.postgres.pause();
                sleep(long);
                servers.postgres.resume();
            }
        }
        sleep(rng.random_range(1_000..6_000));
    }
}

/// Enters what is stored of all reports.
async fn stored(servers: &Servers, clients: &[Client], record: &Record) {
    let pool = sqlx::PgPool::connect(&servers.postgres.url()).await.unwrap();
    for client in clients {
        let mine = sqlx::query_scalar("SELECT reason FROM reports WHERE by_account = $1");
        let id: uuid::Uuid = client.me.guest.id.parse().unwrap();
        let reasons: Vec<String> = mine.bind(id).fetch_all(&pool).await.unwrap();
        let numbers = reasons.iter().map(|reason| reason.parse().unwrap()).collect();
        record.enter(client.room, What::Stored { by: client.place, numbers });
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[actix::test]
async fn whatever_fails_the_history_of_sixty_clients_is_true() {
    let seed = setting("PLAYHOUSE_SEED").unwrap_or(SEED);
    let long = Duration::from_secs(setting("PLAYHOUSE_HISTORY_S").unwrap_or(SECONDS));
    println!("PLAYHOUSE_SEED={seed}");
    let mut servers = <Servers>::start(&[
        "limits.chat_per_s=1000",
        "limits.chat_burst=1000",
        "limits.reports_per_min=100000",
        "room.leader_grace_ms=600000",
    ]);
    let bases = Arc::new(servers.bases());
    let record =
        Arc::new(Record { began: Instant::now(), events: Mutex::default(), over: AtomicBool::new(false) });
    let rooms = try_join_all((0..ROOMS).map(|n| room(n, &bases, &record, seed))).await.unwrap();
    let mut clients: Vec<Client> = rooms.into_iter().flatten().collect();
    let (until, recording) = (Instant::now() + long, record.clone());
    let failing = tokio::task::spawn_blocking(move || {
        faults(&mut servers, &recording, until, &mut StdRng::seed_from_u64(seed));
        recording.over.store(true, Ordering::Relaxed);
        servers
    });
    let gone_on = join_all(clients.iter_mut().map(Client::go_on)).await;
    let servers = failing.await.unwrap();
    let mut failed: Vec<String> =
        gone_on.into_iter().filter_map(|end| Some(end.err()?.to_string())).collect();
    for read in join_all(clients.iter_mut().map(Client::read)).await {
        failed.extend(read.err().map(|error| error.to_string()));
    }
    stored(&servers, &clients, &record).await;
    let history = std::mem::take(&mut *record.events.lock().unwrap());
    let verdict = judge(&history);
    println!(
        "{} writes done, {} reads ({} fields old while a node slept), {} messages heard in {} s",
        verdict.writes,
        verdict.reads,
        verdict.old_reads,
        verdict.heard,
        record.began.elapsed().as_secs()
    );
    failed.extend(verdict.violations.iter().cloned());
    if !failed.is_empty() {
        let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("history-{seed}.txt"));
        let lines: Vec<String> = history.iter().map(|event| format!("{event:?}")).collect();
        std::fs::write(&file, lines.join("\n")).unwrap();
        panic!("PLAYHOUSE_SEED={seed}, {}:\n{}", file.display(), failed.join("\n"));
    }
    assert!(verdict.writes > ROOMS * PLACES && verdict.heard > 0, "{verdict:?}");
}
