//! One layer of a stream that comes in: how large its picture is, what it takes of a link, how its clock runs. A stream
//! without simulcast has one.
//!
//! Owns what is measured of it. Called by [`super::source`] for each packet. Never decides who gets it.

use super::{
    arrivals::{Arrival, Arrivals},
    vp8::Payload,
};
use std::time::{Duration, Instant};

/// Ticks of a clock of pictures in a second.
const HZ: u64 = 90_000;
/// A layer of which no picture came for so long, while others did, is not sent at the moment.
const PAUSED: Duration = Duration::from_millis(700);
/// Of which none came for so long is not sent, whatever others do.
const SILENT: Duration = Duration::from_millis(1_500);
/// One that came back has to last so long before it counts as steady: each change costs a key frame of all layers.
const STEADY: Duration = Duration::from_millis(2_000);

/// A layer.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    /// As the sender names it; he may change it.
    pub(super) ssrc: u32,
    /// Of its last key frame.
    pub(super) pixels: u32,
    pub(super) key_frame: KeyFrame,
    rate: Rate,
    arrivals: Arrivals,
    /// By his clock, and when it came.
    newest: Option<(u32, Instant)>,
    /// Since when it is sent again.
    back: Option<Instant>,
    reported: Option<Clock>,
}

/// Whether a key frame is wanted, and when one was asked for last, or came: a slow sender takes a while for one, and gets
/// nowhere if he must begin the next meanwhile.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KeyFrame {
    pub(super) wanted: bool,
    pub(super) asked: Option<Instant>,
}

/// What a sender's report says (RFC 3550): this timestamp was at this time of his, in 2⁻³² s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) ntp: u64,
    pub(super) rtp: u32,
}

/// Bytes of about a second.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    bps: u64,
    bytes: u64,
    since: Option<Instant>,
}

impl Layer {
    pub(super) fn new(ssrc: u32) -> Self {
        Self { ssrc, ..Self::default() }
    }

    /// A packet of this number came; for what is missing before it its sender has so long.
    pub(super) fn arrived(&mut self, number: u16, now: Instant, patience: Duration) -> Arrival {
        self.arrivals.note(number, now, patience)
    }

    /// It carried this of a picture; `latest` is when something of any layer came before. Padding is not noted: senders
    /// probe their link with it, on layers too that they have paused.
    pub(super) fn note(
        &mut self,
        timestamp: u32,
        bytes: usize,
        payload: &Payload,
        latest: Option<Instant>,
        now: Instant,
    ) {
        if let Some(pixels) = payload.key_frame {
            self.pixels = if pixels > 0 { pixels } else { self.pixels };
            self.arrivals.begin();
            self.key_frame = KeyFrame { wanted: false, asked: Some(now) };
        }
        if self.behind(latest) >= PAUSED {
            self.back = Some(now);
        }
        self.rate.note(bytes, now);
        self.newest = Some((timestamp, now));
    }

    /// Its sender says how its clock stands.
    pub(super) fn report(&mut self, clock: Clock) {
        self.reported = Some(clock);
    }

    /// When something of its picture came last.
    pub(super) fn seen_at(&self) -> Option<Instant> {
        self.newest.map(|(_, at)| at)
    }

    /// Whether pictures of it come; `latest` is when one of any layer did. While all are late, none is paused.
    pub(super) fn is_sent(&self, now: Instant, latest: Option<Instant>) -> bool {
        let seen_lately = |at| now.saturating_duration_since(at) < SILENT;
        self.seen_at().is_some_and(seen_lately) && self.behind(latest) < PAUSED
    }

    fn behind(&self, latest: Option<Instant>) -> Duration {
        let seen_at = self.seen_at();
        latest.zip(seen_at).map_or(Duration::ZERO, |(latest, at)| latest.saturating_duration_since(at))
    }

    /// Whether it has never paused, or not for long.
    pub(super) fn is_steady(&self, now: Instant) -> bool {
        self.back.is_none_or(|since| now.saturating_duration_since(since) >= STEADY)
    }

    /// What it takes of a link, in bit/s.
    pub(super) fn bps(&self) -> u64 {
        self.rate.bps
    }

    /// A timestamp of `of` by the clock of this layer: as their sender's reports have it, or, until there are some, as
    /// if what was taken together came together.
    pub(super) fn by_its_clock(&self, of: &Self, timestamp: u32, now: Instant) -> u32 {
        if let (Some(mine), Some(its)) = (self.reported, of.reported) {
            let since = timestamp.wrapping_sub(its.rtp);
            let apart = of_ntp(its.ntp.wrapping_sub(mine.ntp) as i64);
            return mine.rtp.wrapping_add(apart as u32).wrapping_add(since);
        }
        self.newest
            .map_or(timestamp, |(newest, at)| newest.wrapping_add(ticks(now.saturating_duration_since(at))))
    }
}

/// Of a clock of pictures; it comes round.
pub(super) fn ticks(time: Duration) -> u32 {
    (time.as_micros() as u64 * HZ / 1_000_000) as u32
}

/// Ticks, of 2⁻³² s.
fn of_ntp(ntp: i64) -> i64 {
    ((i128::from(ntp) * i128::from(HZ)) >> 32) as i64
}

impl Rate {
    fn note(&mut self, bytes: usize, now: Instant) {
        const WINDOW: Duration = Duration::from_millis(1_000);
        let since = *self.since.get_or_insert(now);
        self.bytes += bytes as u64;
        let window = now.saturating_duration_since(since);
        if window >= WINDOW {
            let bps = (self.bytes * 8_000) / window.as_millis().max(1) as u64;
            // Rises at once, for a link that is too narrow notices at once; falls slowly, for pictures that stand still move again.
            self.bps = bps.max(self.bps - self.bps / 8);
            (self.bytes, self.since) = (0, Some(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn a_layer_is_measured_and_pauses() {
        let (mut layer, start) = (Layer::new(7), Instant::now());
        let key = Payload { key_frame: Some(160 * 120), ..Payload::default() };
        for n in 0..=100 {
            layer.note(n * 1_800, 250, &key, None, later(start, u64::from(n) * 20));
        }
        assert!((95_000..=105_000).contains(&layer.bps()), "{}", layer.bps());
        assert_eq!(layer.pixels, 160 * 120);
        let sent = |ms, latest| layer.is_sent(later(start, ms), Some(later(start, latest)));
        assert!(sent(2_500, 2_500), "it came at 2,000");
        assert!(!sent(2_800, 2_700), "others come");
        assert!(sent(2_800, 2_100) && !sent(3_500, 2_100), "all are late, or silent");
    }

    #[test]
    fn a_layer_that_came_back_has_to_last() {
        let (mut layer, start, inter) = (Layer::new(7), Instant::now(), Payload::default());
        let mut note = |ms, latest| {
            let now = later(start, ms);
            layer.note(0, 100, &inter, Some(later(start, latest)), now);
            layer.is_steady(now)
        };
        assert!(note(0, 0) && note(600, 590), "late, but it never paused");
        assert!(!note(1_500, 1_490), "it had");
        assert!(!note(2_100, 2_090) && !note(2_700, 2_690) && !note(3_300, 3_290) && note(3_600, 3_590));
        assert!(note(4_800, 3_610) && note(6_700, 4_810), "all were late, or silent");
    }

    #[test]
    fn a_key_frame_that_comes_is_wanted_no_more() {
        let (mut layer, now) = (Layer::new(7), Instant::now());
        layer.key_frame.wanted = true;
        layer.note(0, 1, &Payload::default(), None, now);
        assert!(layer.key_frame.wanted);
        layer.note(0, 1, &Payload { key_frame: Some(1), ..Payload::default() }, None, now);
        assert!(!layer.key_frame.wanted);
    }

    #[test]
    fn clocks_are_compared_by_reports_and_before_that_by_arrival() {
        let (mut a, mut b, start) = (Layer::new(1), Layer::new(2), Instant::now());
        a.note(900_000, 1, &Payload::default(), None, start);
        b.note(5_000, 1, &Payload::default(), None, later(start, 10));
        let at = later(start, 100);
        assert_eq!(a.by_its_clock(&b, 14_000, at), 900_000 + 9_000, "100 ms later");
        let second = 1_u64 << 32;
        a.report(Clock { ntp: 50 * second, rtp: 900_000 });
        b.report(Clock { ntp: 49 * second, rtp: 5_000 });
        assert_eq!(a.by_its_clock(&b, 5_000, at), 900_000 - 90_000, "a second before");
        b.report(Clock { ntp: 50 * second + second / 2, rtp: 5_000 });
        assert_eq!(a.by_its_clock(&b, 5_000 + 900, at), 900_000 + 45_000 + 900);
    }

    #[test]
    fn a_layer_alone_keeps_its_clock() {
        let (mut a, start) = (Layer::new(1), Instant::now());
        a.report(Clock { ntp: 7 << 32, rtp: 12 });
        assert_eq!(a.by_its_clock(&a.clone(), 77_000, start), 77_000);
    }
}
