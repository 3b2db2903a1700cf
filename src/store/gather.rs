//! Look-ups of the same kind that are asked at the same time, in one statement: a crowd that comes pays one round trip to
//! the database for what came during the last.
//!
//! Used by the store for what each arrival asks. A look-up begins after it was asked for, so it sees all that was
//! acknowledged before; one that comes alone waits for nothing. It keeps no answer.

use super::StoreError;
use std::{
    collections::{HashMap, HashSet},
    future::Future,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};

/// Keys of one statement.
const MOST: usize = 64;

/// A key, and who waits for what is under it.
type Asked<K, V> = (K, oneshot::Sender<Found<V>>);

type Found<V> = Result<Option<V>, StoreError>;

/// See the module.
pub(super) struct Gather<K, V> {
    waiting: Mutex<Waiting<K, V>>,
    /// Longest look-up: a connection that has died without a word holds up those who wait for no longer.
    longest: Duration,
}

/// Bounded by those who ask: each waits for his answer.
struct Waiting<K, V> {
    asked: Vec<Asked<K, V>>,
    /// Somebody is looking up.
    running: bool,
}

impl<K, V> Gather<K, V> {
    pub fn new(longest: Duration) -> Self {
        Self { waiting: Mutex::new(Waiting { asked: Vec::new(), running: false }), longest }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<K, V>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Gather<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + 'static,
{
    /// What there is under the key. `look_up` finds many at once.
    ///
    /// # Errors
    /// Those of `look_up`, told to all who waited for it.
    pub async fn ask<F, L>(self: &Arc<Self>, key: K, look_up: F) -> Found<V>
    where
        F: Fn(Vec<K>) -> L + Send + 'static,
        L: Future<Output = Result<HashMap<K, V>, StoreError>> + Send + 'static,
    {
        let (done, found) = oneshot::channel();
        let runs = {
            let mut waiting = self.lock();
            waiting.asked.push((key, done));
            std::mem::replace(&mut waiting.running, true)
        };
        if !runs {
            tokio::spawn(run(Running { gather: self.clone(), done: false }, look_up)); // not here: he who asks may give up
        }
        found.await.unwrap_or_else(|_| Err(StoreError::Unavailable("nobody looks up any more".to_owned())))
    }
}

/// Looks up until nobody waits.
async fn run<K, V, F, L>(mut running: Running<K, V>, look_up: F)
where
    K: Clone + Eq + Hash,
    V: Clone,
    F: Fn(Vec<K>) -> L,
    L: Future<Output = Result<HashMap<K, V>, StoreError>>,
{
    while let Some(batch) = running.next() {
        let keys: HashSet<K> = batch.iter().map(|(key, _)| key.clone()).collect();
        let found = timeout(running.gather.longest, look_up(keys.into_iter().collect())).await;
        let found = found.unwrap_or_else(|_| Err(StoreError::Unavailable("no answer in time".to_owned())));
        for (key, done) in batch {
            let _ = done.send(match &found {
                Ok(found) => Ok(found.get(&key).cloned()),
                Err(error) => Err(error.clone()),
            }); // whoever asked may have given up
        }
    }
}

/// Gone with the task, however it ends: those who wait then hear of it, and the next one begins anew.
struct Running<K, V> {
    gather: Arc<Gather<K, V>>,
    done: bool,
}

impl<K, V> Running<K, V> {
    /// Who is looked up for now; whoever has given up is left out. With nobody left the next who asks begins anew, and
    /// that is settled before the lock is let go.
    fn next(&mut self) -> Option<Vec<Asked<K, V>>> {
        let mut waiting = self.gather.lock();
        waiting.asked.retain(|(_, done)| !done.is_closed());
        let most = waiting.asked.len().min(MOST);
        self.done = most == 0;
        waiting.running = !self.done;
        (!self.done).then(|| waiting.asked.drain(..most).collect())
    }
}

impl<K, V> Drop for Running<K, V> {
    fn drop(&mut self) {
        if !self.done {
            let mut waiting = self.gather.lock();
            waiting.running = false;
            waiting.asked.clear();
        }
    }
}

/// As many as there are lengths of statements, by repeating the last: a connection keeps each length prepared.
pub(super) fn padded<K: Clone>(mut keys: Vec<K>) -> Vec<K> {
    if let Some(last) = keys.last().cloned() {
        keys.resize(keys.len().next_power_of_two(), last);
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;

    fn gather() -> Arc<Gather<u32, u32>> {
        Arc::new(Gather::new(Duration::from_secs(1)))
    }

    /// How many keys each look-up had.
    type Sizes = Arc<Mutex<Vec<usize>>>;

    /// Finds the double of even keys, after a moment. There is no 13 to be asked for.
    async fn doubles(sizes: Sizes, keys: Vec<u32>) -> Result<HashMap<u32, u32>, StoreError> {
        sizes.lock().unwrap_or_else(PoisonError::into_inner).push(keys.len());
        tokio::time::sleep(Duration::from_millis(1)).await;
        if keys.contains(&13) {
            return Err(StoreError::Unavailable("thirteen".to_owned()));
        }
        Ok(keys.into_iter().filter(|key| key.is_multiple_of(2)).map(|key| (key, key * 2)).collect())
    }

    async fn ask(keys: impl Iterator<Item = u32>) -> (Vec<Found<u32>>, Vec<usize>) {
        let (gather, sizes) = (gather(), Sizes::default());
        let asked = sizes.clone();
        let all = keys.map(|key| {
            let asked = asked.clone();
            gather.ask(key, move |keys| doubles(asked.clone(), keys))
        });
        let found = join_all(all.collect::<Vec<_>>()).await;
        let sizes = sizes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (found, sizes)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_at_once_is_looked_up_at_once_and_each_gets_his_own() {
        let (found, sizes) = ask((100..200).chain(100..110)).await;
        let expected = |key: u32| Ok(key.is_multiple_of(2).then_some(key * 2));
        let all: Vec<Found<u32>> = (100..200).chain(100..110).map(expected).collect();
        assert_eq!(found, all);
        assert!(sizes.len() <= 3 && sizes.iter().all(|size| *size <= MOST), "{sizes:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_up_that_fails_is_told_to_all_who_waited_for_it_and_not_to_the_next() {
        let gather = gather();
        let failed = gather.ask(13, |keys| doubles(Sizes::default(), keys)).await;
        assert_eq!(failed, Err(StoreError::Unavailable("thirteen".to_owned())));
        assert_eq!(gather.ask(12, |keys| doubles(Sizes::default(), keys)).await, Ok(Some(24)));
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_holds_up_nobody() {
        let gather = gather();
        let first = gather.ask(2, |keys| doubles(Sizes::default(), keys));
        assert!(tokio::time::timeout(Duration::ZERO, first).await.is_err());
        assert_eq!(gather.ask(4, |keys| doubles(Sizes::default(), keys)).await, Ok(Some(8)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_up_that_never_ends_is_given_up_and_holds_up_nobody_after_it() {
        let gather = gather();
        let never = gather.ask(2, |_| std::future::pending()).await;
        assert_eq!(never, Err(StoreError::Unavailable("no answer in time".to_owned())));
        assert_eq!(gather.ask(4, |keys| doubles(Sizes::default(), keys)).await, Ok(Some(8)));
    }

    #[test]
    fn statements_have_few_lengths() {
        assert_eq!(padded(vec![1, 2, 3]), [1, 2, 3, 3]);
        assert_eq!((padded(vec![0; 33]).len(), padded(Vec::<u8>::new()).len()), (64, 0));
    }
}
