//! In which order the packets of a layer arrive: which are late, and which come no more.
//!
//! Owns the numbers that are missing, a few of them and for a while. Called by [`super::layer`] for each packet. Never
//! asks for anything: that is for those who know whether anybody gets the layer.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Serial number arithmetic (RFC 1982): less than half the circle ahead is later.
const HALF: u16 = 0x8000;
/// Missing numbers that are watched; a longer gap is not waited for.
const WATCHED: usize = 64;

/// What a packet's number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// Nothing later has come before it.
    pub(super) in_order: bool,
    /// Something before it is lost for good: who decodes the layer needs a key frame.
    pub(super) broken: bool,
}

/// The numbers of a layer.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrivals {
    next: Option<u16>,
    missing: VecDeque<(u16, Instant)>,
}

impl Arrivals {
    /// A packet comes. What is missing for longer than `patience` is lost.
    pub(super) fn note(&mut self, number: u16, now: Instant, patience: Duration) -> Arrival {
        let next = self.next.unwrap_or(number);
        let ahead = number.wrapping_sub(next);
        let in_order = ahead < HALF;
        let mut broken = false;
        if in_order {
            self.next = Some(number.wrapping_add(1));
            if self.missing.len() + usize::from(ahead) > WATCHED {
                broken = true;
            } else {
                self.missing.extend((0..ahead).map(|n| (next.wrapping_add(n), now)));
            }
        } else {
            self.missing.retain(|(missing, _)| *missing != number);
        }
        broken |= self.missing.front().is_some_and(|(_, since)| now.duration_since(*since) >= patience);
        if broken {
            self.missing.clear();
        }
        Arrival { in_order, broken }
    }

    /// A key frame begins: who gets the layer needs nothing from before it.
    pub(super) fn begin(&mut self) {
        self.missing.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATIENCE: Duration = Duration::from_millis(500);

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn what_is_sent_again_in_time_is_no_loss_and_what_is_not_is_one() {
        let (mut arrivals, start) = (Arrivals::default(), Instant::now());
        let mut note = |number, ms| {
            let Arrival { in_order, broken } = arrivals.note(number, at(start, ms), PATIENCE);
            (in_order, broken)
        };
        assert_eq!(
            [note(65_534, 0), note(1, 10), note(2, 20)],
            [(true, false); 3],
            "65,535 and 0 are missing"
        );
        assert_eq!([note(0, 100), note(65_535, 110)], [(false, false); 2]);
        assert_eq!(note(3, 900), (true, false), "nothing is missing");
        assert_eq!([note(5, 1_000), note(6, 1_499)], [(true, false); 2]);
        assert_eq!(note(7, 1_500), (true, true), "4 comes no more");
        assert_eq!(note(8, 2_500), (true, false), "which is said once");
    }

    #[test]
    fn a_key_frame_ends_the_waiting_and_a_long_gap_is_not_waited_for() {
        let (mut arrivals, start) = (Arrivals::default(), Instant::now());
        arrivals.note(1, start, PATIENCE);
        arrivals.note(9, start, PATIENCE);
        arrivals.begin();
        assert!(!arrivals.note(10, at(start, 900), PATIENCE).broken);
        assert!(arrivals.note(500, at(start, 901), PATIENCE).broken);
    }

    proptest! {
        #[test]
        fn however_packets_come_little_is_remembered(numbers: Vec<u16>, step in 0..1_000_u64) {
            let (mut arrivals, start) = (Arrivals::default(), Instant::now());
            for (n, number) in numbers.into_iter().enumerate() {
                arrivals.note(number, at(start, n as u64 * step), PATIENCE);
                prop_assert!(arrivals.missing.len() <= WATCHED);
            }
        }
    }
}
