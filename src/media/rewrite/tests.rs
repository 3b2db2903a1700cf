//! Whatever is withheld and however layers change, a receiver sees one stream.

use super::*;
use proptest::prelude::*;

fn plain(rewrite: &mut Rewrite, number: u16) -> Option<u16> {
    let marks = Marks { number, timestamp: u32::from(number), layered: None };
    let out = rewrite.map(&marks).ok()?;
    assert_eq!((out.timestamp, out.counters), (u32::from(number), None), "its clock is left alone");
    Some(out.number)
}

#[test]
fn a_gap_is_closed_and_a_loss_stays_a_loss() {
    let mut rewrite = Rewrite::default();
    assert_eq!([10, 11, 13].map(|n| plain(&mut rewrite, n)), [10, 11, 13].map(Some), "12 was lost");
    rewrite.skip();
    assert_eq!([100, 101, 103].map(|n| plain(&mut rewrite, n)), [14, 15, 17].map(Some));
}

#[test]
fn order_within_a_stretch_is_kept_and_stragglers_of_the_gap_are_dropped() {
    let mut rewrite = Rewrite::default();
    assert_eq!([10, 12, 11].map(|n| plain(&mut rewrite, n)), [10, 12, 11].map(Some));
    rewrite.skip();
    assert_eq!(plain(&mut rewrite, 50), Some(13));
    assert_eq!(plain(&mut rewrite, 49), None, "it was withheld");
    assert_eq!(plain(&mut rewrite, 51), Some(14));
}

#[test]
fn numbers_wrap() {
    let mut rewrite = Rewrite::default();
    assert_eq!([65_534, 65_535, 0].map(|n| plain(&mut rewrite, n)), [65_534, 65_535, 0].map(Some));
    rewrite.skip();
    assert_eq!(plain(&mut rewrite, 65_500), Some(1));
    let mut far = (0..u32::from(u16::MAX)).map(|n| 65_500_u16.wrapping_add(n as u16));
    assert!(far.all(|n| plain(&mut rewrite, n).is_some()), "a long stretch is not taken for stragglers");
}

/// A layer as an encoder sends it: frames of some packets, counters from anywhere.
#[derive(Clone, Debug)]
struct Encoder {
    number: u16,
    start: u32,
    picture: u16,
    tl0: u8,
    key: u8,
}

impl Encoder {
    /// The `n`th frame, at 30 frames a second, of two packets.
    fn frame(&mut self, layer: u8, n: u32, is_key: bool) -> [Marks; 2] {
        self.picture = self.picture.wrapping_add(1) & 0x7FFF;
        self.tl0 = self.tl0.wrapping_add(1);
        self.key = (self.key + u8::from(is_key)) & 0x1F;
        let counters = Counters { picture: Some(self.picture), tl0: Some(self.tl0), key: Some(self.key) };
        [true, false].map(|first| {
            self.number = self.number.wrapping_add(1);
            let (timestamp, common) = (self.start.wrapping_add(n * FRAME), n * FRAME);
            let layered = Layered { layer, common, arrived: common, begins: is_key && first, counters };
            Marks { number: self.number, timestamp, layered: Some(layered) }
        })
    }
}

fn encoder() -> impl Strategy<Value = Encoder> {
    (any::<u16>(), any::<u32>(), 0..0x8000_u16, any::<u8>(), 0..32_u8)
        .prop_map(|(number, start, picture, tl0, key)| Encoder { number, start, picture, tl0, key })
}

/// What becomes of a frame: which layer is wanted, whether it is a key frame, whether the policy withholds it.
fn frames() -> impl Strategy<Value = Vec<(u8, bool, bool)>> {
    proptest::collection::vec((0..3_u8, prop::bool::weighted(0.3), prop::bool::weighted(0.1)), 1..300)
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
            let out = plain(&mut rewrite, number).expect("in order");
            prop_assert!(before.is_none_or(|before| out == before.wrapping_add(1)));
            before = Some(out);
        }
    }

    /// However layers change and whatever the policy withholds: numbers without a gap, a clock that goes forward, picture
    /// ids and their like one by one, and each change begins with a key frame.
    #[test]
    fn changes_of_layers_are_not_seen(mut encoders in [encoder(), encoder(), encoder()], frames in frames()) {
        let (mut rewrite, mut current) = (Rewrite::default(), None);
        let mut before: Option<(Rewritten, Counters)> = None;
        for (n, (wanted, is_key, withheld)) in frames.into_iter().enumerate() {
            let sent: Vec<_> = (0..3).map(|layer| encoders[usize::from(layer)].frame(layer, n as u32, is_key)).collect();
            if withheld {
                rewrite.skip();
                current = None;
                continue;
            }
            if is_key {
                current = Some(wanted);
            }
            let Some(layer) = current else {
                let first = &sent[usize::from(wanted)][0];
                prop_assert_eq!(rewrite.map(first), Err(Left::NoKeyFrame));
                continue;
            };
            for (i, marks) in sent[usize::from(layer)].iter().enumerate() {
                let out = rewrite.map(marks).expect("it goes out");
                let counters = out.counters.unwrap_or(marks.layered.expect("layered").counters);
                if let Some((last, passed)) = before {
                    prop_assert_eq!(out.number, last.number.wrapping_add(1));
                    let step = out.timestamp.wrapping_sub(last.timestamp);
                    let forward = if i == 0 { step >= 1 && step % FRAME == 0 && step <= 300 * FRAME } else { step == 0 };
                    prop_assert!(forward, "a step of {}", step);
                    prop_assert!(follows(&passed, &counters, i == 0), "{:?} after {:?}", counters, passed);
                }
                before = Some((out, counters));
            }
        }
    }

    /// Layers whose clocks are not known, or leap, still give one that goes forward, and never further than time does.
    #[test]
    fn a_clock_never_outruns_the_time_that_passes(
        start: u32, changes in proptest::collection::vec((any::<u32>(), any::<u32>(), 0..2_000_000_u32), 1..50)
    ) {
        let (mut rewrite, mut arrived, mut before) = (Rewrite::default(), start, None::<u32>);
        for (n, (timestamp, common, passed)) in changes.into_iter().enumerate() {
            arrived = arrived.wrapping_add(passed);
            let counters = Counters::default();
            let layered = Layered { layer: (n % 2) as u8, common, arrived, begins: true, counters };
            let out = rewrite.map(&Marks { number: 7, timestamp, layered: Some(layered) }).expect("it goes out");
            if let Some(before) = before.replace(out.timestamp) {
                let step = out.timestamp.wrapping_sub(before);
                prop_assert!((1..=passed.max(FRAME)).contains(&step), "{} in {}", step, passed);
                prop_assert!(passed.max(FRAME) - step <= BELIEVED);
            }
        }
    }
}

fn follows(before: &Counters, now: &Counters, new_frame: bool) -> bool {
    let (step, before, now) = (u8::from(new_frame), before.shifted(Counters::default()), *now);
    let picture = now.picture.zip(before.picture).map(|(b, a)| b.wrapping_sub(a) & 0x7FFF);
    let tl0 = now.tl0.zip(before.tl0).map(|(b, a)| b.wrapping_sub(a));
    let key = now.key.zip(before.key).map(|(b, a)| b.wrapping_sub(a) & 0x1F);
    picture == Some(u16::from(step)) && tl0 == Some(step) && key.is_some_and(|key| key <= step)
}

#[test]
fn what_comes_late_of_a_layer_is_not_mistaken() {
    let mut rewrite = Rewrite::default();
    let marks = |layer, number, begins| {
        let layered = Layered {
            layer,
            common: u32::from(number) * FRAME,
            arrived: 0,
            begins,
            counters: Counters::default(),
        };
        Marks { number, timestamp: 0, layered: Some(layered) }
    };
    assert_eq!(rewrite.map(&marks(0, 10, true)).map(|out| out.number), Ok(10));
    assert_eq!(rewrite.map(&marks(1, 500, false)), Err(Left::NoKeyFrame));
    assert_eq!(rewrite.map(&marks(1, 501, true)).map(|out| out.number), Ok(11));
    assert_eq!(rewrite.map(&marks(1, 500, false)), Err(Left::Straggler), "before the key frame");
    assert_eq!(rewrite.map(&marks(0, 11, false)), Err(Left::NoKeyFrame), "of the layer before");
}
