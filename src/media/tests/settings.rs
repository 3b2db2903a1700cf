//! Settings that no other test turns: each does what it says.

use super::{AUDIO, VIDEO, config};
use crate::{
    ids::{PlayerId, RoomId},
    media::{
        ClientSignal, MediaCommand, MediaEvent, MediaServer as _, MediaState, Pc, PcState, Policy, Refusal,
        Server,
        synthetic::{Camera, MediaStage, SIZES, Synthetic, lock, until},
    },
};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

const ALL: [usize; 3] = [0, 1, 2];
/// Longer than any test.
const NEVER: u64 = 600_000;

async fn stage(set: impl FnOnce(&mut config::Media)) -> MediaStage {
    let mut config = config::Media { threads: 1, bound_ms: 50, tick_ms: 50, ..config::Media::default() };
    set(&mut config);
    MediaStage::open(config).await.expect("a server")
}

/// One who sends, one who watches, both connected.
async fn two(stage: &MediaStage) -> (Arc<Synthetic>, Arc<Synthetic>) {
    let (from, to) = (stage.join(true).await.expect("joins"), stage.join(false).await.expect("joins"));
    stage.all_to_all();
    stage.until_all_receive().await;
    (from, to)
}

/// A camera in layers and one who watches it.
async fn filmed(stage: &MediaStage) -> (Arc<Synthetic>, Arc<Synthetic>, Camera) {
    let (from, to) = (stage.join(false).await.expect("joins"), stage.join(false).await.expect("joins"));
    let camera = stage.publish_layers(&from).await.expect("publishes");
    stage.all_to_all();
    (from, to, camera)
}

/// The camera runs until it is so.
async fn run(camera: &Camera, what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if so() {
            return;
        }
        camera.frame(&ALL);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("in vain: {what}");
}

/// What this one was told last that he may send, in bit/s.
fn told(player: &Synthetic) -> u64 {
    lock(&player.publishing).as_ref().map_or(0, |end| end.told_bps.load(Relaxed))
}

fn estimate(player: &Synthetic, bps: u64) {
    if let Some(end) = lock(&player.receiving).as_ref() {
        end.estimate(bps);
    }
}

#[actix::test]
async fn an_offer_has_as_many_bytes_and_lines_as_it_may() {
    for (set, refused) in [
        ((|config| config.sdp_bytes = 500) as fn(&mut config::Media), Refusal::TooLarge),
        (|config| config.sdp_sections = 1, Refusal::BadDescription),
    ] {
        let stage = stage(set).await;
        let sender = stage.join(true).await.expect("asks");
        let is_refused = |event: &MediaEvent| {
            *event == MediaEvent::Refused { player: sender.id, pc: Pc::Pub, reason: refused }
        };
        until("it is refused", || lock(&stage.heard).others.iter().any(is_refused)).await;
        stage.server.stop();
    }
}

#[actix::test]
async fn small_pictures_are_as_small_as_they_are_set() {
    let stage = stage(|config| (config.full_pictures, config.small_pixels) = (0, 20_000)).await;
    let (from, to, camera) = filmed(&stage).await;
    let smallest = u32::from(SIZES[0].0) * u32::from(SIZES[0].1);
    run(&camera, "the smallest", || to.received(from.id, VIDEO).pixels == smallest).await;
    stage.server.stop();
}

#[actix::test]
async fn whom_everybody_shows_small_is_asked_for_no_less_than_is_set() {
    for (small_kbps, bounds) in [(900, 900_000..=900_000), (50, 200_000..=600_000)] {
        let stage = stage(|config| (config.full_pictures, config.small_kbps) = (0, small_kbps)).await;
        let (from, _, camera) = filmed(&stage).await;
        run(&camera, "he is told", || bounds.contains(&told(&from))).await;
        let mut rounds = 0;
        run(&camera, "for good", || {
            rounds += 1;
            assert!(bounds.contains(&told(&from)), "{}", told(&from));
            rounds > 100
        })
        .await;
        stage.server.stop();
    }
}

#[actix::test]
async fn senders_are_told_bounds_between_the_least_and_the_most() {
    let stage = stage(|config| {
        (config.least_kbps, config.peer_kbps, config.full_link_ms) = (333, 1_234, 700);
    })
    .await;
    let (from, to) = two(&stage).await;
    until("the most", || told(&from) == 1_234_000).await;
    estimate(&to, 1_000_000);
    tokio::time::sleep(Duration::from_millis(100)).await;
    estimate(&to, 10_000);
    until("the least", || told(&from) == 333_000).await;
    let full = Instant::now();
    until("his link is taken for full for a while", || told(&from) > 333_000).await;
    assert!(full.elapsed() > Duration::from_millis(500), "{:?}", full.elapsed());
    until("and then no more", || told(&from) == 1_234_000).await;
    stage.server.stop();
}

#[actix::test]
async fn a_link_is_taken_for_full_and_senders_are_told_as_often_as_is_set() {
    let stage = stage(|config| config.full_link_ms = NEVER).await;
    let (from, to) = two(&stage).await;
    estimate(&to, 1_000_000);
    tokio::time::sleep(Duration::from_millis(100)).await;
    estimate(&to, 500_000);
    until("bounded", || told(&from) == 500_000).await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(told(&from), 500_000, "it is full still");
    stage.server.stop();

    let stage = self::stage(|config| config.bound_ms = NEVER).await;
    let (from, _) = two(&stage).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(told(&from), 0, "not yet");
    stage.server.stop();
}

#[actix::test]
async fn key_frames_are_asked_for_no_more_often_than_is_set() {
    let stage = stage(|config| config.key_frame_ms = NEVER).await;
    let (from, to, camera) = filmed(&stage).await;
    camera.keyless.store(true, Relaxed);
    let mut frames = 0;
    run(&camera, "a while", || {
        frames += 1;
        frames > 100
    })
    .await;
    assert!((1..=ALL.len() as u64).contains(&camera.asked()), "one a layer: {}", camera.asked());
    assert_eq!(to.received(from.id, VIDEO).packets, 0, "he cannot begin without");
    stage.server.stop();
}

#[actix::test]
async fn an_offer_that_nobody_answers_has_failed_in_time() {
    let stage = stage(|config| config.answer_ms = 300).await;
    stage.join(true).await.expect("joins");
    let silent = PlayerId::new(); // nobody plays his page
    stage.tell(MediaCommand::Join { player: silent });
    let since = Instant::now();
    let signal = ClientSignal::State { pc: Pc::Sub, state: PcState::Ready, audio: None, video: None };
    stage.tell(MediaCommand::Signal { player: silent, signal });
    let state = || lock(&stage.heard).states.get(&silent).map(|state| state.state);
    until("he has failed", || {
        lock(&stage.players).iter().for_each(|player| player.send_both(None));
        state() == Some(MediaState::Failed)
    })
    .await;
    assert!(since.elapsed() >= Duration::from_millis(300), "{:?}", since.elapsed());
    stage.server.stop();
}

/// Speaks at this loudness for so long; who was told to speak meanwhile.
async fn speak(stage: &MediaStage, speaker: &Synthetic, level: u8, ms: u64) -> Vec<bool> {
    let before = lock(&stage.heard).speaking.len();
    for _ in 0..ms / 20 {
        speaker.send(AUDIO, Some(level));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    lock(&stage.heard).speaking[before..].iter().map(|(_, speaks)| *speaks).collect()
}

#[actix::test]
async fn speech_is_as_loud_and_as_long_as_is_set() {
    let stage = stage(|config| {
        (config.speech_dbov, config.speech_hysteresis_db) = (30, 40);
        (config.speech_attack_ms, config.speech_hold_ms) = (400, 300);
    })
    .await;
    let (speaker, _) = two(&stage).await;
    assert_eq!(speak(&stage, &speaker, 40, 700).await, [false; 0], "45 would be loud enough");
    assert_eq!(speak(&stage, &speaker, 20, 200).await, [false; 0], "60 ms would be long enough");
    assert_eq!(speak(&stage, &speaker, 20, 700).await, [true]);
    assert_eq!(speak(&stage, &speaker, 65, 700).await, [false; 0], "10 dB would be quiet enough");
    let quiet = Instant::now();
    until("he ceases", || {
        speaker.send(AUDIO, Some(127));
        lock(&stage.heard).speaking.len() == 2
    })
    .await;
    assert!(quiet.elapsed() >= Duration::from_millis(250), "{:?}", quiet.elapsed());
    stage.server.stop();
}

#[actix::test]
async fn a_room_looks_round_as_often_as_is_set() {
    for (tick_ms, ceases) in [(50, true), (NEVER, false)] {
        let stage = stage(|config| (config.tick_ms, config.speech_hold_ms) = (tick_ms, 100)).await;
        let (speaker, _) = two(&stage).await;
        assert_eq!(speak(&stage, &speaker, 20, 400).await, [true]);
        tokio::time::sleep(Duration::from_millis(700)).await; // without a packet
        assert_eq!(lock(&stage.heard).speaking.len() == 2, ceases, "every {tick_ms} ms");
        stage.server.stop();
    }
}

#[actix::test]
async fn what_has_waited_for_too_long_is_not_read_and_the_connection_stands() {
    let stage = stage(|config| config.stale_ms = 0).await;
    let (from, to) = (stage.join(true).await.expect("joins"), stage.join(false).await.expect("joins"));
    stage.all_to_all();
    let sent = async {
        while stage.stats().await.stale < 20 {
            from.send_both(None);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), sent).await.expect("they came, and were too late");
    assert_eq!(stage.stats().await.packets_in, 0, "nothing of them was read");
    assert_eq!(to.received(from.id, AUDIO).packets, 0);
    assert_eq!(lock(&stage.heard).states[&from.id].state, MediaState::Connected);
    stage.server.stop();
}

#[actix::test]
async fn rooms_are_on_as_many_threads_as_are_set() {
    const ROOMS: usize = 24;
    for threads in [1, 3] {
        let config = config::Media { udp_port: 0, threads, ..config::Media::default() };
        let server = Server::start(&config).await.expect("a server");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let open = |_| {
            let seen = seen.clone();
            let events = Arc::new(move |_| lock(&seen).push(std::thread::current().id()));
            let link = server.link(RoomId::new(), events);
            link.tell(MediaCommand::Open { policy: Policy::default() }).expect("told");
            link.tell(MediaCommand::Stats).expect("told");
            link
        };
        let links: Vec<_> = (0..ROOMS).map(open).collect();
        until("each has answered", || lock(&seen).len() >= ROOMS).await;
        assert_eq!(lock(&seen).iter().collect::<HashSet<_>>().len(), threads);
        drop(links);
        server.stop();
    }
}
