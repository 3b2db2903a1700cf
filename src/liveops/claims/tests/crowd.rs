//! A crowd on a small stock, on PostgreSQL, with workers that die in the middle of whatever they do.

use super::*;
use crate::{clock::SystemClock, testkit::PrivatePostgres};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::{collections::BTreeMap, time::Duration};

const CLAIMS: usize = 1_000;
const ACCOUNTS: usize = 200;
const STOCK: i64 = 100;
const NODES: usize = 3;

/// A node's workers, which are stopped at a random moment and started again.
async fn die_and_rise(claims: Claims, told: Arc<Told>, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    loop {
        let worker = actix::spawn(claims.clone().worker(told.clone()));
        tokio::time::sleep(Duration::from_millis(rng.random_range(5..400))).await;
        worker.abort();
        let _ = worker.await; // it was stopped
    }
}

#[actix::test]
async fn a_thousand_claims_on_a_stock_of_a_hundred_while_workers_die() {
    let postgres = PrivatePostgres::start().expect("PostgreSQL");
    let mut config = Config::default();
    config.database.url = Some(postgres.url());
    config.rewards.lease_ms = 1_000;
    let kit = Kit::over(config, None, ("points", Some(STOCK), 1)).await;
    let told = Arc::new(Told::default());
    let mut nodes = Vec::new();
    let mut dying = Vec::new();
    let mut streams = Vec::new();
    for n in 0..NODES {
        let store = Store::open(&kit.config, Arc::new(SystemClock)).await.expect("opens");
        let claims = Claims::new(store, &kit.config, Arc::new(SystemClock));
        streams.push(stream::tasks(&claims, &kit, Arc::new(SystemClock)));
        for worker in 0..2 {
            let seed = (n * 10 + worker) as u64;
            dying.push(actix::spawn(die_and_rise(claims.clone(), told.clone(), seed)));
        }
        nodes.push(claims);
    }
    let accounts: Vec<PlayerId> = (0..ACCOUNTS).map(|_| PlayerId::new()).collect();
    let began = std::time::Instant::now();
    let claim = async |n: usize| {
        let (id, account) = (Uuid::now_v7(), accounts[n % ACCOUNTS]);
        loop {
            match nodes[n % NODES].request(id, account, (kit.event, kit.reward)).await {
                Ok(claim) => return claim.expect("exists").claim_id,
                Err(StoreError::Unavailable(_)) => continue, // as a client does, under the same key
                Err(error) => panic!("{error}"),
            }
        }
    };
    let ids = futures_util::future::join_all((0..CLAIMS).map(claim)).await;
    let asked = began.elapsed();
    let running = "SELECT COUNT(*) FROM claims WHERE due_at IS NOT NULL";
    while kit.number(running).await > 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "not all are over");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    dying.iter().for_each(tokio::task::JoinHandle::abort);
    assert_eq!(ids.len(), CLAIMS);
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for id in ids {
        let (status, reason) = kit.status(id).await;
        *ends.entry(reason.unwrap_or(status)).or_default() += 1;
    }
    let slowest = kit.number("SELECT MAX(updated_at - created_at) FROM claims").await;
    println!(
        "{ends:?}; answered after {asked:?}, all over after {:?}, slowest {slowest} ms",
        began.elapsed()
    );
    assert_eq!(ends.get("granted"), Some(&(STOCK as usize)));
    assert_eq!(kit.number("SELECT COUNT(*) FROM claims").await, CLAIMS as i64);
    assert_eq!(kit.number("SELECT MAX(taken) FROM reward_takers").await, 1);
    assert!(slowest < 30_000);
    kit.assert_sound().await;
}
