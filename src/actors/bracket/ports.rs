//! What a bracket needs of the world besides duels: how strong its players are, whether they still have their seats, and
//! the results of matches that nobody remembers any more.

use crate::{
    actors::matchmaker::Ratings,
    cluster::RoomIndex,
    ids::PlayerId,
    liveops::DuelOutcome,
    store::{Store, StoreError},
};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use uuid::Uuid;

/// What is kept of a duel that was played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DuelResult {
    /// Who won, as its players agree or as staff found.
    pub winner: Option<PlayerId>,
    /// Staff may still say who.
    pub open: bool,
}

/// Results of duels as they are kept: behind the fact `duel_finished`, so a moment after the end.
pub trait Results: Send + Sync + 'static {
    /// Of this duel; `None`: it was not played, or its end is not written yet.
    fn result_of(&self, duel: Uuid) -> BoxFuture<'static, Result<Option<DuelResult>, StoreError>>;
}

impl DuelResult {
    /// Of an outcome that staff have, or have not, looked at. What nobody has reported they cannot know either.
    pub fn of(outcome: DuelOutcome, winner: Option<PlayerId>, reported: bool, resolved: bool) -> Self {
        let disputed = match outcome {
            DuelOutcome::Agreed | DuelOutcome::Abandoned => false,
            DuelOutcome::Disputed => true,
            DuelOutcome::Unreported => reported,
        };
        Self { winner, open: disputed && !resolved }
    }
}

/// What a bracket needs; cheap to clone.
#[derive(Clone)]
pub struct BracketPorts {
    /// How strong players are.
    pub ratings: Arc<dyn Ratings>,
    /// Who has a paid seat.
    pub seats: Arc<dyn RoomIndex>,
    /// Results of duels.
    pub results: Arc<dyn Results>,
}

impl Results for Store {
    fn result_of(&self, duel: Uuid) -> BoxFuture<'static, Result<Option<DuelResult>, StoreError>> {
        let store = self.clone();
        Box::pin(async move {
            let Some(row) = store.duel(duel).await? else { return Ok(None) };
            let outcome = match row.outcome.as_str() {
                "agreed" => DuelOutcome::Agreed,
                "disputed" => DuelOutcome::Disputed,
                "abandoned" => DuelOutcome::Abandoned,
                _ => DuelOutcome::Unreported,
            };
            let reported = row.reports.as_array().is_some_and(|reports| !reports.is_empty());
            let winner = row.winner.map(PlayerId);
            Ok(Some(DuelResult::of(outcome, winner, reported, row.resolved_at.is_some())))
        })
    }
}
