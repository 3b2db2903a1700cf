//! Calls over a real port: who receives what, under which policy, whatever others do.

mod codecs;
mod early;
mod faults;
mod layers;
mod settings;

use super::{
    ClientSignal, MediaCommand, MediaEvent, MediaState, Pc, PcState,
    synthetic::{MediaStage, Synthetic, lock, until},
};
use crate::{config, game::MediaKind};
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

/// What one receives: packets of sound and of pictures, of each sender.
type Row = Vec<(u64, u64)>;

const VIDEO: MediaKind = MediaKind::Video;
const AUDIO: MediaKind = MediaKind::Audio;

async fn stage() -> MediaStage {
    let config = config::Media { threads: 1, ..config::Media::default() };
    MediaStage::open(config).await.expect("a server")
}

/// Two who send and three who only receive, everybody connected.
async fn five() -> (MediaStage, Vec<Arc<Synthetic>>) {
    let stage = stage().await;
    let mut players = Vec::new();
    for publishes in [true, true, false, false, false] {
        players.push(stage.join(publishes).await.expect("joins"));
    }
    stage.all_to_all();
    stage.until_all_receive().await;
    (stage, players)
}

/// What each receiver has of each sender, once nothing more comes.
async fn settled(players: &[Arc<Synthetic>]) -> Vec<Row> {
    const QUIET: Duration = Duration::from_millis(250);
    let of = |to: &Arc<Synthetic>, from: &Arc<Synthetic>| {
        (to.received(from.id, AUDIO).packets, to.received(from.id, VIDEO).packets)
    };
    let all = || players.iter().map(|to| players.iter().map(|from| of(to, from)).collect()).collect();
    let mut before: Vec<Row> = all();
    loop {
        tokio::time::sleep(QUIET).await;
        let now = all();
        if now == before {
            return now;
        }
        before = now;
    }
}

/// How many packets each receiver gets of each sender while everybody sends `rounds` of each kind.
async fn exchange(players: &[Arc<Synthetic>], rounds: u32) -> Vec<Row> {
    const ROUND: Duration = Duration::from_millis(10);
    let before = settled(players).await;
    for _ in 0..rounds {
        players.iter().for_each(|player| player.send_both(None));
        tokio::time::sleep(ROUND).await;
    }
    let after = settled(players).await;
    let pairs = |(before, after): (&Row, Row)| {
        before.iter().zip(after).map(|(b, a)| (a.0 - b.0, a.1 - b.1)).collect()
    };
    before.iter().zip(after).map(pairs).collect()
}

#[actix::test]
async fn packets_arrive_exactly_where_the_policy_allows() {
    let (stage, players) = five().await;
    let [a, b, c, d, e] = std::array::from_fn(|n| players[n].id);
    assert!(stage.stats().await.key_frame_requests > 0, "who begins to see asks for a key frame");
    stage.allow(&[a], &[c, d]);
    let got = exchange(&players, 30).await;
    for (to, row) in got.iter().enumerate() {
        for (from, packets) in row.iter().enumerate() {
            let allowed = from == 0 && [2, 3].contains(&to);
            assert_eq!(*packets, if allowed { (30, 30) } else { (0, 0) }, "from {from} to {to}");
        }
    }
    let lost = players[2].received(a, VIDEO).lost;
    stage.allow(&[a, b], &[a, b, e]);
    let got = exchange(&players, 20).await;
    assert_eq!([got[2][0], got[4][0], got[4][1], got[0][1]], [(0, 0), (20, 20), (20, 20), (20, 20)]);
    stage.allow(&[a], &[c]);
    assert_eq!(exchange(&players, 20).await[2][0], (20, 20));
    assert_eq!(players[2].received(a, VIDEO).lost, lost, "what was withheld is no loss");
    stage.server.stop();
}

#[actix::test]
async fn a_policy_takes_effect_within_100_ms_without_renegotiation() {
    const ALLOWED: Duration = Duration::from_millis(100);
    let (stage, players) = five().await;
    let (speaker, listener) = (players[0].clone(), players[2].clone());
    let talking = actix::spawn({
        let speaker = speaker.clone();
        async move {
            loop {
                speaker.send_both(Some(20));
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
    let got = || listener.received(speaker.id, VIDEO).packets + listener.received(speaker.id, AUDIO).packets;
    let offers = listener.offers.load(Relaxed);
    until("he is told to speak", || lock(&stage.heard).speaking == [(speaker.id, true)]).await;
    for _ in 0..5 {
        stage.allow(&[], &[]);
        tokio::time::sleep(ALLOWED).await;
        let shut = got();
        tokio::time::sleep(ALLOWED).await;
        assert_eq!(got(), shut, "nothing more comes");
        stage.all_to_all();
        tokio::time::sleep(ALLOWED).await;
        assert!(got() > shut, "it comes again");
    }
    assert_eq!(lock(&stage.heard).speaking[..2], [(speaker.id, true), (speaker.id, false)]);
    assert_eq!(listener.offers.load(Relaxed), offers);
    talking.abort();
    stage.server.stop();
}

#[actix::test]
async fn nothing_of_one_who_may_not_send_is_forwarded() {
    let (stage, players) = five().await;
    stage.allow(&[players[1].id], &[players[2].id]);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let before = stage.stats().await;
    for _ in 0..50 {
        players[0].send_both(Some(10));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let arrived = async {
        while stage.stats().await.packets_in < before.packets_in + 100 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), arrived).await.expect("they came to the server");
    let after = stage.stats().await;
    assert_eq!(after.packets_out, before.packets_out, "0 packets forwarded");
    assert_eq!(after.withheld - before.withheld, 100);
    assert!(lock(&stage.heard).speaking.is_empty(), "nobody hears him, so nobody is told that he speaks");
    stage.server.stop();
}

#[actix::test]
async fn one_who_mutes_himself_is_not_forwarded_even_if_he_sends() {
    let (stage, players) = five().await;
    let muted =
        ClientSignal::State { pc: Pc::Pub, state: PcState::Ready, audio: Some(false), video: Some(true) };
    stage.signal(&players[0], muted);
    until("the others see it", || lock(&stage.heard).states[&players[0].id].audio.eq(&false)).await;
    assert_eq!(exchange(&players, 10).await[2][0], (0, 10));
    stage.server.stop();
}

#[actix::test]
async fn one_who_stops_reading_stalls_nobody() {
    let (stage, players) = five().await;
    let deaf = lock(&players[2].receiving).clone().expect("he receives");
    deaf.deaf.store(true, Relaxed);
    let got = exchange(&players, 60).await;
    assert_eq!(got[2][0], (0, 0));
    for to in [1, 3, 4] {
        assert_eq!(got[to][0], (60, 60), "to {to}");
    }
    stage.server.stop();
}

#[actix::test]
async fn who_speaks_is_told_and_who_ceases() {
    let (stage, players) = five().await;
    for level in [20; 15].into_iter().chain([127; 50]) {
        players[0].send(AUDIO, Some(level));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let speaker = players[0].id;
    until("he ceases", || lock(&stage.heard).speaking.len() >= 2).await;
    assert_eq!(lock(&stage.heard).speaking, [(speaker, true), (speaker, false)]);
    stage.server.stop();
}

#[actix::test]
async fn lines_are_used_again_when_people_come_and_go() {
    let stage = stage().await;
    let watcher = stage.join(false).await.expect("joins");
    for round in 0..4 {
        let sender = stage.join(true).await.expect("joins");
        stage.all_to_all();
        stage.until_all_receive().await;
        stage.leave(&sender);
        let offers = watcher.offers.load(Relaxed);
        assert!(offers > round);
    }
    assert_eq!(watcher.lines.load(Relaxed), 2, "one of sound, one of pictures");
    stage.server.stop();
}

#[actix::test]
async fn an_ice_restart_and_a_reset_bring_pictures_back() {
    let (stage, players) = five().await;
    let sdp = lock(&players[0].publishing).clone().expect("he sends").offer(true).expect("an offer");
    stage.signal(&players[0], ClientSignal::Offer { sdp });
    tokio::time::sleep(Duration::from_millis(500)).await;
    stage.until_all_receive().await;
    assert_eq!(exchange(&players, 10).await[3][0], (10, 10), "after the restart");

    lock(&players[1].publishing).take().expect("he sent").vanish();
    stage.signal(&players[1], ClientSignal::Reset { pc: Pc::Pub });
    stage.publish(&players[1]).await.expect("he publishes anew");
    lock(&players[3].receiving).take().expect("he received").vanish();
    stage.signal(&players[3], ClientSignal::Reset { pc: Pc::Sub });
    tokio::time::sleep(Duration::from_millis(500)).await;
    stage.until_all_receive().await;
    assert_eq!(exchange(&players, 10).await[3][1], (10, 10), "after both were thrown away");
    stage.server.stop();
}

#[actix::test]
async fn a_connection_that_goes_silent_has_failed_and_the_rest_goes_on() {
    let config =
        config::Media { threads: 1, disconnected_ms: 4_000, failed_ms: 1_000, ..config::Media::default() };
    let stage = MediaStage::open(config).await.expect("a server");
    let (gone, stays) = (stage.join(true).await.expect("joins"), stage.join(true).await.expect("joins"));
    stage.all_to_all();
    stage.until_all_receive().await;
    for end in [&gone.publishing, &gone.receiving] {
        lock(end).take().expect("connected").vanish();
    }
    until("it has failed", || lock(&stage.heard).states[&gone.id].state == MediaState::Failed).await;
    assert_eq!(lock(&stage.heard).states[&stays.id].state, MediaState::Connected);
    stage.server.stop();
}

#[actix::test]
async fn limits_are_kept() {
    let config = config::Media { threads: 1, publishers: 1, peer_kbps: 200, ..config::Media::default() };
    let stage = MediaStage::open(config).await.expect("a server");
    let first = stage.join(true).await.expect("joins");
    let second = stage.join(true).await.expect("joins");
    let long = "a".repeat(config::Media::default().sdp_bytes + 1);
    for sdp in
        [long, "nonsense".to_owned(), "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n".into()]
    {
        stage.signal(&first, ClientSignal::Offer { sdp });
    }
    stage.signal(&first, ClientSignal::Answer { sdp: "v=0\r\n".into() });
    until("each is refused", || lock(&stage.heard).others.len() >= 5).await;
    let refused: Vec<_> = lock(&stage.heard)
        .others
        .iter()
        .map(|event| match event {
            MediaEvent::Refused { player, reason, .. } => (*player, *reason),
            other => panic!("{other:?}"),
        })
        .collect();
    use super::Refusal::{BadDescription, Full, TooLarge};
    let (one, two) = (first.id, second.id);
    let expected =
        [(two, Full), (one, TooLarge), (one, BadDescription), (one, BadDescription), (one, BadDescription)];
    assert_eq!(refused, expected);

    stage.all_to_all();
    until("he is heard", || {
        first.send_both(None);
        second.received(one, VIDEO).packets > 0
    })
    .await;
    for _ in 0..200 {
        first.send(VIDEO, None);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(stage.stats().await.over_rate > 50, "200 kB in half a second, where 25 kB a second are allowed");
    stage.server.stop();
}

#[actix::test]
async fn after_many_have_come_and_gone_nothing_is_left() {
    let stage = stage().await;
    let watcher = stage.join(false).await.expect("joins");
    let mut memory = Vec::new();
    for round in 0..60 {
        let player = stage.join(true).await.expect("joins");
        stage.all_to_all();
        until("he is seen", || {
            player.send_both(None);
            watcher.received(player.id, VIDEO).packets > 0
        })
        .await;
        stage.leave(&player);
        if round % 20 == 19 {
            memory.push(resident_kib());
        }
    }
    until("his connections are gone", || stage.server.counts().0 <= 1).await;
    let stats = stage.stats().await;
    assert_eq!((stats.players, stats.publishers, stats.sources), (1, 0, 0));
    stage.leave(&watcher);
    until("so are the watcher's", || stage.server.counts() == (0, 0)).await;
    until("nothing holds them", || stage.server.alive() == 0).await;
    let grown = memory[2].saturating_sub(memory[1]);
    assert!(grown < 4_096, "memory grows: {memory:?} KiB");
    stage.server.stop();
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("there");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

/// A room of its own is not disturbed by what anybody sends to the port.
#[actix::test]
async fn a_million_malformed_packets_disturb_no_call() {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
    const PACKETS: u32 = 1_000_000;
    let (stage, players) = five().await;
    let (port, mut rng) = (stage.server.address(), StdRng::seed_from_u64(5));
    let stranger = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let known = lock(&players[0].publishing).clone().expect("he sends");
    let firsts = [0u8, 1, 20, 22, 23, 63, 128, 144, 191, 255];
    for n in 0..PACKETS {
        let mut bytes = vec![0; rng.random_range(1..200)];
        rng.fill(&mut bytes[..]);
        bytes[0] = firsts[rng.random_range(0..firsts.len())];
        if n % 2 == 0 {
            stranger.send_to(&bytes, port).ok();
        } else {
            known.send_raw(&bytes, port);
        }
        if n % 500 == 0 {
            players.iter().for_each(|player| player.send_both(None));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    stage.until_all_receive().await;
    let is_whole = |got: &[Row]| got[3][..2].iter().all(|(audio, video)| *audio >= 20 && *video >= 20);
    let mut got = exchange(&players, 20).await;
    for _ in 0..3 {
        if is_whole(&got) {
            break;
        }
        got = exchange(&players, 20).await; // what was still queued of the flood may have pushed some out
    }
    assert!(is_whole(&got), "the call goes on: {got:?}");
    assert!(lock(&stage.heard).others.is_empty(), "nobody was reset");
    stage.tell(MediaCommand::Close);
    stage.server.stop();
}

#[actix::test]
async fn a_lost_packet_that_comes_hundreds_later_is_forwarded_still() {
    const LATER: u64 = 600; // more than the 64 that a window of SRTP has by itself
    let (stage, players) = five().await;
    exchange(&players, 5).await;
    let heard = async || settled(&players).await[2][0].0;
    let before = heard().await;
    let lost = players[0].leave_out(AUDIO);
    for n in 0..LATER {
        players[0].send(AUDIO, None);
        if n % 10 == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    assert_eq!(heard().await - before, LATER);
    players[0].send_number(AUDIO, lost, None);
    assert_eq!(heard().await - before, LATER + 1, "it was asked for, and is worth having");
    stage.server.stop();
}
