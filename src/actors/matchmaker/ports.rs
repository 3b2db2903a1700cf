//! What a matchmaker needs of the world: how strong a player is, and the matches that it arranges.

use super::Ticket;
use crate::{
    clock::SharedClock,
    config::RatingSection,
    game::rating::Rating,
    ids::PlayerId,
    protocol::matchmaking::{MatchFound, MatchMode},
    store::{RatingRules, Store, StoreError},
};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use uuid::Uuid;

/// How strong players are.
pub trait Ratings: Send + Sync + 'static {
    /// As of now; a newcomer's, where nobody has seen him play.
    fn rating(&self, player: PlayerId, mode: MatchMode) -> BoxFuture<'static, Result<Rating, StoreError>>;
}

/// What became of a match that was to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arranged {
    /// It has begun: this is what its players are told.
    Begun(MatchFound),
    /// This player is in another.
    Busy(PlayerId),
    /// It is over, or can never be.
    Never,
    /// Nobody knows: the same is to be asked again.
    Unknown,
}

/// Where matches begin.
pub trait Matches: Send + Sync + 'static {
    /// Begins the match of these, under this id, once: asked again, it says the same.
    fn arrange(&self, mode: MatchMode, id: Uuid, players: Vec<Ticket>) -> BoxFuture<'static, Arranged>;
}

/// What a matchmaker needs; cheap to clone.
#[derive(Clone)]
pub struct Ports {
    /// How strong players are.
    pub ratings: Arc<dyn Ratings>,
    /// Where matches begin.
    pub matches: Arc<dyn Matches>,
}

/// Ratings as they are kept.
pub struct StoredRatings {
    store: Store,
    clock: SharedClock,
    rules: RatingRules,
}

impl StoredRatings {
    /// Of this database.
    pub fn new(store: Store, clock: SharedClock, settings: &RatingSection) -> Self {
        Self { store, clock, rules: RatingRules::of(settings) }
    }
}

impl Ratings for StoredRatings {
    fn rating(&self, player: PlayerId, mode: MatchMode) -> BoxFuture<'static, Result<Rating, StoreError>> {
        let (store, rules, now) = (self.store.clone(), self.rules, self.clock.now());
        Box::pin(async move { store.rating_now((player, mode.as_str()), &rules, now).await })
    }
}
