//! The store as a node without the role `db` has it: who is asked, what is asked again, and what is in doubt.

mod leaving;

use super::*;
use crate::{
    clock::SystemClock,
    cluster::{AskError, Service, pack, unpack},
    ids::{NodeId, PlayerId},
    roles::Role,
    testkit::Stage,
};
use bytes::Bytes;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::RwLock, time::Instant};
use uuid::Uuid;

/// A db node in the same thread.
struct Loop(NodeId, Arc<Served>);

impl DbNodes for Loop {
    fn living(&self) -> Vec<NodeId> {
        vec![self.0]
    }

    fn ask(
        &self,
        _: NodeId,
        question: Bytes,
        within: Duration,
    ) -> BoxFuture<'static, Result<Bytes, AskError>> {
        let served = self.1.clone();
        async move {
            let answered = tokio::time::timeout(within, served.serve(question)).await;
            answered.unwrap_or(Err(AskError::TimedOut))
        }
        .boxed()
    }
}

/// A store that asks this database as another node would. With `PLAYHOUSE_TEST_DB_ROLE` all tests have one.
pub(super) fn looped(sql: Sql, config: &Config, clock: SharedClock, facts: Arc<Notify>) -> Store {
    let remote = Remote::new(&config.db, &config.database, facts.clone());
    remote.reach(Arc::new(Loop(NodeId::new(), Arc::new(Served::new(sql.clone(), &config.db)))));
    Store { behind: Some(sql), ..Store::of(Way::There(remote), clock, facts) }
}

/// What a node does with a question.
#[derive(Clone, Copy, PartialEq)]
enum Does {
    Answer,
    /// It does not come back.
    Nothing,
    Refuse,
}

/// Two nodes, and who was asked what. Answers wait for `gate`.
#[derive(Clone)]
struct Two(Arc<TwoNodes>);

struct TwoNodes {
    does: Mutex<HashMap<NodeId, Does>>,
    asked: Mutex<Vec<(NodeId, Bytes)>>,
    gate: RwLock<()>,
}

impl Two {
    fn new(one: Does, other: Does) -> (Self, [NodeId; 2]) {
        let ids = [NodeId::new(), NodeId::new()];
        let does = Mutex::new(ids.into_iter().zip([one, other]).collect());
        let nodes = TwoNodes { does, asked: Mutex::default(), gate: RwLock::default() };
        (Self(Arc::new(nodes)), ids)
    }

    fn asked(&self) -> Vec<(NodeId, Bytes)> {
        self.0.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn whom(&self) -> Vec<NodeId> {
        self.asked().into_iter().map(|(node, _)| node).collect()
    }

    /// Of each batch of commits, whose they are.
    fn batches(&self) -> Vec<Vec<Uuid>> {
        let commits = |question: &Bytes| {
            let (_, args) = remote::parts(question).expect("a question");
            let commits: Vec<Bytes> = unpack(args).expect("commits");
            commits.iter().map(|commit| unpack::<Commit>(commit).expect("a commit").key).collect()
        };
        self.asked().iter().map(|(_, question)| commits(question)).collect()
    }
}

impl DbNodes for Two {
    fn living(&self) -> Vec<NodeId> {
        self.0.does.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    fn ask(
        &self,
        node: NodeId,
        question: Bytes,
        within: Duration,
    ) -> BoxFuture<'static, Result<Bytes, AskError>> {
        self.0.asked.lock().unwrap_or_else(PoisonError::into_inner).push((node, question.clone()));
        let does = self.0.does.lock().unwrap_or_else(PoisonError::into_inner)[&node];
        let nodes = self.0.clone();
        async move {
            match does {
                Does::Refuse => Err(AskError::Unavailable),
                Does::Nothing => {
                    tokio::time::sleep(within).await;
                    Err(AskError::TimedOut)
                }
                Does::Answer => {
                    let _passed = nodes.gate.read().await;
                    let answer = match remote::parts(&question).expect("a question") {
                        (batches::COMMITS, args) => {
                            let commits: Vec<Bytes> = unpack(args).expect("commits");
                            pack(&vec![Ok::<(), CommitError>(()); commits.len()])
                        }
                        ("balance", _) => pack(&Ok::<i64, StoreError>(7)),
                        _ => pack(&Ok::<(), StoreError>(())),
                    };
                    Ok(answer.expect("packed").into())
                }
            }
        }
        .boxed()
    }
}

fn store(nodes: &Two, set: impl FnOnce(&mut Config)) -> Store {
    let mut config = Config::default();
    set(&mut config);
    let store = Store::elsewhere(&config, Arc::new(SystemClock));
    store.reach(Arc::new(nodes.clone()));
    store
}

fn commit(key: Uuid, bytes: usize) -> Commit {
    let state = Some(vec![7; bytes]);
    Commit { kind: "room", key, fence: Fence::Epoch(1), state, next_wake_at: None, wake_no: 0, rows: vec![] }
}

#[actix::test]
async fn what_may_be_asked_twice_goes_to_another_node_when_the_first_is_silent() {
    tokio::time::pause();
    let (nodes, [silent, well]) = Two::new(Does::Nothing, Does::Answer);
    let store = store(&nodes, |_| ());
    for _ in 0..8 {
        let began = Instant::now();
        assert_eq!(store.balance(PlayerId::new()).await, Ok(7));
        assert!(began.elapsed() <= Duration::from_millis(1_001), "{:?}", began.elapsed());
    }
    let to_silent = nodes.whom().into_iter().filter(|node| *node == silent).count();
    assert!(to_silent <= 1, "who was silent is asked last: {to_silent}");
    assert_eq!(nodes.whom().last(), Some(&well));
}

#[actix::test]
async fn what_must_not_be_done_twice_is_in_doubt_when_its_node_is_silent() {
    tokio::time::pause();
    let (nodes, _) = Two::new(Does::Nothing, Does::Nothing);
    let store = store(&nodes, |_| ());
    let error = store.set_email(Uuid::now_v7(), Some("a@b.cd")).await.expect_err("nobody answers");
    assert!(matches!(&error, StoreError::Unavailable(why) if why.contains("may have been done")), "{error}");
    assert_eq!(nodes.asked().len(), 1, "asked once");
}

#[actix::test]
async fn who_refuses_is_passed_over_for_it_has_done_nothing() {
    let (nodes, _) = Two::new(Does::Refuse, Does::Answer);
    let store = store(&nodes, |_| ());
    for _ in 0..8 {
        assert_eq!(store.set_email(Uuid::now_v7(), None).await, Ok(()));
        assert_eq!(store.commit(commit(Uuid::now_v7(), 1)).await, Ok(()));
    }
    let (nodes, _) = Two::new(Does::Refuse, Does::Refuse);
    let store = self::store(&nodes, |_| ());
    let error = store.commit(commit(Uuid::now_v7(), 1)).await.expect_err("nobody takes it");
    assert!(matches!(error, CommitError::Failed(_)), "certainly not written: {error}");
}

#[actix::test]
async fn commits_whose_answer_is_lost_are_in_doubt_and_hold_up_no_others() {
    tokio::time::pause();
    let (nodes, [silent, _]) = Two::new(Does::Nothing, Does::Answer);
    let store = store(&nodes, |_| ());
    while !nodes.whom().contains(&silent) {
        drop(store.commit(commit(Uuid::now_v7(), 1)));
        tokio::task::yield_now().await;
    }
    let began = Instant::now();
    assert_eq!(store.commit(commit(Uuid::now_v7(), 1)).await, Ok(()), "it goes to the other node");
    assert!(began.elapsed() < Duration::from_millis(100));
    let (nodes, _) = Two::new(Does::Nothing, Does::Nothing);
    let store = self::store(&nodes, |_| ());
    let lost = store.commit(commit(Uuid::now_v7(), 1)).await.expect_err("no answer");
    assert!(matches!(lost, CommitError::Unknown(_)), "{lost}");
    let nobody = Store::elsewhere(&Config::default(), Arc::new(SystemClock));
    let failed = nobody.commit(commit(Uuid::now_v7(), 1)).await.expect_err("no node");
    assert!(matches!(failed, CommitError::Failed(_)), "{failed}");
    assert!(matches!(nobody.ping().await, Err(StoreError::Unavailable(_))));
}

#[actix::test]
async fn batches_are_divided_and_an_entity_is_never_in_two_of_them() {
    let (nodes, _) = Two::new(Does::Answer, Does::Answer);
    let store = store(&nodes, |config| config.db.message_bytes = 4_000);
    let gate = nodes.0.gate.write().await;
    let keys: Vec<Uuid> = (0..6).map(|_| Uuid::now_v7()).collect();
    let mut all: Vec<_> = keys.iter().map(|key| store.commit(commit(*key, 1_500))).collect();
    all.extend(keys.iter().map(|key| store.commit(commit(*key, 1_500))));
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(nodes.batches(), [&keys[..2], &keys[2..4], &keys[4..]], "the second ones wait for the first");
    drop(gate);
    assert!(futures_util::future::join_all(all).await.iter().all(Result::is_ok));
    assert_eq!(nodes.batches().concat(), [&keys[..], &keys[..]].concat());
}

#[actix::test]
async fn too_many_questions_of_a_node_are_refused() {
    tokio::time::pause();
    let (nodes, _) = Two::new(Does::Nothing, Does::Nothing);
    let store = store(&nodes, |config| config.db.asks = 2);
    let asked = store.clone();
    let two = tokio::spawn(async move {
        futures_util::future::join(asked.balance(PlayerId::new()), asked.balance(PlayerId::new())).await
    });
    tokio::task::yield_now().await;
    let error = store.balance(PlayerId::new()).await.expect_err("the third");
    assert!(matches!(&error, StoreError::Unavailable(why) if why.contains("too many")), "{error}");
    assert!(two.await.expect("ends").0.is_err());
}

#[actix::test]
async fn a_db_node_takes_so_many_questions_and_says_what_it_does_not_know() {
    let dir = tempfile::tempdir().expect("tempdir");
    let mut config = crate::testkit::test_config(dir.path()).await;
    config.db.served = 1;
    let facts = Arc::new(Notify::new());
    let clock: SharedClock = Arc::new(SystemClock);
    let served = Served::new(Sql::open(&config, &clock, facts).await.expect("opens"), &config.db);
    let ping = || remote::question("ping", &()).expect("written");
    let first = served.serve(ping());
    assert_eq!(served.serve(ping()).await, Err(AskError::Unavailable), "one is being answered");
    let answer: Result<(), StoreError> = unpack(&first.await.expect("answered")).expect("read");
    assert_eq!(answer, Ok(()));
    for strange in [remote::question("cook", &()), remote::question("balance", &("whose?",))] {
        assert_eq!(served.serve(strange.expect("written")).await, Err(AskError::Unknown));
    }
    assert_eq!(served.serve(Bytes::from_static(&[200, 1])).await, Err(AskError::Unknown), "no question");
    served.stop(Duration::from_secs(1)).await;
    assert_eq!(served.serve(ping()).await, Err(AskError::Unavailable), "it has stopped");
}

#[actix::test]
async fn an_answer_that_is_too_long_is_an_error_and_no_silence() {
    let dir = tempfile::tempdir().expect("tempdir");
    let mut config = crate::testkit::test_config(dir.path()).await;
    config.db.message_bytes = 200;
    let clock: SharedClock = Arc::new(SystemClock);
    let sql = Sql::open(&config, &clock, Arc::new(Notify::new())).await.expect("opens");
    let name = "s".repeat(300);
    sql.secret("long", name.as_bytes()).await.expect("kept");
    let store = looped(sql, &config, clock, Arc::new(Notify::new()));
    let error = store.secret("long", b"another").await.expect_err("too long");
    assert!(matches!(&error, StoreError::Bug(why) if why.contains("db.message_bytes")), "{error}");
}

/// Two nodes of a cluster in memory, one of which has the database.
#[actix::test]
async fn a_node_without_a_database_commits_and_reads_through_one_that_has_it() {
    let roles = |roles: &[Role]| {
        let mut config = Config::default();
        config.node.roles = roles.to_vec();
        config
    };
    let games = [Role::Gateway, Role::Game, Role::Queue, Role::Worker];
    let (stages, network) = Stage::nodes_with(vec![roles(&games), roles(&[Role::Db])]).await;
    tokio::time::resume(); // SQLite works in threads of its own, which know no virtual time
    let dir = tempfile::tempdir().expect("tempdir");
    let mut config = crate::testkit::test_config(dir.path()).await;
    config.database.timeout_ms = 300;
    let facts = Arc::new(Notify::new());
    let sql = Sql::open(&config, &(Arc::new(SystemClock) as SharedClock), facts).await.expect("opens");
    stages[1].cluster.serve_database(Arc::new(Served::new(sql.clone(), &config.db)));
    let store = Store::elsewhere(&config, Arc::new(SystemClock));
    store.reach(Arc::new(stages[0].cluster.clone()));

    let key = Uuid::now_v7();
    let new = Commit { fence: Fence::Create, ..commit(key, 3) };
    assert_eq!(store.commit(new.clone()).await, Ok(()));
    assert_eq!(store.commit(new).await, Err(CommitError::Fenced), "it exists");
    let activated = store.activate("room", key).await.expect("asked").expect("exists");
    assert_eq!((activated.epoch, activated.version, activated.state), (2, 1, vec![7; 3]));
    assert_eq!(store.commit(commit(key, 4)).await, Err(CommitError::Fenced), "of an earlier epoch");
    assert!(store.clock_skew_ms().await.expect("answers").abs() < 1_000);

    network.cut_off(stages[1].cluster.me());
    let late = Commit { fence: Fence::Epoch(2), ..commit(key, 5) };
    let lost = store.commit(late.clone()).await.expect_err("cut off");
    assert!(matches!(lost, CommitError::Unknown(_)), "{lost}");
    network.reconnect(stages[1].cluster.me());
    let again = store.activate("room", key).await.expect("asked").expect("exists");
    assert_eq!((again.epoch, again.state), (3, vec![7; 3]), "what was in doubt was not done");
    assert_eq!(store.commit(late).await, Err(CommitError::Fenced), "and cannot be any more");
    store.close().await;
    sql.close().await;
}
