//! The little of H.264's payload that is ours to know (RFC 6184): where a key frame begins, and how large it is.
//!
//! Owns the layout of its packets and of a sequence parameter set. Called for each packet of a stream with layers. Never looks
//! at a picture, and never panics, whatever a sender writes.
//!
//! A key frame begins with its sequence parameter set: browsers write one before each, and without it nothing that follows
//! can be decoded. So a picture that refers to no other (IDR) is by itself no beginning: what stood before it is late or lost.

use super::vp8::{Counters, Payload};

/// Of a unit's first byte: what it is.
const KIND: u8 = 0x1F;
const PARAMETERS: u8 = 7;
/// A packet of several units, each after its length.
const SEVERAL: u8 = 24;
/// A packet with a piece of a unit; the second byte says of what, and whether it is the first piece.
const PIECE: u8 = 28;
const FIRST_PIECE: u8 = 0x80;
/// Of a picture, in blocks of 16; more is no picture of a camera's.
const MOST_BLOCKS: u32 = 1_024;

/// Reads it; of what is no H.264, nothing is known.
pub(super) fn read(payload: &[u8]) -> Payload {
    let key_frame = parameters(payload).map(|set| pixels(set).unwrap_or(0));
    Payload { key_frame, counters: Counters::default() }
}

/// The sequence parameter set in a packet, without its first byte.
fn parameters(payload: &[u8]) -> Option<&[u8]> {
    let (first, rest) = payload.split_first()?;
    match first & KIND {
        PARAMETERS => Some(rest),
        SEVERAL => among(rest),
        PIECE => {
            let (of, rest) = rest.split_first()?;
            (of & FIRST_PIECE != 0 && of & KIND == PARAMETERS).then_some(rest)
        }
        _ => None,
    }
}

fn among(mut units: &[u8]) -> Option<&[u8]> {
    loop {
        let (length, rest) = units.split_first_chunk::<2>()?;
        let (unit, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        match unit.split_first() {
            Some((first, set)) if first & KIND == PARAMETERS => return Some(set),
            _ => units = rest,
        }
    }
}

/// Width times height, as a set of the baseline profiles has them, the only ones that are negotiated (ITU-T H.264, 7.3.2.1.1).
fn pixels(set: &[u8]) -> Option<u32> {
    const BASELINE: [u32; 3] = [66, 77, 88];
    let mut bits = Bits::of(set);
    if !BASELINE.contains(&bits.take(8)?) {
        return None;
    }
    bits.take(16)?; // what it refrains from, and its level
    bits.number()?; // its name
    bits.number()?; // how far frames are counted
    match bits.number()? {
        0 => drop(bits.number()?),
        1 => {
            bits.take(1)?;
            bits.number()?;
            bits.number()?;
            for _ in 0..bits.number()?.min(u8::MAX.into()) {
                bits.number()?;
            }
        }
        _ => {}
    }
    bits.number()?; // frames that are referred to
    bits.take(1)?;
    let blocks = [bits.number()?, bits.number()?];
    let fields = 2 - bits.take(1)?; // lines of a frame come in so many halves
    if fields == 2 {
        bits.take(1)?;
    }
    bits.take(1)?;
    let mut cut = [0; 2];
    if bits.take(1)? == 1 {
        cut = [bits.number()?.checked_add(bits.number()?)?, bits.number()?.checked_add(bits.number()?)?];
    }
    let [width, height] = std::array::from_fn(|n| side(blocks[n], if n == 0 { 1 } else { fields }, cut[n]));
    Some(width? * height?)
}

/// So many blocks and one, less what is cut off in pairs of lines.
fn side(blocks: u32, fields: u32, cut: u32) -> Option<u32> {
    let blocks = blocks.checked_add(1).filter(|blocks| *blocks <= MOST_BLOCKS)?;
    (blocks * fields * 16).checked_sub(cut.checked_mul(2 * fields)?)
}

/// The bits of a unit, without the bytes that keep it from looking like the start of one (00 00 03).
struct Bits<'a> {
    bytes: &'a [u8],
    zeros: u8,
    byte: u8,
    left: u32,
}

impl<'a> Bits<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, zeros: 0, byte: 0, left: 0 }
    }

    fn bit(&mut self) -> Option<u32> {
        const GUARD: u8 = 3;
        if self.left == 0 {
            let (mut byte, mut rest) = self.bytes.split_first()?;
            if self.zeros >= 2 && *byte == GUARD {
                self.zeros = 0;
                (byte, rest) = rest.split_first()?;
            }
            self.zeros = if *byte == 0 { self.zeros.saturating_add(1) } else { 0 };
            (self.bytes, self.byte, self.left) = (rest, *byte, 8);
        }
        self.left -= 1;
        Some(u32::from(self.byte >> self.left & 1))
    }

    /// The next so many, 32 at most.
    fn take(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |all, _| Some(all << 1 | self.bit()?))
    }

    /// A number as long as it needs (9.1): zeros that say how many bits follow on a one. Signed ones are as long.
    fn number(&mut self) -> Option<u32> {
        const LONGEST: u32 = 31;
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > LONGEST {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.take(zeros)?)
    }
}

/// A frame in one packet, as a browser's encoder writes it: for synthetic players and tests.
#[cfg(any(test, feature = "testkit"))]
pub(super) fn written(key_frame: Option<(u16, u16)>, rest: &[u8]) -> Vec<u8> {
    const INTER: u8 = 0x41;
    const IDR: u8 = 0x65;
    let Some((width, height)) = key_frame else { return [&[INTER], rest].concat() };
    let units = [set(width, height), vec![0x68, 0xCE, 0x38, 0x80], [&[IDR], rest].concat()];
    let mut payload = vec![0x60 | SEVERAL];
    for unit in units {
        payload.extend((unit.len() as u16).to_be_bytes());
        payload.extend(unit);
    }
    payload
}

/// A sequence parameter set of this size.
#[cfg(any(test, feature = "testkit"))]
fn set(width: u16, height: u16) -> Vec<u8> {
    fn number(bits: &mut Vec<bool>, n: u32) {
        let length = (n + 1).ilog2();
        bits.extend((0..length).map(|_| false));
        bits.extend((0..=length).rev().map(|at| (n + 1) >> at & 1 == 1));
    }
    let (width, height) = (u32::from(width), u32::from(height));
    let blocks = [width.div_ceil(16), height.div_ceil(16)];
    let cut = [0, (blocks[0] * 16 - width) / 2, 0, (blocks[1] * 16 - height) / 2];
    let mut bits = Vec::new();
    [0, 0, 2, 1].into_iter().for_each(|n| number(&mut bits, n)); // its name; how frames are counted, and ordered; one is referred to
    bits.push(false);
    blocks.into_iter().for_each(|count| number(&mut bits, count - 1));
    bits.extend([true, true, true]); // whole frames; as usual; cut
    cut.into_iter().for_each(|n| number(&mut bits, n));
    bits.extend([false, true]); // nothing more; the end
    let mut unit = vec![0x60 | PARAMETERS, 66, 0xC0, 31];
    unit.extend(
        bits.chunks(8)
            .map(|byte| byte.iter().enumerate().fold(0, |all, (at, bit)| all | u8::from(*bit) << (7 - at))),
    );
    unit
}

#[cfg(test)]
mod tests;
