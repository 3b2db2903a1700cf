//! The little of VP8's payload that is ours to know (RFC 7741): where a key frame begins, how large it is, and the counters
//! that a receiver expects to run on when his stream changes layers.
//!
//! Owns the layout of the payload descriptor. Called for each packet of a stream with layers. Never looks at a picture,
//! and never panics, whatever a sender writes.

use bytes::{Bytes, BytesMut};

const EXTENDED: u8 = 0x80;
const BEGINS_PARTITION: u8 = 0x10;
const PARTITION: u8 = 0x07;
const HAS_PICTURE_ID: u8 = 0x80;
const HAS_TL0: u8 = 0x40;
const HAS_TID: u8 = 0x20;
const HAS_KEY_INDEX: u8 = 0x10;
const LONG: u8 = 0x80;
const KEY_INDEX: u8 = 0x1F;
/// Of a frame's first byte: not a key frame.
const INTER: u8 = 0x01;

/// What a packet's payload says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Payload {
    /// The first packet of a key frame, and how many pixels that has.
    pub(super) key_frame: Option<u32>,
    /// Its counters.
    pub(super) counters: Counters,
}

/// The counters of a payload descriptor, as they are or by how much they are to be shifted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    /// Of the frame: 15 bits, or 7.
    pub(super) picture: Option<u16>,
    /// Of the frames of the lowest temporal layer.
    pub(super) tl0: Option<u8>,
    /// Of the key frames: 5 bits.
    pub(super) key: Option<u8>,
}

/// Where the counters are.
struct Places {
    picture: Option<(usize, bool)>,
    tl0: Option<usize>,
    key: Option<usize>,
    frame: usize,
}

impl Places {
    fn of(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let mut places = Self { picture: None, tl0: None, key: None, frame: 1 };
        if first & EXTENDED == 0 {
            return Some(places);
        }
        let has = *payload.get(1)?;
        let mut at = 2;
        if has & HAS_PICTURE_ID != 0 {
            let long = payload.get(at)? & LONG != 0;
            places.picture = Some((at, long));
            at += if long { 2 } else { 1 };
        }
        if has & HAS_TL0 != 0 {
            places.tl0 = Some(at);
            at += 1;
        }
        if has & (HAS_TID | HAS_KEY_INDEX) != 0 {
            places.key = (has & HAS_KEY_INDEX != 0).then_some(at);
            at += 1;
        }
        places.frame = at;
        (payload.len() >= at).then_some(places)
    }
}

impl Payload {
    /// Reads it; of what is no VP8, nothing is known.
    pub(super) fn of(payload: &[u8]) -> Self {
        let Some(places) = Places::of(payload) else { return Self::default() };
        let at = |place: usize| payload.get(place).copied().unwrap_or_default();
        let picture = places.picture.map(|(place, long)| {
            if long { u16::from_be_bytes([at(place) & !LONG, at(place + 1)]) } else { u16::from(at(place)) }
        });
        let (tl0, key) = (places.tl0.map(at), places.key.map(|place| at(place) & KEY_INDEX));
        let begins = payload[0] & BEGINS_PARTITION != 0 && payload[0] & PARTITION == 0;
        let frame = payload.get(places.frame..).unwrap_or_default();
        let is_key = begins && frame.first().is_some_and(|first| first & INTER == 0);
        Self { key_frame: is_key.then(|| pixels(frame)), counters: Counters { picture, tl0, key } }
    }
}

/// Of a key frame: after three bytes and a start code its width and height, 14 bits each.
fn pixels(frame: &[u8]) -> u32 {
    const SIDE: u16 = 0x3FFF;
    let [w0, w1, h0, h1] = frame.get(6..10).and_then(|size| size.try_into().ok()).unwrap_or_default();
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & SIDE);
    side(w0, w1) * side(h0, h1)
}

impl Counters {
    /// By how much what reads `now` is to be shifted so that it follows on `self`, the highest that went out.
    pub(super) fn shift_to_follow(self, now: Self) -> Self {
        Self {
            picture: now.picture.zip(self.picture).map(|(now, last)| last.wrapping_add(1).wrapping_sub(now)),
            tl0: now.tl0.zip(self.tl0).map(|(now, last)| last.wrapping_add(1).wrapping_sub(now)),
            key: now.key.zip(self.key).map(|(now, last)| last.wrapping_add(1).wrapping_sub(now)),
        }
    }

    /// Shifted.
    pub(super) fn shifted(self, by: Self) -> Self {
        const PICTURE: u16 = 0x7FFF;
        Self {
            picture: self.picture.map(|n| n.wrapping_add(by.picture.unwrap_or(0)) & PICTURE),
            tl0: self.tl0.map(|n| n.wrapping_add(by.tl0.unwrap_or(0))),
            key: self.key.map(|n| n.wrapping_add(by.key.unwrap_or(0)) & KEY_INDEX),
        }
    }

    /// The later of each: less than half the circle ahead is later.
    pub(super) fn or_later(self, other: Self) -> Self {
        fn later<T: Copy>(a: Option<T>, b: Option<T>, is_later: impl Fn(T, T) -> bool) -> Option<T> {
            match (a, b) {
                (Some(a), Some(b)) => Some(if is_later(b, a) { b } else { a }),
                (a, b) => b.or(a),
            }
        }
        Self {
            picture: later(self.picture, other.picture, |b, a| (b.wrapping_sub(a) & 0x7FFF) < 0x4000),
            tl0: later(self.tl0, other.tl0, |b, a| b.wrapping_sub(a) < 0x80),
            key: later(self.key, other.key, |b, a| (b.wrapping_sub(a) & KEY_INDEX) < 0x10),
        }
    }
}

/// The payload with these counters in the places of its own. A picture id of 7 bits stays one.
pub(super) fn with_counters(payload: Bytes, counters: Counters) -> Bytes {
    let Some(places) = Places::of(&payload) else { return payload };
    let mut bytes = BytesMut::from(&payload[..]);
    if let (Some((place, long)), Some(picture)) = (places.picture, counters.picture) {
        let [high, low] = picture.to_be_bytes();
        if long {
            bytes[place] = high | LONG;
            bytes[place + 1] = low;
        } else {
            bytes[place] = low & !LONG;
        }
    }
    if let (Some(place), Some(tl0)) = (places.tl0, counters.tl0) {
        bytes[place] = tl0;
    }
    if let (Some(place), Some(key)) = (places.key, counters.key) {
        bytes[place] = (bytes[place] & !KEY_INDEX) | (key & KEY_INDEX);
    }
    bytes.freeze()
}

/// A payload as a browser's encoder writes it: for synthetic players and tests.
#[cfg(any(test, feature = "testkit"))]
pub(super) fn written(counters: Counters, key_frame: Option<(u16, u16)>, rest: &[u8]) -> Vec<u8> {
    let [high, low] = counters.picture.unwrap_or(0).to_be_bytes();
    let mut payload = vec![
        EXTENDED | BEGINS_PARTITION,
        HAS_PICTURE_ID | HAS_TL0 | HAS_TID | HAS_KEY_INDEX,
        high | LONG,
        low,
        counters.tl0.unwrap_or(0),
        counters.key.unwrap_or(0) & KEY_INDEX,
    ];
    match key_frame {
        Some((width, height)) => {
            payload.extend([0, 0, 0, 0x9D, 0x01, 0x2A]);
            payload.extend(width.to_le_bytes());
            payload.extend(height.to_le_bytes());
        }
        None => payload.push(INTER),
    }
    payload.extend(rest);
    payload
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counters(picture: u16, tl0: u8, key: u8) -> Counters {
        Counters { picture: Some(picture), tl0: Some(tl0), key: Some(key) }
    }

    #[test]
    fn what_a_browser_writes_is_read() {
        let payload = written(counters(0x1234, 9, 3), Some((640, 480)), b"picture");
        let read = Payload::of(&payload);
        assert_eq!(read, Payload { key_frame: Some(640 * 480), counters: counters(0x1234, 9, 3) });
        let inter = written(counters(0x1235, 10, 3), None, b"picture");
        assert_eq!(Payload::of(&inter), Payload { key_frame: None, counters: counters(0x1235, 10, 3) });
        let mut second = payload.clone();
        second[0] = EXTENDED; // another packet of the frame
        assert_eq!(Payload::of(&second).key_frame, None);
        let short = [EXTENDED | BEGINS_PARTITION, HAS_PICTURE_ID, 0x55, 0];
        assert_eq!(Payload::of(&short).counters.picture, Some(0x55));
        let later = with_counters(Bytes::copy_from_slice(&short), counters(0x1FF, 1, 1));
        assert_eq!(later[..], [short[0], short[1], 0x7F, 0], "7 bits stay 7");
    }

    proptest! {
        #[test]
        fn no_payload_panics_and_none_changes_its_length(payload: Vec<u8>, picture: u16, tl0: u8, key: u8) {
            Payload::of(&payload);
            let length = payload.len();
            prop_assert_eq!(with_counters(payload.into(), counters(picture, tl0, key)).len(), length);
        }

        #[test]
        fn counters_are_written_where_they_are_read(picture in 0..0x8000_u16, tl0: u8, key in 0..32_u8, rest: Vec<u8>) {
            let payload = written(counters(1, 2, 3), None, &rest);
            let changed = with_counters(payload.clone().into(), counters(picture, tl0, key));
            prop_assert_eq!(Payload::of(&changed).counters, counters(picture, tl0, key));
            prop_assert_eq!(&changed[6..], &payload[6..], "the picture is as it was");
        }
    }
}
