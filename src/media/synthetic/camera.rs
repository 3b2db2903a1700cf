//! A camera in three layers of simulcast, as a browser sends it: each layer with counters and a clock of its own, named by
//! header extensions in its first packets alone.
//!
//! Owns what the layers count. Called by tests of who gets which layer. Encodes nothing.

use super::{End, MediaStage, Synthetic, lock};
use crate::media::{
    ClientSignal, Pc,
    codec::Codec,
    engine, h264,
    vp8::{self, Counters},
};
use rtc::{rtp, rtp_transceiver::rtp_sender::RtpCodecKind};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

/// Width and height of the layers, the smallest first.
pub const SIZES: [(u16, u16); 3] = [(160, 90), (320, 180), (640, 360)];
/// Bytes of a frame of each.
const BYTES: [usize; 3] = [150, 500, 1_100];
const RIDS: [&str; 3] = ["q", "h", "f"];
/// Frames from one key frame to the next.
const KEY_EVERY: u64 = 10;
/// Frames that name their layer.
const NAMED: u64 = 50;

/// A camera.
pub struct Camera {
    end: Arc<End>,
    ssrcs: [u32; 3],
    frames: AtomicU64,
    /// Packets of each layer.
    packets: [AtomicU64; 3],
    mid: String,
    /// It sends no key frames, whoever asks.
    pub keyless: AtomicBool,
}

impl MediaStage {
    /// He begins to publish his camera in layers, on a fresh connection.
    pub async fn publish_layers(&self, player: &Arc<Synthetic>) -> anyhow::Result<Camera> {
        let end = End::open(&self.engine, Pc::Pub, super::HERE, player.codecs).await?;
        let ssrcs = std::array::from_fn(|_| rand::random::<u32>().max(1));
        let layers: Vec<_> = RIDS.iter().zip(ssrcs).map(|(rid, ssrc)| ((*rid).to_owned(), ssrc)).collect();
        end.add("sound", RtpCodecKind::Audio, player.ssrcs[0])?;
        end.add_layers("pictures", RtpCodecKind::Video, &layers)?;
        let sdp = end.offer(false)?;
        let section = sdp.split("m=video").nth(1).unwrap_or_default();
        let mid = section.lines().find_map(|line| line.strip_prefix("a=mid:")).unwrap_or_default().to_owned();
        *lock(&player.publishing) = Some(end.clone());
        self.signal(player, ClientSignal::Offer { sdp });
        let (frames, packets, keyless) = Default::default();
        Ok(Camera { end, ssrcs, frames, packets, mid, keyless })
    }
}

impl Camera {
    /// Sends a frame of each of these layers, 20 ms after the one before; the first and each tenth are key frames.
    pub fn frame(&self, layers: &[usize]) {
        let n = self.frames.fetch_add(1, Relaxed);
        let is_key = n.is_multiple_of(KEY_EVERY) && !self.keyless.load(Relaxed);
        for layer in layers {
            self.send(*layer, n, self.next_number(*layer), self.payload(*layer, n, is_key));
        }
    }

    /// Probes its link with padding, as browsers do on layers too that they have paused.
    pub fn pad(&self, layer: usize) {
        let (frame, number) = (self.frames.load(Relaxed).saturating_sub(1), self.next_number(layer));
        self.send(layer, frame, number, Vec::new());
    }

    /// A key frame and the frame after it, of each of these layers: the key frame comes late.
    pub fn late_key_frame(&self, layers: &[usize]) {
        let key_frame = self.frames.fetch_add(2, Relaxed);
        for layer in layers {
            let numbers = [self.next_number(*layer), self.next_number(*layer)];
            let [first, second] = [(0, true), (1, false)]
                .map(|(after, is_key)| self.payload(*layer, key_frame + after, is_key));
            self.send(*layer, key_frame + 1, numbers[1], second);
            self.send(*layer, key_frame, numbers[0], first);
        }
    }

    /// Key frames that it was asked for.
    pub fn asked(&self) -> u64 {
        self.end.key_frames_asked.load(Relaxed)
    }

    /// Offers again: with a new ufrag, as a browser whose network has changed.
    pub fn restart(&self) -> anyhow::Result<ClientSignal> {
        Ok(ClientSignal::Offer { sdp: self.end.offer(true)? })
    }

    fn next_number(&self, layer: usize) -> u16 {
        (self.ssrcs[layer] as u16).wrapping_add(self.packets[layer].fetch_add(1, Relaxed) as u16)
    }

    /// Of its `n`th frame.
    fn payload(&self, layer: usize, n: u64, is_key: bool) -> Vec<u8> {
        let (size, rest) = (is_key.then_some(SIZES[layer]), vec![0; BYTES[layer]]);
        if self.end.codec() == Codec::H264 {
            return h264::written(size, &rest);
        }
        let counters = Counters {
            picture: Some((self.ssrcs[layer] >> 16) as u16)
                .map(|first| first.wrapping_add(n as u16) & 0x7FFF),
            tl0: Some(n as u8),
            key: Some((n / KEY_EVERY) as u8),
        };
        vp8::written(counters, size, &rest)
    }

    fn send(&self, layer: usize, n: u64, sequence_number: u16, payload: Vec<u8>) {
        const STEP: u32 = 1_800;
        let ssrc = self.ssrcs[layer];
        let count = n as u32;
        let header = rtp::Header {
            version: 2,
            marker: true,
            payload_type: engine::payload_type(RtpCodecKind::Video, self.end.codec()),
            sequence_number,
            timestamp: ssrc.wrapping_add(count.wrapping_mul(STEP)),
            ssrc,
            ..rtp::Header::default()
        };
        let packet = rtp::Packet { header, payload: payload.into() };
        self.end.send_packet(packet, (n < NAMED).then_some((&self.mid, RIDS[layer])));
    }
}
