//! What each arrival looks up by a key, for all who look at the same time in one statement.
//!
//! Used by the store for seats, codes and accounts. It keeps no answer.

use super::StoreError;
use crate::gather::Gather;
use std::{
    collections::{HashMap, HashSet},
    future::Future,
    hash::Hash,
    sync::Arc,
    time::Duration,
};
use tokio::time::timeout;

/// Keys of one statement.
const MOST: usize = 64;

type Found<V> = Result<Option<V>, StoreError>;

/// Cheap to clone. See the module.
pub(super) struct LookUps<K, V> {
    gather: Arc<Gather<K, Found<V>>>,
    /// Longest look-up: a connection that has died without a word holds up those who wait for no longer.
    longest: Duration,
}

impl<K, V> Clone for LookUps<K, V> {
    fn clone(&self) -> Self {
        Self { gather: self.gather.clone(), longest: self.longest }
    }
}

impl<K, V> LookUps<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + 'static,
{
    pub fn new(longest: Duration) -> Self {
        Self { gather: Arc::new(Gather::new(MOST, |_| 1)), longest }
    }

    /// What there is under the key. `look_up` finds many at once.
    ///
    /// # Errors
    /// Those of `look_up`, told to all who waited for it.
    pub async fn ask<F, L>(&self, key: K, look_up: F) -> Found<V>
    where
        F: Fn(Vec<K>) -> L + Send + 'static,
        L: Future<Output = Result<HashMap<K, V>, StoreError>> + Send + 'static,
    {
        let longest = self.longest;
        let answer = move |keys: Vec<K>| {
            let each: HashSet<K> = keys.iter().cloned().collect();
            let found = timeout(longest, look_up(each.into_iter().collect()));
            async move {
                let found = found.await.unwrap_or_else(|_| Err(unavailable("no answer in time")));
                let of = |key: &K| found.as_ref().map(|found| found.get(key).cloned()).map_err(Clone::clone);
                keys.iter().map(of).collect()
            }
        };
        let found = self.gather.ask(key, answer).await;
        found.unwrap_or_else(|| Err(unavailable("nobody looks up any more")))
    }
}

/// The rows under these keys: `found!(&db, "SELECT … WHERE key IN (", keys)`.
macro_rules! found {
    ($db:expr, $sql:expr, $keys:expr) => {
        $crate::store::read!($db, pool => {
            let mut sql = sqlx::QueryBuilder::new($sql);
            let mut listed = sql.separated(", ");
            $crate::store::look_ups::padded($keys).into_iter().for_each(|key| { listed.push_bind(key); });
            sql.push(")").build_query_as().fetch_all(pool).await?
        })
    };
}
pub(super) use found;

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(why.to_owned())
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
    use std::sync::{Mutex, PoisonError};

    fn look_ups() -> LookUps<u32, u32> {
        LookUps::new(Duration::from_secs(1))
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
        let (look_ups, sizes) = (look_ups(), Sizes::default());
        let asked = sizes.clone();
        let all = keys.map(|key| {
            let asked = asked.clone();
            look_ups.ask(key, move |keys| doubles(asked.clone(), keys))
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
        let look_ups = look_ups();
        let failed = look_ups.ask(13, |keys| doubles(Sizes::default(), keys)).await;
        assert_eq!(failed, Err(StoreError::Unavailable("thirteen".to_owned())));
        assert_eq!(look_ups.ask(12, |keys| doubles(Sizes::default(), keys)).await, Ok(Some(24)));
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_holds_up_nobody() {
        let look_ups = look_ups();
        let first = look_ups.ask(2, |keys| doubles(Sizes::default(), keys));
        assert!(tokio::time::timeout(Duration::ZERO, first).await.is_err());
        assert_eq!(look_ups.ask(4, |keys| doubles(Sizes::default(), keys)).await, Ok(Some(8)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_up_that_never_ends_is_given_up_and_holds_up_nobody_after_it() {
        let look_ups = look_ups();
        let never = look_ups.ask(2, |_| std::future::pending()).await;
        assert_eq!(never, Err(StoreError::Unavailable("no answer in time".to_owned())));
        assert_eq!(look_ups.ask(4, |keys| doubles(Sizes::default(), keys)).await, Ok(Some(8)));
    }

    #[test]
    fn statements_have_few_lengths() {
        assert_eq!(padded(vec![1, 2, 3]), [1, 2, 3, 3]);
        assert_eq!((padded(vec![0; 33]).len(), padded(Vec::<u8>::new()).len()), (64, 0));
    }
}
