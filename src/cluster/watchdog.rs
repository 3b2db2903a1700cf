//! A thread that never yields blocks all its actors: the watchdog ends the process, and recovery does the rest
//! (design rule 4).

use super::Arbiters;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// Watches the node's arbiters until it is dropped.
pub struct Watchdog(Arc<AtomicBool>);

impl Watchdog {
    /// Each arbiter beats four times within `limit`; one that has not beaten for `limit` calls `on_stuck`
    /// with its number (the node aborts).
    pub fn start(arbiters: &Arbiters, limit: Duration, on_stuck: impl Fn(usize) + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let beats: Arc<Vec<AtomicU64>> = Arc::new((0..arbiters.len()).map(|_| AtomicU64::new(0)).collect());
        let (beating, stopping) = (beats.clone(), stop.clone());
        arbiters.on_each(move |n| {
            let (beats, stop) = (beating.clone(), stopping.clone());
            async move {
                while !stop.load(Relaxed) {
                    if let Some(beat) = beats.get(n) {
                        beat.fetch_add(1, Relaxed);
                    }
                    tokio::time::sleep(limit / 4).await;
                }
            }
        });
        let stopping = stop.clone();
        std::thread::spawn(move || watch(&beats, limit, &stopping, on_stuck));
        Self(stop)
    }
}

fn watch(beats: &[AtomicU64], limit: Duration, stop: &AtomicBool, on_stuck: impl Fn(usize)) {
    let mut seen: Vec<(u64, Instant)> = beats.iter().map(|_| (0, Instant::now())).collect();
    while !stop.load(Relaxed) {
        std::thread::sleep(limit / 4);
        for (n, (beat, last)) in beats.iter().zip(&mut seen).enumerate() {
            let now = beat.load(Relaxed);
            if now != last.0 {
                *last = (now, Instant::now());
            } else if last.1.elapsed() > limit {
                on_stuck(n);
                *last = (now, Instant::now());
            }
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
