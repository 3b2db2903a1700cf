//! A camera in three layers of simulcast, as a browser sends it: each layer with counters and a clock of its own, named by
//! header extensions in its first packets alone.
//!
//! Owns what the layers count. Called by tests of who gets which layer. Encodes nothing.

use super::{End, MediaStage, Synthetic, lock};
use crate::media::{
    ClientSignal, Pc, engine,
    vp8::{self, Counters},
};
use rtc::{rtp, rtp_transceiver::rtp_sender::RtpCodecKind};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// Width and height of the layers, the smallest first.
pub const SIZES: [(u16, u16); 3] = [(160, 90), (320, 180), (640, 360)];
/// Bytes of a frame of each.
const BYTES: [usize; 3] = [150, 500, 1_100];
const RIDS: [&str; 3] = ["q", "h", "f"];
/// Frames that name their layer.
const NAMED: u64 = 50;

/// A camera.
pub struct Camera {
    end: Arc<End>,
    ssrcs: [u32; 3],
    frames: AtomicU64,
    mid: String,
}

impl MediaStage {
    /// He begins to publish his camera in layers, on a fresh connection.
    pub async fn publish_layers(&self, player: &Arc<Synthetic>) -> anyhow::Result<Camera> {
        let end = End::open(&self.engine, Pc::Pub, super::HERE).await?;
        let ssrcs = std::array::from_fn(|_| rand::random::<u32>().max(1));
        let layers: Vec<_> = RIDS.iter().zip(ssrcs).map(|(rid, ssrc)| ((*rid).to_owned(), ssrc)).collect();
        end.add("sound", RtpCodecKind::Audio, player.ssrcs[0])?;
        end.add_layers("pictures", RtpCodecKind::Video, &layers)?;
        let sdp = end.offer(false)?;
        let section = sdp.split("m=video").nth(1).unwrap_or_default();
        let mid = section.lines().find_map(|line| line.strip_prefix("a=mid:")).unwrap_or_default().to_owned();
        *lock(&player.publishing) = Some(end.clone());
        self.signal(player, ClientSignal::Offer { sdp });
        Ok(Camera { end, ssrcs, frames: AtomicU64::new(0), mid })
    }
}

impl Camera {
    /// Sends a frame of each of these layers, 20 ms after the one before; the first and each tenth are key frames.
    pub fn frame(&self, layers: &[usize]) {
        let n = self.frames.fetch_add(1, Relaxed);
        for layer in layers {
            self.send(*layer, n);
        }
    }

    /// Offers again: with a new ufrag, as a browser whose network has changed.
    pub fn restart(&self) -> anyhow::Result<ClientSignal> {
        Ok(ClientSignal::Offer { sdp: self.end.offer(true)? })
    }

    fn send(&self, layer: usize, n: u64) {
        const STEP: u32 = 1_800;
        const KEY_EVERY: u64 = 10;
        let ssrc = self.ssrcs[layer];
        let count = n as u32;
        let header = rtp::Header {
            version: 2,
            marker: true,
            payload_type: engine::payload_type(RtpCodecKind::Video),
            sequence_number: (ssrc as u16).wrapping_add(n as u16),
            timestamp: ssrc.wrapping_add(count.wrapping_mul(STEP)),
            ssrc,
            ..rtp::Header::default()
        };
        let counters = Counters {
            picture: Some((ssrc >> 16) as u16 & 0x7FFF).map(|first| first.wrapping_add(n as u16) & 0x7FFF),
            tl0: Some(n as u8),
            key: Some((n / KEY_EVERY) as u8),
        };
        let key_frame = n.is_multiple_of(KEY_EVERY).then_some(SIZES[layer]);
        let payload = vp8::written(counters, key_frame, &vec![0; BYTES[layer]]);
        let packet = rtp::Packet { header, payload: payload.into() };
        self.end.send_packet(packet, (n < NAMED).then_some((&self.mid, RIDS[layer])));
    }
}
