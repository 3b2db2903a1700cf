//! Chat fan-out: rooms of eight, a fixed number of messages a second, latency to every receipt.

mod drive;
mod hub;
mod listen;
mod ramp;

use anyhow::Result;
use indicatif::ProgressBar;
use serde_json::json;

use crate::cli::{FanoutArgs, FanoutShape};
use crate::hall::{self, Quirk};
use crate::ledger::ROOM_SEATS;
use crate::meter::{Meter, Sample};
use crate::report::Report;
use crate::scrape::{changes, scrape};
use crate::target::Target;

pub use drive::{Pace, Step, drain, drive};
pub use hub::{Hub, Order};
pub use ramp::ramp;

/// Settings under which nothing but the machine limits the players.
pub const SETTINGS: [&str; 4] = [
    "limits.chat_burst=1000000",
    "limits.chat_per_s=1000000",
    "limits.messages_burst=1000000",
    "limits.messages_per_s=1000000",
];

/// Runs the scenario.
pub async fn run(args: &FanoutArgs, target: &Target, bar: &ProgressBar) -> Result<Report> {
    let mut report = Report::new("fanout", &target.name);
    describe(&args.shape, &mut report);
    let before = scrape(target).await;
    if args.ramp {
        let found = ramp(target, &args.shape, bar).await?;
        found.report(&mut report);
    } else {
        let (step, samples) = measure(target, &args.shape, args.shape.rate, bar).await?;
        tell(&step, &mut report);
        report.timeline(&samples, "deliveries");
        report.distribution(&step.histogram);
        report.details = json!({"step": step, "samples": samples});
    }
    report.details["server_metrics"] = json!(changes(&before, &scrape(target).await));
    Ok(report)
}

/// Seats the rooms and runs one step at `rate`.
pub async fn measure(
    target: &Target,
    shape: &FanoutShape,
    rate: f64,
    bar: &ProgressBar,
) -> Result<(Step, Vec<Sample>)> {
    let seats = hall::seat(target, shape.rooms, Quirk::default(), bar).await?;
    let (meter, _sampling) = Meter::start(target);
    let mut hub = Hub::start(seats, target.proto, shape.text_bytes, &meter, |_, _| true);
    bar.set_length(shape.seconds * 1000);
    bar.set_message(format!("{rate:.0} messages/s"));
    let step = drive(&mut hub, &meter, pace(shape, rate), bar).await;
    hub.close().await;
    Ok((step, meter.samples()))
}

fn pace(shape: &FanoutShape, rate: f64) -> Pace {
    Pace { rate, run: shape.run(), warm_up: shape.warm_up() }
}

fn describe(shape: &FanoutShape, report: &mut Report) {
    report.parameter("rooms", shape.rooms);
    report.parameter("players", shape.rooms * ROOM_SEATS);
    report.parameter("messages/s", shape.rate);
    report.parameter("text bytes", shape.text_bytes);
    report.parameter("seconds", shape.seconds);
}

/// Adds the figures of one step.
pub fn tell(step: &Step, report: &mut Report) {
    report.row("messages sent", step.sent_per_s, "/s");
    report.row("deliveries", step.deliveries_per_s, "/s");
    report.percentiles("latency", &step.latency);
    report.row("generator lag p99", step.lag_p99_ms, "ms");
    report.row("server CPU per delivery", step.cpu_us_per_delivery, "µs = s per million");
    report.cpu(&step.cpu);
    report.row("server memory, peak", step.peak_rss_mib, "MiB");
    for (name, count) in step.integrity.counts() {
        report.row(name, count as f64, "");
    }
    report.faults.extend(step.integrity.faults());
}
