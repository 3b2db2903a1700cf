//! What the tests of the matchmaker stand on: ratings and matches that outlive their nodes, and players who look.

use crate::actors::matchmaker::*;
use crate::{
    game::rating::Rating,
    ids::PlayerId,
    protocol::matchmaking::MatchFound,
    store::StoreError,
    testkit::{Network, ScriptedPlayer, Stage},
};
use futures_util::future::{BoxFuture, FutureExt};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

/// What outlives the nodes: who is how strong, and which matches have begun.
#[derive(Clone, Default)]
pub struct World {
    pub strengths: Arc<Mutex<BTreeMap<PlayerId, f64>>>,
    pub begun: Arc<Mutex<BTreeMap<Uuid, BTreeSet<PlayerId>>>>,
    pub busy: Arc<Mutex<BTreeSet<PlayerId>>>,
    /// So many matches begin without saying so.
    pub silent: Arc<Mutex<usize>>,
}

impl Ratings for World {
    fn rating(&self, player: PlayerId, _: MatchMode) -> BoxFuture<'static, Result<Rating, StoreError>> {
        let rating = self.strengths.lock().unwrap().get(&player).copied().unwrap_or(1_500.0);
        async move { Ok(Rating { rating, deviation: 50.0, volatility: 0.06 }) }.boxed()
    }
}

impl Matches for World {
    fn arrange(&self, mode: MatchMode, id: Uuid, players: Vec<Ticket>) -> BoxFuture<'static, Arranged> {
        let players: BTreeSet<PlayerId> = players.iter().map(|ticket| ticket.player_id).collect();
        if let Some(busy) = self.busy.lock().unwrap().iter().find(|busy| players.contains(busy)) {
            let busy = *busy;
            return async move { Arranged::Busy(busy) }.boxed();
        }
        self.begun.lock().unwrap().insert(id, players);
        let mut silent = self.silent.lock().unwrap();
        let lost = *silent > 0;
        *silent = silent.saturating_sub(1);
        let found = MatchFound { mode, session_id: Some(id), room_id: None };
        async move { if lost { Arranged::Unknown } else { Arranged::Begun(found) } }.boxed()
    }
}

impl World {
    pub fn at(&self, stage: &Stage) {
        let ports = Ports { ratings: Arc::new(self.clone()), matches: Arc::new(self.clone()) };
        stage.cluster.register(MatchmakerActor::factory(ports));
    }

    pub fn is_worth(&self, player: &ScriptedPlayer, rating: f64) {
        self.strengths.lock().unwrap().insert(player.id, rating);
    }

    pub fn begun(&self) -> Vec<BTreeSet<PlayerId>> {
        self.begun.lock().unwrap().values().cloned().collect()
    }
}

pub async fn one() -> (Stage, World) {
    let (stage, world) = (Stage::new(), World::default());
    world.at(&stage);
    (stage, world)
}

pub async fn nodes(count: usize) -> (Vec<Stage>, Network, World) {
    let ((stages, network), world) = (Stage::nodes(count).await, World::default());
    stages.iter().for_each(|stage| world.at(stage));
    (stages, network, world)
}

pub async fn enter(player: &mut ScriptedPlayer) -> Value {
    player.ok("matchmaking.enter", json!({"mode": "duel"})).await
}

pub async fn found(player: &mut ScriptedPlayer) -> Value {
    player.expect("matchmaking.found").await
}

/// Pushes of this name that he has been sent in all.
pub async fn count_found(player: &mut ScriptedPlayer) -> usize {
    player.read().await;
    player.transcript.iter().filter(|frame| frame["type"] == "matchmaking.found").count()
}
