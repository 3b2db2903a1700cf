//! What a measured chat line carries: who sent it, which of his it is, and when.
//!
//! Fixed width and plain ASCII, so that a receiver finds and reads it by position, without
//! parsing the JSON around it. The server sees an ordinary line of [`TEXT_BYTES`] characters.

use std::sync::LazyLock;
use std::time::Instant;

/// Length of a measured line, the size of an ordinary chat message.
pub const TEXT_BYTES: usize = 64;

/// No nickname, id or field name may hold a tilde, so the first one is ours.
const MARKER: &[u8] = b"~pl";
const SLOT_DIGITS: usize = 2;
const NUMBER_DIGITS: usize = 8;
const TIME_DIGITS: usize = 16;
const SLOT_AT: usize = MARKER.len();
const NUMBER_AT: usize = SLOT_AT + SLOT_DIGITS;
const TIME_AT: usize = NUMBER_AT + NUMBER_DIGITS;
const STAMP_BYTES: usize = TIME_AT + TIME_DIGITS;
const FILLER: u8 = b'.';

static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Nanoseconds since the generator first asked; sender and receiver are one process.
pub fn now_ns() -> u64 {
    u64::try_from(ORIGIN.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The content of one measured line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The sender's place in his room.
    pub slot: u8,
    /// The sender's own number, from 0, without gaps.
    pub number: u32,
    /// When it was written to the socket, by [`now_ns`].
    pub sent_ns: u64,
}

impl Stamp {
    /// Writes the line, filled up to `length`.
    pub fn write(&self, length: usize, into: &mut Vec<u8>) {
        into.extend_from_slice(MARKER);
        push_hex(u64::from(self.slot), SLOT_DIGITS, into);
        push_hex(u64::from(self.number), NUMBER_DIGITS, into);
        push_hex(self.sent_ns, TIME_DIGITS, into);
        into.resize(into.len() + length.saturating_sub(STAMP_BYTES), FILLER);
    }

    /// Finds the stamp in a frame. `hint` remembers how far from the end it stood last time:
    /// what precedes it varies with `seq`, what follows it does not.
    pub fn find(frame: &[u8], hint: &mut usize) -> Option<Self> {
        let at = frame.len().checked_sub(*hint).filter(|at| frame[*at..].starts_with(MARKER));
        let at = at.or_else(|| frame.windows(MARKER.len()).position(|w| w == MARKER))?;
        *hint = frame.len() - at;
        Self::parse(frame.get(at..at + STAMP_BYTES)?)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        Some(Self {
            slot: u8::try_from(hex(&text[SLOT_AT..NUMBER_AT])?).ok()?,
            number: u32::try_from(hex(&text[NUMBER_AT..TIME_AT])?).ok()?,
            sent_ns: hex(&text[TIME_AT..STAMP_BYTES])?,
        })
    }
}

fn push_hex(value: u64, digits: usize, into: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    into.extend((0..digits).rev().map(|place| DIGITS[(value >> (4 * place)) as usize & 0xF]));
}

fn hex(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { slot: 7, number: 0xBEEF, sent_ns: 123_456_789_012 };

    #[test]
    fn a_line_has_the_length_asked_for_and_reads_back() {
        let mut line = Vec::new();
        STAMP.write(TEXT_BYTES, &mut line);
        assert_eq!(line.len(), TEXT_BYTES);
        assert_eq!(Stamp::find(&line, &mut 0), Some(STAMP));
    }

    #[test]
    fn it_is_found_inside_json_with_and_without_a_hint() {
        let mut frame = br#"{"seq":9,"type":"chat.message","payload":{"text":""#.to_vec();
        STAMP.write(TEXT_BYTES, &mut frame);
        frame.extend_from_slice(br#"","at":1}}"#);
        let mut hint = 0;
        assert_eq!(Stamp::find(&frame, &mut hint), Some(STAMP));
        assert_eq!(hint, TEXT_BYTES + br#"","at":1}}"#.len());
        frame.splice(8..8, *b"9");
        assert_eq!(Stamp::find(&frame, &mut hint), Some(STAMP));
    }

    #[test]
    fn other_frames_have_none() {
        assert_eq!(Stamp::find(br#"{"seq":1,"type":"session.welcome"}"#, &mut 0), None);
        assert_eq!(Stamp::find(b"~pl", &mut 0), None);
    }
}
