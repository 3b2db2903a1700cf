//! Who looks at a line at once is looked after together: one question to the line for all.
//!
//! Owns the gathering of each queue. Called by [`super::desk`], and asks the line through it.

use super::{desk::Desk, line::Looked, messages::Refusal};
use crate::{gather::Gather, ids::QueueId, store::Place};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// What one who looks is told.
type Told = Result<Looked, Refusal>;

/// Who looks at one line.
type Lookers = Arc<Gather<Vec<Place>, Told>>;

/// Of each queue whose line this node was asked for.
#[derive(Default)]
pub(super) struct Looks(Mutex<HashMap<QueueId, Lookers>>);

impl Looks {
    fn of(&self, queue: QueueId, most: usize) -> Lookers {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.entry(queue).or_insert_with(|| Arc::new(Gather::new(most, Vec::len))).clone()
    }
}

impl Desk {
    /// What the line knows of these, in one question with those of others.
    pub(super) async fn look_together(self: &Arc<Self>, queue: QueueId, places: Vec<Place>) -> Told {
        let desk = self.clone();
        let answer = move |asked: Vec<Vec<Place>>| {
            let desk = desk.clone();
            async move {
                let told = desk.look_for(queue, asked.concat()).await;
                shares(told, asked.iter().map(Vec::len))
            }
        };
        let told = self.looks.of(queue, self.settings.look_places).ask(places, answer).await;
        told.unwrap_or(Err(Refusal::Unavailable))
    }

    async fn look_for(&self, id: QueueId, places: Vec<Place>) -> Told {
        let (queue, now) = (self.row(id).await?, self.clock.now());
        self.ask(&queue, || self.line.look(id, places.clone(), now)).await
    }
}

/// To each what was found of his.
fn shares(told: Told, counts: impl Iterator<Item = usize>) -> Vec<Told> {
    let mut told = told.map(|Looked { found, beat }| (found.into_iter(), beat));
    let share = |count| {
        let told = told.as_mut().map_err(|refusal| *refusal);
        told.map(|(found, beat)| Looked { found: found.by_ref().take(count).collect(), beat: *beat })
    };
    counts.map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::line::{Beat, Found},
        *,
    };

    fn looked(ahead: impl IntoIterator<Item = u64>) -> Looked {
        let found = ahead.into_iter().map(|ahead| Found::Waiting { ahead }).collect();
        Looked { found, beat: Beat { pace: 2.5, ..Beat::default() } }
    }

    #[test]
    fn each_is_told_his_own_and_a_refusal_is_told_to_all() {
        let told = shares(Ok(looked([20, 30, 40])), [2, 0, 1].into_iter());
        assert_eq!(told, [Ok(looked([20, 30])), Ok(looked([])), Ok(looked([40]))]);
        let refused = Err(Refusal::Unavailable);
        assert_eq!(shares(refused.clone(), [1, 2].into_iter()), [refused.clone(), refused]);
    }
}
