//! Facts of real games move the counters of their players exactly once, while nodes are killed and Redis is wiped
//! (spec 2.3). The matches themselves say what the counters should be.

use crate::{leader::Leader, process::Process};
use futures_util::future::{join, join_all, try_join_all};
use playhouse::testkit::{PrivatePostgres, PrivateRedis};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    ops::Range,
    path::Path,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// People, each in a room with bots.
const ROOMS: usize = 4;
/// Games that must come to their end.
const GAMES: usize = 4;
const MOST_KILLS: usize = 60;
/// Settings under which what is lost comes again soon.
const SOON: [&str; 3] = ["activity.resend_ms=1000", "activity.takeover_ms=300", "activity.poll_ms=50"];

/// How often each account did each thing.
type Counts = BTreeMap<(Uuid, String), i64>;

#[derive(Default)]
struct Seen {
    counted: Counts,
    /// What the matches and seats say.
    expected: Counts,
    waiting: i64,
    dead: i64,
}

/// Reads what the node has written, through a pool of whichever database.
macro_rules! look {
    ($pool:expr) => {{
        let pool = $pool;
        let sql = "SELECT account_id, kind, CAST(SUM(n) AS BIGINT) FROM activity_counters
                   WHERE kind IN ('game_started', 'game_finished', 'game_won', 'user_registered', 'signed_in')
                   GROUP BY account_id, kind";
        let counted: Vec<(Uuid, String, i64)> = sqlx::query_as(sql).fetch_all(pool).await.unwrap();
        let sql =
            "SELECT p.account_id, m.ended FROM matches m JOIN match_players p ON p.match_id = m.match_id";
        let played: Vec<(Uuid, Option<sqlx::types::Json<Value>>)> =
            sqlx::query_as(sql).fetch_all(pool).await.unwrap();
        let accounts: Vec<Uuid> =
            sqlx::query_scalar("SELECT account_id FROM accounts").fetch_all(pool).await.unwrap();
        let waiting = sqlx::query_scalar("SELECT COUNT(*) FROM outbox").fetch_one(pool).await.unwrap();
        let dead = sqlx::query_scalar("SELECT COUNT(*) FROM dead_letters").fetch_one(pool).await.unwrap();
        let counted = counted.into_iter().map(|(account, kind, n)| ((account, kind), n)).collect();
        Seen { counted, expected: expected(&accounts, &played), waiting, dead }
    }};
}

/// The leaders stay in their rooms, so each has finished every game that has ended.
fn expected(accounts: &[Uuid], played: &[(Uuid, Option<sqlx::types::Json<Value>>)]) -> Counts {
    let mut counts = Counts::new();
    let mut add = |account: &Uuid, kind: &str| *counts.entry((*account, kind.to_owned())).or_default() += 1;
    for account in accounts {
        add(account, "user_registered");
        add(account, "signed_in");
    }
    for (account, ended) in played {
        add(account, "game_started");
        let Some(ended) = ended.as_ref().filter(|ended| ended["winner"] != "aborted") else { continue };
        add(account, "game_finished");
        let side = if ended["roles"][account.to_string()] == "mafia" { "mafia" } else { "citizens" };
        if ended["winner"] == side {
            add(account, "game_won");
        }
    }
    counts
}

async fn look_at(dir: &Path, postgres: Option<&str>) -> Seen {
    match postgres {
        Some(url) => {
            let pool = sqlx::PgPool::connect(url).await.unwrap();
            let seen = look!(&pool);
            pool.close().await;
            seen
        }
        None => {
            let url = format!("sqlite://{}/playhouse.db", dir.display());
            let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
            let seen = look!(&pool);
            pool.close().await;
            seen
        }
    }
}

/// Games under kills, so many ms apart; after each third one `wipe` is called. How many games ended, over how many kills.
async fn play_under_kills(
    node: &mut Process,
    pauses_ms: Range<u64>,
    mut wipe: impl FnMut(),
) -> (usize, usize) {
    let mut rng = StdRng::seed_from_u64(4);
    let base = node.base();
    let mut leaders = try_join_all((0..ROOMS).map(|n| Leader::enter(&base, n, true))).await.unwrap();
    let over = |leaders: &[Leader]| leaders.iter().map(Leader::games_over).sum::<usize>();
    let mut kills = 0;
    while over(&leaders) < GAMES && kills < MOST_KILLS {
        let until = Instant::now() + Duration::from_millis(rng.random_range(pauses_ms.clone()));
        let mut rngs: Vec<StdRng> =
            (0..ROOMS).map(|n| StdRng::seed_from_u64((kills * 10 + n) as u64)).collect();
        let later = until + Duration::from_secs(1);
        let playing = leaders.iter_mut().zip(&mut rngs).map(|(leader, rng)| leader.play(later, rng));
        let killing = async {
            tokio::time::sleep_until(until.into()).await;
            node.kill();
            if kills % 3 == 2 {
                wipe();
            }
            node.restart();
        };
        join(join_all(playing), killing).await;
        kills += 1;
        let base = node.base();
        try_join_all(leaders.iter_mut().map(|leader| leader.come_back(&base))).await.unwrap();
    }
    (over(&leaders), kills)
}

/// Until nothing waits any more and all is counted. Games go on meanwhile; what was counted twice stays so.
async fn settled(dir: &Path, postgres: Option<&str>) -> Seen {
    let began = Instant::now();
    loop {
        let seen = look_at(dir, postgres).await;
        if (seen.waiting == 0 && seen.counted == seen.expected) || began.elapsed() > Duration::from_secs(30) {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn judge(seen: &Seen, (over, kills): (usize, usize)) {
    let all = |kind: &str| seen.counted.iter().filter(|((_, of), _)| of == kind).map(|(_, n)| n).sum::<i64>();
    println!("{over} games over, {kills} kills; {} finished, {} won", all("game_finished"), all("game_won"));
    assert_eq!((seen.waiting, seen.dead), (0, 0));
    assert!(over >= GAMES, "only {over} games ended over {kills} kills");
    assert_eq!(seen.counted, seen.expected);
}

#[actix::test]
async fn games_on_sqlite_are_counted_once_over_kills() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = Process::with(dir.path(), &SOON);
    let played = play_under_kills(&mut node, 500..2_500, || ()).await;
    let seen = settled(dir.path(), None).await;
    judge(&seen, played);
}

#[actix::test]
async fn games_on_postgres_and_redis_are_counted_once_over_kills_and_wipes() {
    let (mut redis, postgres) = (PrivateRedis::start().unwrap(), PrivatePostgres::start().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let shared = [format!("redis.url={}", redis.url()), format!("database.url={}", postgres.url())];
    let young = ["cluster.lease_ms=1000", "cluster.beat_ms=200"];
    // A room is put up again once the lease of the killed node has run out: so the kills are further apart.
    let settings: Vec<&str> = shared.iter().map(String::as_str).chain(SOON).chain(young).collect();
    let mut node = Process::with(dir.path(), &settings);
    let played = play_under_kills(&mut node, 2_500..5_000, || redis.restart().unwrap()).await;
    let seen = settled(dir.path(), Some(&postgres.url())).await;
    judge(&seen, played);
}
