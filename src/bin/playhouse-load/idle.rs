//! Silent connections: what the server keeps in memory for each of them.

use std::time::Duration;

use anyhow::{Result, ensure};
use indicatif::ProgressBar;
use serde_json::json;
use tokio::time::sleep;

use crate::cli::IdleArgs;
use crate::fanout::Hub;
use crate::hall::{self, Quirk, Seat};
use crate::ledger::ROOM_SEATS;
use crate::meter::{Latencies, Meter, Percentiles, latencies, mib};
use crate::report::Report;
use crate::stamp::TEXT_BYTES;
use crate::target::Target;

const KIB: f64 = 1024.0;
const SECOND: Duration = Duration::from_secs(1);
/// One room that comes and goes first, so that what the server loads once is not counted.
const WARM_UP_ROOMS: usize = 4;

/// Runs the scenario.
pub async fn run(args: &IdleArgs, target: &Target, bar: &ProgressBar) -> Result<Report> {
    ensure!(target.pid.is_some(), "memory is read from the server's process: --pid or --spawn is needed");
    let rooms = args.connections.div_ceil(ROOM_SEATS).max(1);
    let connections = rooms * ROOM_SEATS;
    drop(hall::seat(target, WARM_UP_ROOMS, Quirk::default(), bar).await?);
    sleep(SECOND).await;

    let before = target.process().rss;
    let (meter, _sampling) = Meter::start(target);
    let seats = hall::seat(target, rooms, Quirk::default(), bar).await?;
    let joins = joins(&seats);
    let hub = Hub::start(seats, target.proto, TEXT_BYTES, &meter, |_, _| false);
    let seated = target.process().rss;
    let mark = meter.mark();
    wait(args.seconds, bar).await;
    let cpu = meter.cpu_since(&mark);
    let after = target.process().rss;

    let each = |rss: u64| rss.saturating_sub(before) as f64 / connections as f64 / KIB;
    let mut report = Report::new("idle", &target.name);
    report.parameter("connections", connections);
    report.parameter("rooms", rooms);
    report.parameter("seconds", args.seconds);
    report.row("server memory per connection", each(after), "KiB");
    report.row("the same, just seated", each(seated), "KiB");
    report.percentiles("join while connecting", &Percentiles::of(&joins));
    report.row("server memory before", mib(before), "MiB");
    report.row("server memory after", mib(after), "MiB");
    report.row("server memory, peak", mib(meter.peak_rss()), "MiB");
    report.cpu(&cpu);
    report.faults.extend(hub.settle().faults());
    report.timeline(&meter.samples(), "deliveries");
    report.details = json!({"cpu": cpu, "kib_per_connection": each(after)});
    Ok(report)
}

/// How long joins took.
fn joins(seats: &[Vec<Seat>]) -> Latencies {
    let mut joins = latencies();
    for us in seats.iter().flatten().filter_map(|seat| seat.joined_us) {
        joins.saturating_record(us.max(1));
    }
    joins
}

async fn wait(seconds: u64, bar: &ProgressBar) {
    bar.set_message("silent");
    bar.set_length(seconds);
    for second in 0..seconds {
        bar.set_position(second);
        sleep(SECOND).await;
    }
}
