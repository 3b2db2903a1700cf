//! `playhouse-load`: virtual players over real sockets.
//!
//! ```text
//! cli → target (a running server, or a child) → scenario → report (table, JSON, HTML)
//!                                                  │
//!         guests ─ player ─ hall: accounts, sessions, seated rooms; comeback: on to another node
//!         wire ─ stamp ─ ledger ─ meter: frames, texts, books, clocks of the hot path
//! ```
//!
//! One thread does everything: server and generator share the machine, and what is left to the
//! server should be a whole number of cores. Exit codes: 0 good, 1 something was lost, doubled or
//! out of order (or, with `--strict`, a goal was missed), 2 the run could not be made.

mod ask;
mod churn;
mod cli;
mod comeback;
mod compare;
mod duel;
mod fanout;
mod guests;
mod hall;
mod idle;
mod ledger;
mod mafia;
mod meter;
mod packets;
mod player;
#[path = "../../../clients/rust/playhouse_tcp.rs"]
#[allow(dead_code)]
mod playhouse_tcp;
mod procfs;
mod queue;
mod report;
mod requests;
mod scrape;
mod slow;
mod soak;
mod stamp;
mod target;
mod wire;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

use cli::{Cli, Common, Scenario};
use report::Report;
use target::{Proto, Target};

const FAULT: u8 = 1;
const NO_RUN: u8 = 2;
const REDRAW: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Each virtual player is a descriptor; the soft limit is usually 1,024.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    match start(&cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAULT),
        Err(error) => {
            eprintln!("playhouse-load: {error:#}");
            ExitCode::from(NO_RUN)
        }
    }
}

fn start(cli: &Cli) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            outcome = run(&cli.scenario) => outcome,
            signal = tokio::signal::ctrl_c() => {
                signal.context("wait for a signal")?;
                bail!("stopped"); // dropping the run has killed its server
            }
        }
    })
}

async fn run(scenario: &Scenario) -> Result<bool> {
    let bar = progress();
    match scenario {
        Scenario::Mafia(args) => {
            let target = open(&args.common, Proto::Json, &mafia::SETTINGS).await?;
            let outcome = mafia::run(args, &target, &bar).await;
            finish(outcome, target, &args.common, &bar).await
        }
        Scenario::Fanout(args) => {
            let target = open(&args.common, args.proto, &fanout::SETTINGS).await?;
            let outcome = fanout::run(args, &target, &bar).await;
            finish(outcome, target, &args.common, &bar).await
        }
        Scenario::Idle(args) => {
            let target = open(&args.common, args.proto, &[]).await?;
            let outcome = idle::run(args, &target, &bar).await;
            finish(outcome, target, &args.common, &bar).await
        }
        Scenario::Churn(args) => {
            let target = open(&args.common, args.proto, &fanout::SETTINGS).await?;
            let outcome = churn::run(args, &target, &bar).await;
            finish(outcome, target, &args.common, &bar).await
        }
        Scenario::Requests(args) => {
            let target = open(&args.common, Proto::Json, &fanout::SETTINGS).await?;
            let outcome = ask::run(args, &target, &bar).await;
            finish(outcome, target, &args.common, &bar).await
        }
        Scenario::Packets(args) => {
            let listen = format!("tcp.listen={}", args.tcp);
            let target = open(&args.common, Proto::Json, &[&listen]).await?;
            let outcome = packets::run(args, &target, &bar).await;
            finish(outcome, target, &args.common, &bar).await
        }
        Scenario::SlowReader(args) => {
            let target = open(&args.common, args.proto, &slow::SETTINGS).await?;
            let outcome = slow::run(args, &target, &bar).await;
            finish(outcome, target, &args.common, &bar).await
        }
        Scenario::Duel(args) => {
            let target = open(&args.common, Proto::Json, &duel::SETTINGS).await?;
            let outcome = duel::run(args, &target, &bar).await;
            finish(outcome, target, &args.common, &bar).await
        }
        Scenario::Queue(args) => {
            let target = open(&args.common, Proto::Json, &queue::SETTINGS).await?;
            let outcome = queue::run(args, &target, &bar).await;
            finish(outcome, target, &args.common, &bar).await
        }
        Scenario::Soak(args) => {
            let settings = soak::settings(args);
            let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
            let target = open(&args.common, Proto::Json, &settings).await?;
            let outcome = soak::run(args, &target, &bar).await;
            finish(outcome, target, &args.common, &bar).await
        }
        Scenario::Compare(args) => compare::run(args, &bar).await?.publish(&args.output),
    }
}

async fn open(common: &Common, proto: Proto, settings: &[&str]) -> Result<Target> {
    match &common.spawn {
        Some(program) => Target::spawn(program, proto, settings, &common.server_args).await,
        None => Ok(Target::running(&common.url, Some(&common.admin), common.pid, proto)),
    }
}

/// Stops the server whatever came of the run, and says how the server ended if it did so by itself.
async fn finish(
    outcome: Result<Report>,
    mut target: Target,
    common: &Common,
    bar: &ProgressBar,
) -> Result<bool> {
    bar.finish_and_clear();
    let (alive, unseen) = (target.ensure_alive(), target.pid.is_none());
    target.stop().await?;
    let mut report =
        outcome.with_context(|| alive.err().map_or_else(String::new, |error| error.to_string()))?;
    if unseen {
        report
            .remarks
            .push("without --pid the server's CPU and memory are not measured, and read 0".to_owned());
    }
    report.publish(&common.output)
}

fn progress() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{elapsed_precise} {bar:32.cyan/dim} {percent:>3}% {msg}")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(REDRAW);
    bar
}
