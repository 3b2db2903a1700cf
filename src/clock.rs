//! The clock port: the only place that reads the time of day.
//!
//! Everything else is given `now` as an argument, so that a test can run a whole game on virtual time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    ops::{Add, Sub},
    sync::Arc,
    time::Duration,
};

/// What windows of events are made of, and what activity is counted by.
pub(crate) const MINUTE_MS: i64 = 60_000;

/// Milliseconds since the Unix epoch, UTC: the only time on the wire (spec 1.1).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
#[schemars(inline)]
pub struct UnixMs(pub i64);

impl Add<u64> for UnixMs {
    type Output = Self;
    /// `ms` later.
    fn add(self, ms: u64) -> Self {
        Self(self.0.saturating_add_unsigned(ms))
    }
}

impl Sub for UnixMs {
    type Output = i64;
    /// Milliseconds from `earlier` to `self`; negative if `self` is the earlier one.
    fn sub(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl UnixMs {
    /// How long from `now` until this instant; zero if it is past.
    pub fn until(self, now: Self) -> Duration {
        Duration::from_millis(u64::try_from(self - now).unwrap_or(0))
    }
}

/// Where the time of day comes from.
pub trait Clock: Send + Sync + 'static {
    /// The time of day. Never steps back by more than the system clock does.
    fn now(&self) -> UnixMs;
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // this is the one place
    fn now(&self) -> UnixMs {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        UnixMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Follows tokio's clock, which a test may pause: the time of day is `start` plus what has run since.
pub struct TokioClock {
    start: UnixMs,
    since: tokio::time::Instant,
}

impl TokioClock {
    /// A clock that shows `start` now.
    pub fn starting_at(start: UnixMs) -> Self {
        Self { start, since: tokio::time::Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> UnixMs {
        self.start + u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A clock that many hold.
pub type SharedClock = Arc<dyn Clock>;
