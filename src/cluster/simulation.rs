//! Whole clusters by chance: nodes, players and faults drawn from one seed, on virtual time (spec 6.3).
//!
//! Parcels are delayed, lost, doubled and overtaken; nodes are cut off, die, go in good order and are replaced; the
//! registry is wiped; commits fail, are delayed, go unanswered, or arrive when their room is somebody else's. Meanwhile leaders change their rooms and remember what was
//! acknowledged, and a table of bots plays with short deadlines. When the faults end, everything must come to rest: every player is back in his room, each room is
//! on one node, and it is as its leader knows it: nothing acknowledged was lost, nothing was done twice. Each of the
//! game's deadlines has fired, and once.
//!
//! Each run plays the same seeds, and some that nobody has seen before: it prints them. `PLAYHOUSE_SEEDS=100000 cargo test
//! simulation` runs more; `PLAYHOUSE_SEED=42` runs that one alone.

use crate::{
    actors::room::RoomActor,
    chance,
    testkit::{Chaos, Fault, Network, ScriptedPlayer, Stage},
};
use rand::{RngExt as _, SeedableRng as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

const NODES: usize = 3;
const STEPS: usize = 40;
const SEEDS: u64 = 2_000;
/// So many more of each run are its own.
const NEW_SEEDS: u64 = 200;
const PARTS: u64 = 4;
/// Shorter than the window after which a room gives a seat away.
const LONGEST_CUT: Duration = Duration::from_secs(20);

/// A leader or a guest, and what he knows.
struct Person {
    me: ScriptedPlayer,
    at: usize,
    leads: bool,
    /// The room is his, whoever leads it.
    owns: bool,
    code: Value,
    bots: usize,
    day_ms: u64,
    /// Sent, and not answered for good: (id, type, payload).
    doubt: Option<(u32, &'static str, Value)>,
}

impl Person {
    fn choose(&self, rng: &mut ChaCha8Rng) -> (&'static str, Value) {
        match rng.random_range(0..3) {
            0 if self.leads && self.bots < 6 => ("room.add_bot", json!({})),
            1 if self.leads => ("room.settings", json!({"day_ms": rng.random_range(1_000..600_000)})),
            0..2 if self.me.nickname == "Dealer" => ("game.vote", json!({"suspect": null})),
            _ if self.me.nickname == "Dealer" => ("game.will", json!({"text": "hello"})),
            2 => ("chat.send", json!({"text": "hello"})),
            _ => ("room.ready", json!({"ready": rng.random_bool(0.5)})),
        }
    }

    /// Does something, or tries again what is in doubt, and waits a while for the answer.
    async fn act(&mut self, rng: &mut ChaCha8Rng) {
        if !self.me.is_connected() {
            return;
        }
        let (id, name, payload) = match self.doubt.clone() {
            Some((id, name, payload)) => {
                self.me.send_with(id, name, payload.clone());
                (id, name, payload)
            }
            None => {
                let (name, payload) = self.choose(rng);
                (self.me.send(name, payload.clone()), name, payload)
            }
        };
        self.doubt = Some((id, name, payload));
        tracing::info!(who = self.me.nickname, id, name, "acts");
        let patience = rng.random_range(1..1_500);
        if let Some(answer) = self.me.answer_within(id, patience).await {
            self.settle(answer);
        }
    }

    fn settle(&mut self, answer: Result<Value, Value>) {
        tracing::info!(who = self.me.nickname, ?answer, "is answered");
        match (answer, self.doubt.take()) {
            (Ok(_), Some((_, "room.add_bot", _))) => self.bots += 1,
            (Ok(_), Some((_, "room.settings", payload))) => {
                self.day_ms = payload["day_ms"].as_u64().expect("a number");
            }
            (Ok(_), _) => {}
            (Err(error), doubt) => match error["code"].as_str().unwrap_or_default() {
                "try_again" | "moving" => self.doubt = doubt,
                "rate_limited" => {} // nothing was done
                // The phase is over, he has died, or was expelled.
                "not_allowed" | "not_in_room" if self.me.nickname == "Dealer" => {}
                "not_leader" => self.leads = false, // he was away for too long; nothing was done
                code => panic!("{}: {doubt:?} was refused: {code}", self.me.nickname),
            },
        }
    }

    /// Back on a node: resumed, so that his doubt can be settled by its id.
    async fn come_back(&mut self, at: usize, stage: &Stage) {
        self.at = at;
        if self.me.resume(stage).await.is_err() {
            panic!("{} may not resume", self.me.nickname);
        }
    }
}

struct World {
    stages: Vec<Stage>,
    network: Network,
    people: Vec<Person>,
    cut_off: Option<(usize, Instant)>,
}

impl World {
    async fn new() -> Self {
        let (stages, network) = Stage::nodes(NODES).await;
        let mut people = Vec::new();
        for (n, stage) in stages.iter().enumerate() {
            let mut me = stage.player(&format!("Leader{n}")).await;
            let code = me.ok("room.create", json!({"capacity": 12})).await["room"]["code"].clone();
            people.push(Person {
                me,
                at: n,
                leads: true,
                owns: true,
                code,
                bots: 0,
                day_ms: 90_000,
                doubt: None,
            });
        }
        for n in 0..NODES {
            let (at, code) = ((n + 1) % NODES, people[n].code.clone());
            let mut me = stages[at].player(&format!("Guest{n}")).await;
            me.ok("room.join", json!({"code": code})).await;
            people.push(Person { me, at, leads: false, owns: false, code, bots: 0, day_ms: 0, doubt: None });
        }
        people.push(Self::dealer(&stages[0]).await);
        Self { stages, network, people, cut_off: None }
    }

    /// One who plays with bots, against the clock.
    async fn dealer(stage: &Stage) -> Person {
        let settings = json!({"day_ms": 3_000, "vote_ms": 20_000, "defence_ms": 3_000, "verdict_ms": 3_000,
            "final_words_ms": 3_000, "night_ms": 3_000});
        let mut me = stage.player("Dealer").await;
        let code = me.ok("room.create", json!({"settings": settings})).await["room"]["code"].clone();
        for _ in 0..5 {
            me.ok("room.add_bot", json!({})).await;
        }
        me.ok("room.start", json!({})).await;
        Person { me, at: 0, leads: false, owns: false, code, bots: 0, day_ms: 0, doubt: None }
    }

    async fn step(&mut self, rng: &mut ChaCha8Rng) {
        if self.cut_off.is_some_and(|(_, since)| since.elapsed() > LONGEST_CUT) {
            self.reconnect();
        }
        match rng.random_range(0..100) {
            0..60 => {
                let n = rng.random_range(0..self.people.len());
                self.people[n].act(rng).await;
            }
            60..70 => self.network.chaos(Some(Chaos {
                rng: ChaCha8Rng::seed_from_u64(rng.random()),
                lost: *[0, 20, 300].choose(rng).expect("one"),
                doubled: *[0, 100].choose(rng).expect("one"),
                overtaken: *[0, 100].choose(rng).expect("one"),
                slowest_ms: *[0, 5, 300].choose(rng).expect("one"),
            })),
            70..75 => self.network.chaos(None),
            75..80 => {
                let late = Fault::Late(rng.random_range(1..12_000)); // a lease runs out meanwhile, or not
                let faults = [Fault::Fail, Fault::LoseAnswer, Fault::LoseCommit, Fault::Delay(800), late];
                self.stages[0].store.inject(faults.choose(rng).copied());
            }
            80..84 => {
                self.reconnect();
                let n = rng.random_range(0..NODES);
                tracing::info!(node = %self.stages[n].cluster.me(), "cut off");
                self.network.cut_off(self.stages[n].cluster.me());
                self.cut_off = Some((n, Instant::now()));
            }
            84..90 => self.reconnect(),
            90..92 => {
                tracing::info!("the registry is wiped");
                self.network.wipe();
            }
            92..94 => self.replace_node(rng.random_range(0..NODES), false).await,
            94..96 => self.replace_node(rng.random_range(0..NODES), true).await,
            _ => self.stages[0].run_ms(rng.random_range(0..4_000)).await,
        }
    }

    fn reconnect(&mut self) {
        if let Some((n, _)) = self.cut_off.take() {
            tracing::info!(node = %self.stages[n].cluster.me(), "reconnected");
            self.network.reconnect(self.stages[n].cluster.me());
        }
    }

    /// A node dies with everybody on it, or goes in good order, and another takes its place. Its people go where they
    /// can.
    async fn replace_node(&mut self, n: usize, in_good_order: bool) {
        self.reconnect();
        let another = self.stages[n].another(&self.network).await;
        let dead = std::mem::replace(&mut self.stages[n], another);
        tracing::info!(dead = %dead.cluster.me(), new = %self.stages[n].cluster.me(), in_good_order, "a node is replaced");
        if in_good_order {
            dead.cluster.drain(Duration::from_millis(dead.cluster.config().server.drain_ms)).await;
            dead.cluster.leave().await;
        }
        self.network.cut_off(dead.cluster.me());
        dead.die();
        for person in self.people.iter_mut().filter(|person| person.at == n) {
            let at = (n + 1) % NODES;
            person.come_back(at, &self.stages[at]).await;
        }
    }

    /// The faults end, and everything comes to rest.
    async fn rest(&mut self) {
        const LONG_ENOUGH_MS: u64 = 45_000;
        self.network.chaos(None);
        self.reconnect();
        self.stages[0].run_ms(LONG_ENOUGH_MS).await;
        for person in &mut self.people {
            person.me.read().await;
            if !person.me.is_connected() {
                person.come_back(person.at, &self.stages[person.at]).await;
            }
        }
    }

    async fn check(&mut self) {
        for person in &mut self.people {
            for _ in 0..20 {
                let Some((id, name, payload)) = person.doubt.clone() else { break };
                person.me.send_with(id, name, payload);
                let answer = person.me.answer_within(id, 6_000).await;
                person.settle(
                    answer.unwrap_or_else(|| panic!("{}: {name} is not answered", person.me.nickname)),
                );
                self.stages[0].run_ms(500).await;
            }
            assert_eq!(person.doubt, None, "{} is still in doubt", person.me.nickname);
        }
        let table = self.deadlines().await;
        for person in self.people.iter_mut().filter(|person| person.me.nickname != "Dealer") {
            person.me.read().await;
            person.me.ok("room.state", json!({})).await;
            let state = person.me.expect("room.state").await;
            assert_eq!(state["room"]["code"], person.code);
            let members = state["room"]["members"].as_array().expect("members");
            for member in members.iter().filter(|member| member["bot"] == false) {
                assert_eq!(member["connected"], true, "{member}");
            }
            if person.owns {
                let bots = members.iter().filter(|member| member["bot"] == true).count();
                assert_eq!(bots, person.bots, "bots of {}", person.me.nickname);
                assert_eq!(state["room"]["settings"]["day_ms"], json!(person.day_ms));
            }
        }
        let active: usize = self.stages.iter().map(|stage| stage.cluster.active::<RoomActor>()).sum();
        assert!(active == NODES + 1 || active == NODES && !table, "{active} rooms: each is on one node");
    }
}

/// Everything that nodes have said to each other, as one number.
fn run(seed: u64) -> u64 {
    chance::repeat(seed);
    actix::System::new().block_on(async move {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut world = World::new().await;
        for _ in 0..STEPS {
            world.step(&mut rng).await;
        }
        world.rest().await;
        world.check().await;
        world.network.digest()
    })
}

impl World {
    /// No phase began twice, and none is overdue. Whether there is still a game: one who misses two votes is expelled
    /// by the bots, and without people a room closes.
    async fn deadlines(&mut self) -> bool {
        let dealer = &mut self.people.last_mut().expect("the dealer").me;
        let pushed = dealer.transcript.iter().filter(|frame| frame["type"] == "game.phase");
        let began: Vec<i64> = pushed.filter_map(|frame| frame["payload"]["started_at"].as_i64()).collect();
        assert!(began.is_sorted_by(|one, next| one < next), "a phase began twice: {began:?}");
        if let Err(error) = dealer.ask("room.state", json!({})).await {
            assert!(error["code"] == "not_in_room" || error["code"] == "room_closed", "{error}");
            return false;
        }
        let game = dealer.expect("room.state").await["game"].clone();
        let now = self.stages[0].cluster.clock().now().0;
        let overdue = game["winner"].is_null() && game["ends_at"].as_i64().is_none_or(|at| at + 1_500 < now);
        assert!(!overdue, "at {now} the clock stands still: {game}");
        true
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// One part of the seeds: the parts run side by side.
fn part(n: u64) {
    if let Some(seed) = setting("PLAYHOUSE_SEED") {
        if seed % PARTS == n {
            let lines = tracing_subscriber::fmt().with_env_filter("playhouse=debug").without_time();
            lines.try_init().expect("the first to log");
            run(seed);
        }
        return;
    }
    let seeds = setting("PLAYHOUSE_SEEDS").unwrap_or(SEEDS);
    let new = u64::from(rand::random::<u32>()).max(seeds);
    println!("seeds 0 to {seeds} and {new} to {}, each {PARTS}th", new + NEW_SEEDS);
    for seed in (0..seeds).chain(new..new + NEW_SEEDS).filter(|seed| seed % PARTS == n) {
        let outcome = std::panic::catch_unwind(|| run(seed));
        assert!(outcome.is_ok(), "seed {seed}: run it alone with PLAYHOUSE_SEED={seed}");
    }
}

#[test]
fn a_seed_happens_again_exactly_as_before() {
    for seed in 0..20 {
        let again = |seed| std::thread::spawn(move || run(seed)).join().expect("as in the parts");
        assert_eq!(again(seed), again(seed), "seed {seed}");
    }
}

/// Nothing is lost, nothing doubled, and everything comes to rest.
mod clusters_by_chance {
    #[test]
    fn part_1() {
        super::part(0);
    }
    #[test]
    fn part_2() {
        super::part(1);
    }
    #[test]
    fn part_3() {
        super::part(2);
    }
    #[test]
    fn part_4() {
        super::part(3);
    }
}
