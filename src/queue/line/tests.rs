//! What a line promises: one suite for SQL and for Redis, and what happens when Redis loses everything.

mod lost;

use super::*;
use crate::{
    auth::tests::SetClock,
    clock::Clock as _,
    config::Config,
    queue::tests::row,
    store::{AuditEntry, Store},
    testkit::{PrivateCluster, PrivateRedis, test_config},
};
use futures_util::future::join_all;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

struct Kit {
    line: Arc<dyn Line>,
    queue: QueueId,
    config: Config,
    redis: Option<(PrivateRedis, RedisLine)>,
    group: Option<PrivateCluster>,
    _dir: tempfile::TempDir,
}

const EPOCH: i64 = 1;

impl Kit {
    async fn sql() -> Self {
        let dir = tempfile::tempdir().expect("tempdir");
        let config = test_config(dir.path()).await;
        let clock = SetClock::new();
        let store = Store::open(&config, clock.clone()).await.expect("opens");
        let made = row();
        let of = (None, crate::auth::Role::Admin);
        let entry = AuditEntry::new(clock.now(), of, "test", "test".to_owned(), json!({}));
        store.create_queue(&made, &entry).await.expect("made");
        let line = Arc::new(SqlLine::new(store));
        Self { line, queue: QueueId(made.queue_id), config, redis: None, group: None, _dir: dir }
    }

    async fn redis() -> Self {
        let dir = tempfile::tempdir().expect("tempdir");
        let (config, server) = (Config::default(), PrivateRedis::start().expect("redis"));
        let line = RedisLine::open(&server.url(), &config).await.expect("connects");
        let kit = Self {
            line: Arc::new(line.clone()),
            queue: QueueId::new(),
            config,
            redis: Some((server, line)),
            group: None,
            _dir: dir,
        };
        kit.form((0, 1_000_000), Vec::new(), 0, 0).await;
        kit
    }

    async fn cluster() -> Self {
        let dir = tempfile::tempdir().expect("tempdir");
        let (config, group) = (Config::default(), PrivateCluster::start(0).expect("a Redis Cluster"));
        let line = RedisLine::open(&group.url(), &config).await.expect("connects");
        let (line, queue) = (Arc::new(line), QueueId::new());
        let kit = Self { line, queue, config, redis: None, group: Some(group), _dir: dir };
        kit.form((0, 1_000_000), Vec::new(), 0, 0).await;
        kit
    }

    async fn form(&self, numbers: (i64, i64), inside: Vec<Place>, quiet: i64, open: i64) {
        let (quiet_until, open_until) = (UnixMs(quiet), UnixMs(open));
        let forming = Forming { numbers, through: 0, inside, quiet_until, open_until };
        self.line.form(self.queue, forming).await.expect("formed");
    }

    async fn enter(&self, account: PlayerId, now: i64) -> Place {
        let entered = self.line.enter(self.queue, account, UnixMs(now)).await.expect("entered");
        Place { number: entered.number, account }
    }

    /// So many, one after the other.
    async fn crowd(&self, n: usize, now: i64) -> Vec<Place> {
        let mut places = Vec::new();
        for _ in 0..n {
            places.push(self.enter(PlayerId::new(), now).await);
        }
        places
    }

    async fn look(&self, place: Place, now: i64) -> Found {
        let looked = self.line.look(self.queue, vec![place], UnixMs(now)).await.expect("looked");
        looked.found[0]
    }

    async fn take(&self, epoch: i64, most: usize, now: i64) -> Result<Taken, LineError> {
        let take = Take { epoch, most, pace: 2.5, admitted_per_s: 3.5, now: UnixMs(now), known: 0 };
        self.line.take(self.queue, take).await
    }
}

/// The same rule on both.
macro_rules! on_both {
    ($($(#[$doc:meta])* async fn $name:ident($kit:ident) $body:block)*) => {
        $(mod $name {
            use super::*;
            async fn rule($kit: Kit) $body
            #[actix::test]
            async fn sql() { rule(Kit::sql().await).await }
            #[actix::test]
            async fn redis() { rule(Kit::redis().await).await }
        })*
    };
}

on_both! {
    async fn numbers_follow_arrival_and_an_account_has_one_place(kit) {
        let places = kit.crowd(5, 1).await;
        assert!(places.windows(2).all(|pair| pair[0].number < pair[1].number), "{places:?}");
        assert_eq!(kit.enter(places[2].account, 2).await, places[2], "a double click");
        let ann = PlayerId::new();
        let at_once = join_all((0..8).map(|_| kit.line.enter(kit.queue, ann, UnixMs(3)))).await;
        let entered: Vec<Entered> = at_once.into_iter().map(|entered| entered.expect("entered")).collect();
        assert!(entered.iter().all(|one| one.number == entered[0].number), "{entered:?}");
        assert_eq!(entered.iter().filter(|one| one.new).count(), 1, "{entered:?}");
        assert_eq!(entered[0].found, Found::Waiting { ahead: 5 });
    }

    async fn the_first_come_in_and_no_earlier_actor_gets_anybody(kit) {
        let places = kit.crowd(4, 1).await;
        assert_eq!(kit.line.hold(kit.queue, EPOCH).await, Ok(Vec::new()));
        let taken = kit.take(EPOCH, 2, 5).await.expect("taken");
        assert_eq!((taken.places, taken.waiting, taken.inside), (places[..2].to_vec(), 2, 2));
        assert_eq!(kit.look(places[0], 6).await, Found::Inside);
        assert_eq!(kit.look(places[3], 6).await, Found::Waiting { ahead: 1 });
        assert_eq!(kit.enter(places[1].account, 7).await, places[1], "who is inside gets no second place");
        assert_eq!(kit.line.number_of(kit.queue, places[1].account).await, Ok(Some(places[1].number)));

        assert_eq!(kit.line.hold(kit.queue, EPOCH + 1).await, Ok(places[..2].to_vec()));
        assert_eq!(kit.take(EPOCH, 1, 8).await, Err(LineError::Fenced));
        assert_eq!(kit.line.hold(kit.queue, EPOCH).await, Err(LineError::Fenced));
        let back = kit.line.put_back(kit.queue, EPOCH, UnixMs(8), vec![places[0]]).await;
        assert_eq!(back, Err(LineError::Fenced));
        kit.line.put_back(kit.queue, EPOCH + 1, UnixMs(8), vec![places[0]]).await.expect("put back");
        assert_eq!(kit.look(places[0], 9).await, Found::Waiting { ahead: 0 }, "first again");
        kit.line.release(kit.queue, vec![places[1]]).await.expect("released");
        let taken = kit.take(EPOCH + 1, 9, 10).await.expect("taken");
        assert_eq!(taken.places, [places[0], places[2], places[3]]);
        let beat = kit.line.figures(kit.queue).await.expect("figures");
        let shown = Beat { pace: 2.5, admitted_per_s: 3.5, turned_at: UnixMs(10), quiet_until: UnixMs(0) };
        assert_eq!(beat, (0, shown));
    }

    async fn who_goes_is_told_so_and_who_is_silent_is_dropped(kit) {
        let places = kit.crowd(5, 1_000).await;
        kit.take(EPOCH, 1, 1_000).await.expect("taken");
        assert_eq!(kit.line.leave(kit.queue, places[0], UnixMs(2_000)).await, Ok(Gone::Inside));
        assert_eq!(kit.line.leave(kit.queue, places[1], UnixMs(2_000)).await, Ok(Gone::Waited));
        assert_eq!(kit.line.leave(kit.queue, places[1], UnixMs(2_000)).await, Ok(Gone::NotThere));
        assert_eq!(kit.look(places[1], 2_000).await, Found::Left);
        kit.look(places[3], 2_500).await;
        let dropped = kit.line.drop_silent(kit.queue, UnixMs(3_000), UnixMs(1_500), 1).await;
        assert_eq!(dropped, Ok(1), "in batches");
        let dropped = kit.line.drop_silent(kit.queue, UnixMs(3_000), UnixMs(1_500), 100).await;
        assert_eq!(dropped, Ok(1), "who is inside, or was heard of, is not");
        assert_eq!(kit.look(places[2], 3_000).await, Found::Unknown { may_return: false });
        assert_eq!(kit.look(places[3], 3_000).await, Found::Waiting { ahead: 0 });
        let again = kit.enter(places[1].account, 3_000).await;
        assert!(again.number > places[4].number, "who has left begins at the end");
        assert_eq!(kit.look(places[1], 3_000).await, Found::Left, "and his old ticket stays what it was");
    }

    async fn a_line_that_is_dismissed_is_empty_and_begins_anew_behind_it(kit) {
        let places = kit.crowd(4, 1).await;
        kit.take(EPOCH, 1, 1).await.expect("taken");
        assert_eq!(kit.line.dismiss(kit.queue).await, Ok(3));
        assert_eq!(kit.look(places[0], 2).await, Found::Inside);
        assert_eq!(kit.look(places[2], 2).await, Found::Unknown { may_return: false });
        if kit.redis.is_some() {
            let nobody = kit.line.enter(kit.queue, PlayerId::new(), UnixMs(3)).await;
            assert_eq!(nobody, Err(LineError::NoNumbers), "no number up to the dismissed one is given out");
            kit.line.more(kit.queue, (1_000_000, 2_000_000)).await.expect("more");
        }
        let next = kit.enter(PlayerId::new(), 3).await;
        assert!(next.number > places[3].number);
        assert_eq!(kit.look(next, 4).await, Found::Waiting { ahead: 0 });
    }

    async fn whatever_happens_everybody_knows_how_many_are_before_him(kit) {
        let mut model = Model::default();
        let mut rng = StdRng::seed_from_u64(std::env::var("PLAYHOUSE_SEED").map_or(7, |seed| seed.parse().expect("a number")));
        for step in 0..400 {
            model.step(&kit, &mut rng, 1_000 + step).await;
        }
        model.check(&kit).await;
    }
}

#[actix::test]
async fn the_keys_of_a_line_are_in_one_slot_of_a_redis_cluster() {
    let mut kit = Kit::cluster().await;
    for _ in 0..3 {
        assert_eq!(kit.line.figures(kit.queue).await.map(|figures| figures.0), Ok(0));
        let places = kit.crowd(2, 1).await;
        assert_eq!(kit.line.hold(kit.queue, EPOCH).await, Ok(Vec::new()));
        assert_eq!(kit.take(EPOCH, 1, 2).await.expect("taken").places, places[..1]);
        assert_eq!(kit.line.leave(kit.queue, places[1], UnixMs(3)).await, Ok(Gone::Waited));
        kit.line.release(kit.queue, places[..1].to_vec()).await.expect("released");
        kit.queue = QueueId::new(); // perhaps on another of its nodes
        kit.form((0, 1_000_000), Vec::new(), 0, 0).await;
    }
    drop(kit.group.take());
}

/// Who should stand where.
#[derive(Default)]
struct Model {
    waiting: BTreeMap<i64, PlayerId>,
    inside: HashMap<PlayerId, i64>,
}

impl Model {
    fn any<'a>(places: impl Iterator<Item = (&'a i64, &'a PlayerId)>, rng: &mut StdRng) -> Option<Place> {
        let all: Vec<Place> =
            places.map(|(number, account)| Place { number: *number, account: *account }).collect();
        (!all.is_empty()).then(|| all[rng.random_range(0..all.len())])
    }

    async fn step(&mut self, kit: &Kit, rng: &mut StdRng, now: i64) {
        let some = Self::any(self.waiting.iter(), rng);
        let mut inside: Vec<_> = self.inside.iter().map(|(account, number)| (*number, *account)).collect();
        inside.sort();
        let inside = Self::any(inside.iter().map(|(number, account)| (number, account)), rng);
        match (rng.random_range(0..10), some, inside) {
            (0, Some(place), _) => {
                assert_eq!(kit.line.leave(kit.queue, place, UnixMs(now)).await, Ok(Gone::Waited));
                self.waiting.remove(&place.number);
            }
            (1, _, _) => {
                let most = rng.random_range(0..4);
                let taken = kit.take(EPOCH, most, now).await.expect("taken");
                for place in &taken.places {
                    assert_eq!(self.waiting.pop_first(), Some((place.number, place.account)));
                    self.inside.insert(place.account, place.number);
                }
                assert_eq!(taken.waiting, self.waiting.len() as u64);
                assert_eq!(taken.inside, self.inside.len() as u64);
            }
            (2, _, Some(place)) => {
                kit.line.put_back(kit.queue, EPOCH, UnixMs(now), vec![place]).await.expect("put back");
                self.inside.remove(&place.account);
                self.waiting.insert(place.number, place.account);
            }
            (3, _, Some(place)) => {
                kit.line.release(kit.queue, vec![place]).await.expect("released");
                self.inside.remove(&place.account);
            }
            (4, Some(place), _) => {
                kit.line.seat(kit.queue, vec![place]).await.expect("seated");
                self.waiting.remove(&place.number);
                self.inside.insert(place.account, place.number);
            }
            (5, Some(place), _) => {
                let ahead = self.waiting.range(..place.number).count() as u64;
                assert_eq!(kit.look(place, now).await, Found::Waiting { ahead });
            }
            _ => {
                let account = PlayerId::new();
                let place = kit.enter(account, now).await;
                assert!(self.waiting.keys().all(|number| *number < place.number));
                self.waiting.insert(place.number, account);
            }
        }
    }

    async fn check(&self, kit: &Kit) {
        for (ahead, (number, account)) in self.waiting.iter().enumerate() {
            let found = kit.look(Place { number: *number, account: *account }, 9_000).await;
            assert_eq!(found, Found::Waiting { ahead: ahead as u64 }, "number {number}");
        }
    }
}

/// Spec 3.1: 100,000 waiting fit in 40 MB of Redis.
#[actix::test]
async fn a_hundred_thousand_who_wait_fit_in_forty_megabytes() {
    const WAITING: usize = 100_000;
    let kit = Kit::redis().await;
    let (server, line) = kit.redis.as_ref().expect("redis");
    const AT_ONCE: usize = 200;
    let enter = async || {
        let account = PlayerId::new();
        // On a busy machine a call may run out of its time: it is repeated.
        while kit.line.enter(kit.queue, account, UnixMs(1_700_000_000_000)).await.is_err() {}
    };
    for _ in 0..WAITING / AT_ONCE {
        join_all((0..AT_ONCE).map(|_| enter())).await;
    }
    let mut connection =
        crate::cluster::on_redis::connect(&server.url(), &kit.config.redis).await.expect("connects");
    let mut bytes = 0;
    for key in line.keys(kit.queue) {
        let usage: Option<u64> = ::redis::cmd("MEMORY")
            .arg("USAGE")
            .arg(&key)
            .arg("SAMPLES")
            .arg(0)
            .query_async(&mut connection)
            .await
            .expect("measured");
        bytes += usage.unwrap_or(0);
    }
    println!("{WAITING} waiting take {bytes} bytes");
    assert_eq!(kit.line.figures(kit.queue).await.expect("figures").0, WAITING as u64);
    assert!(bytes < 40_000_000, "{bytes}");
}
