//! Relays, proved against a real coturn with the configuration of `deploy/` (spec 4.5): who gets one, with which
//! credentials, how many, to whom; and that they carry what they are for.

mod client;
mod media;

use crate::node::{Here, start};
use client::Relayed;
use playhouse::{
    clock::{Clock as _, SystemClock, UnixMs},
    config::{Secret, Turn},
    ids::PlayerId,
    media::turn::{IceServer, ice_servers},
    testkit::{PrivateCoturn, SocketPlayer},
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::time::timeout;

/// A node that tells of this coturn.
pub async fn node_beside(
    coturn: &PrivateCoturn,
    adjust: impl FnOnce(&mut playhouse::config::Config),
) -> Here {
    start(|config| {
        config.turn.urls = coturn.urls();
        config.turn.secret = Some(Secret(coturn.secret().to_owned()));
        config.turn.asks_per_minute = 1e6;
        adjust(config);
    })
    .await
}

async fn ask(player: &SocketPlayer) -> (StatusCode, Value) {
    let url = format!("{}/api/v1/ice-servers", player.guest.base);
    let request = reqwest::Client::new().get(url).bearer_auth(&player.guest.access_token);
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

/// What the node gives to somebody in a room: the URLs, user name and password.
async fn issued(player: &SocketPlayer) -> (Vec<String>, String, String) {
    let (status, body) = ask(player).await;
    assert_eq!(status, 200, "{body}");
    let server: IceServer = serde_json::from_value(body["iceServers"][0].clone()).unwrap();
    (server.urls, server.username.unwrap(), server.credential.unwrap())
}

async fn in_a_room(node: &Here, name: &str) -> SocketPlayer {
    let mut player = SocketPlayer::enter(&node.base, name).await.unwrap();
    player.ok("room.create", json!({})).await.unwrap();
    player
}

/// Credentials that this coturn takes, for one who is in no room.
fn signed(coturn: &PrivateCoturn, player: PlayerId, before_s: i64) -> (String, String) {
    let now = SystemClock.now().0;
    let config =
        Turn { urls: coturn.urls(), secret: Some(Secret(coturn.secret().to_owned())), ..Turn::default() };
    let server = ice_servers(&config, player, UnixMs(now - before_s * 1_000)).remove(0);
    (server.username.unwrap(), server.credential.unwrap())
}

#[actix::test]
async fn credentials_of_the_node_open_a_relay_over_udp_and_over_tcp_and_no_others_do() {
    let coturn = PrivateCoturn::start().unwrap();
    let node = node_beside(&coturn, |_| ()).await;
    let outside = SocketPlayer::enter(&node.base, "outside").await.unwrap();
    let (status, refused) = ask(&outside).await;
    assert_eq!((status.as_u16(), &refused["code"]), (409, &json!("not_present")));

    let player = in_a_room(&node, "inside").await;
    let (urls, username, password) = issued(&player).await;
    assert_eq!(urls, coturn.urls());
    for url in &urls {
        let relayed = Relayed::allocate(url, &username, &password).await.unwrap();
        assert_eq!(relayed.address.ip(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        let (ends, who) = username.split_once(':').unwrap();
        let later = format!("{}:{who}", ends.parse::<u64>().unwrap() + 3_600);
        let another = format!("{ends}:{}", PlayerId::new());
        let expired = signed(&coturn, player.guest.id.parse().unwrap(), 601);
        for (what, name, word) in [
            ("a later end", later.as_str(), password.as_str()),
            ("another player", &another, &password),
            ("another password", &username, "bm90IHRoZSBwYXNzd29yZA=="),
            ("no time", who, &password),
            ("expired", &expired.0, &expired.1),
        ] {
            let refused = Relayed::allocate(url, name, word).await.err().expect(what);
            assert!(refused.contains("401"), "{what}, {url}: {refused}");
        }
        let (name, word) = signed(&coturn, player.guest.id.parse().unwrap(), 590);
        Relayed::allocate(url, &name, &word).await.expect("ten seconds are left");
    }
}

#[actix::test]
async fn two_who_see_nothing_but_relays_reach_each_other() {
    let coturn = PrivateCoturn::start().unwrap();
    let node = node_beside(&coturn, |config| config.duel.relay_only = true).await;
    let (ann, bob) = (in_a_room(&node, "ann").await, in_a_room(&node, "bob").await);
    assert_eq!(ask(&ann).await.1["iceTransportPolicy"], "relay");
    let ((urls, a_name, a_word), (_, b_name, b_word)) = (issued(&ann).await, issued(&bob).await);
    let mut a = Relayed::allocate(&urls[0], &a_name, &a_word).await.unwrap();
    let mut b = Relayed::allocate(&urls[1], &b_name, &b_word).await.unwrap();
    a.permit(b.address).await.unwrap();
    b.permit(a.address).await.unwrap();
    let (to_b, to_a) = (b.address, a.address);
    for n in 0..200_u32 {
        a.send(&n.to_be_bytes(), to_b).await;
        let (from, data) = timeout(Duration::from_secs(5), b.receive()).await.expect("it comes");
        assert_eq!((from, &data[..]), (to_a, &n.to_be_bytes()[..]), "the other's relay is all one sees");
        b.send(&[&data[..], b"!"].concat(), to_a).await;
        let (from, data) = timeout(Duration::from_secs(5), a.receive()).await.expect("it comes back");
        assert_eq!((from, &data[..4]), (to_b, &n.to_be_bytes()[..]));
    }
}

/// coturn counts by the player, not by the end of his credentials: new ones bring no more relays.
#[actix::test]
async fn a_player_has_so_many_relays_and_no_more() {
    let coturn = PrivateCoturn::start().unwrap();
    let quota: usize = coturn.settings("user-quota")[0].parse().unwrap();
    let (player, other) = (PlayerId::new(), PlayerId::new());
    let url = &coturn.urls()[0];
    let mut held = Vec::new();
    for n in 0..quota {
        let (name, word) = signed(&coturn, player, n as i64);
        held.push(Relayed::allocate(url, &name, &word).await.unwrap_or_else(|error| panic!("{n}: {error}")));
    }
    let (name, word) = signed(&coturn, player, 0);
    let refused = Relayed::allocate(url, &name, &word).await.err().expect("one too many");
    assert!(refused.contains("486"), "{refused}");
    let (name, word) = signed(&coturn, other, 0);
    Relayed::allocate(url, &name, &word).await.expect("others have theirs");
    drop(held);
}

#[actix::test]
async fn no_relay_leads_into_the_networks_behind_it() {
    let coturn = PrivateCoturn::strict().unwrap();
    let (name, word) = signed(&coturn, PlayerId::new(), 0);
    let denied = coturn.settings("denied-peer-ip");
    let denied: Vec<Ipv4Addr> =
        denied.iter().flat_map(|range| range.split('-')).filter_map(|ip| ip.parse().ok()).collect();
    for private in ["10.1.2.3", "127.0.0.1", "169.254.169.254", "172.31.0.1", "192.168.1.1", "100.64.0.1"] {
        let private: Ipv4Addr = private.parse().unwrap();
        assert!(denied.chunks(2).any(|range| (range[0]..=range[1]).contains(&private)), "{private}");
    }
    let mut relayed = Relayed::allocate(&coturn.urls()[0], &name, &word).await.unwrap();
    for ip in denied {
        let refused = relayed.permit(SocketAddr::new(ip.into(), 9)).await.expect_err(&format!("{ip}"));
        assert!(refused.contains("403"), "{ip}: {refused}");
    }
    relayed.permit("8.8.8.8:9".parse().unwrap()).await.expect("the rest of the world is not denied");
}
