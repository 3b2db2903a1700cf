//! A thread that never yields blocks all its actors: the watchdog ends the process, and recovery does the rest
//! (design rule 4).

use super::Arbiters;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// So often each arbiter beats within the limit.
const ROUNDS: u32 = 4;

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
                    tokio::time::sleep(limit / ROUNDS).await;
                }
            }
        });
        let stopping = stop.clone();
        std::thread::spawn(move || watch(&beats, limit, &stopping, on_stuck));
        Self(stop)
    }
}

/// Counts its own rounds and not the time: after a pause of the whole process nobody has beaten, and all are well.
fn watch(beats: &[AtomicU64], limit: Duration, stop: &AtomicBool, on_stuck: impl Fn(usize)) {
    let mut seen: Vec<(u64, u32)> = beats.iter().map(|_| (0, 0)).collect();
    while !stop.load(Relaxed) {
        std::thread::sleep(limit / ROUNDS);
        for (n, (beat, (last, silent))) in beats.iter().zip(&mut seen).enumerate() {
            let now = beat.load(Relaxed);
            if now != *last {
                (*last, *silent) = (now, 0);
                continue;
            }
            *silent += 1;
            if *silent == ROUNDS {
                on_stuck(n);
                *silent = 0;
            }
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
