//! A player's end of one connection, made of the same crate: it checks, it sends what it is given, it counts.
//!
//! Owns a UDP socket and its task. Called by [`super::Synthetic`]. Never decodes.

use crate::media::{
    Pc, Track,
    codec::{Codec, lists_h264},
    engine::{self, Engine, Way},
};
use bytes::{Bytes, BytesMut};
use rtc::{
    media_stream::MediaStreamTrack,
    peer_connection::{
        RTCPeerConnection,
        configuration::RTCOfferOptions,
        event::RTCPeerConnectionEvent,
        message::{RTCMessage, TaggedRTCMessage},
        sdp::RTCSessionDescription,
        state::RTCPeerConnectionState,
    },
    rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate,
    rtp,
    rtp_transceiver::{
        RTCRtpTransceiverDirection, RTCRtpTransceiverInit,
        rtp_sender::{RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind},
    },
    sansio::Protocol as _,
    shared::{TaggedBytesMut, TransportContext, TransportProtocol},
};
use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::{net::UdpSocket, sync::Notify};

/// What an end has received of one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Packets.
    pub packets: u64,
    /// Numbers that were left out.
    pub lost: u64,
    /// The newest packet's own count, as its sender wrote it.
    pub newest: u64,
    /// Of a stream with layers: pixels of the last key frame.
    pub pixels: u32,
    /// Frames whose picture id, or whose clock, did not follow on the one before; a decoder stumbles over each.
    pub breaks: u64,
    /// Changes of the picture's size.
    pub sizes: u64,
    /// The last one was H.264.
    pub h264: bool,
    next: Option<u16>,
    last: Option<(u16, u32)>,
}

/// One end.
pub struct End {
    pc: Mutex<RTCPeerConnection>,
    socket: UdpSocket,
    address: SocketAddr,
    wake: Notify,
    state: Mutex<RTCPeerConnectionState>,
    received: Mutex<HashMap<u32, Received>>,
    level_extension: Mutex<Option<u8>>,
    /// Of the extensions that name a packet's line and layer.
    name_extensions: Mutex<Option<(u8, u8)>>,
    /// Of the pictures that it sends.
    codec: Mutex<Codec>,
    /// It reads nothing from its socket.
    pub deaf: AtomicBool,
    closed: AtomicBool,
    /// Key frames that it was asked for.
    pub key_frames_asked: AtomicU64,
    /// What it was told last that it may send, in bit/s.
    pub told_bps: AtomicU64,
    reports: engine::PlayerReports,
}

impl End {
    /// A fresh end on a socket of its own, on this address of the machine, that can these codecs.
    pub(super) async fn open(
        engine: &Engine,
        pc: Pc,
        ip: IpAddr,
        codecs: &[Codec],
    ) -> anyhow::Result<Arc<Self>> {
        let socket = UdpSocket::bind((ip, 0)).await?;
        let address = socket.local_addr()?;
        let way = if pc == Pc::Pub { Way::Out } else { Way::In };
        let (connection, reports) = engine.player_connection(way, address, codecs)?;
        let end = Arc::new(Self {
            pc: Mutex::new(connection),
            socket,
            address,
            wake: Notify::new(),
            state: Mutex::new(RTCPeerConnectionState::New),
            received: Mutex::default(),
            level_extension: Mutex::default(),
            name_extensions: Mutex::default(),
            codec: Mutex::default(),
            deaf: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            key_frames_asked: AtomicU64::new(0),
            told_bps: AtomicU64::new(0),
            reports,
        });
        tokio::spawn(end.clone().drive());
        Ok(end)
    }

    async fn drive(self: Arc<Self>) {
        const IDLE: Duration = Duration::from_millis(20);
        let mut buffer = vec![0; 2_048];
        while !self.closed.load(Relaxed) {
            let due = self.turn().unwrap_or(IDLE).clamp(Duration::from_millis(1), IDLE);
            tokio::select! {
                () = tokio::time::sleep(due) => {
                    lock(&self.pc).handle_timeout(Instant::now()).ok();
                }
                readable = self.socket.readable(), if !self.deaf.load(Relaxed) => {
                    if readable.is_err() {
                        return;
                    }
                    self.read(&mut buffer);
                }
                () = self.wake.notified() => {}
            }
        }
    }

    fn read(&self, buffer: &mut [u8]) {
        let mut pc = lock(&self.pc);
        while let Ok((length, from)) = self.socket.try_recv_from(buffer) {
            let transport = TransportContext {
                local_addr: self.address,
                peer_addr: from,
                transport_protocol: TransportProtocol::UDP,
                ecn: None,
            };
            let message = BytesMut::from(&buffer[..length]);
            pc.handle_read(TaggedBytesMut { now: Instant::now(), transport, message }).ok();
        }
    }

    fn turn(&self) -> Option<Duration> {
        let mut pc = lock(&self.pc);
        while let Some(event) = pc.poll_event() {
            if let RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) = event {
                *lock(&self.state) = state;
            }
        }
        while pc.poll_read().is_some() {}
        for packet in self.reports.take_packets() {
            lock(&self.received).entry(packet.header.ssrc).or_default().note(&packet);
        }
        while let Some(datagram) = pc.poll_write() {
            self.socket.try_send_to(&datagram.message, datagram.transport.peer_addr).ok();
        }
        let (key_frames, bound) = engine::asked(&self.reports);
        self.key_frames_asked.fetch_add(key_frames, Relaxed);
        bound.inspect(|bps| self.told_bps.store(*bps, Relaxed));
        Some(pc.poll_timeout()?.saturating_duration_since(Instant::now()))
    }

    /// Adds a stream that will be sent under this name.
    pub(super) fn add(&self, name: &str, kind: RtpCodecKind, ssrc: u32) -> anyhow::Result<()> {
        self.add_layers(name, kind, &[(String::new(), ssrc)])
    }

    /// The same, in layers: what each is called, and its own name.
    pub(super) fn add_layers(
        &self,
        name: &str,
        kind: RtpCodecKind,
        layers: &[(String, u32)],
    ) -> anyhow::Result<()> {
        let encoding = |(rid, ssrc): &(String, u32)| RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                rid: rid.clone(),
                ssrc: Some(*ssrc),
                ..Default::default()
            },
            active: true,
            codec: engine::codec(kind, Codec::default()),
            ..RTCRtpEncodingParameters::default()
        };
        let encodings = layers.iter().map(encoding).collect();
        let track = MediaStreamTrack::new(name.into(), name.into(), name.into(), kind, encodings);
        let direction = RTCRtpTransceiverDirection::Sendonly;
        let init = RTCRtpTransceiverInit { direction, ..RTCRtpTransceiverInit::default() };
        let mut pc = lock(&self.pc);
        let line = pc.add_transceiver_from_track(track, Some(init))?;
        engine::with_all_codecs(&mut pc, line)?;
        Ok(())
    }

    /// Offers, with a new ufrag if `restart`.
    pub fn offer(&self, restart: bool) -> anyhow::Result<String> {
        let mut pc = lock(&self.pc);
        let offer = pc.create_offer(Some(RTCOfferOptions { ice_restart: restart }))?;
        pc.set_local_description(Instant::now(), offer)?;
        Ok(pc.local_description().map(|description| description.sdp).unwrap_or_default())
    }

    /// Takes the answer.
    pub fn accept(&self, answer: &str) -> anyhow::Result<()> {
        let mut pc = lock(&self.pc);
        pc.set_remote_description(Instant::now(), RTCSessionDescription::answer(answer.to_owned())?)?;
        let senders: Vec<_> = pc.get_senders().collect();
        let mut extension = |uri: &str| {
            senders.iter().find_map(|sender| {
                let mut sender = pc.rtp_sender(*sender)?;
                let extensions = &sender.get_parameters().rtp_parameters.header_extensions;
                extensions.iter().find(|e| e.uri == uri).map(|e| e.id as u8)
            })
        };
        *lock(&self.level_extension) = extension(engine::AUDIO_LEVEL);
        *lock(&self.codec) = if lists_h264(answer) == Some(true) { Codec::H264 } else { Codec::Vp8 };
        *lock(&self.name_extensions) = extension(engine::LINE).zip(extension(engine::LAYER));
        self.wake.notify_one();
        Ok(())
    }

    /// Answers an offer.
    pub fn answer(&self, offer: &str) -> anyhow::Result<String> {
        let mut pc = lock(&self.pc);
        let now = Instant::now();
        pc.set_remote_description(now, RTCSessionDescription::offer(offer.to_owned())?)?;
        let answer = pc.create_answer(None)?;
        pc.set_local_description(now, answer)?;
        self.wake.notify_one();
        Ok(pc.local_description().map(|description| description.sdp).unwrap_or_default())
    }

    /// Sends a packet of a stream; `level` is its loudness.
    pub fn send(&self, ssrc: u32, kind: RtpCodecKind, count: u64, bytes: usize, level: Option<u8>) {
        let mut header = rtp::Header {
            version: 2,
            marker: true,
            payload_type: engine::payload_type(kind, self.codec()),
            sequence_number: count as u16,
            timestamp: (count as u32).wrapping_mul(if kind == RtpCodecKind::Video { 3_000 } else { 960 }),
            ssrc,
            ..rtp::Header::default()
        };
        if let (Some(id), Some(level)) = (*lock(&self.level_extension), level) {
            header.set_extension(id, Bytes::copy_from_slice(&[level])).ok();
        }
        let mut payload = vec![0x10; bytes.max(9)];
        payload[1..9].copy_from_slice(&count.to_be_bytes());
        let packet = rtp::Packet { header, payload: payload.into() };
        self.write(RTCMessage::RtpPacket(String::new(), packet));
    }

    /// Sends a packet as it is; with the name of its layer on this line, as browsers write it into their first packets.
    pub(super) fn send_packet(&self, mut packet: rtp::Packet, named: Option<(&str, &str)>) {
        if let (Some((line, layer)), Some((mid, rid))) = (*lock(&self.name_extensions), named) {
            packet.header.set_extension(line, Bytes::copy_from_slice(mid.as_bytes())).ok();
            packet.header.set_extension(layer, Bytes::copy_from_slice(rid.as_bytes())).ok();
        }
        self.write(RTCMessage::RtpPacket(String::new(), packet));
    }

    /// Says that its link carries so many bits a second.
    pub fn estimate(&self, bps: u64) {
        let ssrcs = lock(&self.received).keys().copied().collect();
        let estimate = ReceiverEstimatedMaximumBitrate { sender_ssrc: 0, bitrate: bps as f32, ssrcs };
        self.write(RTCMessage::RtcpPacket(String::new(), vec![Box::new(estimate)]));
    }

    fn write(&self, message: RTCMessage) {
        lock(&self.pc).handle_write(TaggedRTCMessage { now: Instant::now(), message }).ok();
        self.wake.notify_one();
    }

    /// Of the pictures that it sends.
    pub(super) fn codec(&self) -> Codec {
        *lock(&self.codec)
    }

    /// What came of this stream.
    pub fn received(&self, ssrc: u32) -> Received {
        lock(&self.received).get(&ssrc).copied().unwrap_or_default()
    }

    /// Packets of all streams, and numbers that were left out.
    pub fn received_in_all(&self) -> (u64, u64) {
        lock(&self.received)
            .values()
            .fold((0, 0), |(packets, lost), stream| (packets + stream.packets, lost + stream.lost))
    }

    /// How many streams something came of.
    pub fn streams(&self) -> usize {
        lock(&self.received).len()
    }

    /// How the connection stands.
    pub fn state(&self) -> RTCPeerConnectionState {
        *lock(&self.state)
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends these bytes as they are.
    pub fn send_raw(&self, bytes: &[u8], to: SocketAddr) {
        self.socket.try_send_to(bytes, to).ok();
    }

    /// Goes without a word.
    pub fn vanish(&self) {
        self.closed.store(true, Relaxed);
        self.wake.notify_one();
    }

    /// Closes in order.
    pub fn close(&self) {
        lock(&self.pc).close().ok();
        self.turn();
        self.vanish();
    }
}

impl Received {
    fn note(&mut self, packet: &rtp::Packet) {
        let number = packet.header.sequence_number;
        if let Some(next) = self.next {
            let ahead = number.wrapping_sub(next);
            self.lost += u64::from(if ahead < 0x8000 { ahead } else { 0 });
        }
        self.next = Some(number.wrapping_add(1));
        self.packets += 1;
        if let Some(Ok(count)) = packet.payload.get(1..9).map(<[u8; 8]>::try_from) {
            self.newest = u64::from_be_bytes(count);
        }
        self.note_picture(packet);
    }

    /// Frames of layered streams are of one packet each.
    fn note_picture(&mut self, packet: &rtp::Packet) {
        const LEAP: u32 = 900_000;
        let (codec, timestamp) = (engine::codec_of(packet.header.payload_type), packet.header.timestamp);
        let payload = codec.read(&packet.payload);
        let picture = payload.counters.picture;
        if packet.payload.is_empty() || picture.is_none() && codec == Codec::Vp8 {
            return;
        }
        self.h264 = codec == Codec::H264;
        if let Some((last, before)) = self.last.replace((picture.unwrap_or(0), timestamp)) {
            let follows = picture.is_none_or(|picture| picture == last.wrapping_add(1) & 0x7FFF);
            let forward = (1..LEAP).contains(&timestamp.wrapping_sub(before));
            self.breaks += u64::from(!follows || !forward);
        }
        if let Some(pixels) = payload.key_frame {
            self.sizes += u64::from(self.pixels != pixels);
            self.pixels = pixels;
        }
    }
}

/// Which stream each line of an offer carries: the first `a=ssrc` of each `a=mid`.
pub(super) fn streams(sdp: &str, tracks: &[Track]) -> Vec<(Track, u32)> {
    let sections = sdp.split("\r\nm=").skip(1);
    let named = sections.filter_map(|section| {
        let value = |name: &str| section.lines().find_map(|line| line.strip_prefix(name));
        let ssrc = value("a=ssrc:")?.split(' ').next()?.parse().ok()?;
        Some((value("a=mid:")?.trim(), ssrc))
    });
    let track = |mid: &str| tracks.iter().find(|track| track.mid == mid).cloned();
    named.filter_map(|(mid, ssrc)| Some((track(mid)?, ssrc))).collect()
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
