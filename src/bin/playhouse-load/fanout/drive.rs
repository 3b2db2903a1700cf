//! Speaks at a given rate for a given time and takes the measure of it: one step.

use std::time::Duration;

use indicatif::ProgressBar;
use tokio::time::{Instant, sleep};

use crate::ledger::Integrity;
use crate::meter::{CpuUse, Latencies, Meter, Percentiles, latencies, mib};

use super::hub::Hub;

/// The pacer's tick; what is due is sent together.
const TICK: Duration = Duration::from_millis(1);
/// After the last message: how long to wait for stragglers while any still come, and while none do.
const DRAIN_LIMIT: Duration = Duration::from_secs(20);
const DRAIN_QUIET: Duration = Duration::from_secs(3);
const DRAIN_POLL: Duration = Duration::from_millis(20);
/// A generator this far behind its own schedule measures itself.
const HOPELESS_LAG: Duration = Duration::from_secs(2);
const US_PER_S: f64 = 1e6;

/// How long and how fast.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Messages a second in all rooms together.
    pub rate: f64,
    /// Measured time.
    pub run: Duration,
    /// Time before it that does not count.
    pub warm_up: Duration,
}

/// What one step came to.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Step {
    /// Messages a second that were asked for.
    pub rate: f64,
    /// Messages a second that were sent.
    pub sent_per_s: f64,
    /// Deliveries counted, and a second.
    pub deliveries: u64,
    pub deliveries_per_s: f64,
    /// From the write of a message to the read of each of its copies.
    pub latency: Percentiles,
    /// How late the generator itself sent, p99.
    pub lag_p99_ms: f64,
    /// Server CPU per delivery in microseconds, which is CPU seconds per million deliveries.
    pub cpu_us_per_delivery: f64,
    pub cpu: CpuUse,
    pub peak_rss_mib: f64,
    pub integrity: Integrity,
    #[serde(skip)]
    pub histogram: Latencies,
}

/// Runs one step.
pub async fn drive(hub: &mut Hub, meter: &Meter, pace: Pace, bar: &ProgressBar) -> Step {
    speak_for(hub, pace.rate, pace.warm_up, bar).await;
    meter.restart_total();
    let mark = meter.mark();
    let spoken = speak_for(hub, pace.rate, pace.run, bar).await;
    let cpu = meter.cpu_since(&mark);
    let counted = meter.total();
    drain(hub).await;
    // Deliveries that came late belong to the latencies, not to the CPU time measured above.
    let histogram = meter.total();
    let deliveries = counted.len();
    Step {
        rate: pace.rate,
        sent_per_s: spoken.messages as f64 / cpu.seconds,
        deliveries,
        deliveries_per_s: deliveries as f64 / cpu.seconds,
        latency: Percentiles::of(&histogram),
        lag_p99_ms: Percentiles::of(&spoken.lag).p99_ms,
        cpu_us_per_delivery: cpu.server_s * US_PER_S / deliveries.max(1) as f64,
        cpu,
        peak_rss_mib: mib(meter.peak_rss()),
        integrity: hub.settle(),
        histogram,
    }
}

/// What was said, and how late.
pub struct Spoken {
    pub messages: u64,
    pub lag: Latencies,
}

async fn speak_for(hub: &mut Hub, rate: f64, time: Duration, bar: &ProgressBar) -> Spoken {
    let start = Instant::now();
    let mut spoken = Spoken { messages: 0, lag: latencies() };
    while start.elapsed() < time {
        sleep(TICK).await;
        let due = (start.elapsed().min(time).as_secs_f64() * rate) as u64;
        while spoken.messages < due {
            let due_at = Duration::from_secs_f64(spoken.messages as f64 / rate);
            let lag = start.elapsed().saturating_sub(due_at);
            if lag > HOPELESS_LAG {
                return spoken;
            }
            spoken.lag.saturating_record(u64::try_from(lag.as_micros()).unwrap_or(u64::MAX).max(1));
            hub.speak();
            spoken.messages += 1;
        }
        bar.set_position(u64::try_from(start.elapsed().as_millis()).unwrap_or_default());
    }
    spoken
}

/// Waits until everything that was said has been heard, or nothing comes any more.
pub async fn drain(hub: &Hub) {
    let start = Instant::now();
    let (mut heard, mut heard_at) = (0, start);
    while start.elapsed() < DRAIN_LIMIT && heard_at.elapsed() < DRAIN_QUIET {
        let (received, expected) = hub.progress();
        if received >= expected {
            return;
        }
        if received > heard {
            (heard, heard_at) = (received, Instant::now());
        }
        sleep(DRAIN_POLL).await;
    }
}
