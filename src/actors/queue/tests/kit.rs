//! What the tests of queues stand on: a queue on a real database and either line, and who acts for its actor.

use crate::actors::queue::{
    state::QueueState,
    turn::{Turn, Turned},
};
use crate::{
    auth::{Role, tests::SetClock},
    clock::{Clock as _, UnixMs},
    cluster::{Arbiters, Cluster},
    ids::{PlayerId, QueueId},
    queue::{Answer, Desk, Line, RedisLine, Request, SqlLine, Ticket, TicketStatus, tests::Memory},
    store::{AuditEntry, Place, QUEUE, QueueChange, QueueRow, Saved, Store},
    testkit::{PrivateRedis, test_config},
};
use serde_json::json;
use std::sync::Arc;

/// A queue, and who acts for its actor.
pub struct Kit {
    pub desk: Arc<Desk>,
    pub cluster: Cluster,
    pub store: Store,
    pub clock: Arc<SetClock>,
    pub queue: QueueId,
    pub epoch: i64,
    pub state: QueueState,
    pub compare: bool,
    pub redis: Option<PrivateRedis>,
    redis_line: Option<RedisLine>,
    _dir: tempfile::TempDir,
}

impl Kit {
    pub async fn new(change: impl FnOnce(&mut QueueRow)) -> Self {
        Self::on(None, change).await
    }

    pub async fn on_redis(change: impl FnOnce(&mut QueueRow)) -> Self {
        Self::on(Some(PrivateRedis::start().expect("redis")), change).await
    }

    pub async fn on(redis: Option<PrivateRedis>, change: impl FnOnce(&mut QueueRow)) -> Self {
        let dir = tempfile::tempdir().expect("tempdir");
        let mut config = test_config(dir.path()).await;
        config.queue.settings_ms = 0; // what is changed is seen at once
        let clock = SetClock::new();
        let store = Store::open(&config, clock.clone()).await.expect("opens");
        let mut redis_line = None;
        if let Some(redis) = &redis {
            redis_line = Some(RedisLine::open(&redis.url(), &config).await.expect("connects"));
        }
        let line: Arc<dyn Line> = match &redis_line {
            Some(line) => Arc::new(line.clone()),
            None => Arc::new(SqlLine::new(store.clone())),
        };
        let config = Arc::new(config);
        let entities = Arc::new(store.clone());
        let cluster = Cluster::new(config, clock.clone(), entities, Arbiters::current(), None);
        let desk = Arc::new(Desk::new(line, store.clone(), cluster.clone(), b"secret"));
        let mut row = crate::queue::tests::row();
        change(&mut row);
        let entry = entry(clock.now());
        assert!(matches!(store.create_queue(&row, &entry).await, Ok(Saved::Done(_))));
        let (queue, state) = (QueueId(row.queue_id), QueueState::default());
        let (epoch, compare) = (0, true);
        let mut kit =
            Self { desk, cluster, store, clock, queue, epoch, state, compare, redis, redis_line, _dir: dir };
        kit.activate().await;
        kit
    }

    /// Another actor has the queue from now on.
    pub async fn activate(&mut self) {
        let activated = self.store.activate(QUEUE, self.queue.0).await.expect("activates").expect("exists");
        self.epoch = activated.epoch;
        self.state = serde_json::from_slice(&activated.state).expect("a state");
        self.compare = true;
    }

    pub fn round(&self) -> Turn {
        let (desk, cluster, state) = (self.desk.clone(), self.cluster.clone(), self.state.clone());
        Turn { desk, cluster, queue: self.queue, epoch: self.epoch, state, compare: self.compare }
    }

    /// One round; who came in, by number.
    pub async fn turn(&mut self) -> Vec<i64> {
        let turned = self.round().run().await.expect("a round");
        self.turned(turned)
    }

    pub fn turned(&mut self, turned: Turned) -> Vec<i64> {
        (self.state, self.compare) = (turned.state, !turned.even);
        turned.passes.iter().map(|pass| pass.place.number).collect()
    }

    pub async fn ask(&self, request: Request) -> Answer {
        self.desk.serve(request).await
    }

    pub async fn enter(&self, account: PlayerId) -> Ticket {
        match self.ask(Request::Enter { queue: self.queue, account }).await {
            Answer::Entered(ticket) => ticket,
            other => panic!("{other:?}"),
        }
    }

    pub async fn crowd(&self, n: usize) -> Vec<Place> {
        let mut places = Vec::new();
        for _ in 0..n {
            let account = PlayerId::new();
            places.push(Place { number: self.enter(account).await.number, account });
        }
        places
    }

    pub async fn look(&self, place: Place) -> TicketStatus {
        match self.ask(Request::Look { queue: self.queue, places: vec![place] }).await {
            Answer::Looked(mut statuses) => statuses.remove(0),
            other => panic!("{other:?}"),
        }
    }

    pub async fn pass(&self, place: Place) -> String {
        match self.look(place).await {
            TicketStatus::Admitted { pass, .. } => pass,
            other => panic!("{other:?}"),
        }
    }

    pub async fn verify(&self, pass: &str) -> Answer {
        self.ask(Request::Verify { queue: self.queue, pass: pass.to_owned() }).await
    }

    pub async fn complete(&self, pass: &str) -> Answer {
        self.ask(Request::Complete { queue: self.queue, pass: pass.to_owned() }).await
    }

    pub async fn change(&self, change: QueueChange) {
        let now = self.clock.now();
        let done = self.store.change_queue(self.queue, &change, now, &entry(now)).await;
        assert!(matches!(done, Ok(Saved::Done(_))), "{done:?}");
    }

    pub async fn active(&self) -> i64 {
        self.store.count_live_passes(self.queue).await.expect("counts")
    }

    /// Redis loses everything, and is there again.
    pub async fn wipe(&mut self) {
        self.redis.as_mut().expect("redis").restart().expect("restarts");
        while self.desk.line.ping().await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// A node that has seen nothing yet takes the place of this one.
    pub async fn restart_node(&mut self) {
        let url = self.redis.as_ref().expect("redis").url();
        let line = RedisLine::open(&url, self.cluster.config()).await.expect("connects");
        self.redis_line = Some(line.clone());
        self.desk = Arc::new(Desk::new(Arc::new(line), self.store.clone(), self.cluster.clone(), b"secret"));
    }

    /// What Redis holds now.
    pub async fn memory(&self) -> Memory {
        let (redis, line) =
            (self.redis.as_ref().expect("redis"), self.redis_line.as_ref().expect("its line"));
        Memory::of(redis, line, self.queue).await
    }

    pub async fn row(&self) -> QueueRow {
        self.store.queue(self.queue).await.expect("reads").expect("exists")
    }
}

pub fn entry(now: UnixMs) -> AuditEntry {
    AuditEntry::new(now, (None, Role::Admin), "test", "test".to_owned(), json!({}))
}

pub fn state(state: &str) -> QueueChange {
    QueueChange { state: Some(state.to_owned()), ..QueueChange::default() }
}
