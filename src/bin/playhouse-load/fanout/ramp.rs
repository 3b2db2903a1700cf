//! The highest rate at which p99 stays under 50 ms: up in steps until one fails, then closer.
//! If the very first one fails, down until one does not.
//!
//! Every step has fresh rooms, so that a failed one leaves nothing behind, and a second chance,
//! because on a shared machine one may fail by what others do meanwhile.

use anyhow::Result;
use indicatif::ProgressBar;
use serde_json::json;

use crate::cli::FanoutShape;
use crate::ledger::{Integrity, ROOM_SEATS};
use crate::report::{Chart, Line, Report, Scale, say};
use crate::target::Target;

use super::{Step, measure, tell};

/// What a player does not notice.
pub const P99_LIMIT_MS: f64 = 50.0;
/// From one step to the next.
const STRIDE: f64 = 1.5;
/// Steps between the last good rate and the first bad one.
const REFINEMENTS: usize = 2;
/// A server that takes more steps up than this is not the bottleneck; nor is one down.
const MOST_STEPS: usize = 16;
/// How often a rate is tried before it counts as too much.
const CHANCES: usize = 2;
/// The rate counts as reached from here on.
const REACHED: f64 = 0.97;

/// What the search has found.
pub struct Ramp {
    /// All steps in order.
    pub steps: Vec<Step>,
    /// The best step that passed.
    pub best: Option<Step>,
}

/// Searches from `shape.rate` upwards.
pub async fn ramp(target: &Target, shape: &FanoutShape, bar: &ProgressBar) -> Result<Ramp> {
    let mut found = Ramp { steps: Vec::new(), best: None };
    let mut rate = shape.rate;
    let upwards = found.attempt(target, shape, rate, bar).await?;
    let mut bad = if upwards { f64::INFINITY } else { rate };
    for _ in 0..MOST_STEPS {
        rate = if upwards { rate * STRIDE } else { rate / STRIDE };
        let good = found.attempt(target, shape, rate, bar).await?;
        if !good {
            bad = rate;
        }
        if good != upwards {
            break;
        }
    }
    for _ in 0..REFINEMENTS {
        let Some(best) = found.best.as_ref().filter(|_| bad.is_finite()) else { break };
        let middle = (best.rate * bad).sqrt();
        if !found.attempt(target, shape, middle, bar).await? {
            bad = middle;
        }
    }
    Ok(found)
}

impl Ramp {
    /// Whether the server keeps up with this rate.
    async fn attempt(
        &mut self,
        target: &Target,
        shape: &FanoutShape,
        rate: f64,
        bar: &ProgressBar,
    ) -> Result<bool> {
        for _ in 0..CHANCES {
            if self.try_once(target, shape, rate, bar).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn try_once(
        &mut self,
        target: &Target,
        shape: &FanoutShape,
        rate: f64,
        bar: &ProgressBar,
    ) -> Result<bool> {
        let (step, _) = measure(target, shape, rate, bar).await?;
        let good = passes(&step);
        say(
            bar,
            &format!(
                "{:>10.0} deliveries/s of {:>10.0}: p50 {:.2} ms, p99 {:.2} ms, lag {:.2} ms, {:.2} µs each, others {:.2} cores: {}",
                step.deliveries_per_s,
                rate * ROOM_SEATS as f64,
                step.latency.p50_ms,
                step.latency.p99_ms,
                step.lag_p99_ms,
                step.cpu_us_per_delivery,
                step.cpu.other_cores,
                if good { "good" } else { "too much" },
            ),
        );
        if good && self.best.as_ref().is_none_or(|best| best.rate < rate) {
            self.best = Some(step.clone());
        }
        self.steps.push(step);
        Ok(good)
    }

    /// Deliveries a second of the best step.
    pub fn highest(&self) -> f64 {
        self.best.as_ref().map_or(0.0, |best| best.deliveries_per_s)
    }

    /// What must not happen even under too much load: the server may close, but not double or reorder.
    pub fn integrity(&self) -> Integrity {
        let mut account = Integrity::default();
        for step in &self.steps {
            let refused = !passes(step);
            let excused = |count: u64| if refused { 0 } else { count };
            let Integrity { lost, closed, errors, .. } = step.integrity;
            account.add(&Integrity {
                lost: excused(lost),
                closed: excused(closed),
                errors: excused(errors),
                ..step.integrity
            });
        }
        account
    }

    /// Adds all that was found.
    pub fn report(&self, report: &mut Report) {
        report.row("highest rate with p99 < 50 ms", self.highest(), "deliveries/s");
        if let Some(best) = &self.best {
            tell(best, report);
            report.distribution(&best.histogram);
        }
        report.faults = self.integrity().faults();
        let mut steps: Vec<&Step> = self.steps.iter().collect();
        steps.sort_by(|a, b| a.rate.total_cmp(&b.rate));
        let line = |name: &str, value: fn(&Step) -> f64| {
            Line::new(name, steps.iter().map(|s| (s.rate * ROOM_SEATS as f64, value(s))).collect())
        };
        let axis = "deliveries a second asked for";
        let latency = vec![line("p50", |s| s.latency.p50_ms), line("p99", |s| s.latency.p99_ms)];
        report.chart(Chart::new("Latency by rate", axis, "ms", Scale::Log, latency));
        let cost = vec![line("server CPU", |s| s.cpu_us_per_delivery)];
        report.chart(Chart::new("Cost of a delivery", axis, "µs", Scale::Linear, cost));
        let rate = vec![line("delivered", |s| s.deliveries_per_s)];
        report.chart(Chart::new("Delivered", axis, "deliveries a second", Scale::Linear, rate));
        report.details = json!({"steps": self.steps});
    }
}

/// The sender's own lag counts like the latency: a pacer that is late hides what he should have sent.
fn passes(step: &Step) -> bool {
    step.latency.p99_ms < P99_LIMIT_MS
        && step.lag_p99_ms < P99_LIMIT_MS
        && step.sent_per_s >= step.rate * REACHED
        && step.integrity == Integrity::default()
}
