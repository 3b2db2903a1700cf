//! Which codec the pictures of a room are in: H.264 when all can, else VP8 (spec 7).
//!
//! Owns the choice, and what descriptions say of who can. Called by the room for each description and at each tick. Nothing is
//! transcoded, so all who send speak the same; to those who receive both are offered, so that a change is negotiated anew
//! with senders alone. Who has said nothing yet stands in nobody's way.

use super::{
    Pc, h264,
    room::{MediaRoom, connections},
    vp8::Payload,
};
use std::time::{Duration, Instant};

/// A codec of pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Codec {
    /// What every browser can (RFC 7742).
    #[default]
    Vp8,
    /// Its constrained baseline profile, a picture in as many packets as it needs: what every browser has that has any.
    H264,
}

impl Codec {
    /// What may be negotiated, the better one last; both if H.264 is allowed here.
    pub(super) fn all(h264: bool) -> &'static [Self] {
        if h264 { &[Self::Vp8, Self::H264] } else { &[Self::Vp8] }
    }

    /// What a packet says of its picture.
    pub(super) fn read(self, payload: &[u8]) -> Payload {
        match self {
            Self::Vp8 => Payload::of(payload),
            Self::H264 => h264::read(payload),
        }
    }
}

/// Whether each line of pictures in a description lists H.264 as we speak it. `None`: it has no such line.
pub(super) fn lists_h264(sdp: &str) -> Option<bool> {
    let is_open = |section: &&str| section.starts_with("video ") && !section.starts_with("video 0 ");
    let mut lines = sdp.split("\nm=").skip(1).filter(is_open).peekable();
    lines.peek()?;
    Some(lines.all(has_h264))
}

fn has_h264(section: &str) -> bool {
    let listed =
        section.lines().filter_map(|line| line.strip_prefix("a=rtpmap:")?.trim_end().split_once(' '));
    let mut h264 = listed.filter(|(_, codec)| codec.eq_ignore_ascii_case("H264/90000"));
    h264.any(|(payload_type, _)| {
        let parameters = |line: &str| {
            let (of, parameters) = line.strip_prefix("a=fmtp:")?.split_once(' ')?;
            (of == payload_type).then(|| parameters.to_ascii_lowercase())
        };
        section.lines().filter_map(parameters).any(|parameters| {
            let has = |wanted: &str| parameters.split(';').any(|one| one.trim().starts_with(wanted));
            has("packetization-mode=1") && has("profile-level-id=42e0")
        })
    })
}

/// The codec of a room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    pub(super) codec: Codec,
    /// Since when all can, while it is VP8.
    all_can: Option<Instant>,
    /// How often it fell back.
    falls: u32,
}

impl Choice {
    /// Before anybody has said what he can: the best.
    pub(super) fn new(h264: bool) -> Self {
        Self { codec: if h264 { Codec::H264 } else { Codec::Vp8 }, all_can: None, falls: 0 }
    }

    /// Falls back at once when somebody cannot; comes back when all have been able for `calm`, twice as long after each fall,
    /// or at once while nobody sends. True if it changes.
    pub(super) fn settle(&mut self, all_can: bool, sends: bool, calm: Duration, now: Instant) -> bool {
        const MOST_FALLS: u32 = 7;
        let before = self.codec;
        if !all_can {
            self.falls = (self.falls + u32::from(before == Codec::H264)).min(MOST_FALLS);
            (self.codec, self.all_can) = (Codec::Vp8, None);
        } else if self.codec == Codec::Vp8 {
            let since = *self.all_can.get_or_insert(now);
            if !sends || now.saturating_duration_since(since) >= calm * (1 << self.falls.saturating_sub(1)) {
                (self.codec, self.all_can) = (Codec::H264, None);
            }
        }
        before != self.codec
    }
}

impl MediaRoom {
    /// Brings the room's codec up to date. After a change those who send in the other one begin anew: browsers choose a
    /// codec with a connection's answer, and what they send in on it stays.
    /// `besides` is what one says who has no connection yet.
    pub(super) fn settle_codec(&mut self, besides: Option<bool>, now: Instant) {
        let config = &self.shared.config;
        let calm = Duration::from_millis(config.codec_calm_ms);
        let said = self.peers.values().flat_map(connections).map(|connection| connection.takes_h264.get());
        let all_can = config.h264 && !said.chain([besides]).any(|can| can == Some(false));
        let sends = self.peers.values().any(|peer| peer.sending.is_some());
        if self.codec.settle(all_can, sends, calm, now) {
            tracing::debug!(codec = ?self.codec.codec, "the room's pictures change their codec");
        }
        let codec = self.codec.codec;
        let others = self.peers.iter().filter(|(_, peer)| {
            peer.sending
                .as_ref()
                .is_some_and(|sending| sending.codec != codec && sending.takes_h264.get().is_some())
        });
        let others: Vec<_> = others.map(|(player, _)| *player).collect();
        others.into_iter().for_each(|player| self.lost(player, Pc::Pub));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Chromium lists them, and Firefox.
    const CHROMIUM: &str = "v=0\r\nm=audio 9 X 111\r\na=rtpmap:111 opus/48000/2\r\nm=video 9 X 96 102 108\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:102 H264/90000\r\na=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\na=rtpmap:108 H264/90000\r\na=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n";
    const FIREFOX: &str = "v=0\r\nm=video 9 X 126\r\na=fmtp:126 profile-level-id=42E01F;level-asymmetry-allowed=1;packetization-mode=1\r\na=rtpmap:126 H264/90000\r\n";

    #[test]
    fn who_lists_constrained_baseline_on_every_line_can() {
        assert_eq!([CHROMIUM, FIREFOX].map(lists_h264), [Some(true); 2]);
        assert_eq!(lists_h264("v=0\r\nm=audio 9 X 111\r\n"), None, "he said nothing of pictures");
        assert_eq!(lists_h264(&CHROMIUM.replace("42e01f", "640c1f")), Some(false), "another profile");
        assert_eq!(
            lists_h264(&CHROMIUM.replace("mode=1", "mode=0")),
            Some(false),
            "pictures of one packet alone"
        );
        let two = |line: &str| lists_h264(&format!("{CHROMIUM}{line}a=rtpmap:96 VP8/90000\r\n"));
        assert_eq!(two("m=video 9 X 96\r\n"), Some(false));
        assert_eq!(two("m=video 0 X 96\r\n"), Some(true), "a line that is closed");
    }

    #[test]
    fn it_falls_back_at_once_and_comes_back_after_a_calm() {
        const CALM: Duration = Duration::from_secs(5);
        let (mut choice, start) = (Choice::new(true), Instant::now());
        let mut settle = |all_can, sends, s| {
            (choice.settle(all_can, sends, CALM, start + Duration::from_secs(s)), choice.codec)
        };
        assert_eq!(settle(true, true, 0), (false, Codec::H264));
        assert_eq!(settle(false, true, 1), (true, Codec::Vp8));
        assert_eq!(settle(true, true, 2), (false, Codec::Vp8));
        assert_eq!(settle(true, true, 6), (false, Codec::Vp8), "4 s");
        assert_eq!(settle(false, true, 7), (false, Codec::Vp8), "he was away for a moment");
        assert_eq!([settle(true, true, 8), settle(true, true, 12)], [(false, Codec::Vp8); 2]);
        assert_eq!(settle(true, true, 13), (true, Codec::H264));
        assert_eq!(
            [settle(false, true, 14).0, settle(true, true, 15).0, settle(true, true, 24).0],
            [true, false, false]
        );
        assert_eq!(settle(true, true, 25), (true, Codec::H264), "after twice as long");
        assert_eq!(
            [settle(false, false, 26), settle(true, false, 26)],
            [(true, Codec::Vp8), (true, Codec::H264)],
            "nobody is disturbed"
        );
        (0..40).for_each(|_| {
            assert!(settle(false, true, 27).1 == Codec::Vp8 && settle(true, false, 27).1 == Codec::H264)
        });
        assert!(
            settle(false, true, 30).0
                && !settle(true, true, 30).0
                && !settle(true, true, 349).0
                && settle(true, true, 350).0
        );
    }
}
