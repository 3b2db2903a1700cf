//! Video and voice for a network without UDP (spec 7): a player reaches the node's media through coturn over TCP.

use super::{client::Relayed, issued, node_beside};
use playhouse::{
    media::synthetic::{End, Ends},
    testkit::{PrivateCoturn, SocketPlayer},
};
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use serde_json::json;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{net::UdpSocket, task::JoinHandle};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SSRCS: [u32; 2] = [0x5011_0001, 0x5011_0002];

/// A page's end of a connection sends to `near`; what it sends goes over TCP to the relay, and from there to the node.
async fn tunnel(
    url: &str,
    (name, word): (&str, &str),
    node: SocketAddr,
) -> (SocketAddr, SocketAddr, JoinHandle<()>) {
    let mut relayed = Relayed::allocate(url, name, word).await.unwrap();
    relayed.permit(node).await.unwrap();
    let near = UdpSocket::bind((HERE, 0)).await.unwrap();
    let (address, relay) = (near.local_addr().unwrap(), relayed.address);
    let carry = tokio::spawn(async move {
        let mut page: Option<SocketAddr> = None;
        let mut buffer = vec![0; 2_048];
        loop {
            tokio::select! {
                read = near.recv_from(&mut buffer) => {
                    let (length, from) = read.unwrap();
                    page = Some(from);
                    relayed.send(&buffer[..length], node).await;
                }
                (_, data) = relayed.receive() => {
                    if let Some(page) = page {
                        near.send_to(&data, page).await.unwrap();
                    }
                }
            }
        }
    });
    (address, relay, carry)
}

/// The description with another address for the node's one port.
fn through(sdp: &str, near: SocketAddr) -> (String, SocketAddr) {
    let candidate = sdp.lines().find(|line| line.starts_with("a=candidate:")).expect("the node's candidate");
    let words: Vec<&str> = candidate.split(' ').collect();
    let node = SocketAddr::new(words[4].parse().unwrap(), words[5].parse().unwrap());
    let (old, new) =
        (format!("{} {} typ", node.ip(), node.port()), format!("{} {} typ", near.ip(), near.port()));
    assert!(sdp.contains(&old), "{sdp}");
    (sdp.replace(&old, &new), node)
}

fn send(end: &Arc<End>, count: u64) {
    end.send(SSRCS[0], RtpCodecKind::Audio, count, 80, Some(20));
    end.send(SSRCS[1], RtpCodecKind::Video, count, 1_000, None);
}

#[actix::test]
async fn a_player_without_udp_sends_and_receives_through_coturn_over_tcp() {
    let coturn = PrivateCoturn::start().unwrap();
    let node = node_beside(&coturn, |config| {
        config.media.enabled = true;
        config.media.udp_port = 0;
    })
    .await;
    let mut ann = SocketPlayer::enter(&node.base, "ann").await.unwrap();
    let room = ann.ok("room.create", json!({"settings": {"media": true}})).await.unwrap()["room"].clone();
    assert_eq!(room["settings"]["media"], true);
    let mut bob = SocketPlayer::enter(&node.base, "bob").await.unwrap();
    bob.ok("room.join", json!({"code": room["code"]})).await.unwrap();

    // Ann sends, over TCP alone.
    let ends = Ends::new(HERE).unwrap();
    let (urls, name, word) = issued(&ann).await;
    let tcp = urls.iter().find(|url| url.ends_with("transport=tcp")).unwrap();
    let (publisher, offer) = ends.publisher(SSRCS[0], SSRCS[1]).await.unwrap();
    ann.ok("media.offer", json!({"pc": "pub", "sdp": offer})).await.unwrap();
    let answer = ann.expect("media.answer").await.unwrap()["sdp"].as_str().unwrap().to_owned();
    let (_, node_media) = through(&answer, SocketAddr::new(HERE, 1));
    let (near, relay, carry) = tunnel(tcp, (&name, &word), node_media).await;
    publisher.accept(&through(&answer, near).0).unwrap();

    // Bob receives, over TCP too.
    let (_, name, word) = issued(&bob).await;
    let (far, bobs_relay, carry_too) = tunnel(tcp, (&name, &word), node_media).await;
    let ready = json!({"pc": "sub", "state": "ready"});
    bob.ok("media.state", ready).await.unwrap();
    let mut receiver: Option<Arc<End>> = None;
    let mut count = 0_u64;
    let began = std::time::Instant::now();
    let is_enough = |end: &Arc<End>| end.received_in_all().0 >= 200 && end.streams() == 2;
    while !receiver.as_ref().is_some_and(is_enough) {
        assert!(began.elapsed() < Duration::from_secs(30), "nothing comes: {:?}", publisher.state());
        send(&publisher, count);
        count += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
        // One offer for each line that is added.
        let offer = tokio::time::timeout(Duration::from_millis(5), bob.expect("media.offer")).await;
        if let Ok(Ok(offer)) = offer {
            let sdp = through(offer["sdp"].as_str().unwrap(), far).0;
            let answer = match &receiver {
                Some(end) => end.answer(&sdp).unwrap(),
                None => {
                    let (end, answer) = ends.receiver(&sdp).await.unwrap();
                    receiver = Some(end);
                    answer
                }
            };
            bob.ok("media.answer", json!({"pc": "sub", "sdp": answer})).await.unwrap();
        }
    }
    let receiver = receiver.unwrap();
    assert_ne!(relay, bobs_relay);
    let (packets, lost) = receiver.received_in_all();
    assert!(lost * 20 < packets, "{lost} of {packets} were lost");

    // The relay is the only way: without it nothing comes any more.
    carry.abort();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = receiver.received_in_all().0;
    for _ in 0..50 {
        send(&publisher, count);
        count += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(receiver.received_in_all().0, before);
    carry_too.abort();
}
