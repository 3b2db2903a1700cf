//! Sequence numbers as a receiver sees them: without the gaps that the policy makes.
//!
//! Owns one number for each receiver and stream. Called for each packet that goes to him. Never touches timestamps: a
//! source's clock runs on while it is not heard, and shifting them makes players buffer more and more.

/// Packets after a gap during which what is older than the gap is told by its number.
const WATCHED: u16 = 4_096;
/// Serial number arithmetic (RFC 1982): less than half the circle ahead is later.
const HALF: u16 = 0x8000;

/// Maps a source's sequence numbers to a receiver's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rewrite {
    offset: u16,
    /// The highest number that went out.
    last: Option<u16>,
    /// The first number of the source after the last gap, for a while.
    resumed_at: Option<u16>,
    gap: bool,
}

impl Rewrite {
    /// Packets were withheld: what comes next follows what went out last.
    pub(super) fn skip(&mut self) {
        self.gap = true;
    }

    /// The receiver's number. `None` for a late packet from before a gap: its number is another's now.
    pub(super) fn map(&mut self, number: u16) -> Option<u16> {
        if self.gap || self.last.is_none() {
            self.offset = self.last.map_or(0, |last| last.wrapping_add(1).wrapping_sub(number));
            self.resumed_at = Some(number);
            self.gap = false;
        }
        if let Some(resumed_at) = self.resumed_at {
            let since = number.wrapping_sub(resumed_at);
            if since >= HALF {
                return None;
            }
            if since >= WATCHED {
                self.resumed_at = None;
            }
        }
        let out = number.wrapping_add(self.offset);
        if self.last.is_none_or(|last| out.wrapping_sub(last) < HALF) {
            self.last = Some(out);
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_gap_is_closed_and_a_loss_stays_a_loss() {
        let mut rewrite = Rewrite::default();
        assert_eq!([10, 11, 13].map(|n| rewrite.map(n)), [10, 11, 13].map(Some), "12 was lost");
        rewrite.skip();
        assert_eq!([100, 101, 103].map(|n| rewrite.map(n)), [14, 15, 17].map(Some));
    }

    #[test]
    fn order_within_a_stretch_is_kept_and_stragglers_of_the_gap_are_dropped() {
        let mut rewrite = Rewrite::default();
        assert_eq!([10, 12, 11].map(|n| rewrite.map(n)), [10, 12, 11].map(Some));
        rewrite.skip();
        assert_eq!(rewrite.map(50), Some(13));
        assert_eq!(rewrite.map(49), None, "it was withheld");
        assert_eq!(rewrite.map(51), Some(14));
    }

    #[test]
    fn numbers_wrap() {
        let mut rewrite = Rewrite::default();
        assert_eq!([65_534, 65_535, 0].map(|n| rewrite.map(n)), [65_534, 65_535, 0].map(Some));
        rewrite.skip();
        assert_eq!(rewrite.map(65_500), Some(1));
        let far = (0..u32::from(u16::MAX)).map(|n| 65_500_u16.wrapping_add(n as u16));
        assert!(
            far.into_iter().all(|n| rewrite.map(n).is_some()),
            "a long stretch is not taken for stragglers"
        );
    }

    proptest! {
        /// Whatever is withheld, a receiver of an ordered stream counts no loss.
        #[test]
        fn withheld_packets_are_never_missed(first: u16, withheld in proptest::collection::vec(any::<bool>(), 1..500)) {
            let (mut rewrite, mut before) = (Rewrite::default(), None::<u16>);
            for (n, withheld) in withheld.into_iter().enumerate() {
                let number = first.wrapping_add(n as u16);
                if withheld {
                    rewrite.skip();
                    continue;
                }
                let out = rewrite.map(number).expect("in order");
                prop_assert!(before.is_none_or(|before| out == before.wrapping_add(1)));
                before = Some(out);
            }
        }
    }
}
