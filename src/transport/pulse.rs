//! The clock of a connection: the heartbeat, silence, and messages that dribble in.
//!
//! Pure: [`super::Connection`] tells it what happened and asks it what is due. A message that the framing counts has
//! so long from its first byte on, however many bytes come meanwhile.

use std::time::Duration;
use tokio::time::Instant;

/// A peer silent for so many halves of a heartbeat is gone (spec 1.1: 2.5 heartbeats).
const SILENT_HALVES: u32 = 5;

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ping,
    /// Nobody is there.
    Silent,
    /// The message that began to come has not come.
    Dribbled,
}

/// Of one connection.
pub(super) struct Pulse {
    half: Duration,
    message: Duration,
    beat: Instant,
    silent: u32,
    halves: u32,
    /// The message that is there in part, and when it must be whole.
    partial: Option<(u64, Instant)>,
}

impl Pulse {
    pub fn new(heartbeat: Duration, message: Duration, now: Instant) -> Self {
        let half = heartbeat / 2;
        Self { half, message, beat: now + half, silent: 0, halves: 0, partial: None }
    }

    /// When to [`strike`](Self::strike) next.
    pub fn next(&self) -> Instant {
        self.partial.map_or(self.beat, |(_, due)| due.min(self.beat))
    }

    /// Something came.
    pub fn heard(&mut self) {
        self.silent = 0;
    }

    /// This message is there in part now.
    pub fn watch(&mut self, partial: Option<u64>) {
        if partial != self.partial.map(|(n, _)| n) {
            self.partial = partial.map(|n| (n, Instant::now() + self.message));
        }
    }

    /// What is due. A beat that comes late is not made up for.
    pub fn strike(&mut self, now: Instant) -> Due {
        if self.partial.is_some_and(|(_, due)| due <= now) {
            return Due::Dribbled;
        }
        if now < self.beat {
            return Due::Nothing;
        }
        self.beat = now + self.half;
        self.silent += 1;
        self.halves += 1;
        match (self.silent > SILENT_HALVES, self.halves.is_multiple_of(2)) {
            (true, _) => Due::Silent,
            (_, true) => Due::Ping,
            _ => Due::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: Duration = Duration::from_secs(20);
    const MESSAGE: Duration = Duration::from_secs(10);

    /// What strikes within this time, and when (in seconds).
    fn strikes(pulse: &mut Pulse, from: Instant, seconds: u64) -> Vec<(u64, Due)> {
        let mut found = Vec::new();
        while pulse.next() <= from + Duration::from_secs(seconds) {
            let at = pulse.next();
            match pulse.strike(at) {
                Due::Nothing => {}
                due => found.push(((at - from).as_secs(), due)),
            }
            if matches!(found.last(), Some((_, Due::Silent | Due::Dribbled))) {
                break;
            }
        }
        found
    }

    #[actix::test]
    async fn a_silent_peer_is_pinged_twice_and_dropped_at_two_and_a_half_heartbeats() {
        let now = Instant::now();
        let mut pulse = Pulse::new(BEAT, MESSAGE, now);
        let due = strikes(&mut pulse, now, 100);
        assert_eq!(due, [(20, Due::Ping), (40, Due::Ping), (60, Due::Silent)]);
    }

    #[actix::test]
    async fn who_is_heard_is_pinged_for_ever() {
        let now = Instant::now();
        let mut pulse = Pulse::new(BEAT, MESSAGE, now);
        for n in 1..50 {
            let at = pulse.next();
            assert_ne!(pulse.strike(at), Due::Silent, "{n}");
            pulse.heard();
        }
    }

    #[actix::test]
    async fn a_message_has_so_long_from_its_first_byte_and_the_next_begins_anew() {
        tokio::time::pause();
        let now = Instant::now();
        let mut pulse = Pulse::new(BEAT * 10, MESSAGE, now);
        pulse.watch(Some(1));
        tokio::time::advance(Duration::from_secs(9)).await;
        pulse.heard();
        pulse.watch(Some(1));
        assert_eq!(pulse.next(), now + MESSAGE, "bytes of the same message win no time");
        pulse.watch(Some(2));
        assert_eq!(strikes(&mut pulse, now, 30), [(19, Due::Dribbled)]);
        let mut pulse = Pulse::new(BEAT * 10, MESSAGE, now);
        pulse.watch(Some(1));
        pulse.watch(None);
        assert_eq!(strikes(&mut pulse, now, 30), []);
    }
}
