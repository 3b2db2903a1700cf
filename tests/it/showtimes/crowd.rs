//! A crowd that holds, pays, gives back and lets holds run out on three nodes, which are killed again and again: no seat is
//! two people's, a key pays once, and the books are even (spec 3.2).

use super::*;
use futures_util::future::join_all;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const NODES: usize = 3;
const PEOPLE: usize = 40;
const SEATS: usize = 30;
const PRICE: i64 = 10;
/// Each can pay for so many seats.
const POINTS: i64 = 2 * PRICE;
const KILLS_AT_LEAST: usize = 3;
const KILLS: usize = 6;
/// What each does at least; and more, more slowly, until enough nodes were killed.
const STEPS: usize = 12;
const LATER_MS: u64 = 100;

struct Crowd {
    world: World,
    of: (String, Vec<String>),
    paid: AtomicUsize,
    killed: AtomicUsize,
}

impl Crowd {
    /// As a client does it: from one node to the next until there is an answer.
    async fn insist(&self, who: &Guest, what: (Method, &str), key: Option<&str>, first: usize) -> Answer {
        let began = Instant::now();
        for n in first.. {
            let ask = Ask { key, ..Ask::default() };
            let answer = self.world.ask(&self.world.bases[n % NODES], who, what.clone(), ask).await;
            match answer {
                Ok(answer) if answer.status < 500 && answer.body["code"] != "in_progress" => return answer,
                _ => assert!(began.elapsed() < 2 * PATIENCE, "{what:?} has no answer"),
            }
            let jitter = rand::rng().random_range(100..500);
            tokio::time::sleep(Duration::from_millis(jitter)).await;
        }
        unreachable!("a range without end")
    }

    async fn one(&self, n: usize, who: &Guest) {
        let mut rng = StdRng::seed_from_u64(n as u64);
        for step in 0.. {
            if step >= STEPS && self.killed.load(Ordering::Relaxed) >= KILLS_AT_LEAST {
                return;
            }
            if step >= STEPS {
                tokio::time::sleep(Duration::from_millis(LATER_MS)).await;
            }
            let seat = &self.of.1[rng.random_range(0..SEATS)];
            let path = format!("showtimes/{}/seats/{seat}/reservations", self.of.0);
            let key = format!("hold-{n}-{step}");
            let held = self.insist(who, (Method::POST, &path), Some(&key), n + step).await;
            if held.status != 201 {
                assert_eq!(held.said(), "409 seat_taken");
                continue;
            }
            let id = held.body["reservation"]["id"].as_str().unwrap();
            match rng.random_range(0..4) {
                0 => {
                    let path = format!("reservations/{id}");
                    let given = self.insist(who, (Method::DELETE, &path), None, n).await;
                    assert!(matches!(given.status, 204), "{}", given.said());
                }
                1 => {} // it runs out
                _ => self.pays(who, id, &format!("pay-{n}-{step}"), n).await,
            }
        }
    }

    /// The same payment to two nodes at once, or to one: one answer.
    async fn pays(&self, who: &Guest, id: &str, key: &str, n: usize) {
        let path = format!("reservations/{id}/payment");
        let pay = |first| self.insist(who, (Method::POST, &path), Some(key), first);
        let (one, other) = futures_util::future::join(pay(n), pay(n + 1)).await;
        assert_eq!(one.said(), other.said(), "one key, one answer");
        match one.said().as_str() {
            "200" => {
                self.paid.fetch_add(1, Ordering::Relaxed);
            }
            said => assert!(["402 insufficient_points", "410 hold_expired"].contains(&said), "{said}"),
        }
    }
}

#[actix::test]
async fn a_crowd_holds_and_pays_while_nodes_are_killed() {
    let (redis, postgres) = (PrivateRedis::start().unwrap(), PrivatePostgres::start().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let mut settings = shared(&redis, &postgres);
    settings.push("showtimes.hold_ms=2500".to_owned());
    settings.push("showtimes.expiry_poll_ms=200".to_owned());
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let mut nodes: Vec<Process> = (0..NODES).map(|_| Process::with(dir.path(), &settings)).collect();
    let world = World::of(&nodes.iter().collect::<Vec<_>>(), &postgres).await;
    let of = world.showtime(json!({"title": "Final", "starts_at": 0, "price_points": PRICE}), SEATS).await;
    let mut people = Vec::new();
    for n in 0..PEOPLE {
        let guest = Guest::sign_in(&world.bases[n % NODES], &format!("Guest{n}")).await.unwrap();
        world.top_up(&guest, POINTS).await;
        people.push(guest);
    }
    let crowd = Crowd { world, of, paid: AtomicUsize::new(0), killed: AtomicUsize::new(0) };
    let over = AtomicBool::new(false);
    let acting = async {
        join_all(people.iter().enumerate().map(|(n, who)| crowd.one(n, who))).await;
        over.store(true, Ordering::Relaxed);
    };
    let (_, kills) = futures_util::future::join(acting, kill_until(&over, &crowd.killed, &mut nodes)).await;
    assert!(kills >= KILLS_AT_LEAST, "only {kills} kills");

    let world = &crowd.world;
    let left = "SELECT COUNT(*) FROM reservations WHERE status = 'held'";
    eventually("all holds are over", async || world.number(left).await == 0).await;
    world.assert_the_books_are_even().await;
    let sold = world.number("SELECT COUNT(*) FROM reservations WHERE status = 'paid'").await;
    println!("{kills} kills, {sold} of {SEATS} seats sold");
    assert_eq!(
        sold,
        crowd.paid.load(Ordering::Relaxed) as i64,
        "each who was told so has his seat, and nobody else"
    );
    assert!(sold > 0);
    let house = "SELECT COALESCE(SUM(amount), 0)::bigint FROM ledger WHERE reason = 'seat'";
    assert_eq!(world.number(house).await, PRICE * sold);
    let points = world.number("SELECT SUM(balance)::bigint FROM wallets").await;
    assert_eq!(points, POINTS * PEOPLE as i64 - PRICE * sold);
    let told = "SELECT COALESCE(SUM(n), 0)::bigint FROM activity_counters WHERE kind = 'seat_paid'";
    eventually("each paid seat is counted once", async || world.number(told).await == sold).await;
}

/// One node after the other, by chance. How many.
async fn kill_until(over: &AtomicBool, killed: &AtomicUsize, nodes: &mut Vec<Process>) -> usize {
    let mut rng = StdRng::seed_from_u64(11);
    let mut kills = 0;
    while kills < KILLS && !over.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(rng.random_range(300..1_500))).await;
        let mut node = nodes.swap_remove(rng.random_range(0..NODES));
        let restarted = tokio::task::spawn_blocking(move || {
            node.kill_and_restart();
            node
        });
        nodes.push(restarted.await.unwrap());
        kills += 1;
        killed.store(kills, Ordering::Relaxed);
    }
    kills
}
