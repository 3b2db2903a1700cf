//! Clients over TCP that ping: how long a PongRes takes, with how many at once.
//!
//! Guests without a token; each pings at a moment of its own, so that the rate is even.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use indicatif::ProgressBar;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use crate::cli::PacketsArgs;
use crate::meter::{Meter, Percentiles, mib};
use crate::playhouse_tcp::{Client, Incoming};
use crate::report::Report;
use crate::target::Target;

/// A pong that takes longer is lost.
const LONGEST: Duration = Duration::from_secs(10);
/// Connections opened at once.
const AT_ONCE: usize = 32;
const GOAL_P99_MS: f64 = 1.0;

/// Runs the scenario.
pub async fn run(args: &PacketsArgs, target: &Target, bar: &ProgressBar) -> Result<Report> {
    ensure!(args.rate > 0.0, "--rate is above 0");
    let before = target.process().rss;
    let clients = connect(args, bar).await?;
    let seated = target.process().rss;
    let (meter, _sampling) = Meter::start(target);
    let every = Duration::from_secs_f64(1.0 / args.rate);
    let (began, mark) = (Instant::now() + Duration::from_secs(1), meter.mark());
    let end = began + Duration::from_secs(args.seconds);
    bar.set_message("pinging");
    bar.set_length(0);
    let pinging: Vec<JoinHandle<Result<u64>>> = clients
        .into_iter()
        .enumerate()
        .map(|(n, client)| {
            let first = began + every.mul_f64(n as f64 / args.clients.max(1) as f64);
            tokio::spawn(ping(client, first, every, end, Arc::clone(&meter)))
        })
        .collect();
    let (mut sent, mut faults) = (0, Vec::new());
    for task in pinging {
        match task.await? {
            Ok(pings) => sent += pings,
            Err(error) => faults.push(format!("{error:#}")),
        }
    }
    let (cpu, pongs) = (meter.cpu_since(&mark), meter.total());
    let latency = Percentiles::of(&pongs);

    let mut report = Report::new("packets", &target.name);
    report.parameter("clients", args.clients);
    report.parameter("pings a second of each", args.rate);
    report.parameter("seconds", args.seconds);
    report.row("pings", sent as f64, "");
    report.row("pongs", pongs.len() as f64 / args.seconds.max(1) as f64, "/s");
    report.percentiles("ping", &latency);
    report.row("server CPU per ping", cpu.server_s * 1e6 / pongs.len().max(1) as f64, "µs");
    let each = seated.saturating_sub(before) as f64 / args.clients.max(1) as f64 / 1024.0;
    report.row("server memory per connection", each, "KiB");
    report.row("server memory, peak", mib(meter.peak_rss()), "MiB");
    report.cpu(&cpu);
    report.goal("p99 under 1 ms", format!("{:.2} ms", latency.p99_ms), latency.p99_ms < GOAL_P99_MS);
    report.faults = faults;
    report.timeline(&meter.samples(), "pongs");
    report.distribution(&pongs);
    report.details = json!({"cpu": cpu, "sent": sent, "pongs": pongs.len(), "kib_per_connection": each});
    Ok(report)
}

async fn connect(args: &PacketsArgs, bar: &ProgressBar) -> Result<Vec<Client<TcpStream>>> {
    bar.set_message("connecting");
    bar.set_length(args.clients as u64);
    let mut clients = Vec::with_capacity(args.clients);
    while clients.len() < args.clients {
        let more = AT_ONCE.min(args.clients - clients.len());
        let dial = || async {
            let socket = TcpStream::connect(&args.tcp).await?;
            socket.set_nodelay(true)?;
            Client::connect(socket, "").await
        };
        let opened = try_join_all((0..more).map(|_| dial()));
        clients.extend(opened.await.with_context(|| format!("connect to {}", args.tcp))?);
        bar.set_position(clients.len() as u64);
    }
    Ok(clients)
}

/// Pings at a steady rate; how often. One that gets no answer ends its client.
async fn ping(
    mut client: Client<TcpStream>,
    first: Instant,
    every: Duration,
    end: Instant,
    meter: Arc<Meter>,
) -> Result<u64> {
    let mut ticks = interval_at(first, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seq = 0;
    loop {
        ticks.tick().await;
        let sent = Instant::now();
        if sent >= end {
            return Ok(u64::from(seq));
        }
        seq += 1;
        client.ping(0, seq).await?;
        let pong = async {
            loop {
                if let Incoming::Pong(_, _, answered) = client.next().await?
                    && answered == seq
                {
                    return anyhow::Ok(());
                }
            }
        };
        timeout(LONGEST, pong).await.context("no pong in time")??;
        let us = u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX);
        meter.window().record_us(us);
    }
}
