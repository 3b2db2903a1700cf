//! A stream as its receiver sees it: one that runs on, whatever the policy withholds and whichever layer he gets.
//!
//! Owns, for each receiver and stream, by how much its counters are shifted: sequence numbers, and of a stream with layers
//! timestamps and VP8's own counters. Called for each packet that goes to him. Never touches the timestamps of a stream
//! without layers: its clock runs on while it is not heard, and shifting them makes players buffer more and more.

use super::vp8::Counters;

/// Packets after a gap during which what is older than the gap is told by its number.
const WATCHED: u16 = 4_096;
/// Serial number arithmetic (RFC 1982): less than half the circle ahead is later.
const HALF: u16 = 0x8000;
/// Of the clock (90 kHz): a layer's own clock is believed if it is behind the time that has passed by no more: 1 s.
const BELIEVED: u32 = 90_000;
/// A frame, where nothing better is known: 1/30 s.
const FRAME: u32 = 3_000;

/// What of a packet is rewritten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) number: u16,
    pub(super) timestamp: u32,
    /// Of a stream with layers.
    pub(super) layered: Option<Layered>,
}

/// What is said of a packet of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Layered {
    /// Which.
    pub(super) layer: u8,
    /// Its timestamp by the clock that all layers of the stream share, as far as that is known.
    pub(super) common: u32,
    /// When it came, by a clock of as many ticks that begins with the stream.
    pub(super) arrived: u32,
    /// A key frame begins with it: a receiver can begin here.
    pub(super) begins: bool,
    pub(super) counters: Counters,
}

/// How a packet goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rewritten {
    pub(super) number: u16,
    pub(super) timestamp: u32,
    /// To be written into the payload, if they differ from its own.
    pub(super) counters: Option<Counters>,
}

/// Why a packet does not go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// A late packet from before a gap: its number is another's now.
    Straggler,
    /// His stream must begin with a key frame.
    NoKeyFrame,
}

/// Maps a source's counters to a receiver's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rewrite {
    offset: u16,
    /// The highest number that went out.
    last: Option<u16>,
    /// The first number of the source after the last gap, for a while.
    resumed_at: Option<u16>,
    gap: bool,
    layers: Layers,
}

/// Of a stream with layers.
#[derive(Clone, Copy, Debug, Default)]
struct Layers {
    /// The one that goes out.
    layer: Option<u8>,
    clock: u32,
    counters: Counters,
    /// The latest that went out, and when it came.
    last_timestamp: Option<u32>,
    last_arrived: u32,
    last_counters: Counters,
}

impl Rewrite {
    /// Packets were withheld: what comes next follows what went out last.
    pub(super) fn skip(&mut self) {
        self.gap = true;
    }

    /// As the receiver gets it.
    pub(super) fn map(&mut self, marks: &Marks) -> Result<Rewritten, Left> {
        let Marks { number, timestamp, layered } = *marks;
        if let Some(layered) = layered
            && (self.gap || self.layers.layer != Some(layered.layer))
        {
            if !layered.begins {
                return Err(Left::NoKeyFrame);
            }
            self.gap = true;
            self.layers.begin(timestamp, layered);
        }
        let number = self.number(number).ok_or(Left::Straggler)?;
        match layered {
            Some(layered) => {
                let (timestamp, counters) = self.layers.shift(timestamp, layered);
                Ok(Rewritten { number, timestamp, counters })
            }
            None => Ok(Rewritten { number, timestamp, counters: None }),
        }
    }

    fn number(&mut self, number: u16) -> Option<u16> {
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

impl Layers {
    /// From this packet on, the first of a key frame, it is this layer's turn. Its clock goes no further than the time that
    /// has passed: browsers keep back for as long what seems to come too early, and take many seconds to learn better.
    fn begin(&mut self, timestamp: u32, layered: Layered) {
        self.layer = Some(layered.layer);
        let next = self.last_timestamp.map_or(layered.common, |last| {
            let passed = layered.arrived.wrapping_sub(self.last_arrived).max(FRAME);
            let (ahead, by_arrival) = (layered.common.wrapping_sub(last), last.wrapping_add(passed));
            let is_believed = (1..=passed).contains(&ahead) && passed - ahead <= BELIEVED;
            if is_believed { layered.common } else { by_arrival }
        });
        self.clock = next.wrapping_sub(timestamp);
        self.counters = self.last_counters.shift_to_follow(layered.counters);
    }

    fn shift(
        &mut self,
        timestamp: u32,
        Layered { arrived, counters, .. }: Layered,
    ) -> (u32, Option<Counters>) {
        let shifted = timestamp.wrapping_add(self.clock);
        let is_later = |last: u32| (1..u32::MAX / 2).contains(&shifted.wrapping_sub(last));
        if self.last_timestamp.is_none_or(is_later) {
            (self.last_timestamp, self.last_arrived) = (Some(shifted), arrived);
        }
        let now = counters.shifted(self.counters);
        self.last_counters = self.last_counters.or_later(now);
        (shifted, (now != counters).then_some(now))
    }
}

#[cfg(test)]
mod tests;
