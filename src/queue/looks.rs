//! Who looks at a line at once is looked after together: one question to the line for all, while the last is on its way.
//!
//! Owns those who wait for the next question of their queue. Called by [`super::desk`]. Never waits itself: who asks when
//! nothing is under way is asked for at once, so that one alone waits for nobody.

use super::{desk::Desk, line::Looked, messages::Refusal};
use crate::{ids::QueueId, store::Place};
use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

/// What one who looks is told.
pub(super) type Told = Result<Looked, Refusal>;

/// One who looks.
pub(super) struct Look {
    places: Vec<Place>,
    told: oneshot::Sender<Told>,
}

/// Those who wait, of each queue whose line is being asked.
#[derive(Default)]
pub(super) struct Looks(Mutex<HashMap<QueueId, VecDeque<Look>>>);

/// One question for many.
pub(super) struct Batch {
    looks: Vec<Look>,
    pub(super) places: Vec<Place>,
}

impl Looks {
    /// Joins. True: nobody asks for this queue, so the caller has to, until [`Self::next`] has nobody more.
    pub(super) fn join(&self, queue: QueueId, places: Vec<Place>) -> (oneshot::Receiver<Told>, bool) {
        let (told, telling) = oneshot::channel();
        let look = Look { places, told };
        let mut waiting = self.lock();
        let asks = match waiting.entry(queue) {
            Entry::Occupied(mut others) => {
                others.get_mut().push_back(look);
                false
            }
            Entry::Vacant(empty) => {
                empty.insert(VecDeque::from([look]));
                true
            }
        };
        (telling, asks)
    }

    /// Who is asked for next, with so many places at most unless one alone has more. Who has gone is left out.
    pub(super) fn next(&self, queue: QueueId, most: usize) -> Option<Batch> {
        let mut waiting = self.lock();
        let looks = waiting.get_mut(&queue)?;
        looks.retain(|look| !look.told.is_closed());
        let mut batch = Batch { looks: Vec::new(), places: Vec::new() };
        while let Some(look) = looks.front_mut() {
            if !batch.looks.is_empty() && batch.places.len() + look.places.len() > most {
                break;
            }
            batch.places.extend_from_slice(&look.places);
            batch.looks.extend(looks.pop_front());
        }
        if batch.looks.is_empty() {
            waiting.remove(&queue);
            return None;
        }
        Some(batch)
    }

    /// Nobody asks any more, though [`Self::next`] has not ended: who waits is told nothing, and asks again.
    pub(super) fn abandon(&self, queue: QueueId) {
        self.lock().remove(&queue);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<QueueId, VecDeque<Look>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    /// Tells each what was found of his.
    pub(super) fn tell(self, told: Told) {
        let mut told = told.map(|Looked { found, beat }| (found.into_iter(), beat));
        for Look { places, told: teller } in self.looks {
            let share = told.as_mut().map_err(|refusal| *refusal).map(|(found, beat)| Looked {
                found: found.by_ref().take(places.len()).collect(),
                beat: *beat,
            });
            let _ = teller.send(share); // he may have gone
        }
    }
}

/// Asks a line for all who look, until nobody more does.
pub(super) struct Asking {
    desk: Arc<Desk>,
    queue: QueueId,
    done: bool,
}

impl Asking {
    pub(super) fn new(desk: Arc<Desk>, queue: QueueId) -> Self {
        Self { desk, queue, done: false }
    }

    pub(super) async fn run(mut self) {
        while let Some(batch) = self.desk.looks.next(self.queue, self.desk.settings.look_places) {
            let told = self.look(&batch.places).await;
            batch.tell(told);
        }
        self.done = true;
    }

    async fn look(&self, places: &[Place]) -> Told {
        let (desk, id) = (&self.desk, self.queue);
        let (queue, now) = (desk.row(id).await?, desk.clock.now());
        desk.ask(&queue, || desk.line.look(id, places.to_vec(), now)).await
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if !self.done {
            self.desk.looks.abandon(self.queue); // its thread has ended
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::line::{Beat, Found},
        *,
    };
    use crate::ids::PlayerId;

    fn places(numbers: &[i64]) -> Vec<Place> {
        numbers.iter().map(|number| Place { number: *number, account: PlayerId::new() }).collect()
    }

    fn looked(ahead: impl IntoIterator<Item = u64>) -> Looked {
        let found = ahead.into_iter().map(|ahead| Found::Waiting { ahead }).collect();
        Looked { found, beat: Beat::default() }
    }

    #[test]
    fn one_asks_for_all_and_each_is_told_his_own() {
        let (looks, queue) = (Looks::default(), QueueId::new());
        let (mut first, asks) = looks.join(queue, places(&[1]));
        assert!(asks);
        let batch = looks.next(queue, 10).expect("he is there");
        let (mut second, asks) = looks.join(queue, places(&[2, 3]));
        let (mut third, also) = looks.join(queue, places(&[4]));
        assert!(!asks && !also, "somebody asks already");
        assert!(looks.join(QueueId::new(), places(&[9])).1, "another queue's line is another matter");
        batch.tell(Ok(looked([7])));
        assert_eq!(first.try_recv(), Ok(Ok(looked([7]))));
        let batch = looks.next(queue, 10).expect("two came meanwhile");
        assert_eq!(batch.places.iter().map(|place| place.number).collect::<Vec<_>>(), [2, 3, 4]);
        batch.tell(Ok(looked([20, 30, 40])));
        assert_eq!(second.try_recv(), Ok(Ok(looked([20, 30]))));
        assert_eq!(third.try_recv(), Ok(Ok(looked([40]))));
        assert!(looks.next(queue, 10).is_none());
        assert!(looks.join(queue, places(&[5])).1, "the next one asks for himself");
    }

    #[test]
    fn a_question_is_bounded_and_a_long_one_goes_alone() {
        let (looks, queue) = (Looks::default(), QueueId::new());
        let _told: Vec<_> = [1, 2, 1, 9].iter().map(|n| looks.join(queue, places(&vec![0; *n]))).collect();
        let sizes: Vec<_> =
            std::iter::from_fn(|| looks.next(queue, 3)).map(|batch| batch.places.len()).collect();
        assert_eq!(sizes, [3, 1, 9]);
    }

    #[test]
    fn a_refusal_is_told_to_all_and_who_has_gone_is_not_asked_for() {
        let (looks, queue) = (Looks::default(), QueueId::new());
        let (gone, _) = looks.join(queue, places(&[1]));
        let (mut stays, _) = looks.join(queue, places(&[2]));
        drop(gone);
        let batch = looks.next(queue, 10).expect("one has stayed");
        assert_eq!(batch.places.len(), 1);
        batch.tell(Err(Refusal::Unavailable));
        assert_eq!(stays.try_recv(), Ok(Err(Refusal::Unavailable)));
    }

    #[test]
    fn when_nobody_asks_any_more_who_waits_hears_it_and_another_may() {
        let (looks, queue) = (Looks::default(), QueueId::new());
        let (mut waits, _) = looks.join(queue, places(&[1]));
        looks.abandon(queue);
        assert!(waits.try_recv().is_err());
        assert!(looks.join(queue, places(&[1])).1);
    }
}
