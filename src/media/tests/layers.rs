//! Layers of simulcast over a real port: each receiver gets the one that his link carries, and sees one stream.

use super::{VIDEO, config};
use crate::media::{
    ClientSignal, MediaEvent,
    synthetic::{Camera, MediaStage, Received, SIZES, Synthetic, lock, until},
};
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

const ALL: [usize; 3] = [0, 1, 2];

struct Scene {
    stage: MediaStage,
    sender: Arc<Synthetic>,
    watchers: Vec<Arc<Synthetic>>,
    camera: Camera,
    h264: bool,
}

impl Scene {
    /// One camera in layers, two who watch. What takes seconds takes tenths.
    async fn open() -> Self {
        Self::with(|_| {}).await
    }

    /// With other settings.
    async fn with(set: impl FnOnce(&mut config::Media)) -> Self {
        Self::of(false, set).await
    }

    /// In H.264, if that is what all can.
    async fn of(h264: bool, set: impl FnOnce(&mut config::Media)) -> Self {
        let mut config =
            config::Media { threads: 1, bound_ms: 50, full_link_ms: 1_500, ..config::Media::default() };
        set(&mut config);
        let stage = MediaStage::open(config).await.expect("a server");
        let [sender, first, second] =
            [stage.join_with(false, h264), stage.join_with(false, h264), stage.join_with(false, h264)];
        let (sender, watchers) =
            (sender.await.expect("joins"), vec![first.await.expect("joins"), second.await.expect("joins")]);
        let camera = stage.publish_layers(&sender).await.expect("publishes");
        stage.all_to_all();
        Self { stage, sender, watchers, camera, h264 }
    }

    fn got(&self, watcher: usize) -> Received {
        self.watchers[watcher].received(self.sender.id, VIDEO)
    }

    /// This watcher's link carries so much, so that each picture may take it.
    fn estimate(&self, watcher: usize, bps: u64) {
        if let Some(end) = lock(&self.watchers[watcher].receiving).as_ref() {
            end.estimate(bps);
        }
    }

    /// The camera runs, these layers of it, until it is so.
    async fn run(&self, layers: &[usize], what: &str, so: impl Fn(&Self) -> bool) {
        const FRAME: Duration = Duration::from_millis(20);
        const LONGEST: u32 = 1_000;
        for _ in 0..LONGEST {
            if so(self) {
                return;
            }
            self.camera.frame(layers);
            tokio::time::sleep(FRAME).await;
        }
        panic!("in vain: {what}: {:?} {:?}", self.got(0), self.got(1));
    }

    fn sees(&self, watcher: usize, layer: usize) -> bool {
        let (width, height) = SIZES[layer];
        self.got(watcher).pixels == u32::from(width) * u32::from(height)
    }

    /// Nobody has seen a number missing, a picture id leap or a clock go back.
    fn assert_unbroken(&self) {
        for watcher in [0, 1] {
            let got = self.got(watcher);
            assert_eq!((got.lost, got.breaks), (0, 0), "watcher {watcher}: {got:?}");
        }
    }
}

#[actix::test]
async fn each_gets_the_layer_that_his_link_carries_and_comes_back_up() {
    layers_by_link(Scene::open().await).await;
}

#[actix::test]
async fn each_gets_the_layer_that_his_link_carries_in_h264_too() {
    let scene = Scene::of(true, |_| {}).await;
    layers_by_link(scene).await;
}

async fn layers_by_link(scene: Scene) {
    scene.run(&ALL, "both see the largest", |s| s.sees(0, 2) && s.sees(1, 2)).await;
    scene.estimate(0, 5_000_000);
    scene.run(&ALL, "a while", |s| s.got(0).packets > 120).await;
    scene.estimate(0, 300_000);
    scene.run(&ALL, "he has a narrow link: the middle one", |s| s.sees(0, 1)).await;
    scene.estimate(0, 100_000);
    scene.run(&ALL, "a narrower one: the smallest", |s| s.sees(0, 0)).await;
    assert!(scene.sees(1, 2), "the other one's is as it was");
    scene.run(&ALL, "it is full no more: step by step up", |s| s.sees(0, 2)).await;
    assert!(scene.got(0).sizes >= 4, "through the middle");
    assert_eq!(scene.got(0).h264, scene.h264);
    scene.assert_unbroken();
    scene.stage.server.stop();
}

#[actix::test]
async fn a_layer_that_is_sent_no_more_is_replaced_by_the_next() {
    let scene = Scene::open().await;
    scene.run(&ALL, "both see the largest", |s| s.sees(0, 2) && s.sees(1, 2)).await;
    scene.run(&[0, 1], "its sender has no room for the largest", |s| s.sees(0, 1) && s.sees(1, 1)).await;
    scene.run(&ALL, "he has again", |s| s.sees(0, 2) && s.sees(1, 2)).await;
    scene.assert_unbroken();
    scene.stage.server.stop();
}

#[actix::test]
async fn a_paused_layer_is_not_taken_for_one_that_is_sent_because_it_is_padded() {
    for h264 in [false, true] {
        padded_layer(Scene::of(h264, |_| {}).await).await;
    }
}

async fn padded_layer(scene: Scene) {
    scene.run(&ALL, "both see the largest", |s| s.sees(0, 2) && s.sees(1, 2)).await;
    let padded = |s: &Scene| {
        s.camera.pad(2);
        s.sees(0, 1) && s.sees(1, 1)
    };
    scene.run(&[0, 1], "its sender has no room for the largest, and probes", padded).await;
    scene.assert_unbroken();
    scene.stage.server.stop();
}

#[actix::test]
async fn a_key_frame_that_comes_late_is_no_beginning_and_another_is_asked_for_until_it_comes() {
    for h264 in [false, true] {
        late_key_frame(
            Scene::of(h264, |config| (config.bound_ms, config.key_frame_ms) = (600_000, 40)).await,
        )
        .await;
    }
}

async fn late_key_frame(scene: Scene) {
    scene.run(&ALL, "both see something", |s| s.got(0).packets > 0 && s.got(1).packets > 0).await;
    scene.run(&ALL, "a while", |s| s.got(0).packets > 120).await;
    scene.camera.keyless.store(true, Relaxed);
    scene.stage.allow(&[], &[]);
    let seen = |s: &Scene| (s.got(0).packets, s.got(1).packets);
    let (mut before, mut frames) = (seen(&scene), 0);
    let still = |s: &Scene, frames: u32| (frames > 10).then(|| seen(s));
    while still(&scene, frames).is_none_or(|now| std::mem::replace(&mut before, now) != now) {
        frames = if frames > 10 { 0 } else { frames + 1 };
        scene.camera.frame(&ALL);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let asked = scene.camera.asked();
    scene.stage.all_to_all();
    scene.run(&ALL, "it is asked for again and again", |s| s.camera.asked() > asked + 5).await;
    scene.camera.late_key_frame(&ALL);
    let more = scene.camera.asked() + 3;
    scene.run(&ALL, "and again", |s| s.camera.asked() > more).await;
    assert_eq!(
        seen(&scene),
        before,
        "what follows on the late one would be missing: nobody is sent anything"
    );
    scene.camera.keyless.store(false, Relaxed);
    scene
        .run(&ALL, "it comes", |s| s.got(0).packets > before.0 + 30 && s.got(1).packets > before.1 + 30)
        .await;
    scene.assert_unbroken();
    scene.stage.server.stop();
}

#[actix::test]
async fn what_a_full_queue_loses_is_not_waited_for() {
    let scene = Scene::with(|config| config.queue_packets = 4).await;
    scene.run(&ALL, "both see the largest", |s| s.sees(0, 2) && s.sees(1, 2)).await;
    let mut full = 0;
    while full == 0 {
        (0..20).for_each(|_| scene.camera.frame(&ALL));
        tokio::time::sleep(Duration::from_millis(20)).await;
        full = scene.stage.stats().await.queue_full;
    }
    let before = scene.got(0).packets;
    scene.run(&ALL, "it goes on", |s| s.got(0).packets > before + 60 && s.sees(0, 2) && s.sees(1, 2)).await;
    scene.assert_unbroken();
    scene.stage.server.stop();
}

#[actix::test]
async fn layers_outlive_an_ice_restart_and_the_policy_is_kept_on_each() {
    let scene = Scene::open().await;
    scene.run(&ALL, "both see the largest", |s| s.sees(0, 2) && s.sees(1, 2)).await;
    scene.run(&ALL, "layers are named no more", |s| s.got(0).packets > 100).await;
    let restart = scene.camera.restart().expect("an offer");
    scene.stage.signal(&scene.sender, restart);
    tokio::time::sleep(Duration::from_millis(500)).await; // what is sent meanwhile is lost
    let before = scene.got(0).packets;
    scene.run(&ALL, "they are known still", |s| s.got(0).packets > before + 60).await;
    let breaks = scene.got(1).breaks;
    let (sender, first) = (scene.sender.id, scene.watchers[0].id);
    scene.stage.allow(&[sender], &[first]);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (allowed, shut) = (scene.got(0).packets, scene.got(1).packets);
    scene.run(&ALL, "one may", |s| s.got(0).packets > allowed + 30).await;
    assert_eq!(scene.got(1).packets, shut, "the other may not, in no layer");
    scene.stage.all_to_all();
    scene.run(&ALL, "both may", |s| s.got(1).packets > shut + 30).await;
    assert_eq!(scene.got(1).breaks, breaks, "what was withheld is not missed");
    scene.stage.server.stop();
}

#[actix::test]
async fn who_is_sent_many_pictures_shows_them_small_and_gets_small_ones() {
    let scene = Scene::with(|config| config.full_pictures = 0).await;
    scene.run(&ALL, "both see the middle one", |s| s.sees(0, 1) && s.sees(1, 1)).await;
    let packets = scene.got(0).packets;
    scene.run(&ALL, "for good", |s| s.got(0).packets > packets + 60).await;
    assert!(scene.sees(0, 1) && scene.sees(1, 1));
    scene.assert_unbroken();
    scene.stage.server.stop();
}

#[actix::test]
async fn more_layers_than_may_be_are_refused() {
    let config = config::Media { threads: 1, layers: 2, ..config::Media::default() };
    let stage = MediaStage::open(config).await.expect("a server");
    let sender = stage.join(false).await.expect("joins");
    stage.publish_layers(&sender).await.expect("asks");
    let is_refused =
        |event: &MediaEvent| matches!(event, MediaEvent::Refused { player, .. } if *player == sender.id);
    until("it is refused", || lock(&stage.heard).others.iter().any(is_refused)).await;
    let reset = ClientSignal::Reset { pc: crate::media::Pc::Pub };
    stage.signal(&sender, reset);
    stage.publish(&sender).await.expect("in one layer");
    stage.all_to_all();
    until("it is taken", || {
        lock(&stage.heard).states.get(&sender.id).is_some_and(|state| state.state != Default::default())
    })
    .await;
    stage.server.stop();
}
