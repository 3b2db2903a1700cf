//! A node's actors on one thread, without sockets or SQL.

use super::{MemoryStore, Network, ScriptedMedia, ScriptedPlayer};
use crate::{
    actors::{
        self,
        bracket::{BracketActor, BracketPorts},
        duel::DuelActor,
        matchmaker::{ClusterMatches, MatchmakerActor, Ports},
        room::RoomActor,
        session::{Door, Mutes},
    },
    clock::{SharedClock, TokioClock, UnixMs},
    cluster::{Arbiters, Cluster, Incoming, NodeInfo, Peering},
    config::Config,
    game::Registry,
    ids::NodeId,
    media::{self, Anywhere, MediaServer},
    roles::{Role, Roles},
};
use std::sync::Arc;
use tokio::sync::mpsc;

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
    /// Rooms' media, if the settings have `media.enabled`.
    pub media: ScriptedMedia,
}

impl Stage {
    /// A stage with default settings, but without media, its time paused.
    pub fn new() -> Self {
        Self::with(text_game())
    }

    /// A stage with these settings, its time paused.
    pub fn with(config: Config) -> Self {
        tokio::time::pause();
        let clock: SharedClock = Arc::new(TokioClock::starting_at(START));
        Self::build(config, clock, MemoryStore::default(), Registry::standard(), None)
    }

    /// Nodes on one store and one network, their time paused.
    pub async fn nodes(count: usize) -> (Vec<Self>, Network) {
        Self::nodes_with(vec![text_game(); count]).await
    }

    /// One for each of these settings.
    pub async fn nodes_with(configs: Vec<Config>) -> (Vec<Self>, Network) {
        tokio::time::pause();
        let lease = configs.first().map_or(0, |config| config.cluster.lease_ms);
        let lease = std::time::Duration::from_millis(lease);
        let network = Network::new(lease);
        let clock: SharedClock = Arc::new(TokioClock::starting_at(START));
        let store = MemoryStore::default();
        let stages: Vec<Self> = configs
            .into_iter()
            .map(|config| {
                let clock = clock.clone();
                Self::build(config, clock, store.for_another_run(), Registry::standard(), Some(&network))
            })
            .collect();
        for _ in 0..2 {
            for stage in &stages {
                stage.cluster.beat().await; // each knows all
            }
        }
        tokio::time::sleep(lease).await; // what was placed before has had its time
        (stages, network)
    }

    /// One more node of these, on their store.
    pub async fn another(&self, network: &Network) -> Self {
        let (config, clock) = (Config::clone(self.cluster.config()), self.cluster.clock().clone());
        let stage =
            Self::build(config, clock, self.store.for_another_run(), Registry::standard(), Some(network));
        stage.cluster.beat().await;
        stage
    }

    /// A stage that plays a game of your own.
    pub fn playing(games: Registry) -> Self {
        tokio::time::pause();
        let clock: SharedClock = Arc::new(TokioClock::starting_at(START));
        Self::build(text_game(), clock, MemoryStore::default(), games, None)
    }

    fn build(
        config: Config,
        clock: SharedClock,
        store: MemoryStore,
        games: Registry,
        network: Option<&Network>,
    ) -> Self {
        let entities = Arc::new(store.clone());
        let (peering, incoming) = network.map(|network| peering(network, &config)).unzip();
        let arbiters = Arbiters::current();
        let cluster = Cluster::new(Arc::new(config), clock, entities.clone(), arbiters, peering);
        let media = ScriptedMedia::default();
        let scripted: Arc<dyn MediaServer> = Arc::new(media.clone());
        let here = Roles::at_work(cluster.config()).has(Role::Media).then_some(scripted);
        if let Some(here) = &here {
            media::serve(&cluster, here.clone());
        }
        let wanted = cluster.config().media.enabled;
        let server = wanted.then(|| Arc::new(Anywhere::new(here, cluster.clone())) as Arc<dyn MediaServer>);
        let mutes = Mutes::default();
        cluster.register(RoomActor::factory(games, server, mutes.clone()));
        actors::register_duels(&cluster);
        let matches = Arc::new(ClusterMatches::new(cluster.clone(), entities.clone()));
        cluster.register(MatchmakerActor::factory(Ports { ratings: entities.clone(), matches }));
        let (ratings, seats, results) = (entities.clone(), entities.clone(), entities.clone());
        cluster.register(BracketActor::factory(BracketPorts { ratings, seats, results }));
        if let Some(incoming) = incoming {
            actix::spawn(cluster.clone().receive(incoming));
            actix::spawn(cluster.clone().keep_lease());
        }
        let door = Door::new(cluster.clone(), entities, b"a stage's secret", None, mutes);
        actix::spawn(cluster.clone().sweep_reminders::<RoomActor>());
        actix::spawn(cluster.clone().sweep_reminders::<DuelActor>());
        actix::spawn(cluster.clone().sweep_reminders::<BracketActor>());
        Self { cluster, door, store, media }
    }

    /// The node dies: what its actors still do in this thread reaches nothing.
    pub fn die(&self) {
        self.store.die();
        self.cluster.close();
    }

    /// The node dies and another starts on what was committed: sessions and mailboxes are gone.
    pub fn crash_and_restart(self) -> Self {
        self.die();
        let (config, clock) = (Config::clone(self.cluster.config()), self.cluster.clock().clone());
        Self::build(config, clock, self.store.for_another_run(), Registry::standard(), None)
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

/// A node's place in the network.
fn peering(network: &Network, config: &Config) -> (Peering, mpsc::Receiver<Incoming>) {
    let me = NodeInfo::of(NodeId::new(), config);
    let (node, incoming) = network.join(me.id);
    (Peering { bus: Arc::new(node.clone()), placement: Arc::new(node), me }, incoming)
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

fn text_game() -> Config {
    let mut config = Config::default();
    config.media.enabled = false;
    config
}
