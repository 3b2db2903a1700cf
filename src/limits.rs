//! Token buckets: how often something may be done (spec 1.1, 1.2).

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
};
use tokio::time::Instant;

/// Refills steadily up to its burst.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    tokens: f64,
    at: Instant,
}

impl TokenBucket {
    /// A full bucket.
    pub fn full(burst: f64) -> Self {
        Self { tokens: burst, at: Instant::now() }
    }

    fn refill(&mut self, per_s: f64, burst: f64) {
        let now = Instant::now();
        self.tokens = (self.tokens + (now - self.at).as_secs_f64() * per_s).min(burst);
        self.at = now;
    }

    /// Takes one token; `Err` is how many ms until there is one.
    pub fn take(&mut self, per_s: f64, burst: f64) -> Result<(), u64> {
        self.check(per_s, burst)?;
        self.tokens -= 1.0;
        Ok(())
    }

    /// Whether there is a token; `Err` is how many ms until there is one.
    pub fn check(&mut self, per_s: f64, burst: f64) -> Result<(), u64> {
        self.refill(per_s, burst);
        if self.tokens >= 1.0 {
            return Ok(());
        }
        let wait_ms = (1.0 - self.tokens) / per_s.max(f64::MIN_POSITIVE) * 1_000.0;
        Err(wait_ms.ceil().min(3_600_000.0) as u64)
    }
}

/// A bucket for each key; full buckets are forgotten, so memory is bounded by what happens in one refill time.
pub struct KeyedBuckets<K> {
    per_minute: f64,
    buckets: Mutex<HashMap<K, TokenBucket>>,
}

/// How many buckets there may be before the full ones are forgotten.
const PRUNE_AT: usize = 4_096;

impl<K: Eq + Hash> KeyedBuckets<K> {
    /// Buckets of `per_minute` tokens, refilled in a minute.
    pub fn per_minute(per_minute: f64) -> Self {
        Self { per_minute, buckets: Mutex::default() }
    }

    fn with<T>(&self, key: K, act: impl FnOnce(&mut TokenBucket, f64, f64) -> T) -> T {
        let (per_s, burst) = (self.per_minute / 60.0, self.per_minute);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= PRUNE_AT {
            buckets.retain(|_, bucket| {
                bucket.refill(per_s, burst);
                bucket.tokens < burst
            });
        }
        act(buckets.entry(key).or_insert_with(|| TokenBucket::full(burst)), per_s, burst)
    }

    /// Takes one token of this key; `Err` is how many ms until there is one.
    pub fn take(&self, key: K) -> Result<(), u64> {
        self.with(key, TokenBucket::take)
    }

    /// Whether this key has a token; `Err` is how many ms until it has.
    pub fn check(&self, key: K) -> Result<(), u64> {
        self.with(key, TokenBucket::check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[actix::test]
    async fn a_burst_passes_then_the_rate_rules() {
        tokio::time::pause();
        let mut bucket = TokenBucket::full(3.0);
        assert!((0..3).all(|_| bucket.take(1.0, 3.0).is_ok()));
        assert_eq!(bucket.take(1.0, 3.0), Err(1_000));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(bucket.take(1.0, 3.0).is_ok());
    }

    #[actix::test]
    async fn keys_do_not_share_tokens_and_full_buckets_are_forgotten() {
        tokio::time::pause();
        let buckets = KeyedBuckets::per_minute(1.0);
        assert!(buckets.take(1).is_ok() && buckets.take(1).is_err() && buckets.take(2).is_ok());
        (3..6_000).for_each(|key| assert!(buckets.check(key).is_ok()));
        assert!(buckets.buckets.lock().expect("lock").len() < PRUNE_AT + 2);
        assert!(buckets.check(1).is_err(), "an empty bucket is remembered");
    }
}
