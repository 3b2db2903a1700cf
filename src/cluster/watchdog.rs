//! A thread that never yields blocks all its actors: the watchdog ends the process, and recovery does the rest
//! (design rule 4).
//!
//! It watches every thread that the node's work goes through: the arbiters with actors and sockets, the main thread with
//! the lease, the inbox, the relay and the workers, and the store's writer. A thread whose tasks have ended is not
//! watched any more. The time in which a thread wants to run and gets no CPU does not count: a machine with too much to
//! do is no reason to end what it does. Called by [`crate::node`]; knows nothing of what the threads do.

use super::Arbiters;
use std::{
    sync::{
        Arc, OnceLock,
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
    watched: Vec<Watched>,
}

struct Watched {
    name: String,
    beats: Arc<AtomicU64>,
    thread: Arc<OnceLock<ThreadId>>,
}

/// `PID/task/TID`, below `/proc`; empty where there is none.
type ThreadId = String;

/// What the watchdog knows of a thread.
#[derive(Default)]
struct Seen {
    beats: u64,
    /// For how long it could have run since then, and has not beaten.
    silent: Duration,
    /// For how long it has wanted a CPU in all its life.
    starved: Duration,
}

/// A thread's pulse. It goes with the task that beats it: then there is nothing to watch.
struct Pulse {
    beats: Arc<AtomicU64>,
    thread: Arc<OnceLock<ThreadId>>,
    stop: Arc<AtomicBool>,
    pause: Duration,
}

impl Pulse {
    async fn beat(self) {
        let me = std::fs::read_link("/proc/thread-self").unwrap_or_default();
        let _ = self.thread.set(me.to_string_lossy().into_owned());
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
        let (beats, thread) = (Arc::new(AtomicU64::new(0)), Arc::new(OnceLock::new()));
        self.watched.push(Watched { name, beats: beats.clone(), thread: thread.clone() });
        Pulse { beats, thread, stop: self.stop.clone(), pause: self.limit / ROUNDS }
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
    let mut seen: Vec<Seen> = threads.watched.iter().map(|_| Seen::default()).collect();
    while !threads.stop.load(Relaxed) {
        std::thread::sleep(threads.limit / ROUNDS);
        for (watched, seen) in threads.watched.iter().zip(&mut seen) {
            let starved = watched.thread.get().and_then(|thread| starved(thread));
            if seen.round(watched.beats.load(Relaxed), starved, threads.limit) {
                on_stuck(&watched.name);
            }
        }
    }
}

impl Seen {
    /// True: for so long in which it could have run the thread has not beaten.
    fn round(&mut self, beats: u64, starved: Option<Duration>, limit: Duration) -> bool {
        let starved = starved.unwrap_or(self.starved);
        let waited = starved.saturating_sub(std::mem::replace(&mut self.starved, starved));
        if beats != self.beats || beats == ENDED {
            (self.beats, self.silent) = (beats, Duration::ZERO);
            return false;
        }
        self.silent += (limit / ROUNDS).saturating_sub(waited);
        let stuck = self.silent >= limit;
        if stuck {
            self.silent = Duration::ZERO;
        }
        stuck
    }
}

/// How long this thread has wanted a CPU in all its life: the second number of Linux's `schedstat`.
fn starved(thread: &str) -> Option<Duration> {
    let figures = std::fs::read_to_string(format!("/proc/{thread}/schedstat")).ok()?;
    figures.split_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(4);

    /// After how many rounds of a second each in which it does not beat and wants a CPU for `starved` it is stuck.
    fn rounds(starved: Duration) -> Option<u32> {
        let mut seen = Seen::default();
        assert!(!seen.round(1, Some(Duration::ZERO), LIMIT));
        (1..=40).find(|n| seen.round(1, Some(starved * *n), LIMIT))
    }

    #[test]
    fn a_thread_that_gets_no_cpu_is_not_stuck_and_one_that_gets_a_little_is_later() {
        assert_eq!(rounds(Duration::ZERO), Some(4));
        assert_eq!(rounds(Duration::from_millis(500)), Some(8));
        assert_eq!(rounds(Duration::from_secs(1)), None);
    }

    #[test]
    fn a_beat_begins_anew_and_who_has_ended_is_well() {
        let mut seen = Seen::default();
        for beats in [1, 1, 1, 1, 2, 2, 2, 2] {
            assert!(!seen.round(beats, None, LIMIT));
        }
        assert!(seen.round(2, None, LIMIT));
        assert!((0..10).all(|_| !seen.round(ENDED, None, LIMIT)));
    }

    #[test]
    fn this_thread_says_how_long_it_has_waited() {
        let me = std::fs::read_link("/proc/thread-self").expect("Linux");
        assert!(starved(&me.to_string_lossy()).is_some());
    }
}
