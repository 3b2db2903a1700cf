//! Who speaks: from the loudness that browsers write on each packet of sound (RFC 6464).
//!
//! Owns one meter a source. Called for each packet, and now and then when none comes. Never listens: packets are
//! encrypted to us as to anybody, it is their senders who say how loud they are.

use std::time::{Duration, Instant};

/// When a player speaks and when he has ceased.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thresholds {
    /// This loud is speech, in −dBov: 0 is the loudest.
    pub(super) loud: u8,
    /// This much quieter than speech is silence, in dB: what lies between changes nothing.
    pub(super) hysteresis: u8,
    /// Loud for so long begins it.
    pub(super) attack: Duration,
    /// Quiet for so long ends it.
    pub(super) hold: Duration,
}

/// One source's meter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Meter {
    speaking: bool,
    loud_since: Option<Instant>,
    heard_at: Option<Instant>,
}

impl Meter {
    /// Notes a packet's level as its header extension has it. `Some` if he begins or ceases to speak with it.
    pub(super) fn hear(&mut self, extension: u8, now: Instant, limits: &Thresholds) -> Option<bool> {
        const VOICE_FLAG: u8 = 0x80;
        let level = extension & !VOICE_FLAG;
        if level <= limits.loud {
            self.heard_at = Some(now);
            let since = *self.loud_since.get_or_insert(now);
            if !self.speaking && now.saturating_duration_since(since) >= limits.attack {
                self.speaking = true;
                return Some(true);
            }
            return None;
        }
        self.loud_since = None;
        if self.speaking && level <= limits.loud.saturating_add(limits.hysteresis) {
            self.heard_at = Some(now);
        }
        self.rest(now, limits)
    }

    /// Time passes. `Some(false)` if he has ceased to speak.
    pub(super) fn rest(&mut self, now: Instant, limits: &Thresholds) -> Option<bool> {
        let quiet = self.heard_at.is_none_or(|at| now.saturating_duration_since(at) >= limits.hold);
        (quiet && self.hush()).then_some(false)
    }

    /// He is not to be heard any more; whether he spoke.
    pub(super) fn hush(&mut self) -> bool {
        self.loud_since = None;
        std::mem::take(&mut self.speaking)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Thresholds = Thresholds {
        loud: 45,
        hysteresis: 10,
        attack: Duration::from_millis(60),
        hold: Duration::from_millis(500),
    };
    const QUIET: u8 = 127;

    /// Every 20 ms a packet of the next level; what changed, with the number of the packet.
    fn changes(levels: impl IntoIterator<Item = u8>) -> Vec<(usize, bool)> {
        let (mut meter, start) = (Meter::default(), Instant::now());
        let at = |n: usize| start + Duration::from_millis(20) * n as u32;
        let levels = levels.into_iter().enumerate();
        levels.filter_map(|(n, level)| Some((n, meter.hear(level, at(n), &LIMITS)?))).collect()
    }

    fn of(level: u8, packets: usize) -> Vec<u8> {
        vec![level; packets]
    }

    #[test]
    fn speech_begins_after_the_attack_and_ends_after_the_hold() {
        assert_eq!(changes([of(30, 10), of(QUIET, 50)].concat()), [(3, true), (34, false)]);
    }

    #[test]
    fn a_click_is_no_speech_and_a_breath_no_end() {
        assert_eq!(changes([of(QUIET, 5), of(10, 2), of(QUIET, 5)].concat()), []);
        assert_eq!(changes([of(30, 10), of(QUIET, 20), of(30, 10)].concat()), [(3, true)]);
    }

    #[test]
    fn between_the_thresholds_nothing_changes() {
        assert_eq!(changes(of(50, 100)), [], "not loud enough to begin");
        assert_eq!(changes([of(30, 10), of(50, 100)].concat()), [(3, true)], "not quiet enough to end");
    }

    #[test]
    fn one_whose_packets_cease_has_ceased_to_speak() {
        let (mut meter, start) = (Meter::default(), Instant::now());
        for n in 0..10 {
            meter.hear(20, start + Duration::from_millis(20) * n, &LIMITS);
        }
        assert_eq!(meter.rest(start + Duration::from_millis(300), &LIMITS), None);
        assert_eq!(meter.rest(start + Duration::from_millis(900), &LIMITS), Some(false));
        assert_eq!(meter.rest(start + Duration::from_millis(999), &LIMITS), None, "once");
    }
}
