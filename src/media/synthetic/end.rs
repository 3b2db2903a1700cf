//! A player's end of one connection, made of the same crate: it checks, it sends what it is given, it counts.
//!
//! Owns a UDP socket and its task. Called by [`super::Synthetic`]. Never decodes.

use crate::media::{
    Pc, Track,
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
    net::SocketAddr,
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
    next: Option<u16>,
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
    /// It reads nothing from its socket.
    pub deaf: AtomicBool,
    closed: AtomicBool,
    /// Key frames that it was asked for.
    pub key_frames_asked: AtomicU64,
    reports: engine::PlayerReports,
}

impl End {
    /// A fresh end on a socket of its own.
    pub(super) async fn open(engine: &Engine, pc: Pc) -> anyhow::Result<Arc<Self>> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let address = socket.local_addr()?;
        let way = if pc == Pc::Pub { Way::Out } else { Way::In };
        let (connection, reports) = engine.player_connection(way, address)?;
        let end = Arc::new(Self {
            pc: Mutex::new(connection),
            socket,
            address,
            wake: Notify::new(),
            state: Mutex::new(RTCPeerConnectionState::New),
            received: Mutex::default(),
            level_extension: Mutex::default(),
            deaf: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            key_frames_asked: AtomicU64::new(0),
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
        while let Some(message) = pc.poll_read() {
            if let RTCMessage::RtpPacket(_, packet) = message.message {
                lock(&self.received).entry(packet.header.ssrc).or_default().note(&packet);
            }
        }
        while let Some(datagram) = pc.poll_write() {
            self.socket.try_send_to(&datagram.message, datagram.transport.peer_addr).ok();
        }
        self.key_frames_asked.fetch_add(engine::key_frames(&self.reports), Relaxed);
        Some(pc.poll_timeout()?.saturating_duration_since(Instant::now()))
    }

    /// Adds a stream that will be sent under this name.
    pub(super) fn add(&self, name: &str, kind: RtpCodecKind, ssrc: u32) -> anyhow::Result<()> {
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
            active: true,
            codec: engine::codec(kind),
            ..RTCRtpEncodingParameters::default()
        };
        let track = MediaStreamTrack::new(name.into(), name.into(), name.into(), kind, vec![encoding]);
        let direction = RTCRtpTransceiverDirection::Sendonly;
        let init = RTCRtpTransceiverInit { direction, ..RTCRtpTransceiverInit::default() };
        lock(&self.pc).add_transceiver_from_track(track, Some(init))?;
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
        let extension = senders.into_iter().find_map(|sender| {
            let mut sender = pc.rtp_sender(sender)?;
            let extensions = &sender.get_parameters().rtp_parameters.header_extensions;
            extensions.iter().find(|e| e.uri == engine::AUDIO_LEVEL).map(|e| e.id as u8)
        });
        *lock(&self.level_extension) = extension;
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
            payload_type: engine::payload_type(kind),
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
        let message = RTCMessage::RtpPacket(String::new(), packet);
        lock(&self.pc).handle_write(TaggedRTCMessage { now: Instant::now(), message }).ok();
        self.wake.notify_one();
    }

    /// What came of this stream.
    pub fn received(&self, ssrc: u32) -> Received {
        lock(&self.received).get(&ssrc).copied().unwrap_or_default()
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
