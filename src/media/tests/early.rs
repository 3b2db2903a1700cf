//! A handshake whose datagrams come in the order in which browsers under load send them: nothing has to be said twice.

use crate::{
    config,
    media::{
        budget::Budget,
        codec::Codec,
        engine::{Engine, Way},
        mux::{Datagram, Mux},
        tap::Reports,
        wire::Wire,
    },
};
use bytes::BytesMut;
use rtc::{
    peer_connection::{RTCPeerConnection, configuration::RTCOfferOptions, sdp::RTCSessionDescription},
    rtp_transceiver::rtp_sender::RtpCodecKind,
    sansio::Protocol as _,
    shared::{TaggedBytesMut, TransportContext, TransportProtocol},
};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::net::UdpSocket;

/// A browser and a server's connection, and whoever carries datagrams between them as he likes.
struct Handshake {
    mux: Arc<Mux>,
    wire: Wire,
    browser: RTCPeerConnection,
    socket: UdpSocket,
    at: SocketAddr,
    now: Instant,
}

/// What a datagram of a browser is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Check,
    Nomination,
    Answer,
    Hello,
}

fn said(datagram: &[u8]) -> Said {
    const USE_CANDIDATE: [u8; 4] = [0, 0x25, 0, 0];
    match datagram[0] {
        0 if datagram.windows(4).any(|window| window == USE_CANDIDATE) => Said::Nomination,
        0 => Said::Check,
        1 => Said::Answer,
        _ => Said::Hello,
    }
}

impl Handshake {
    async fn begin() -> Self {
        let mux = Mux::open(&config::Media { udp_port: 0, ..config::Media::default() }).expect("a port");
        let engine = Engine::new(Duration::from_secs(5), Duration::from_secs(10)).expect("an engine");
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let at = socket.local_addr().expect("bound");
        let (mut browser, _) =
            engine.player_connection(Way::Out, at, Codec::all(false)).expect("a connection");
        browser.add_transceiver_from_kind(RtpCodecKind::Audio, None).expect("a line");
        let reports = Reports::default();
        let connection = engine
            .connection(Way::In, mux.public(), reports.clone(), Codec::all(false))
            .expect("a connection");
        let (line, _) = mux.line();
        let mut wire = Wire::new(connection, line, reports, Budget::new(1_000, Instant::now()));

        let now = Instant::now();
        let offer = browser.create_offer(Some(RTCOfferOptions::default())).expect("an offer");
        browser.set_local_description(now, offer).expect("set");
        let offer = browser.local_description().expect("there").sdp;
        let answer = RTCSessionDescription::answer(wire.answer(&offer).expect("an answer")).expect("valid");
        browser.set_remote_description(now, answer).expect("set");
        let mut handshake = Self { mux, wire, browser, socket, at, now };
        handshake.browser_reads().await; // the port is not writable before its thread has waited once
        handshake
    }

    /// What the browser sends next of its own accord, or in answer.
    fn browser_says(&mut self) -> Vec<BytesMut> {
        self.now += Duration::from_millis(50);
        self.browser.handle_timeout(self.now).expect("a timer");
        while self.browser.poll_event().is_some() {}
        std::iter::from_fn(|| self.browser.poll_write()).map(|datagram| datagram.message).collect()
    }

    /// The server reads these, and sends what it has to say.
    fn server_reads(&mut self, datagrams: impl IntoIterator<Item = BytesMut>) {
        for bytes in datagrams {
            self.wire.read(Datagram { bytes, from: self.at, at: self.now });
        }
        self.wire.turn();
    }

    /// What has come from the server; the browser reads it.
    async fn browser_reads(&mut self) -> Vec<Vec<u8>> {
        const QUIET: Duration = Duration::from_millis(100);
        let (mut buffer, mut came) = (vec![0; 2_048], Vec::new());
        while let Ok(Ok(length)) = tokio::time::timeout(QUIET, self.socket.recv(&mut buffer)).await {
            let transport = TransportContext {
                local_addr: self.at,
                peer_addr: self.mux.public(),
                transport_protocol: TransportProtocol::UDP,
                ecn: None,
            };
            let message = BytesMut::from(&buffer[..length]);
            self.browser.handle_read(TaggedBytesMut { now: self.now, transport, message }).ok();
            came.push(buffer[..length].to_vec());
        }
        came
    }

    /// Datagrams go both ways until the browser says this; all that it said then.
    async fn until(&mut self, wanted: Said) -> Vec<BytesMut> {
        for _ in 0..100 {
            let datagrams = self.browser_says();
            if datagrams.iter().any(|datagram| said(datagram) == wanted) {
                return datagrams;
            }
            self.server_reads(datagrams);
            self.browser_reads().await;
        }
        panic!("the browser never said its {wanted:?}");
    }
}

/// A hello that was said elsewhere: it is for any server.
async fn hello() -> impl Iterator<Item = BytesMut> {
    let datagrams = Handshake::begin().await.until(Said::Hello).await;
    datagrams.into_iter().filter(|datagram| said(datagram) == Said::Hello)
}

#[actix::test]
async fn a_hello_before_the_nomination_is_answered_when_the_path_is_chosen() {
    let hello = hello().await;
    let mut handshake = Handshake::begin().await;
    let nomination = handshake.until(Said::Nomination).await;
    handshake.server_reads(hello);
    assert!(handshake.browser_reads().await.iter().all(|datagram| datagram[0] < 20), "there is no path");
    handshake.server_reads(nomination);
    let answers = handshake.browser_reads().await;
    assert!(answers.iter().any(|datagram| said(datagram) == Said::Hello), "the hello was kept");
}

#[actix::test]
async fn a_hello_on_a_path_that_was_checked_chooses_it_before_any_nomination() {
    let hello = hello().await;
    let mut handshake = Handshake::begin().await;
    let check = handshake.until(Said::Check).await;
    handshake.server_reads(check);
    handshake.browser_reads().await;
    let answer = handshake.browser_says().into_iter().filter(|datagram| said(datagram) == Said::Answer);
    handshake.server_reads(answer);
    handshake.server_reads(hello);
    let answers = handshake.browser_reads().await;
    assert!(answers.iter().any(|datagram| said(datagram) == Said::Hello), "nobody need nominate");
}

#[actix::test]
async fn a_nomination_before_our_check_is_answered_when_that_has_succeeded() {
    let mut handshake = Handshake::begin().await;
    // The first check is answered, and checked back; the answer to that is on its way for long.
    let check = handshake.until(Said::Check).await;
    handshake.server_reads(check);
    handshake.browser_reads().await;
    let mut late = Vec::new();
    let nomination = (0..100).find_map(|_| {
        let (answers, others): (Vec<_>, Vec<_>) =
            handshake.browser_says().into_iter().partition(|datagram| said(datagram) == Said::Answer);
        late.extend(answers);
        others.into_iter().find(|datagram| said(datagram) == Said::Nomination)
    });
    let nomination = nomination.expect("the browser chooses the path");
    let transaction = nomination[8..20].to_vec();
    handshake.server_reads([nomination]);
    let answers =
        |came: &[Vec<u8>]| came.iter().filter(|one| one[0] == 1 && one[8..20] == transaction).count();
    assert_eq!(answers(&handshake.browser_reads().await), 0, "the path is not checked yet");
    assert!(!late.is_empty(), "the browser has answered our check");
    handshake.server_reads(late);
    assert_eq!(answers(&handshake.browser_reads().await), 1, "it need not be said again");
}
