//! Clients that err, dribble, flood, do not read or say nothing: each is closed with a reason, and nobody else notices.

use super::{TcpPlayer, dial, guest, playhouse_tcp::packet, start_tcp};
use crate::node::{Here, PATIENCE};
use playhouse_tcp::{Client, Incoming, connect_req};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};

use super::playhouse_tcp;

/// What a bare socket is sent until its end: the close's code and reason, if it is one.
async fn last_words(socket: &mut TcpStream) -> Option<(u16, String)> {
    let mut bytes = Vec::new();
    timeout(PATIENCE, socket.read_to_end(&mut bytes)).await.expect("closed in time").ok()?;
    let at = bytes.windows(4).rposition(|head| {
        let size = usize::from(u16::from_le_bytes([head[0], head[1]]));
        head[2..] == [0xff, 0] && size >= 6
    })?;
    let code = u16::from_le_bytes([bytes[at + 4], bytes[at + 5]]);
    Some((code, String::from_utf8_lossy(&bytes[at + 6..]).into_owned()))
}

async fn sent(here: &Here, bytes: &[u8]) -> Option<(u16, String)> {
    let mut socket = dial(here).await;
    socket.write_all(bytes).await.unwrap();
    last_words(&mut socket).await
}

#[actix::test]
async fn what_is_no_greeting_closes_the_connection_with_a_reason() {
    let here = start_tcp(|_| {}).await;
    let cases = [
        (vec![3, 0, 1, 0], "a packet's size is 4 at least"),
        (vec![0; 64], "a packet's size is 4 at least"),
        (packet(0x7777, b"x"), "an unknown packet before SessionConnectReq"),
        (packet(0x0002, &[0; 26]), "an unknown packet before SessionConnectReq"),
        (packet(0x0010, &[0x80]), "a request before SessionConnectReq"),
        (packet(0x0020, &[]), "a request before SessionConnectReq"),
        (packet(0x0001, &[1]), "not a SessionConnectReq"),
        (packet(0x0001, &[1, 0, 9, 0, b'a']), "not a SessionConnectReq"),
        (packet(0x0003, &[1]), "not a PingReq"),
    ];
    for (bytes, reason) in cases {
        assert_eq!(sent(&here, &bytes).await, Some((1008, reason.to_owned())), "{bytes:?}");
    }
}

#[actix::test]
async fn one_who_does_not_greet_is_closed_in_time() {
    let here = start_tcp(|config| config.tcp.connect_ms = 200).await;
    let began = Instant::now();
    assert_eq!(sent(&here, &[]).await, None);
    assert_eq!(sent(&here, &connect_req(1, "half a token")[..9]).await, None);
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
}

#[actix::test]
async fn a_packet_that_dribbles_in_closes_the_connection_and_a_slow_but_whole_one_does_not() {
    let here = start_tcp(|config| config.tcp.packet_ms = 600).await;
    let guest = guest(&here, "Dribble").await;
    let (mut player, _) = TcpPlayer::enter(&here, &guest).await;
    let ping = packet(0x0003, &[5; 12]);
    for byte in ping.chunks(4) {
        player.client.stream().write_all(byte).await.unwrap();
        sleep(Duration::from_millis(50)).await;
    }
    assert!(matches!(player.next().await, Ok(Incoming::Pong(..))), "slow, but in time");
    let long = packet(0x0010, &[0xc0; 4_000]);
    let dribble = async {
        for byte in long.chunks(1) {
            if player.client.stream().write_all(byte).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_millis(1_500), dribble).await.ok();
    player.rest().await;
    assert_eq!(player.closed, Some((1008, "a packet took too long".to_owned())));
}

#[actix::test]
async fn what_is_no_message_is_answered_and_the_session_lives() {
    let here = start_tcp(|_| {}).await;
    let (mut player, _) = TcpPlayer::enter(&here, &guest(&here, "Clumsy").await).await;
    let bad = [
        packet(0x7777, b"x"),
        packet(0x0001, &connect_req(1, "")[4..]),
        packet(0x0002, &[]),
        packet(0x0003, &[1, 2]),
        packet(0x0010, &[]),
        packet(0x0010, &[0xc1]),
        packet(0x0010, &[0x91; 2_000]),
    ];
    for bytes in bad {
        player.client.stream().write_all(&bytes).await.unwrap();
        let answer = player.wait_for("an error", |message| message["type"] == "error").await;
        assert_eq!(
            (&answer["re"], &answer["payload"]["code"]),
            (&Value::Null, &json!("bad_message")),
            "{bytes:?}"
        );
    }
    assert_eq!(player.ask("ping", json!({"client_time": 1})).await["type"], "pong");
}

#[actix::test]
async fn a_packet_over_the_bound_of_frames_closes_with_1009() {
    let here = start_tcp(|config| config.limits.frame_bytes = 1_000).await;
    let (mut player, _) = TcpPlayer::enter(&here, &guest(&here, "Large").await).await;
    player.client.stream().write_all(&packet(0x0010, &[0; 1_001])).await.unwrap();
    player.rest().await;
    assert_eq!(player.closed.map(|(code, _)| code), Some(1009));
}

#[actix::test]
async fn flooding_is_rate_limited_then_closed_with_1008() {
    let here = start_tcp(|config| {
        (config.limits.messages_per_s, config.limits.messages_burst) = (1.0, 10.0);
    })
    .await;
    let (mut player, _) = TcpPlayer::enter(&here, &guest(&here, "Flood").await).await;
    for _ in 0..200 {
        if player.client.request("ping", json!({"client_time": 1})).await.is_err() {
            break; // closed already
        }
    }
    let answers = player.rest().await;
    assert_eq!(player.closed.map(|(code, _)| code), Some(1008));
    assert!(answers.iter().take(10).all(|answer| answer["type"] == "pong"), "{answers:?}");
    assert!(answers.iter().filter(|answer| answer["payload"]["code"] == "rate_limited").count() >= 40);
}

#[actix::test]
async fn a_silent_peer_is_dropped_and_one_who_pings_is_not() {
    let here = start_tcp(|config| config.session.heartbeat_ms = 400).await;
    let [faithful, silent] = [guest(&here, "Faithful").await, guest(&here, "Silent").await];
    let (mut faithful, _) = TcpPlayer::enter(&here, &faithful).await;
    let room = faithful.ok("room.create", json!({})).await["room"]["room_id"].clone();
    let (mut half_open, _) = TcpPlayer::enter(&here, &silent).await;
    half_open.ok("room.join", json!({"room_id": room})).await;
    let mut dropped = false;
    for n in 0..40 {
        faithful.client.ping(n, 0).await.unwrap();
        sleep(Duration::from_millis(100)).await;
        while let Ok(Ok(Incoming::Message(message))) =
            timeout(Duration::from_millis(1), faithful.client.next()).await
        {
            dropped |=
                message["type"] == "room.member_connection" && message["payload"]["connected"] == false;
        }
    }
    assert!(dropped, "the silent one was not dropped");
    assert_eq!(faithful.ask("ping", json!({"client_time": 1})).await["type"], "pong");
    half_open.rest().await;
    assert_eq!(half_open.closed, None, "nobody is told who is not there");
}

#[actix::test]
async fn one_who_does_not_read_is_closed_with_1013_and_the_others_hear_everything() {
    let here = start_tcp(|config| {
        config.limits.backlog_hard_bytes = 128 * 1024;
        config.limits.chat_chars = 30_000;
        config.limits.chat_burst = 1e6;
        config.limits.messages_burst = 1e6;
        config.limits.slow_grace_ms = PATIENCE.as_millis() as u64;
    })
    .await;
    let [writer, slow] = [guest(&here, "Writer").await, guest(&here, "Slow").await];
    let (mut writer, _) = TcpPlayer::enter(&here, &writer).await;
    let room = writer.ok("room.create", json!({})).await["room"]["room_id"].clone();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let socket = socket.connect(here.node.tcp_address.unwrap()).await.unwrap();
    let (mut reader, _) =
        TcpPlayer::welcomed(Client::connect(socket, &slow.access_token).await.unwrap()).await;
    reader.ok("room.join", json!({"room_id": room})).await;
    let sessions = here.node.cluster.hub().all();
    let handle =
        sessions.into_iter().find(|session| session.player.to_string() == slow.id).expect("his session");
    let mut said = 0;
    while handle.outbox.closing().is_none() {
        assert!(said < 2_000, "{} bytes wait", handle.outbox.queued_bytes());
        writer.ok("chat.send", json!({"text": format!("{said:06}{}", "x".repeat(29_000))})).await;
        assert!(
            writer.expect("chat.message").await["text"].as_str().unwrap().starts_with(&format!("{said:06}"))
        );
        said += 1;
    }
    let heard = reader.rest().await;
    assert_eq!(reader.closed.map(|(code, _)| code), Some(1013));
    let heard = heard.iter().filter(|message| message["type"] == "chat.message").count();
    assert!(heard > 0 && heard < said, "{heard} of {said}");
}
