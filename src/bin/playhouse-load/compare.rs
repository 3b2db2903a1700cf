//! Playhouse against the bare floor on one machine: what accounts, rooms, order, resume and bounds cost.
//!
//! Runs alternate (A, B, A, B, …) and medians are compared, so that what the machine does meanwhile
//! hits both alike. Every run has a fresh server.

use std::path::Path;

use anyhow::Result;
use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::json;

use crate::cli::{CompareArgs, FanoutShape};
use crate::fanout::{self, Step, measure, ramp};
use crate::ledger::{Integrity, ROOM_SEATS};
use crate::report::{Chart, Line, Report, Scale, say};
use crate::target::{Proto, Target};

/// What Playhouse may cost.
const CPU_GOAL: f64 = 0.9;
const RATE_GOAL: f64 = 1.0;

/// All that was measured of one of the two.
#[derive(Default, Serialize)]
struct Side {
    steps: Vec<Step>,
    highest: Vec<f64>,
    /// Of the searches for the highest rate.
    ramps: Integrity,
}

/// Runs the comparison.
pub async fn run(args: &CompareArgs, bar: &ProgressBar) -> Result<Report> {
    let (mut playhouse, mut floor) = (Side::default(), Side::default());
    for _ in 0..args.runs {
        playhouse.step(&args.playhouse, Proto::Json, args, bar).await?;
        floor.step(&args.floor, Proto::Raw, args, bar).await?;
    }
    for _ in 0..args.ramps {
        playhouse.ramp(&args.playhouse, Proto::Json, args, bar).await?;
        floor.ramp(&args.floor, Proto::Raw, args, bar).await?;
    }
    bar.finish_and_clear();
    Ok(tell(args, &playhouse, &floor))
}

impl Side {
    async fn step(
        &mut self,
        program: &Path,
        proto: Proto,
        args: &CompareArgs,
        bar: &ProgressBar,
    ) -> Result<()> {
        let target = start(program, proto, args).await?;
        let (step, _) = measure(&target, &args.shape, args.shape.rate, bar).await?;
        say(
            bar,
            &format!(
                "{:>10}: {:.2} µs a delivery, p50 {:.2} ms, p99 {:.2} ms, others {:.2} cores",
                target.name,
                step.cpu_us_per_delivery,
                step.latency.p50_ms,
                step.latency.p99_ms,
                step.cpu.other_cores
            ),
        );
        self.steps.push(step);
        target.stop().await
    }

    async fn ramp(
        &mut self,
        program: &Path,
        proto: Proto,
        args: &CompareArgs,
        bar: &ProgressBar,
    ) -> Result<()> {
        let target = start(program, proto, args).await?;
        let shape = FanoutShape { rate: args.ramp_from, seconds: args.ramp_seconds, ..args.shape.clone() };
        let found = ramp(&target, &shape, bar).await?;
        say(bar, &format!("{:>10}: {:.0} deliveries/s at most", target.name, found.highest()));
        self.highest.push(found.highest());
        self.ramps.add(&found.integrity());
        target.stop().await
    }

    fn median(&self, value: fn(&Step) -> f64) -> f64 {
        median(self.steps.iter().map(value).collect())
    }
}

async fn start(program: &Path, proto: Proto, args: &CompareArgs) -> Result<Target> {
    match proto {
        Proto::Json => Target::spawn(program, proto, &fanout::SETTINGS, &args.server_args).await,
        Proto::Raw => Target::spawn(program, proto, &[], &[]).await,
    }
}

fn tell(args: &CompareArgs, playhouse: &Side, floor: &Side) -> Report {
    let mut report = Report::new("compare", "playhouse and the bare floor");
    report.parameter("players", args.shape.rooms * ROOM_SEATS);
    report.parameter("messages/s", args.shape.rate);
    report.parameter("runs of each", args.runs);
    let mut both = |name: &str, unit, value: fn(&Step) -> f64| {
        let (ours, bare) = (playhouse.median(value), floor.median(value));
        report.row(&format!("{name}, playhouse"), ours, unit);
        report.row(&format!("{name}, floor"), bare, unit);
        ours / bare
    };
    let cpu = both("CPU per delivery", "µs = s per million", |s| s.cpu_us_per_delivery);
    let p50 = both("p50", "ms", |s| s.latency.p50_ms);
    let p99 = both("p99", "ms", |s| s.latency.p99_ms);
    both("memory, peak", "MiB", |s| s.peak_rss_mib);
    both("CPU of others on this machine", "cores", |s| s.cpu.other_cores);
    report.row("p50, ratio", p50, "×");
    report.row("p99, ratio", p99, "×");
    report.goal("CPU per delivery ≤ 0.9 ×", format!("{cpu:.2} ×"), cpu <= CPU_GOAL);
    if args.ramps > 0 {
        let (ours, bare) = (median(playhouse.highest.clone()), median(floor.highest.clone()));
        report.row("highest rate with p99 < 50 ms, playhouse", ours, "deliveries/s");
        report.row("highest rate with p99 < 50 ms, floor", bare, "deliveries/s");
        // A floor that never passed is a machine that was too busy, not a goal reached.
        let reached = bare > 0.0 && ours / bare >= RATE_GOAL;
        let measured =
            if bare > 0.0 { format!("{:.2} ×", ours / bare) } else { "the floor passed at no rate".into() };
        report.goal("highest rate ≥ 1 ×", measured, reached);
    }
    let others = |s: &Step| s.cpu.other_cores;
    report.disturbed_by(playhouse.median(others).max(floor.median(others)));
    charts(playhouse, floor, &mut report);
    for (name, side) in [("playhouse", playhouse), ("floor", floor)] {
        let mut account = side.ramps;
        side.steps.iter().for_each(|step| account.add(&step.integrity));
        report.faults.extend(account.faults().iter().map(|fault| format!("{name}: {fault}")));
    }
    report.details = json!({"playhouse": playhouse, "floor": floor});
    report
}

fn charts(playhouse: &Side, floor: &Side, report: &mut Report) {
    let line = |name: &str, side: &Side, value: fn(&Step) -> f64| {
        Line::new(name, side.steps.iter().enumerate().map(|(run, s)| (run as f64 + 1.0, value(s))).collect())
    };
    let both = |value| vec![line("playhouse", playhouse, value), line("floor", floor, value)];
    let cpu = both(|s| s.cpu_us_per_delivery);
    report.chart(Chart::new("Server CPU per delivery", "run", "µs", Scale::Linear, cpu));
    report.chart(Chart::new("p99", "run", "ms", Scale::Log, both(|s| s.latency.p99_ms)));
}

/// The middle value; of an even number, the mean of the two middle ones. Zero of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(vec![9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 9.0]), 3.0);
        assert_eq!(median(Vec::new()), 0.0);
    }
}
