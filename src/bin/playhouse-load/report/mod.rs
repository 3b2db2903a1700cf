//! What a run has found, in one shape for the terminal, the JSON file and the HTML page.

mod chart;
mod console;
mod html;

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

use crate::cli::Output;
use crate::meter::{CpuUse, Latencies, Percentiles, Sample};

pub use chart::{Chart, Line, Scale};
pub use console::say;

/// More busy cores beside us than this, and the figures are worth little.
const QUIET_CORES: f64 = 0.15;
/// The percentile curve is drawn up to this many nines.
const NINES: u32 = 4;
const STEPS_A_NINE: u32 = 8;
const US_PER_MS: f64 = 1000.0;

/// Everything that a run has found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Scenario.
    pub scenario: String,
    /// Server.
    pub target: String,
    /// What was asked for.
    pub parameters: Vec<(String, String)>,
    /// Figures, in the order in which they are read.
    pub rows: Vec<Row>,
    /// Goals, and whether they were reached.
    pub goals: Vec<Goal>,
    /// What must not happen and did. Any makes the run a failure.
    pub faults: Vec<String>,
    /// Remarks on how much the figures are worth.
    pub remarks: Vec<String>,
    /// Raw figures of the scenario, for programs.
    pub details: Value,
    #[serde(skip)]
    charts: Vec<Chart>,
}

/// One figure.
#[derive(Debug, Serialize)]
pub struct Row {
    pub name: String,
    pub value: f64,
    pub unit: &'static str,
}

/// One goal.
#[derive(Debug, Serialize)]
pub struct Goal {
    pub text: String,
    pub measured: String,
    pub reached: bool,
}

impl Report {
    /// An empty report.
    pub fn new(scenario: &str, target: &str) -> Self {
        Self {
            scenario: scenario.to_owned(),
            target: target.to_owned(),
            parameters: Vec::new(),
            rows: Vec::new(),
            goals: Vec::new(),
            faults: Vec::new(),
            remarks: Vec::new(),
            details: Value::Null,
            charts: Vec::new(),
        }
    }

    /// Adds a parameter.
    pub fn parameter(&mut self, name: &str, value: impl ToString) {
        self.parameters.push((name.to_owned(), value.to_string()));
    }

    /// Adds a figure.
    pub fn row(&mut self, name: &str, value: f64, unit: &'static str) {
        self.rows.push(Row { name: name.to_owned(), value, unit });
    }

    /// Adds a goal.
    pub fn goal(&mut self, text: &str, measured: String, reached: bool) {
        self.goals.push(Goal { text: text.to_owned(), measured, reached });
    }

    /// Adds a chart.
    pub fn chart(&mut self, chart: Chart) {
        self.charts.push(chart);
    }

    /// Adds the percentiles of `what`.
    pub fn percentiles(&mut self, what: &str, latency: &Percentiles) {
        self.row(&format!("{what} p50"), latency.p50_ms, "ms");
        self.row(&format!("{what} p90"), latency.p90_ms, "ms");
        self.row(&format!("{what} p99"), latency.p99_ms, "ms");
        self.row(&format!("{what} p99.9"), latency.p999_ms, "ms");
        self.row(&format!("{what} max"), latency.max_ms, "ms");
    }

    /// Adds CPU use, and a remark if the machine was not ours.
    pub fn cpu(&mut self, cpu: &CpuUse) {
        self.row("server CPU", cpu.server_s / cpu.seconds, "cores");
        self.row("generator CPU", cpu.own_s / cpu.seconds, "cores");
        self.row("other CPU", cpu.other_cores, "cores");
        self.disturbed_by(cpu.other_cores);
    }

    /// Remarks on a machine that was not ours alone.
    pub fn disturbed_by(&mut self, cores: f64) {
        if cores > QUIET_CORES {
            self.remarks.push(format!("others kept {cores:.2} cores busy: take no figure from this run"));
        }
    }

    /// Adds the charts that every measured run has.
    pub fn timeline(&mut self, samples: &[Sample], what: &str) {
        let line = |name: &str, value: fn(&Sample) -> f64| {
            Line::new(name, samples.iter().map(|sample| (sample.at_s, value(sample))).collect())
        };
        let chart = |title: &str, unit: &str, lines| Chart::new(title, "seconds", unit, Scale::Linear, lines);
        self.chart(chart("Throughput", &format!("{what} a second"), vec![line(what, |s| s.rate)]));
        let latency = vec![line("p50", |s| s.p50_ms), line("p99", |s| s.p99_ms)];
        self.chart(Chart::new("Latency over time", "seconds", "ms", Scale::Log, latency));
        self.chart(chart("Server memory", "MiB", vec![line("resident", |s| s.rss_mib)]));
        self.chart(chart("Server CPU", "cores", vec![line("cores", |s| s.cores)]));
    }

    /// Adds the latency by percentile, one step to the right for every nine.
    pub fn distribution(&mut self, histogram: &Latencies) {
        let point = |step: u32| {
            let nines = f64::from(step) / f64::from(STEPS_A_NINE);
            let percentile = 100.0 * (1.0 - 10_f64.powf(-nines));
            (nines, histogram.value_at_percentile(percentile) as f64 / US_PER_MS)
        };
        let points = (0..=NINES * STEPS_A_NINE).map(point).collect();
        let line = Line::new("latency", points);
        let axis = "nines: 1 is p90, 2 is p99, 3 is p99.9";
        self.chart(Chart::new("Latency by percentile", axis, "ms", Scale::Log, vec![line]));
    }

    /// Prints the table and writes the files. False if the run has failed.
    pub fn publish(&self, output: &Output) -> Result<bool> {
        console::print(self);
        if let Some(path) = &output.json {
            write(path, &serde_json::to_string_pretty(self)?)?;
        }
        if let Some(path) = &output.html {
            write(path, &html::page(self)?)?;
        }
        let missed = output.strict && self.goals.iter().any(|goal| !goal.reached);
        Ok(self.faults.is_empty() && !missed)
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

/// A figure as people read it: about four digits, thousands apart.
fn readable(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 1000.0 => return thousands(value),
        v if v >= 100.0 => 1,
        0.0 => 0,
        v if v >= 10.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        let left = digits.len() - at;
        if at > 0 && left % 3 == 0 && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_readable() {
        let cases = [(0.0, "0"), (0.1234, "0.123"), (7.0, "7"), (12.345, "12.35"), (894_123.4, "894,123")];
        for (value, text) in cases {
            assert_eq!(readable(value), text);
        }
    }
}
