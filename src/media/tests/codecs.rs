//! Which codec a room's pictures are in, over a real port: H.264 while all can, VP8 as soon as one cannot.

use super::{VIDEO, config};
use crate::media::{
    MediaEvent, Pc, ServerSignal,
    synthetic::{Camera, MediaStage, SIZES, Synthetic, lock, until},
};
use std::{sync::Arc, time::Duration};

const ALL: [usize; 3] = [0, 1, 2];

/// A room whose layers are chosen, and whose codec comes back, within tenths of a second.
async fn stage(set: impl FnOnce(&mut config::Media)) -> MediaStage {
    let mut config =
        config::Media { threads: 1, bound_ms: 50, codec_calm_ms: 600, ..config::Media::default() };
    set(&mut config);
    MediaStage::open(config).await.expect("a server")
}

/// Whether he sees this one large, in H.264 or not.
fn sees(to: &Synthetic, from: &Synthetic, h264: bool) -> bool {
    let got = to.received(from.id, VIDEO);
    (got.h264, got.pixels) == (h264, u32::from(SIZES[2].0) * u32::from(SIZES[2].1))
}

/// The camera runs until it is so.
async fn run(camera: &Camera, what: &str, mut so: impl FnMut() -> bool) {
    const FRAME: Duration = Duration::from_millis(20);
    const LONGEST: u32 = 1_000;
    for _ in 0..LONGEST {
        if so() {
            return;
        }
        camera.frame(&ALL);
        tokio::time::sleep(FRAME).await;
    }
    panic!("in vain: {what}");
}

/// How often this one was told to begin to send anew.
fn resets(stage: &MediaStage, of: &Synthetic) -> usize {
    let is_reset = |event: &&MediaEvent| matches!(event, MediaEvent::Signal { player, signal: ServerSignal::Reset { pc: Pc::Pub } } if *player == of.id);
    lock(&stage.heard).others.iter().filter(is_reset).count()
}

async fn publish(stage: &MediaStage, sender: &Arc<Synthetic>) -> Camera {
    if let Some(end) = lock(&sender.publishing).take() {
        end.vanish();
    }
    stage.publish_layers(sender).await.expect("publishes")
}

#[actix::test]
async fn pictures_are_h264_until_one_comes_who_cannot_and_again_when_he_has_gone() {
    let stage = stage(|_| {}).await;
    let (sender, watcher) = (
        stage.join_with(false, true).await.expect("joins"),
        stage.join_with(false, true).await.expect("joins"),
    );
    let camera = publish(&stage, &sender).await;
    stage.all_to_all();
    run(&camera, "H.264, for all can", || sees(&watcher, &sender, true)).await;
    let offers = watcher.lines.load(std::sync::atomic::Ordering::Relaxed);

    let late = stage.join(false).await.expect("joins");
    stage.all_to_all();
    run(&camera, "one cannot", || resets(&stage, &sender) == 1).await;
    assert_eq!(late.received(sender.id, VIDEO).packets, 0, "what he cannot decode he is not sent");
    let camera = publish(&stage, &sender).await;
    run(&camera, "VP8 for both", || sees(&watcher, &sender, false) && sees(&late, &sender, false)).await;

    stage.leave(&late);
    run(&camera, "all can again", || resets(&stage, &sender) == 2).await;
    let camera = publish(&stage, &sender).await;
    run(&camera, "H.264 again", || sees(&watcher, &sender, true)).await;
    assert_eq!(
        watcher.lines.load(std::sync::atomic::Ordering::Relaxed),
        offers,
        "on the lines that were there"
    );
    assert_eq!(watcher.received(sender.id, VIDEO).breaks, 0);
    stage.server.stop();
}

#[actix::test]
async fn one_who_sends_and_cannot_makes_all_others_begin_anew_in_vp8() {
    let stage = stage(|_| {}).await;
    let able = stage.join_with(false, true).await.expect("joins");
    let camera = publish(&stage, &able).await;
    let unable = stage.join(false).await.expect("joins");
    let other = publish(&stage, &unable).await;
    stage.all_to_all();
    run(&camera, "he is told", || resets(&stage, &able) == 1).await;
    let camera = publish(&stage, &able).await;
    run(&other, "each sees the other", || {
        camera.frame(&ALL);
        sees(&able, &unable, false) && sees(&unable, &able, false)
    })
    .await;
    assert_eq!((resets(&stage, &able), resets(&stage, &unable)), (1, 0), "once");
    stage.server.stop();
}

#[actix::test]
async fn where_h264_is_not_allowed_nobody_sends_it() {
    let stage = stage(|config| config.h264 = false).await;
    let sender = stage.join_with(false, true).await.expect("joins");
    let watcher = stage.join_with(false, true).await.expect("joins");
    let camera = publish(&stage, &sender).await;
    stage.all_to_all();
    run(&camera, "VP8", || sees(&watcher, &sender, false)).await;
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(resets(&stage, &sender), 0);
    stage.server.stop();
}

#[actix::test]
async fn a_room_that_falls_back_often_comes_back_seldom() {
    const CALM: Duration = Duration::from_millis(600);
    let stage = stage(|_| {}).await;
    let sender = stage.join_with(false, true).await.expect("joins");
    let mut waits = Vec::new();
    for round in 0..2 {
        let camera = publish(&stage, &sender).await;
        let guest = stage.join(false).await.expect("joins");
        stage.all_to_all();
        run(&camera, "he cannot", || resets(&stage, &sender) == round * 2 + 1).await;
        let camera = publish(&stage, &sender).await;
        run(&camera, "VP8", || sees(&guest, &sender, false)).await;
        stage.leave(&guest);
        let since = std::time::Instant::now();
        until("all can again", || resets(&stage, &sender) == round * 2 + 2).await;
        waits.push(since.elapsed());
    }
    assert!(waits[0] >= CALM && waits[1] >= CALM * 2, "{waits:?}");
    stage.server.stop();
}
