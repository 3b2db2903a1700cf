//! Makes peer connections: what a node speaks on them, and the little of SDP that is ours to know.
//!
//! Owns the node's certificate and the codecs. Called by connections, and by the test kit for players' own sides. Never
//! transcodes: of those who send the room's one codec of pictures is taken, to those who receive each that it may be is offered.

use super::{
    codec::Codec,
    outlet::Outlet,
    tap::{Reports, Tap},
};
use rtc::{
    crypto::{self, RTCCryptoProvider, SignatureScheme},
    interceptor::{NackGeneratorBuilder, NackResponderBuilder, Registry, Slot},
    peer_connection::{
        RTCPeerConnection, RTCPeerConnectionBuilder,
        certificate::{CertificateParams, RTCCertificate},
        configuration::{
            RTCConfigurationBuilder,
            interceptor_registry::{
                configure_rtcp_reports, configure_simulcast_extension_headers, configure_twcc_receiver_only,
            },
            media_engine::{MIME_TYPE_H264, MIME_TYPE_OPUS, MIME_TYPE_VP8, MediaEngine},
            setting_engine::{SettingEngine, SettingEngineBuilder},
        },
        transport::{
            CandidateConfig, CandidateHostConfig, RTCDtlsRole, RTCIceCandidate, RTCIceCandidateInit,
        },
    },
    rtp_transceiver::{
        RTCRtpTransceiverId,
        rtp_sender::{
            RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpHeaderExtensionCapability, RtpCodecKind,
        },
    },
    shared::error::Error,
};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

/// Our payload types, where we offer.
const VP8: u8 = 96;
const H264: u8 = 102;
const OPUS: u8 = 111;
/// Loudness of each packet (RFC 6464).
pub(super) const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
/// When a packet left: browsers estimate by it what their link carries.
pub(super) const ABS_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
/// Names a packet's line in the description, and its layer of simulcast.
#[cfg(any(test, feature = "testkit"))]
pub(super) const LINE: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
#[cfg(any(test, feature = "testkit"))]
pub(super) const LAYER: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
/// Packets kept for those who miss them, a stream; a power of two.
const KEPT_PACKETS: u16 = 1_024;
/// Packets of a stream after which one that was lost is still taken: it is asked for every 100 ms, and the crate's own
/// 64 are sent in less.
const REPLAYED: usize = 1_024;
/// A lost packet is asked for so often.
const ASKS: u16 = 8;

/// What a player's own connection is told by the server.
#[cfg(any(test, feature = "testkit"))]
pub(super) type PlayerReports = Reports;

/// What a player was asked for since he looked last: key frames, and to send no more bit/s than this.
#[cfg(any(test, feature = "testkit"))]
pub(super) fn asked(reports: &PlayerReports) -> (u64, Option<u64>) {
    use super::tap::Report;
    reports.take().into_iter().fold((0, None), |(key_frames, bound), report| match report {
        Report::KeyFrame(_) => (key_frames + 1, bound),
        Report::Carries(bps) => (key_frames, Some(bps)),
        Report::Clock(..) => (key_frames, bound),
    })
}

/// What makes connections.
#[derive(Clone)]
pub(super) struct Engine {
    crypto: Arc<dyn RTCCryptoProvider>,
    certificate: RTCCertificate,
    timeouts: (Duration, Duration),
}

/// Which way media goes on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From the player.
    In,
    /// To him.
    Out,
}

impl Engine {
    /// With a certificate of its own. A connection that hears nothing is `disconnected`, and after `failed` more it has failed.
    pub(super) fn new(disconnected: Duration, failed: Duration) -> Result<Self, Error> {
        let crypto = crypto::default_provider().map_err(|error| Error::Other(error.to_string()))?;
        let params = CertificateParams::new(vec!["playhouse".to_owned()])
            .map_err(|error| Error::Other(error.to_string()))?;
        let certificate =
            RTCCertificate::generate(crypto.crypto(), SignatureScheme::EcdsaP256Sha256, params)?;
        Ok(Self { crypto, certificate, timeouts: (disconnected, failed) })
    }

    /// A connection as the server has it: ICE-lite, with the port as its one candidate; pictures on it are in one of these.
    pub(super) fn connection(
        &self,
        way: Way,
        port: SocketAddr,
        reports: Reports,
        codecs: &[Codec],
    ) -> Result<RTCPeerConnection, Error> {
        let settings = self.settings().with_lite(true).with_answering_dtls_role(RTCDtlsRole::Server);
        let mut connection =
            self.build(way, media_engine(codecs, way == Way::In)?, reports, settings.build())?;
        add_candidate(&mut connection, port)?;
        Ok(connection)
    }

    /// A connection as a player has it: it checks, and may be anywhere.
    #[cfg(any(test, feature = "testkit"))]
    pub(super) fn player_connection(
        &self,
        way: Way,
        address: SocketAddr,
        codecs: &[Codec],
    ) -> Result<(RTCPeerConnection, PlayerReports), Error> {
        let reports = Reports::default();
        let media = media_engine(codecs, way == Way::Out)?;
        let mut connection = self.build(way, media, reports.clone(), self.settings().build())?;
        add_candidate(&mut connection, address)?;
        Ok((connection, reports))
    }

    fn settings(&self) -> SettingEngineBuilder {
        let keep_alive = Some(Duration::from_secs(2));
        SettingEngineBuilder::new()
            .with_crypto_provider(self.crypto.clone())
            .with_include_loopback_candidate(true)
            .with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled)
            .with_ice_timeouts(Some(self.timeouts.0), Some(self.timeouts.1), keep_alive)
            .with_srtp_replay_protection_window(REPLAYED)
    }

    fn build(
        &self,
        way: Way,
        mut media: MediaEngine,
        reports: Reports,
        settings: SettingEngine,
    ) -> Result<RTCPeerConnection, Error> {
        let tap = Tap::new(reports.clone());
        let registry = configure_rtcp_reports(Registry::new()).with(Slot::from(500), tap);
        let registry = registry.with(Slot::from(Outlet::SLOT), Outlet::new(reports));
        let registry = match way {
            Way::In => {
                let nacks = NackGeneratorBuilder::new().with_skip_last_n(2).with_max_nacks_per_packet(ASKS);
                let registry = registry.with(Slot::NackGenerator, nacks.build());
                configure_twcc_receiver_only(registry, &mut media)?
            }
            Way::Out => registry
                .with(Slot::NackResponder, NackResponderBuilder::new().with_size(KEPT_PACKETS).build()),
        };
        RTCPeerConnectionBuilder::new()
            .with_configuration(
                RTCConfigurationBuilder::new().with_certificates(vec![self.certificate.clone()]).build(),
            )
            .with_media_engine(media)
            .with_setting_engine(settings)
            .with_interceptor_registry(registry)
            .build(Instant::now())
    }
}

/// `layered`: what a player sends may come in layers of simulcast.
fn media_engine(codecs: &[Codec], layered: bool) -> Result<MediaEngine, Error> {
    let mut media = MediaEngine::default();
    let pictures = codecs.iter().map(|codec| (RtpCodecKind::Video, *codec));
    for (kind, of) in pictures.chain([(RtpCodecKind::Audio, Codec::default())]) {
        let parameters =
            RTCRtpCodecParameters { rtp_codec: codec(kind, of), payload_type: payload_type(kind, of) };
        media.register_codec(parameters, kind)?;
    }
    for (uri, kind) in [(AUDIO_LEVEL, RtpCodecKind::Audio), (ABS_SEND_TIME, RtpCodecKind::Video)] {
        let extension = RTCRtpHeaderExtensionCapability { uri: uri.to_owned() };
        media.register_header_extension(extension, kind, None)?;
    }
    if layered {
        configure_simulcast_extension_headers(&mut media)?;
    }
    Ok(media)
}

/// The codec of a kind; of sound there is one.
pub(super) fn codec(kind: RtpCodecKind, of: Codec) -> RTCRtpCodec {
    const BASELINE: &str = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
    let feedback = |typ: &str, parameter: &str| RTCPFeedback { typ: typ.into(), parameter: parameter.into() };
    match kind {
        RtpCodecKind::Video => RTCRtpCodec {
            mime_type: if of == Codec::H264 { MIME_TYPE_H264 } else { MIME_TYPE_VP8 }.into(),
            clock_rate: 90_000,
            channels: 0,
            sdp_fmtp_line: if of == Codec::H264 { BASELINE } else { "" }.into(),
            rtcp_feedback: vec![
                feedback("nack", ""),
                feedback("nack", "pli"),
                feedback("ccm", "fir"),
                feedback("goog-remb", ""),
            ],
        },
        _ => RTCRtpCodec {
            mime_type: MIME_TYPE_OPUS.into(),
            clock_rate: 48_000,
            channels: 2,
            sdp_fmtp_line: "minptime=10;useinbandfec=1".into(),
            rtcp_feedback: Vec::new(),
        },
    }
}

/// Our number of a codec, where we offer.
pub(super) fn payload_type(kind: RtpCodecKind, of: Codec) -> u8 {
    match (kind, of) {
        (RtpCodecKind::Video, Codec::Vp8) => VP8,
        (RtpCodecKind::Video, Codec::H264) => H264,
        _ => OPUS,
    }
}

/// The codec of a packet of pictures, where we offer.
#[cfg(any(test, feature = "testkit"))]
pub(super) fn codec_of(payload_type: u8) -> Codec {
    if payload_type == H264 { Codec::H264 } else { Codec::Vp8 }
}

/// A line that offers all that this connection can: by itself it offers what its stream is in when it is made.
pub(super) fn with_all_codecs(
    connection: &mut RTCPeerConnection,
    line: RTCRtpTransceiverId,
) -> Result<(), Error> {
    connection.rtp_transceiver(line).map_or(Ok(()), |mut line| line.set_codec_preferences(Vec::new()))
}

fn add_candidate(connection: &mut RTCPeerConnection, address: SocketAddr) -> Result<(), Error> {
    let candidate = CandidateHostConfig {
        base_config: CandidateConfig {
            network: "udp".to_owned(),
            address: address.ip().to_string(),
            port: address.port(),
            component: 1,
            ..CandidateConfig::default()
        },
        ..CandidateHostConfig::default()
    };
    let candidate = candidate.new_candidate_host()?;
    connection.add_local_candidate(RTCIceCandidate::from(&candidate).to_json()?)?;
    connection.add_local_candidate(RTCIceCandidateInit::default())
}

/// A description without its candidates: we check none, so none need be kept, resolved or bounded.
pub(super) fn without_candidates(sdp: &str) -> String {
    const LEFT: [&str; 2] = ["a=candidate:", "a=end-of-candidates"];
    let kept = sdp.lines().filter(|line| !LEFT.iter().any(|left| line.starts_with(left)));
    kept.fold(String::with_capacity(sdp.len()), |all, line| all + line.trim_end() + "\r\n")
}

/// An answer that asks browsers for no less of a picture than this, however their estimate falls: what is left then is
/// a key frame every few seconds, asked for by everybody who waits for one. Others ignore it.
pub(super) fn with_least(answer: &str, kbps: u32) -> String {
    let mut asking = String::with_capacity(answer.len());
    let mut h264 = None;
    for line in answer.lines() {
        let codec = line.strip_prefix("a=rtpmap:").and_then(|codec| codec.split_once(' '));
        asking += line;
        match codec {
            Some((payload_type, "VP8/90000")) => {
                asking += &format!("\r\na=fmtp:{payload_type} x-google-min-bitrate={kbps}");
            }
            Some((payload_type, "H264/90000")) => h264 = Some(format!("a=fmtp:{payload_type} ")),
            _ if h264.as_ref().is_some_and(|its| line.starts_with(its)) => {
                asking += &format!(";x-google-min-bitrate={kbps}"); // a codec has one such line
            }
            _ => {}
        }
        asking += "\r\n";
    }
    asking
}

/// What an offer may contain: so many lines of sound and pictures, nothing else, and so many layers of a picture.
pub(super) fn is_offer_within(sdp: &str, sections: usize, layers: usize) -> bool {
    let media = sdp.lines().filter_map(|line| line.strip_prefix("m="));
    let known = media.clone().all(|line| line.starts_with("audio ") || line.starts_with("video "));
    let named = sdp.split("m=").all(|section| section.matches("a=rid:").count() <= layers);
    let simulcast = sdp.lines().filter_map(|line| line.strip_prefix("a=simulcast:"));
    let layered =
        simulcast.map(|list| list.trim().strip_prefix("send ").map(|list| list.split([';', ',']).count()));
    let few = layered.into_iter().all(|count| count.is_some_and(|count| count <= layers && layers > 1));
    known && named && few && (1..=sections).contains(&media.count())
}

/// The first ufrag and password of a description: all lines are bundled, so there is one.
pub(super) fn credentials(sdp: &str) -> Option<(&str, &str)> {
    let value = |name: &str| sdp.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    Some((value("a=ice-ufrag:")?, value("a=ice-pwd:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\na=ice-ufrag:user\r\na=ice-pwd:word\r\nm=audio 9 X 111\r\na=candidate:1 1 udp 1 a.local 9 typ host\r\na=end-of-candidates\r\nm=video 9 X 96\r\n";

    #[test]
    fn offers_are_bounded_and_carry_media_alone() {
        assert!(is_offer_within(OFFER, 2, 3) && !is_offer_within(OFFER, 1, 3));
        assert!(!is_offer_within("v=0\r\n", 8, 3), "nothing is offered");
        assert!(!is_offer_within("m=audio 9 X 111\r\nm=application 9 X webrtc-datachannel\r\n", 8, 3));
        let layered = |list: &str, most| is_offer_within(&format!("{OFFER}a=simulcast:{list}\r\n"), 8, most);
        assert!(layered("send q;h;f", 3) && layered("send h;~f", 2) && layered("send q,a;h", 3));
        assert!(!layered("send q;h;f", 2) && !layered("send q", 1) && !layered("recv q;h", 3));
        assert!(!is_offer_within(&format!("{OFFER}{}", "a=rid:q send\r\n".repeat(4)), 8, 3));
    }

    #[test]
    fn candidates_are_left_out_and_credentials_found() {
        let rest = without_candidates(OFFER);
        assert!(!rest.contains("candidate") && rest.ends_with("m=video 9 X 96\r\n"));
        assert_eq!(credentials(&rest), Some(("user", "word")));
        assert_eq!(credentials("a=ice-ufrag:user\r\n"), None);
    }

    #[test]
    fn an_answer_asks_for_no_less_than_a_picture_needs() {
        let codecs = "a=rtpmap:111 opus/48000/2\r\na=rtpmap:96 VP8/90000\r\na=mid:1\r\n";
        let expected = "a=rtpmap:111 opus/48000/2\r\na=rtpmap:96 VP8/90000\r\na=fmtp:96 x-google-min-bitrate=100\r\na=mid:1\r\n";
        assert_eq!(with_least(codecs, 100), expected);
        let codecs = "a=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1\r\na=mid:1\r\n";
        let expected = codecs.replace("mode=1", "mode=1;x-google-min-bitrate=100");
        assert_eq!(with_least(codecs, 100), expected);
    }

    #[test]
    fn a_server_connection_offers_the_port_and_nothing_else() {
        let engine = Engine::new(Duration::from_secs(5), Duration::from_secs(10)).expect("an engine");
        let port = SocketAddr::from(([127, 0, 0, 1], 47_100));
        let mut connection =
            engine.connection(Way::Out, port, Reports::default(), Codec::all(true)).expect("a connection");
        connection.add_transceiver_from_kind(RtpCodecKind::Audio, None).expect("a line");
        let offer = connection.create_offer(None).expect("an offer");
        connection.set_local_description(Instant::now(), offer).expect("set");
        let sdp = connection.local_description().expect("there").sdp;
        let candidates: Vec<_> = sdp.lines().filter(|line| line.starts_with("a=candidate:")).collect();
        assert!(candidates.iter().all(|line| line.contains("127.0.0.1 47100 typ host")), "{candidates:?}");
        assert!(!candidates.is_empty() && sdp.contains("a=ice-lite") && credentials(&sdp).is_some(), "{sdp}");
    }
}
