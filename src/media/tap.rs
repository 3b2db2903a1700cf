//! What receivers report of what they are sent: key frames they need, what their link carries.
//!
//! Owns the first place in a connection's chain of interceptors. The crate keeps such reports to itself; the tap copies
//! what the room needs into [`Reports`], which the connection's task reads after each burst. Floods end here: of reports
//! that cost us packets so many a second pass and no more.

use super::layer::Clock;
use rtc::{
    interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket},
    rtcp::{
        payload_feedbacks::{
            full_intra_request::FullIntraRequest, picture_loss_indication::PictureLossIndication,
            receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate,
        },
        sender_report::SenderReport,
        transport_feedbacks::transport_layer_nack::TransportLayerNack,
    },
    rtp,
    sansio::Protocol,
    shared::error::Error,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Lost packets that a receiver may ask for in a second; more is not loss.
const NACKED_A_SECOND: usize = 500;
/// Reports that wait for the connection's task at most.
const WAITING: usize = 64;

/// One report.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Report {
    /// A stream of ours cannot be decoded without a key frame.
    KeyFrame(u32),
    /// His link carries so many bits a second in all.
    Carries(u64),
    /// How the clock of a stream of his stands.
    Clock(u32, Clock),
}

/// Reports that wait to be read.
#[derive(Clone, Default)]
pub(super) struct Reports(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    reports: Vec<Report>,
    /// Of the burst that is being read.
    packets: Vec<rtp::Packet>,
}

impl Reports {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that wait.
    pub(super) fn take(&self) -> Vec<Report> {
        std::mem::take(&mut self.lock().reports)
    }

    /// The packets that have come since: as many as datagrams were read, a burst at most.
    pub(super) fn take_packets(&self) -> Vec<rtp::Packet> {
        std::mem::take(&mut self.lock().packets)
    }

    /// A packet has come.
    pub(super) fn put_packet(&self, packet: rtp::Packet) {
        self.lock().packets.push(packet);
    }

    fn put(&self, report: Report) {
        let mut waiting = self.lock();
        if waiting.reports.len() < WAITING && !waiting.reports.contains(&report) {
            waiting.reports.push(report);
        }
    }
}

/// The interceptor.
pub(super) struct Tap {
    reports: Reports,
    read: VecDeque<TaggedPacket>,
    written: VecDeque<TaggedPacket>,
    since: Option<Instant>,
    nacked: usize,
}

impl Tap {
    pub(super) fn new(reports: Reports) -> Self {
        Self { reports, read: VecDeque::new(), written: VecDeque::new(), since: None, nacked: 0 }
    }

    /// Notes what a packet says; whether it goes on.
    fn note(&mut self, packet: &dyn rtc::rtcp::Packet, now: Instant) -> bool {
        let packet = packet.as_any();
        if let Some(loss) = packet.downcast_ref::<PictureLossIndication>() {
            self.reports.put(Report::KeyFrame(loss.media_ssrc));
        } else if let Some(request) = packet.downcast_ref::<FullIntraRequest>() {
            request.fir.iter().for_each(|entry| self.reports.put(Report::KeyFrame(entry.ssrc)));
        } else if let Some(estimate) = packet.downcast_ref::<ReceiverEstimatedMaximumBitrate>() {
            self.reports.put(Report::Carries(estimate.bitrate.max(0.0) as u64));
        } else if let Some(sent) = packet.downcast_ref::<SenderReport>() {
            self.reports.put(Report::Clock(sent.ssrc, Clock { ntp: sent.ntp_time, rtp: sent.rtp_time }));
        } else if let Some(nack) = packet.downcast_ref::<TransportLayerNack>() {
            let asked = nack.nacks.iter().map(|pair| pair.packet_list().len()).sum();
            return self.may_ask_for(asked, now);
        }
        true
    }

    fn may_ask_for(&mut self, packets: usize, now: Instant) -> bool {
        let second = Duration::from_secs(1);
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= second) {
            (self.since, self.nacked) = (Some(now), 0);
        }
        self.nacked += packets;
        self.nacked <= NACKED_A_SECOND
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Tap {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, mut message: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(packets) = &mut message.message.packet {
            packets.retain(|packet| self.note(packet.as_ref(), message.now));
            if packets.is_empty() {
                return Ok(());
            }
        }
        self.read.push_back(message);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.read.pop_front()
    }

    fn handle_write(&mut self, message: TaggedPacket) -> Result<(), Error> {
        self.written.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.written.pop_front()
    }
}

impl Interceptor for Tap {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc::rtcp::transport_feedbacks::transport_layer_nack::nack_pairs_from_sequence_numbers;

    fn tagged(packets: Vec<Box<dyn rtc::rtcp::Packet>>, now: Instant) -> TaggedPacket {
        TaggedPacket { now, transport: Default::default(), message: Packet::Rtcp(packets).into() }
    }

    #[test]
    fn reports_are_copied_and_go_on() {
        let (reports, now) = (Reports::default(), Instant::now());
        let mut tap = Tap::new(reports.clone());
        let loss = || Box::new(PictureLossIndication { sender_ssrc: 1, media_ssrc: 7 });
        let estimate = ReceiverEstimatedMaximumBitrate { sender_ssrc: 1, bitrate: 300_000.0, ssrcs: vec![7] };
        tap.handle_read(tagged(vec![loss(), loss(), Box::new(estimate)], now)).expect("read");
        assert!(tap.poll_read().is_some());
        assert_eq!(reports.take(), [Report::KeyFrame(7), Report::Carries(300_000)], "each once");
        assert!(reports.take().is_empty());
    }

    #[test]
    fn a_flood_of_requests_for_lost_packets_ends_here() {
        let (mut tap, start) = (Tap::new(Reports::default()), Instant::now());
        let numbers: Vec<u16> = (0..100).collect();
        let mut passed = |now| {
            let nacks = nack_pairs_from_sequence_numbers(&numbers);
            let nack = TransportLayerNack { sender_ssrc: 1, media_ssrc: 7, nacks };
            tap.handle_read(tagged(vec![Box::new(nack)], now)).expect("read");
            tap.poll_read().is_some()
        };
        assert_eq!((0..20).filter(|_| passed(start)).count(), NACKED_A_SECOND / 100);
        assert!(passed(start + Duration::from_secs(1)), "the next second is another");
    }
}
