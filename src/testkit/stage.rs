//! A node's actors on one thread, without sockets or SQL.

use super::{MemoryStore, ScriptedPlayer};
use crate::{
    actors::{room::RoomActor, session::Door},
    clock::{SharedClock, TokioClock, UnixMs},
    cluster::{Arbiters, Cluster},
    config::Config,
    game::Registry,
};
use std::sync::Arc;

/// When a stage's clock starts: a fixed day, so that transcripts are the same in every run.
const START: UnixMs = UnixMs(1_800_000_000_000);

/// Sessions, rooms and bots on the calling thread's arbiter.
pub struct Stage {
    /// To reach entities.
    pub cluster: Cluster,
    /// Where players come in.
    pub door: Arc<Door>,
    /// What outlives the stage.
    pub store: MemoryStore,
}

impl Stage {
    /// A stage with default settings, its time paused.
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    /// A stage with these settings, its time paused.
    pub fn with(config: Config) -> Self {
        tokio::time::pause();
        let clock: SharedClock = Arc::new(TokioClock::starting_at(START));
        Self::build(config, clock, MemoryStore::default(), Registry::standard())
    }

    /// A stage that plays a game of your own.
    pub fn playing(games: Registry) -> Self {
        tokio::time::pause();
        let clock: SharedClock = Arc::new(TokioClock::starting_at(START));
        Self::build(Config::default(), clock, MemoryStore::default(), games)
    }

    fn build(config: Config, clock: SharedClock, store: MemoryStore, games: Registry) -> Self {
        let entities = Arc::new(store.clone());
        let cluster = Cluster::new(Arc::new(config), clock, entities.clone(), Arbiters::current());
        cluster.register(RoomActor::factory(games));
        let door = Door::new(cluster.clone(), entities, b"a stage's secret");
        actix::spawn(cluster.clone().sweep_reminders::<RoomActor>());
        Self { cluster, door, store }
    }

    /// The node dies and another starts on what was committed: sessions and mailboxes are gone.
    pub fn crash_and_restart(self) -> Self {
        self.cluster.close();
        let (config, clock) = (Config::clone(self.cluster.config()), self.cluster.clock().clone());
        Self::build(config, clock, self.store.clone(), Registry::standard())
    }

    /// A new player, connected.
    pub async fn player(&self, nickname: &str) -> ScriptedPlayer {
        ScriptedPlayer::enter(self, nickname)
    }

    /// Lets so much virtual time run; every timer in it fires in order.
    pub async fn run_ms(&self, ms: u64) {
        tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}
