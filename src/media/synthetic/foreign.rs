//! The same synthetic ends for a media server that is not ours, so that two servers can be measured under the same load.
//!
//! Owns what makes the ends. Called by benchmarks, which carry the descriptions. Knows nothing of the other server.

use super::end::End;
use crate::media::{Pc, codec::Codec, engine::Engine};
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use std::{net::IpAddr, sync::Arc, time::Duration};

/// Makes ends for any server.
pub struct Ends {
    engine: Engine,
    ip: IpAddr,
}

impl Ends {
    /// On this address of the machine, with a certificate of their own.
    pub fn new(ip: IpAddr) -> anyhow::Result<Self> {
        Ok(Self { engine: Engine::new(Duration::from_secs(5), Duration::from_secs(10))?, ip })
    }

    /// An end that will send sound and pictures under these names, and its offer.
    pub async fn publisher(&self, sound: u32, pictures: u32) -> anyhow::Result<(Arc<End>, String)> {
        let end = End::open(&self.engine, Pc::Pub, self.ip, Codec::all(false)).await?;
        end.add("sound", RtpCodecKind::Audio, sound)?;
        end.add("pictures", RtpCodecKind::Video, pictures)?;
        let offer = end.offer(false)?;
        Ok((end, offer))
    }

    /// An end that will receive what it is offered, and its answer.
    pub async fn receiver(&self, offer: &str) -> anyhow::Result<(Arc<End>, String)> {
        let end = End::open(&self.engine, Pc::Sub, self.ip, Codec::all(false)).await?;
        let answer = end.answer(offer)?;
        Ok((end, answer))
    }
}
