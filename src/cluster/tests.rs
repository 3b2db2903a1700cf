//! What the cluster promises of any entity, by the example of a counter.

use super::*;
use crate::{
    clock::{TokioClock, UnixMs},
    store::{Commit, Fence},
    testkit::MemoryStore,
};
use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};
use serde::{Deserialize, Serialize};

/// Counts, durably; panics and stops when told.
struct Counter {
    activation: Activation<Self>,
    count: u64,
}

#[derive(Debug, Serialize, Deserialize)]
enum Command {
    Create,
    Add(u64),
    Remind(UnixMs),
    Panic,
    PutAway,
    Woken(i64),
    Told,
}

impl Actor for Counter {
    type Context = Context<Self>;
}

impl Entity for Counter {
    const KIND: &'static str = "counter";
    type Command = Command;
    type Reply = u64;
    fn creates(command: &Command) -> bool {
        matches!(command, Command::Create)
    }
    fn wake(wake_no: i64) -> Command {
        Command::Woken(wake_no)
    }
    fn peer(_: PeerNotice) -> Command {
        Command::Told
    }
}

impl Counter {
    fn factory() -> Factory<Self> {
        Arc::new(|activation| {
            let text = String::from_utf8(activation.state.clone()).map_err(|e| e.to_string())?;
            Ok(Self { count: text.parse().unwrap_or_default(), activation })
        })
    }

    fn save(
        &mut self,
        next_wake_at: Option<UnixMs>,
    ) -> impl Future<Output = Result<(), crate::store::CommitError>> + use<> {
        let fence =
            if self.activation.epoch == 0 { Fence::Create } else { Fence::Epoch(self.activation.epoch) };
        self.activation.epoch = self.activation.epoch.max(1);
        self.activation.cluster.store().commit(Commit {
            kind: Self::KIND,
            key: self.activation.key,
            fence,
            state: Some(self.count.to_string().into_bytes()),
            next_wake_at,
            wake_no: 1,
            rows: Vec::new(),
        })
    }
}

#[derive(actix::Message)]
#[rtype(result = "()")]
struct Stop;

impl Handler<Stop> for Counter {
    type Result = ();
    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        self.activation.release();
        ctx.stop();
    }
}

impl Handler<Envelope<Self>> for Counter {
    type Result = ();
    fn handle(&mut self, Envelope { command, reply, .. }: Envelope<Self>, ctx: &mut Self::Context) {
        let mut next_wake_at = None;
        match command {
            Command::Create => {}
            Command::Add(n) => self.count += n,
            Command::Remind(at) => next_wake_at = Some(at),
            Command::Woken(_) => self.count += 1_000,
            Command::Told => {}
            Command::Panic => panic!("as told"),
            Command::PutAway => {
                self.activation.begin_release();
                ctx.address().try_send(Stop).expect("room in the mailbox");
            }
        }
        let saved = self.save(next_wake_at);
        ctx.wait(saved.into_actor(self).map(move |saved, counter, _| {
            saved.expect("the memory store takes it");
            if let Some(reply) = reply {
                let _ = reply.send(Ok(counter.count));
            }
        }));
    }
}

fn cluster(store: &MemoryStore) -> Cluster {
    tokio::time::pause();
    let clock = Arc::new(TokioClock::starting_at(UnixMs(1_000)));
    let cluster = Cluster::new(Arc::default(), clock, Arc::new(store.clone()), Arbiters::current(), None);
    cluster.register::<Counter>(Counter::factory());
    cluster
}

#[actix::test]
async fn an_entity_that_was_never_made_is_not_found() {
    let cluster = cluster(&MemoryStore::default());
    assert_eq!(cluster.ask::<Counter>(Uuid::now_v7(), Command::Add(1)).await, Err(AskError::NotFound));
    assert_eq!(cluster.active::<Counter>(), 0);
}

#[actix::test]
async fn commands_of_one_caller_arrive_in_order_even_while_it_is_put_up() {
    let cluster = cluster(&MemoryStore::default());
    let key = Uuid::now_v7();
    let asked: Vec<_> = std::iter::once(Command::Create)
        .chain((1..=50).map(Command::Add))
        .map(|command| cluster.ask::<Counter>(key, command))
        .collect();
    let counts: Vec<_> = futures_util::future::join_all(asked).await.into_iter().flatten().collect();
    assert_eq!(counts.len(), 51);
    assert!(counts.windows(2).all(|pair| pair[0] < pair[1] || pair[0] == 0));
}

#[actix::test]
async fn who_makes_one_behind_somebody_who_looks_for_it_makes_it_and_the_other_is_told_that_there_was_none() {
    let cluster = cluster(&MemoryStore::default());
    let key = Uuid::now_v7();
    let commands = [Command::Add(1), Command::Add(2), Command::Create, Command::Add(3), Command::Create];
    let asked = commands.map(|command| cluster.ask::<Counter>(key, command));
    let told = futures_util::future::join_all(asked).await;
    assert_eq!(told, [Err(AskError::NotFound), Err(AskError::NotFound), Ok(0), Ok(3), Ok(3)]);
}

#[actix::test]
async fn one_that_panics_is_put_up_again_from_its_last_commit() {
    let cluster = cluster(&MemoryStore::default());
    let key = Uuid::now_v7();
    cluster.ask::<Counter>(key, Command::Create).await.expect("made");
    cluster.ask::<Counter>(key, Command::Add(5)).await.expect("added");
    assert_eq!(cluster.ask::<Counter>(key, Command::Panic).await, Err(AskError::Unavailable));
    assert_eq!(cluster.ask::<Counter>(key, Command::Add(1)).await, Ok(6), "and serves on");
}

#[actix::test]
async fn what_comes_while_it_is_put_away_finds_it_anew() {
    let cluster = cluster(&MemoryStore::default());
    let key = Uuid::now_v7();
    cluster.ask::<Counter>(key, Command::Create).await.expect("made");
    cluster.tell::<Counter>(key, Command::Add(3));
    cluster.tell::<Counter>(key, Command::PutAway);
    assert_eq!(cluster.ask::<Counter>(key, Command::Add(4)).await, Ok(7));
}

#[actix::test]
async fn a_reminder_wakes_one_that_nobody_holds_and_no_other() {
    let cluster = cluster(&MemoryStore::default());
    let key = Uuid::now_v7();
    cluster.ask::<Counter>(key, Command::Create).await.expect("made");
    cluster.ask::<Counter>(key, Command::Remind(UnixMs(5_000))).await.expect("reminded");
    assert_eq!(cluster.wake_overdue::<Counter>().await, 0, "not yet");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(cluster.wake_overdue::<Counter>().await, 0, "it is active: its own timers see to it");
    let asleep = self::cluster_on_the_same_day(&cluster);
    assert_eq!(asleep.wake_overdue::<Counter>().await, 1);
    assert_eq!(asleep.ask::<Counter>(key, Command::Add(1)).await, Ok(1_001), "woken before it was asked");
    assert_eq!(asleep.wake_overdue::<Counter>().await, 0, "once");
}

/// Another node on the same store and clock, which holds nothing.
fn cluster_on_the_same_day(other: &Cluster) -> Cluster {
    let node =
        Cluster::new(Arc::default(), other.clock().clone(), other.store().clone(), Arbiters::current(), None);
    node.register::<Counter>(Counter::factory());
    node
}

#[actix::test]
async fn a_closing_cluster_takes_nothing() {
    let cluster = cluster(&MemoryStore::default());
    cluster.close();
    assert_eq!(cluster.ask::<Counter>(Uuid::now_v7(), Command::Create).await, Err(AskError::Unavailable));
}

#[test]
fn the_watchdog_sees_which_thread_does_not_yield_and_passes_over_one_that_has_ended() {
    let limit = Duration::from_millis(100);
    let (stuck, saw) = std::sync::mpsc::channel();
    let (go, may_go) = tokio::sync::oneshot::channel::<()>();
    actix::System::new().block_on(async move {
        let writer = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let ended = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let watchdog = Threads::within(limit)
            .arbiters(&Arbiters::current())
            .runtime("writer", writer.handle())
            .runtime("ended", ended.handle())
            .watch(move |thread| drop(stuck.send(thread.to_owned())));
        ended.shutdown_background();
        let writing = std::thread::spawn(move || {
            writer.block_on(async {
                drop(may_go.await);
                std::thread::sleep(limit * 5); // does not yield
            });
        });
        tokio::time::sleep(limit * 5).await; // all beat
        drop(go);
        tokio::time::sleep(limit * 6).await;
        std::thread::sleep(limit * 5); // nor does this one
        drop(watchdog);
        writing.join().expect("it has yielded in the end");
    });
    let mut named: Vec<String> = saw.try_iter().collect();
    named.dedup();
    assert_eq!(named, ["writer", "arbiter 0"]);
}
