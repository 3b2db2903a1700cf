//! A thread that never yields blocks all its actors: the watchdog ends the process, and recovery does the rest
//! (design rule 4).
//!
//! It watches every thread that the node's work goes through: the arbiters with actors and sockets, the main thread with
//! the lease, the inbox, the relay and the workers, and the store's writer. A thread whose tasks have ended is not
//! watched any more. Called by [`crate::node`]; knows nothing of what the threads do.

use super::Arbiters;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::runtime::Handle;

/// So often each thread beats within the limit.
const ROUNDS: u32 = 4;
/// What a thread beats that has ended.
const ENDED: u64 = u64::MAX;

/// Watches the node's threads until it is dropped.
pub struct Watchdog(Arc<AtomicBool>);

/// The threads to be watched.
pub struct Threads {
    limit: Duration,
    stop: Arc<AtomicBool>,
    watched: Vec<(String, Arc<AtomicU64>)>,
}

/// A thread's pulse. It goes with the task that beats it: then there is nothing to watch.
struct Pulse {
    beats: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    pause: Duration,
}

impl Pulse {
    async fn beat(self) {
        while !self.stop.load(Relaxed) {
            self.beats.fetch_add(1, Relaxed);
            tokio::time::sleep(self.pause).await;
        }
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.beats.store(ENDED, Relaxed);
    }
}

impl Threads {
    /// None yet. Each beats four times within `limit`.
    pub fn within(limit: Duration) -> Self {
        Self { limit, stop: Arc::new(AtomicBool::new(false)), watched: Vec::new() }
    }

    fn pulse(&mut self, name: String) -> Pulse {
        let beats = Arc::new(AtomicU64::new(0));
        self.watched.push((name, beats.clone()));
        Pulse { beats, stop: self.stop.clone(), pause: self.limit / ROUNDS }
    }

    /// Each of these arbiters, by its number.
    pub fn arbiters(mut self, arbiters: &Arbiters) -> Self {
        for (n, arbiter) in arbiters.handles().into_iter().enumerate() {
            let pulse = self.pulse(format!("arbiter {n}"));
            arbiter.spawn(pulse.beat());
        }
        self
    }

    /// The thread that drives this runtime.
    pub fn runtime(mut self, name: &str, runtime: &Handle) -> Self {
        drop(runtime.spawn(self.pulse(name.to_owned()).beat())); // it goes on by itself
        self
    }

    /// From now on a thread that has not beaten for the limit calls `on_stuck` with its name (the node aborts).
    pub fn watch(self, on_stuck: impl Fn(&str) + Send + 'static) -> Watchdog {
        let stop = self.stop.clone();
        std::thread::spawn(move || watch(&self, on_stuck));
        Watchdog(stop)
    }
}

/// Counts its own rounds and not the time: after a pause of the whole process nobody has beaten, and all are well.
fn watch(threads: &Threads, on_stuck: impl Fn(&str)) {
    let mut seen: Vec<(u64, u32)> = threads.watched.iter().map(|_| (0, 0)).collect();
    while !threads.stop.load(Relaxed) {
        std::thread::sleep(threads.limit / ROUNDS);
        for ((name, beats), (last, silent)) in threads.watched.iter().zip(&mut seen) {
            let now = beats.load(Relaxed);
            if now != *last || now == ENDED {
                (*last, *silent) = (now, 0);
                continue;
            }
            *silent += 1;
            if *silent == ROUNDS {
                on_stuck(name);
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
