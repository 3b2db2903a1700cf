//! A crowd claims a small stock from three nodes, one of which is killed again and again (spec 2.2): all is granted
//! that there is and no more, and every claim comes to its end.

use crate::process::Process;
use futures_util::future::{join, join_all};
use playhouse::testkit::{Guest, PrivatePostgres, PrivateRedis, SocketPlayer};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

const NODES: usize = 3;
const CLAIMS: usize = 1_000;
const ACCOUNTS: usize = 200;
const STOCK: usize = 100;
/// At most: while the crowd is there.
const KILLS: usize = 8;
/// Fewer would show nothing.
const KILLS_AT_LEAST: usize = 3;
/// Longest that a claim may take.
const LONGEST_MS: i64 = 30_000;

struct World {
    bases: Vec<String>,
    pool: PgPool,
    http: reqwest::Client,
    /// Of an account that is OPERATOR.
    operator: Guest,
}

impl World {
    async fn post(
        &self,
        base: &str,
        who: &Guest,
        path: &str,
        key: &str,
        body: Option<Value>,
    ) -> reqwest::Result<(u16, Value)> {
        let request = self.http.post(format!("{base}/api/v1/{path}")).bearer_auth(&who.access_token);
        let request = request.header("Idempotency-Key", key).timeout(Duration::from_secs(20));
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let answer = request.send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    /// An active event and its reward.
    async fn reward(&self, reward: Value) -> (String, String) {
        let event = json!({"title": "Win", "starts_at": 0, "ends_at": 4_102_444_800_000_i64});
        let made = self.post(&self.bases[0], &self.operator, "events", "event", Some(event)).await.unwrap();
        assert_eq!(made.0, 201, "{}", made.1);
        let event = made.1["event"]["id"].as_str().unwrap().to_owned();
        let status = format!("events/{event}/status");
        let active = Some(json!({"status": "active"}));
        let set = self.post(&self.bases[1], &self.operator, &status, "status", active).await.unwrap();
        assert_eq!(set.0, 200, "{}", set.1);
        let rewards = format!("events/{event}/rewards");
        let made = self.post(&self.bases[2], &self.operator, &rewards, &event, Some(reward)).await.unwrap();
        assert_eq!(made.0, 201, "{}", made.1);
        (event, made.1["reward"]["id"].as_str().unwrap().to_owned())
    }

    /// As a client does it: under the same key, from one node to the next, until there is an answer.
    async fn claim(&self, who: &Guest, of: &(String, String), key: &str, first: usize) -> (u16, Value) {
        let path = format!("events/{}/rewards/{}/claims", of.0, of.1);
        let until = Instant::now() + Duration::from_secs(120);
        for n in first.. {
            match self.post(&self.bases[n % NODES], who, &path, key, None).await {
                Ok(answer) if matches!(answer.0, 201 | 202) => return answer,
                Ok((409 | 503, _)) | Err(_) if Instant::now() < until => {
                    let jitter = rand::rng().random_range(100..500) << (n - first).min(3);
                    tokio::time::sleep(Duration::from_millis(jitter)).await;
                }
                other => panic!("{other:?}"),
            }
        }
        unreachable!("a range without end")
    }

    async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }
}

async fn start(nodes: &[Process], postgres: &PrivatePostgres) -> World {
    let bases: Vec<String> = nodes.iter().map(Process::base).collect();
    let pool = PgPool::connect(&postgres.url()).await.unwrap();
    let operator = Guest::sign_in(&bases[0], "Olga").await.unwrap();
    let sql = "UPDATE accounts SET role = 'OPERATOR' WHERE nickname = 'Olga'";
    sqlx::query(sql).execute(&pool).await.unwrap();
    let http = reqwest::Client::new();
    let refresh = json!({"refresh_token": operator.refresh_token});
    let tokens =
        http.post(format!("{}/api/v1/sessions/refresh", bases[0])).json(&refresh).send().await.unwrap();
    let tokens: Value = tokens.json().await.unwrap();
    let access_token = tokens["tokens"]["access_token"].as_str().unwrap().to_owned();
    World { bases, pool, http, operator: Guest { access_token, ..operator } }
}

fn three_nodes(redis: &PrivateRedis, postgres: &PrivatePostgres, dir: &tempfile::TempDir) -> Vec<Process> {
    let shared = [format!("redis.url={}", redis.url()), format!("database.url={}", postgres.url())];
    let settings: Vec<&str> = shared.iter().map(String::as_str).collect();
    (0..NODES).map(|_| Process::with(dir.path(), &settings)).collect()
}

#[actix::test]
async fn a_crowd_on_a_small_stock_while_nodes_are_killed() {
    let (redis, postgres) = (PrivateRedis::start().unwrap(), PrivatePostgres::start().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let mut nodes = three_nodes(&redis, &postgres, &dir);
    let world = start(&nodes, &postgres).await;
    let reward = json!({"kind": "points", "name": "gold", "amount": 10, "stock": STOCK});
    let of = world.reward(reward).await;
    let mut guests = Vec::new();
    for n in 0..ACCOUNTS {
        guests.push(Guest::sign_in(&world.bases[n % NODES], &format!("Guest{n}")).await.unwrap());
    }
    let (over, began) = (AtomicBool::new(false), Instant::now());
    let claiming = async {
        world.everybody_claims(&guests, &of).await;
        over.store(true, Ordering::Relaxed);
        began.elapsed()
    };
    let (answered, kills) = join(claiming, kill_until(&over, &mut nodes)).await;
    world.all_claims_end().await;
    println!("{kills} kills; all answered after {answered:?}");
    assert!(kills >= KILLS_AT_LEAST, "only {kills} kills");
    world.assert_the_books_are_even().await;
}

/// One node after the other, by chance, for as long as the crowd is there. How many.
async fn kill_until(over: &AtomicBool, nodes: &mut Vec<Process>) -> usize {
    let mut rng = StdRng::seed_from_u64(4);
    let mut kills = 0;
    while kills < KILLS && !over.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(rng.random_range(200..2_000))).await;
        let mut node = nodes.swap_remove(rng.random_range(0..NODES));
        let restarted = tokio::task::spawn_blocking(move || {
            node.kill_and_restart();
            node
        });
        nodes.push(restarted.await.unwrap()); // the others go on, and so do the clients
        kills += 1;
    }
    kills
}

impl World {
    /// All at the same moment. One key has one answer, from whichever node it is asked.
    async fn everybody_claims(&self, guests: &[Guest], of: &(String, String)) {
        let claims = (0..CLAIMS).map(|n| async move {
            let (guest, key) = (&guests[n % ACCOUNTS], format!("key-{n}"));
            if n % 10 > 0 {
                self.claim(guest, of, &key, n).await;
                return;
            }
            // Some send it twice at once, to two nodes.
            let both = join(self.claim(guest, of, &key, n), self.claim(guest, of, &key, n + 1)).await;
            assert_eq!(both.0, both.1, "one key, one answer");
        });
        join_all(claims).await;
    }

    async fn all_claims_end(&self) {
        let until = Instant::now() + Duration::from_secs(60);
        while self.number("SELECT COUNT(*) FROM claims WHERE due_at IS NOT NULL").await > 0 {
            assert!(Instant::now() < until, "not all claims are over");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let slowest = self.number("SELECT MAX(updated_at - created_at) FROM claims").await;
        println!("slowest claim {slowest} ms");
        assert!(slowest < LONGEST_MS, "a claim took {slowest} ms");
    }

    async fn assert_the_books_are_even(&self) {
        let sql = "SELECT COALESCE(reason, status), COUNT(*) FROM claims GROUP BY 1";
        let ends: Vec<(String, i64)> = sqlx::query_as(sql).fetch_all(&self.pool).await.unwrap();
        let ends: BTreeMap<String, i64> = ends.into_iter().collect();
        println!("{ends:?}");
        assert_eq!(ends["granted"], STOCK as i64, "{ends:?}");
        assert_eq!(ends.values().sum::<i64>(), CLAIMS as i64, "one claim a key: {ends:?}");
        for (sql, expected) in [
            ("SELECT taken FROM rewards", STOCK as i64),
            ("SELECT MAX(taken) FROM reward_takers", 1),
            ("SELECT SUM(taken)::bigint FROM reward_takers", STOCK as i64),
            ("SELECT SUM(amount)::bigint FROM ledger_entries", 0),
            ("SELECT SUM(balance)::bigint FROM wallets", 10 * STOCK as i64),
            ("SELECT MAX(balance) FROM wallets", 10),
            ("SELECT COUNT(*) FROM ledger", STOCK as i64),
            ("SELECT COUNT(*) FROM grants WHERE outcome = 'granted'", STOCK as i64),
        ] {
            assert_eq!(self.number(sql).await, expected, "{sql}");
        }
    }
}

#[actix::test]
async fn a_player_hears_of_his_claim_from_another_node_and_fifty_repetitions_are_one() {
    let (redis, postgres) = (PrivateRedis::start().unwrap(), PrivatePostgres::start().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let nodes = three_nodes(&redis, &postgres, &dir);
    let world = start(&nodes, &postgres).await;
    let reward = json!({"kind": "badge", "name": "winner", "stock": 5});
    let of = world.reward(reward).await;
    let mut ann = SocketPlayer::enter(&world.bases[0], "Ann").await.unwrap();
    let guest = ann.guest.clone();
    let answers = join_all((0..50).map(|n| world.claim(&guest, &of, "k", n + 1))).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!((answers[0].0, &answers[0].1["claim"]["status"]), (201, &json!("granted")));
    for status in ["checked", "reserved", "granting", "granted"] {
        let told = ann.expect("claim.changed").await.unwrap();
        assert_eq!(told["claim"]["status"], status);
    }
    assert_eq!(world.number("SELECT COUNT(*) FROM claims").await, 1);
}
