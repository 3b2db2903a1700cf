//! One peer connection of webrtc-rs, driven by hand: bytes in, bytes out, descriptions, timers.
//!
//! Owns the connection's state machine (`rtc`, the part of webrtc-rs without I/O) and its line on the port. Called by
//! [`super::connection`] alone. Never waits and never blocks: everything here ends at once.

use super::{
    budget::Budget,
    codec::Codec,
    early::Early,
    engine,
    mux::{Datagram, Line},
    rewrite::Rewritten,
    source::Outgoing,
    stun::Kind,
    tap::{Report, Reports},
    vp8,
};
use rtc::{
    media_stream::MediaStreamTrack,
    peer_connection::{
        RTCPeerConnection,
        configuration::RTCOfferOptions,
        event::{RTCPeerConnectionEvent, RTCTrackEvent, RTCTrackEventInit},
        message::{RTCMessage, TaggedRTCMessage},
        sdp::RTCSessionDescription,
        state::{RTCIceConnectionState, RTCPeerConnectionState},
    },
    rtcp, rtp,
    rtp_transceiver::{
        RTCRtpReceiverId, RTCRtpSenderId, RTCRtpTransceiverDirection, RTCRtpTransceiverInit,
        rtp_sender::{RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind},
    },
    sansio::Protocol as _,
    shared::{TaggedBytesMut, TransportContext, TransportProtocol, error::Error},
};
use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

/// Streams that one connection may name: SRTP keeps a state for each.
const STREAMS: usize = 32;

/// A peer connection and its line.
pub(super) struct Wire {
    pub(super) pc: RTCPeerConnection,
    /// Of the pictures that come in on it.
    pub(super) codec: Codec,
    /// Packets of media that have waited for longer are not read.
    pub(super) patience: Duration,
    line: Line,
    reports: Reports,
    budget: Budget,
    early: Early,
    streams: Vec<u32>,
    /// Of the extension that says when a packet left.
    stamp: Option<u8>,
}

/// What a turn has brought.
#[derive(Default)]
pub(super) struct Turn {
    pub(super) states: Vec<RTCPeerConnectionState>,
    pub(super) tracks: Vec<Opened>,
    pub(super) packets: Vec<rtp::Packet>,
    pub(super) reports: Vec<Report>,
}

/// A stream that begins to come in.
pub(super) struct Opened {
    pub(super) receiver: RTCRtpReceiverId,
    pub(super) kind: RtpCodecKind,
    pub(super) ssrc: u32,
    /// A layer of simulcast.
    pub(super) rid: Option<String>,
    pub(super) level_extension: Option<u8>,
}

/// Whether a datagram was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It was.
    Yes,
    /// It is over the sender's bitrate.
    OverRate,
    /// It is of one stream too many.
    TooManyStreams,
    /// It has waited for so long that it is of no use, and keeps what follows from being of any.
    Stale,
}

impl Wire {
    pub(super) fn new(pc: RTCPeerConnection, line: Line, reports: Reports, budget: Budget) -> Self {
        let (codec, early, streams, stamp) = Default::default();
        Self { pc, codec, patience: Duration::MAX, line, reports, budget, early, streams, stamp }
    }

    /// What comes in on it are pictures of this codec, and of use for so long.
    pub(super) fn of(mut self, codec: Codec, patience: Duration) -> Self {
        (self.codec, self.patience) = (codec, patience);
        self
    }

    /// Takes what came from the port.
    pub(super) fn read(&mut self, datagram: Datagram) -> Taken {
        let (kind, from) = (Kind::of(&datagram.bytes), datagram.from);
        if kind == Kind::Media {
            if !self.budget.take(datagram.bytes.len(), datagram.at) {
                return Taken::OverRate;
            }
            if !self.knows_stream(&datagram.bytes) {
                return Taken::TooManyStreams;
            }
            if !is_report(&datagram.bytes) && datagram.at.elapsed() > self.patience {
                return Taken::Stale;
            }
        }
        if let Some(datagram) = self.early.admit(datagram) {
            self.give_in(datagram);
        }
        if kind == Kind::Response
            && let Some(nomination) = self.early.checked(from)
        {
            self.give_in(nomination);
        }
        Taken::Yes
    }

    fn give_in(&mut self, datagram: Datagram) {
        let Datagram { bytes, from, at } = datagram;
        let transport = TransportContext {
            local_addr: self.line.public(),
            peer_addr: from,
            transport_protocol: TransportProtocol::UDP,
            ecn: None,
        };
        if let Err(error) = self.pc.handle_read(TaggedBytesMut { now: at, transport, message: bytes }) {
            tracing::trace!(%error, "a datagram was not understood");
        }
    }

    /// Once there is a path, what came too early for it is read.
    fn ice_moved(&mut self, state: RTCIceConnectionState) {
        use RTCIceConnectionState::{Checking, Completed, Connected, New};
        let chosen = match state {
            Connected | Completed => true,
            New | Checking => false,
            _ => return,
        };
        let early = self.early.choose(chosen);
        early.into_iter().for_each(|datagram| self.give_in(datagram));
    }

    /// The stream of a packet, as its header says; so many are remembered and no more.
    fn knows_stream(&mut self, packet: &[u8]) -> bool {
        let is_rtcp = is_report(packet);
        let Some(Ok(ssrc)) = packet.get(8..12).map(<[u8; 4]>::try_from) else { return is_rtcp };
        let ssrc = u32::from_be_bytes(ssrc);
        if is_rtcp || self.streams.contains(&ssrc) {
            return true;
        }
        let room = self.streams.len() < STREAMS;
        if room {
            self.streams.push(ssrc);
        }
        room
    }

    /// Time has passed.
    pub(super) fn timeout(&mut self, now: Instant) {
        if let Err(error) = self.pc.handle_timeout(now) {
            tracing::debug!(%error, "a timer of a connection");
        }
    }

    /// When [`Self::timeout`] is due.
    pub(super) fn deadline(&mut self) -> Option<Instant> {
        self.pc.poll_timeout()
    }

    /// Sends what is to be sent and takes out what came in.
    pub(super) fn turn(&mut self) -> Turn {
        let mut turn = Turn::default();
        while let Some(event) = self.pc.poll_event() {
            match event {
                RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) => turn.states.push(state),
                RTCPeerConnectionEvent::OnTrack(RTCTrackEvent::OnOpen(opened)) => {
                    turn.tracks.extend(self.opened(opened));
                }
                RTCPeerConnectionEvent::OnIceConnectionStateChangeEvent(state) => self.ice_moved(state),
                _ => {}
            }
        }
        while self.pc.poll_read().is_some() {} // what matters of it is in the reports
        self.flush();
        turn.packets = self.reports.take_packets();
        turn.reports = self.reports.take();
        turn
    }

    fn opened(&mut self, opened: RTCTrackEventInit) -> Option<Opened> {
        let mut receiver = self.pc.rtp_receiver(opened.receiver_id)?;
        let extensions = &receiver.get_parameters().rtp_parameters.header_extensions;
        let level_extension = extensions.iter().find(|e| e.uri == engine::AUDIO_LEVEL).map(|e| e.id as u8);
        let kind = receiver.track().kind();
        Some(Opened {
            receiver: opened.receiver_id,
            kind,
            ssrc: opened.ssrc,
            rid: opened.rid,
            level_extension,
        })
    }

    /// Puts on the wire what waits for it.
    pub(super) fn flush(&mut self) {
        while let Some(datagram) = self.pc.poll_write() {
            self.line.send(&datagram.message, datagram.transport.peer_addr);
        }
    }

    /// Sends a packet of a stream under the receiver's number for it.
    pub(super) fn write(&mut self, packet: Outgoing, rewritten: Rewritten, now: Instant) {
        let Rewritten { number, timestamp, counters } = rewritten;
        let mut header = rtp::Header {
            version: 2,
            marker: packet.marker,
            payload_type: packet.sink.payload_type,
            sequence_number: number,
            timestamp,
            ssrc: packet.sink.ssrc,
            ..rtp::Header::default()
        };
        if let Some(id) = self.stamp
            && let Err(error) = header.set_extension(id, abs_send_time(now))
        {
            tracing::trace!(%error, "a packet goes without its time");
        }
        let payload = match counters {
            Some(counters) => vp8::with_counters(packet.payload, counters),
            None => packet.payload,
        };
        let packet = rtp::Packet { header, payload };
        self.give(RTCMessage::RtpPacket(String::new(), packet), now);
    }

    /// Sends reports about streams.
    pub(super) fn report(&mut self, reports: Vec<Box<dyn rtcp::Packet>>) {
        self.give(RTCMessage::RtcpPacket(String::new(), reports), Instant::now());
    }

    fn give(&mut self, message: RTCMessage, now: Instant) {
        if let Err(error) = self.pc.handle_write(TaggedRTCMessage { now, message }) {
            tracing::trace!(%error, "a packet was not sent");
        }
    }

    /// Follows an offer; the answer.
    pub(super) fn answer(&mut self, offer: &str) -> Result<String, Error> {
        let now = Instant::now();
        let offer = RTCSessionDescription::offer(engine::without_candidates(offer))?;
        self.pc.set_remote_description(now, offer)?;
        let answer = self.pc.create_answer(None)?;
        self.pc.set_local_description(now, answer)?;
        self.described()
    }

    /// Offers what is set up now.
    pub(super) fn offer(&mut self, restart: bool) -> Result<String, Error> {
        let offer = self.pc.create_offer(Some(RTCOfferOptions { ice_restart: restart }))?;
        self.pc.set_local_description(Instant::now(), offer)?;
        self.described()
    }

    /// Takes the answer to the last offer.
    pub(super) fn accept(&mut self, answer: &str) -> Result<(), Error> {
        let answer = RTCSessionDescription::answer(engine::without_candidates(answer))?;
        self.pc.set_remote_description(Instant::now(), answer)?;
        let senders: Vec<_> = self.pc.get_senders().collect();
        self.stamp = senders.into_iter().find_map(|sender| {
            let mut sender = self.pc.rtp_sender(sender)?;
            let extensions = &sender.get_parameters().rtp_parameters.header_extensions;
            extensions.iter().find(|e| e.uri == engine::ABS_SEND_TIME).map(|e| e.id as u8)
        });
        Ok(())
    }

    /// Our description, complete; its credentials are answered to from now on.
    fn described(&mut self) -> Result<String, Error> {
        let sdp = self.pc.local_description().ok_or(Error::ErrNoRemoteDescription)?.sdp;
        if let Some((ufrag, password)) = engine::credentials(&sdp) {
            self.line.answer_to(ufrag, password);
            self.early.answer_to(password);
        }
        Ok(sdp)
    }

    /// Lines on which something may come in.
    pub(super) fn receiving(&mut self) -> Vec<RTCRtpReceiverId> {
        let lines: Vec<_> = self.pc.get_transceivers().collect();
        let receives = |id: &usize| {
            let line = self.pc.rtp_transceiver(*id);
            line.is_some_and(|line| line.current_direction().has_recv())
        };
        lines.into_iter().filter(receives).map(RTCRtpReceiverId::from).collect()
    }

    /// Adds a stream to be sent; a line that carried one of its kind before is used again if `reuse` says there is one.
    pub(super) fn add(
        &mut self,
        id: String,
        kind: RtpCodecKind,
        ssrc: u32,
        reuse: bool,
    ) -> Result<RTCRtpSenderId, Error> {
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
            active: true,
            codec: engine::codec(kind, Codec::default()), // packets may be of any that was agreed on
            ..RTCRtpEncodingParameters::default()
        };
        let track = MediaStreamTrack::new(id.clone(), id.clone(), id, kind, vec![encoding]);
        if reuse {
            return self.pc.add_track(track);
        }
        let direction = RTCRtpTransceiverDirection::Sendonly;
        let init = RTCRtpTransceiverInit { direction, ..RTCRtpTransceiverInit::default() };
        let line = self.pc.add_transceiver_from_track(track, Some(init))?;
        engine::with_all_codecs(&mut self.pc, line)?;
        Ok(line.into())
    }

    /// The name of a line in descriptions.
    pub(super) fn mid(&mut self, sender: RTCRtpSenderId) -> Option<String> {
        self.pc.rtp_transceiver(sender.into())?.mid().clone()
    }

    /// Says good-bye.
    pub(super) fn close(&mut self) {
        if let Err(error) = self.pc.close() {
            tracing::debug!(%error, "a connection was not closed in order");
        }
        self.flush();
    }
}

/// Whether a datagram of media is RTCP (RFC 5761).
fn is_report(datagram: &[u8]) -> bool {
    const RTCP: std::ops::RangeInclusive<u8> = 64..=95;
    datagram.get(1).is_some_and(|second| RTCP.contains(&(second & 0x7F)))
}

/// Seconds of any clock, 6 bits before the point and 18 after it.
fn abs_send_time(now: Instant) -> bytes::Bytes {
    static START: OnceLock<Instant> = OnceLock::new();
    const FRACTION_BITS: u32 = 18;
    const MICROS: u128 = 1_000_000;
    let since = now.saturating_duration_since(*START.get_or_init(|| now)).as_micros();
    let time = (since << FRACTION_BITS) / MICROS;
    bytes::Bytes::copy_from_slice(&(time as u32).to_be_bytes()[1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_sending_has_18_bits_after_the_point() {
        let start = Instant::now();
        abs_send_time(start);
        let value = |after_ms| {
            let bytes = abs_send_time(start + Duration::from_millis(after_ms));
            u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]])
        };
        let second = value(1_500).wrapping_sub(value(500)) & 0xFF_FFFF;
        assert!(second.abs_diff(1 << 18) <= 2, "{second}");
        let wrapped = value(64_500).wrapping_sub(value(500)) & 0xFF_FFFF;
        assert!(wrapped <= 2 || wrapped >= 0xFF_FFFE, "it comes round after 64 s");
    }
}
