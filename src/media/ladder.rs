//! Which layer of his senders' pictures a receiver gets: the best that his link carries.
//!
//! Owns the choice, and for each receiver how far his link is trusted. Called by the room every `media.bound_ms`. Pure.

use super::budget::{Estimate, Reach};
use std::time::{Duration, Instant};

/// A link that was tried with more in vain is left alone for longer each time, up to so many times as long.
const LONGEST: u32 = 8;

/// What a receiver's link is trusted with, for each of his pictures.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ladder {
    share: Option<u64>,
    /// So many times as long as usual it is left alone after it was full.
    patience: u32,
    full_at: Option<Instant>,
}

impl Ladder {
    /// What each of his pictures may take, in bit/s, now that his browser says this of his link. `None`: it was never
    /// full, or is not any more.
    pub(super) fn share(
        &mut self,
        estimate: Option<Estimate>,
        pictures: usize,
        reach: &Reach,
        now: Instant,
    ) -> Option<u64> {
        let fell = estimate.and_then(|estimate| estimate.fell_at());
        if fell.is_some() && fell > self.full_at {
            // While it is full it falls and falls: once is enough. Soon after more was tried it was in vain.
            let tried = self.full_at.zip(fell).map(|(before, fell)| fell.saturating_duration_since(before));
            let hold = self.hold(reach);
            self.patience = match tried {
                Some(since) if since < hold => self.patience,
                Some(since) if since < hold * 4 => (self.patience * 2).min(LONGEST),
                _ => 1,
            };
            self.full_at = fell;
        }
        let before = self.share.unwrap_or(reach.most);
        let full = Reach { full: self.hold(reach), ..*reach };
        let share = full.of(before, std::iter::once((estimate, pictures)), now);
        self.share = (share < reach.most).then_some(share);
        self.share
    }

    fn hold(&self, reach: &Reach) -> Duration {
        reach.full * self.patience.max(1)
    }
}

/// A layer that is sent at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rung {
    /// Which.
    pub(super) layer: u8,
    /// How large its picture is.
    pub(super) pixels: u32,
    /// What it takes, in bit/s.
    pub(super) bps: u64,
}

/// The best of these that takes no more than `share`; if all take more, that which takes least. One who shows pictures no
/// larger than `shown` gets none that is, if there are others.
pub(super) fn choose(rungs: &mut [Rung], share: Option<u64>, shown: u32) -> Option<u8> {
    rungs.sort_by_key(|rung| (rung.pixels, rung.bps));
    let top = rungs.iter().take_while(|rung| rung.pixels <= shown).count().max(1);
    let fits = |rung: &&Rung| share.is_none_or(|share| rung.bps <= share);
    let best = rungs.iter().take(top).rev().find(fits);
    best.or_else(|| rungs.first()).map(|rung| rung.layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REACH: Reach = Reach { least: 50_000, most: 2_000_000, full: Duration::from_secs(10) };

    fn rungs() -> [Rung; 3] {
        let rung = |layer, pixels, bps| Rung { layer, pixels, bps };
        [rung(2, 640 * 480, 900_000), rung(0, 160 * 120, 100_000), rung(1, 320 * 240, 300_000)]
    }

    #[test]
    fn the_best_that_fits_is_chosen_and_the_least_if_none_does() {
        let of = |share| choose(&mut rungs(), share, u32::MAX);
        assert_eq!(of(None), Some(2));
        assert_eq!(
            [1_000_000, 900_000, 899_999, 300_000, 120_000, 10].map(|s| of(Some(s))),
            [2, 2, 1, 1, 0, 0].map(Some)
        );
        assert_eq!(choose(&mut rungs(), None, 320 * 240), Some(1), "his pictures are small");
        assert_eq!(choose(&mut rungs()[..1], None, 320 * 240), Some(2), "there is no other");
        assert_eq!(choose(&mut [], None, u32::MAX), None);
    }

    /// Plays estimates, one a second; the shares.
    fn shares(
        ladder: &mut Ladder,
        start: Instant,
        says: impl IntoIterator<Item = (u64, u64)>,
    ) -> Vec<Option<u64>> {
        let mut estimate = None;
        let says = says.into_iter().map(|(second, bps)| {
            let now = start + Duration::from_secs(second);
            estimate = Some(Estimate::after(estimate, bps, now));
            ladder.share(estimate, 2, &REACH, now)
        });
        says.collect()
    }

    #[test]
    fn a_link_that_was_never_full_carries_everything() {
        let rising = (0..30).map(|s| (s, 100_000 + s * 10_000));
        assert!(shares(&mut Ladder::default(), Instant::now(), rising).iter().all(Option::is_none));
    }

    #[test]
    fn a_full_link_is_shared_and_trusted_again_step_by_step() {
        let says = [(0, 3_000_000), (1, 600_000)].into_iter().chain((2..60).map(|s| (s, 600_000)));
        let shares = shares(&mut Ladder::default(), Instant::now(), says);
        assert_eq!(shares[..3], [None, Some(300_000), Some(300_000)]);
        assert_eq!(shares[11], Some(300_000), "for as long as it is taken for full");
        assert!(shares[12] > Some(300_000) && shares[12] < Some(400_000), "{:?}", shares[12]);
        assert_eq!(shares[59], None, "nothing speaks against it any more");
    }

    #[test]
    fn who_fails_again_and_again_is_tried_more_and_more_seldom() {
        let (mut ladder, start) = (Ladder::default(), Instant::now());
        let mut estimate = None;
        let mut tries = Vec::new();
        for second in 0..400 {
            let now = start + Duration::from_secs(second);
            let tried = ladder.share.is_none_or(|share| share > 450_000);
            let bps = if tried { 300_000 } else { 400_000 };
            if tried {
                tries.push(second);
                estimate = Some(Estimate::after(estimate, 700_000, now));
            }
            estimate = Some(Estimate::after(estimate, bps, now));
            ladder.share(estimate, 1, &REACH, now);
        }
        let pauses: Vec<_> =
            tries.windows(2).map(|pair| pair[1] - pair[0]).filter(|pause| *pause > 3).collect();
        assert!(pauses.len() >= 3 && pauses.windows(2).all(|pair| pair[1] >= pair[0]), "{pauses:?}");
        assert!(*pauses.last().expect("some") >= 40, "{pauses:?}");
    }
}
