//! Turns results into ratings: a consumer of the stream (spec 4.6).
//!
//! A fact's effect, the rows of the result and the ratings of all who played, is one transaction with its confirmation.

use super::{
    DuelFinished, Fact, MatchFinished,
    consumers::{ConsumeError, Consumer},
    groups,
};
use crate::{
    clock::SharedClock,
    config::RatingSection,
    store::{RatingRules, Store},
};
use futures_util::future::{BoxFuture, FutureExt};

/// Rates.
pub(crate) struct RateResults {
    store: Store,
    clock: SharedClock,
    rules: RatingRules,
}

impl RateResults {
    pub(crate) fn new(store: Store, clock: SharedClock, settings: &RatingSection) -> Self {
        Self { store, clock, rules: RatingRules::of(settings) }
    }
}

impl Consumer for RateResults {
    fn group(&self) -> &'static str {
        groups::RATINGS
    }

    /// Each in a transaction of its own, in the order in which they ended: those before one that failed are confirmed.
    fn handle(&self, mut facts: Vec<Fact>) -> BoxFuture<'static, Result<(), ConsumeError>> {
        let (store, clock, rules) = (self.store.clone(), self.clock.clone(), self.rules);
        facts.sort_by_key(|fact| (fact.at, fact.id));
        async move {
            for fact in facts {
                let (now, told) = (clock.now(), (fact.id, fact.at));
                if let Some(duel) = DuelFinished::read(&fact) {
                    store.duel_finished(&duel, told, &rules, now).await?;
                } else if let Some(finished) = MatchFinished::read(&fact) {
                    store.match_finished(&finished, told, &rules, now).await?;
                } else {
                    return Err(ConsumeError::Failed("no result that can be".to_owned()));
                }
            }
            Ok(())
        }
        .boxed()
    }
}
