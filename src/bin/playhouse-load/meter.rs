//! Measures while a scenario runs: latencies, rates, and the server's memory and CPU, second by second.
//!
//! The hot path locks the current window once a read and records into it; once a second the window
//! is exchanged for an empty one, folded into the total and kept as one point of the charts.

use std::mem::swap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::procfs::{self, Process};
use crate::target::Target;

const SAMPLE_EVERY: Duration = Duration::from_secs(1);
/// Two minutes; what is later counts as that.
const LONGEST_US: u64 = 120_000_000;
/// Three significant digits are 0.1 %, better than any run repeats.
const DIGITS: u8 = 3;
const P50: f64 = 50.0;
const P90: f64 = 90.0;
const P99: f64 = 99.0;
const P999: f64 = 99.9;
const US_PER_MS: f64 = 1000.0;

/// Latencies in microseconds.
pub type Latencies = Histogram<u64>;

/// An empty histogram with the bounds that all of ours have.
pub fn latencies() -> Latencies {
    Histogram::new_with_bounds(1, LONGEST_US, DIGITS)
        .unwrap_or_else(|_| unreachable!("constant bounds are valid"))
}

/// The percentiles that are reported, milliseconds.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Percentiles {
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub max_ms: f64,
}

impl Percentiles {
    /// Reads them off a histogram.
    pub fn of(histogram: &Latencies) -> Self {
        let at = |percentile| histogram.value_at_percentile(percentile) as f64 / US_PER_MS;
        Self {
            p50_ms: at(P50),
            p90_ms: at(P90),
            p99_ms: at(P99),
            p999_ms: at(P999),
            max_ms: histogram.max() as f64 / US_PER_MS,
        }
    }
}

/// One second of a run.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Sample {
    /// Seconds since the meter started.
    pub at_s: f64,
    /// Events (deliveries, cycles, answers) a second.
    pub rate: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// Resident memory of the server, MiB.
    pub rss_mib: f64,
    /// CPU of the server, cores.
    pub cores: f64,
}

/// CPU time at one moment: the server's, ours, everybody's.
#[derive(Clone, Copy, Debug)]
pub struct CpuMark {
    at: Instant,
    server: f64,
    own: f64,
    machine: f64,
}

/// CPU time between two marks.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct CpuUse {
    /// Length of the measurement, seconds.
    pub seconds: f64,
    /// CPU seconds of the server.
    pub server_s: f64,
    /// CPU seconds of this generator.
    pub own_s: f64,
    /// Cores that everybody else kept busy: near zero, or the figures are worth little.
    pub other_cores: f64,
}

/// What the hot path records into.
pub struct Window {
    latencies: Latencies,
    started: Instant,
}

impl Window {
    /// Enters one event that took this long.
    pub fn record_us(&mut self, us: u64) {
        self.latencies.saturating_record(us.max(1));
    }
}

/// The measuring instrument of one run.
pub struct Meter {
    started: Instant,
    pid: Option<u32>,
    window: Mutex<Window>,
    books: Mutex<Books>,
}

struct Books {
    spare: Latencies,
    total: Latencies,
    samples: Vec<Sample>,
    cpu_s: f64,
    peak_rss: u64,
}

impl Meter {
    /// Starts measuring; the returned task takes the samples and ends when it is dropped.
    pub fn start(target: &Target) -> (Arc<Self>, Sampling) {
        let process = target.process();
        let books = Books {
            spare: latencies(),
            total: latencies(),
            samples: Vec::new(),
            cpu_s: process.cpu_s,
            peak_rss: process.rss,
        };
        let now = Instant::now();
        let window = Mutex::new(Window { latencies: latencies(), started: now });
        let meter = Arc::new(Self { started: now, pid: target.pid, window, books: Mutex::new(books) });
        let sampling = Sampling(tokio::spawn(sample(Arc::clone(&meter))));
        (meter, sampling)
    }

    /// The current window, for as many records as are at hand.
    pub fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the total so far, as at the end of a warm-up; the samples stay.
    pub fn restart_total(&self) {
        self.rotate();
        self.books().total.reset();
    }

    /// All latencies since the last restart.
    pub fn total(&self) -> Latencies {
        self.rotate();
        self.books().total.clone()
    }

    /// One point for each second so far.
    pub fn samples(&self) -> Vec<Sample> {
        self.books().samples.clone()
    }

    /// The highest resident memory of the server that was sampled, bytes.
    pub fn peak_rss(&self) -> u64 {
        self.books().peak_rss
    }

    /// CPU time now.
    pub fn mark(&self) -> CpuMark {
        let own = procfs::process(std::process::id()).unwrap_or_default();
        CpuMark {
            at: Instant::now(),
            server: self.process().cpu_s,
            own: own.cpu_s,
            machine: procfs::machine_cpu_s(),
        }
    }

    /// CPU time since `mark`.
    pub fn cpu_since(&self, mark: &CpuMark) -> CpuUse {
        let now = self.mark();
        let seconds = (now.at - mark.at).as_secs_f64();
        let (server_s, own_s) = (now.server - mark.server, now.own - mark.own);
        let other_s = now.machine - mark.machine - server_s - own_s;
        CpuUse { seconds, server_s, own_s, other_cores: (other_s / seconds).max(0.0) }
    }

    fn process(&self) -> Process {
        self.pid.and_then(|pid| procfs::process(pid).ok()).unwrap_or_default()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the current window and keeps it.
    fn rotate(&self) {
        let process = self.process();
        let mut books = self.books();
        let books = &mut *books;
        let now = Instant::now();
        let since = {
            let mut window = self.window();
            swap(&mut window.latencies, &mut books.spare);
            std::mem::replace(&mut window.started, now)
        };
        let seconds = (now - since).as_secs_f64().max(f64::EPSILON);
        let percentiles = Percentiles::of(&books.spare);
        books.peak_rss = books.peak_rss.max(process.rss);
        if seconds >= SAMPLE_EVERY.as_secs_f64() / 2.0 {
            books.samples.push(Sample {
                at_s: (now - self.started).as_secs_f64(),
                rate: books.spare.len() as f64 / seconds,
                p50_ms: percentiles.p50_ms,
                p99_ms: percentiles.p99_ms,
                rss_mib: mib(process.rss),
                cores: (process.cpu_s - books.cpu_s) / seconds,
            });
        }
        books.cpu_s = process.cpu_s;
        // Bounds are the same, so adding cannot fail.
        let _ = books.total.add(&books.spare);
        books.spare.reset();
    }
}

/// Bytes as MiB.
pub fn mib(bytes: u64) -> f64 {
    const MIB: f64 = 1024.0 * 1024.0;
    bytes as f64 / MIB
}

/// The task that takes the samples; it ends with this handle.
pub struct Sampling(JoinHandle<()>);

impl Drop for Sampling {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn sample(meter: Arc<Meter>) {
    let mut ticks = interval_at(Instant::now() + SAMPLE_EVERY, SAMPLE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        meter.rotate();
    }
}
