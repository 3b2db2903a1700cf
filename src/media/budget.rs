//! How much a player may send (`media.peer_kbps`), and how much his receivers can take.
//!
//! Owns the arithmetic of bitrates. Called for each packet that comes in, and by the room when it tells senders their
//! bounds. Never shapes: what is over is dropped, for a well-behaved sender was told before.

use std::time::{Duration, Instant};

const BITS: f64 = 8.0;

/// A second's worth of bytes that refills steadily.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    bytes_a_second: f64,
    left: f64,
    at: Instant,
}

impl Budget {
    /// Full, at `kbps` thousand bits a second.
    pub(super) fn new(kbps: u32, now: Instant) -> Self {
        let bytes_a_second = f64::from(kbps) * 1_000.0 / BITS;
        Self { bytes_a_second, left: bytes_a_second, at: now }
    }

    /// Takes a packet; false if there is not enough left.
    pub(super) fn take(&mut self, bytes: usize, now: Instant) -> bool {
        let refill = now.saturating_duration_since(self.at).as_secs_f64() * self.bytes_a_second;
        self.left = (self.left + refill).min(self.bytes_a_second);
        self.at = now;
        let enough = self.left >= bytes as f64;
        if enough {
            self.left -= bytes as f64;
        }
        enough
    }
}

/// What a receiver's link carries, as his browser says. The figure begins low and creeps up whatever the link; that it
/// falls is what says that the link is full.
#[derive(Clone, Copy, Debug)]
pub(super) struct Estimate {
    bps: u64,
    fell: Option<Instant>,
}

impl Estimate {
    /// After what he said before, he says this.
    pub(super) fn after(before: Option<Self>, bps: u64, now: Instant) -> Self {
        const NOISE_PERCENT: u64 = 5;
        let falls = before.is_some_and(|before| bps < before.bps / 100 * (100 - NOISE_PERCENT));
        let fell = if falls { Some(now) } else { before.and_then(|before| before.fell) };
        Self { bps, fell }
    }

    /// When it last said that the link is full.
    pub(super) fn fell_at(&self) -> Option<Instant> {
        self.fell
    }
}

/// Bounds of what senders are told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    /// Never less: below it there is no picture worth sending, in bit/s.
    pub(super) least: u64,
    /// Never more, in bit/s.
    pub(super) most: u64,
    /// A link that was full is taken for full for so long.
    pub(super) full: Duration,
}

impl Reach {
    /// What a sender of pictures may send so that his slowest receiver keeps up, after he was told `before`. Each
    /// receiver is his estimate and how many pictures he is sent, among which he shares it. When no link is full the
    /// bound rises step by step, until one is or it is none.
    pub(super) fn of(
        &self,
        before: u64,
        receivers: impl Iterator<Item = (Option<Estimate>, usize)>,
        now: Instant,
    ) -> u64 {
        const STEP_PERCENT: u64 = 15;
        let shares = receivers.filter_map(|(estimate, streams)| {
            let is_full =
                |e: &Estimate| e.fell.is_some_and(|at| now.saturating_duration_since(at) <= self.full);
            Some(estimate.filter(is_full)?.bps / streams.max(1) as u64)
        });
        let next = shares.min().unwrap_or_else(|| before.saturating_add(before / 100 * STEP_PERCENT));
        next.clamp(self.least, self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_a_second_passes_then_the_rate_rules() {
        let now = Instant::now();
        let mut budget = Budget::new(800, now); // 100 kB/s
        let mut passed = |at| (0..200).filter(|_| budget.take(1_000, at)).count();
        assert_eq!(passed(now), 100);
        assert_eq!(passed(now), 0);
        assert_eq!(passed(now + Duration::from_millis(500)), 50);
        assert_eq!(passed(now + Duration::from_secs(60)), 100, "what is not used is not saved");
    }

    const REACH: Reach = Reach { least: 64_000, most: 1_500_000, full: Duration::from_secs(10) };

    #[test]
    fn an_estimate_that_only_rises_bounds_nobody() {
        let now = Instant::now();
        let rising = [160_000, 170_000, 169_000, 200_000];
        let estimate = rising.into_iter().fold(None, |before, bps| Some(Estimate::after(before, bps, now)));
        assert_eq!(REACH.of(1_500_000, [(estimate, 1), (None, 1)].into_iter(), now), 1_500_000);
    }

    #[test]
    fn the_slowest_full_link_bounds_the_sender_and_then_the_bound_rises_again() {
        let now = Instant::now();
        let full = |bps| Some(Estimate::after(Some(Estimate::after(None, bps * 2, now)), bps, now));
        let of = |before, receivers: &[(Option<Estimate>, usize)], at| {
            REACH.of(before, receivers.iter().copied(), at)
        };
        assert_eq!(of(1_500_000, &[(full(900_000), 3), (full(5_000_000), 1), (None, 1)], now), 300_000);
        assert_eq!(of(1_500_000, &[(full(10_000), 5)], now), 64_000, "never less than a picture needs");
        let later = now + Duration::from_secs(11);
        assert_eq!(of(300_000, &[(full(900_000), 3)], later), 345_000);
        assert_eq!(of(1_400_000, &[], later), 1_500_000);
    }
}
