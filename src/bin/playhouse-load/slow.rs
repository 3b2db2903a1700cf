//! One member of a flooded room stops reading. The others must not notice; the server must not grow;
//! he himself must read close code 1013 when he reads on, and be able to resume (spec 1.1).
//!
//! Floods with and without him alternate, each in fresh rooms, and medians are compared: single
//! runs of a shared machine differ more than what is looked for.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use crate::cli::SlowArgs;
use crate::compare::median;
use crate::fanout::{self, Hub, Order, Pace, Step, drain, drive};
use crate::hall::{self, Quirk, Resume};
use crate::ledger::{Integrity, ROOM_SEATS};
use crate::meter::{Meter, mib};
use crate::player::{Message, Player};
use crate::report::{Chart, Line, Report, Scale, say};
use crate::target::{Proto, Target};
use crate::wire::CLOSE_TOO_SLOW;

/// Settings of the server: no limits on chat, and time enough to read the close code after a flood.
pub const SETTINGS: [&str; 5] = [
    fanout::SETTINGS[0],
    fanout::SETTINGS[1],
    fanout::SETTINGS[2],
    fanout::SETTINGS[3],
    "limits.slow_grace_ms=60000",
];

/// The slow one sits here.
const SLOW_SLOT: usize = ROOM_SEATS - 1;
/// What the kernel may hold for him: little, so that the server's own bound is soon reached.
const SMALL_BUFFER: u32 = 4096;
const WARM_UP: Duration = Duration::from_secs(1);
const READ_ON_LIMIT: Duration = Duration::from_secs(20);
const RESUME_LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);
/// He may cost the others this factor of their p99.
const P99_GOAL: f64 = 2.0;
/// And the server this much memory: its bound of 256 KiB, a ring, and the noise of an allocator.
const GROWTH_GOAL_MIB: f64 = 4.0;

/// One flood.
#[derive(Serialize)]
struct Flood {
    slow: bool,
    step: Step,
    /// Growth of the server's memory from the seated rooms to the peak.
    growth_mib: f64,
    /// Close code that he read when he read on.
    closed: Option<u16>,
    /// How his resume went: replay or snapshot.
    resumed: Option<String>,
    integrity: Integrity,
}

/// Runs the scenario.
pub async fn run(args: &SlowArgs, target: &Target, bar: &ProgressBar) -> Result<Report> {
    flood(args, target, false, bar).await?; // what the server loads once is not counted
    let mut floods = Vec::new();
    for _ in 0..args.runs {
        for slow in [true, false] {
            let flood = flood(args, target, slow, bar).await?;
            say(
                bar,
                &format!(
                    "{}: p99 {:.2} ms, memory +{:.1} MiB, closed {:?}, resumed {:?}",
                    if slow { "one does not read" } else { "all read" },
                    flood.step.latency.p99_ms,
                    flood.growth_mib,
                    flood.closed,
                    flood.resumed,
                ),
            );
            floods.push(flood);
        }
    }
    Ok(tell(args, target, &floods))
}

async fn flood(args: &SlowArgs, target: &Target, slow: bool, bar: &ProgressBar) -> Result<Flood> {
    let quirk = Quirk { small_buffer: Some(SMALL_BUFFER) };
    let seats = hall::seat(target, args.rooms, quirk, bar).await?;
    let resume = seats[0][SLOW_SLOT].resume.clone();
    let before = target.process().rss;
    let (meter, _sampling) = Meter::start(target);
    let others = |room, slot| room == 0 && slot != SLOW_SLOT;
    let mut hub = Hub::start(seats, target.proto, args.text_bytes, &meter, others);
    hub.order = Order::FloodFirst;
    bar.set_length(args.seconds * 1000);
    bar.set_message(if slow { "one does not read" } else { "all read" });
    if slow {
        hub.rooms()[0].members[SLOW_SLOT].pause();
    }
    let pace = Pace { rate: args.rate, run: Duration::from_secs(args.seconds), warm_up: WARM_UP };
    let step = drive(&mut hub, &meter, pace, bar).await;
    let growth_mib = mib(meter.peak_rss().saturating_sub(before));
    let closed = if slow { read_on(&hub).await } else { None };
    let integrity = hub.settle();
    let last_seq = hub.rooms()[0].members[SLOW_SLOT].ledger().last_seq();
    let resumed = match (closed, resume, last_seq) {
        (Some(CLOSE_TOO_SLOW), Some(resume), Some(seq)) => Some(take_seat_again(target, &resume, seq).await?),
        _ => None,
    };
    hub.close().await;
    Ok(Flood { slow, step, growth_mib, closed, resumed, integrity })
}

/// He reads on, until he is up to date or closed.
async fn read_on(hub: &Hub) -> Option<u16> {
    let slow = &hub.rooms()[0].members[SLOW_SLOT];
    slow.resume();
    drain(hub).await;
    let deadline = Instant::now() + READ_ON_LIMIT;
    while Instant::now() < deadline && slow.ledger().closed.is_none() {
        let (received, expected) = hub.progress();
        if received >= expected {
            break;
        }
        sleep(POLL).await;
    }
    slow.ledger().closed
}

/// Resumes after `last_seq`; what follows must be the very next push, or one whole state.
async fn take_seat_again(target: &Target, resume: &Resume, last_seq: u64) -> Result<String> {
    let mut opening = Player::opening(target, &resume.guest);
    opening.path.push_str("?resume=1");
    let mut player = Player::attach(&opening).await?;
    player.continue_after(last_seq);
    let ask = json!({"resume_token": resume.token, "last_seq": last_seq});
    let answer =
        timeout(RESUME_LIMIT, player.must("session.resume", ask)).await.context("no answer to resume")??;
    let mode = answer["mode"].as_str().context("a resume without mode")?.to_owned();
    if mode == "snapshot" {
        player.faults.clear(); // the jump in `seq` is what a snapshot means
        let next = timeout(RESUME_LIMIT, player.next()).await.context("no push after the resume")??;
        let whole = matches!(&next, Some(Message::Push(push)) if push.kind == "room.state");
        ensure!(whole, "a snapshot resume is followed by {next:?}");
    }
    ensure!(mode == "snapshot" || player.faults.is_empty(), "after a resume: {}", player.faults.join(", "));
    player.leave().await?;
    Ok(mode)
}

fn tell(args: &SlowArgs, target: &Target, floods: &[Flood]) -> Report {
    let of = |slow: bool, value: fn(&Flood) -> f64| {
        median(floods.iter().filter(|flood| flood.slow == slow).map(value).collect())
    };
    let (with, without) = (of(true, |f| f.step.latency.p99_ms), of(false, |f| f.step.latency.p99_ms));
    let growth = floods.iter().filter(|f| f.slow).map(|f| f.growth_mib).fold(0.0, f64::max);
    let mut report = Report::new("slow-reader", &target.name);
    report.parameter("rooms", args.rooms);
    report.parameter("messages/s", args.rate);
    report.parameter("text bytes", args.text_bytes);
    report.parameter("floods", format!("{} with, {} without", args.runs, args.runs));
    report.row("p99 of the others, one does not read", with, "ms");
    report.row("p99 of the others, all read", without, "ms");
    report.row("p50 of the others, one does not read", of(true, |f| f.step.latency.p50_ms), "ms");
    report.row("p50 of the others, all read", of(false, |f| f.step.latency.p50_ms), "ms");
    report.row("server memory growth, one does not read", of(true, |f| f.growth_mib), "MiB");
    report.row("server memory growth, all read", of(false, |f| f.growth_mib), "MiB");
    report.row("CPU of others on this machine", of(true, |f| f.step.cpu.other_cores), "cores");
    report.goal("p99 of the others < 2 ×", format!("{:.2} ×", with / without), with / without < P99_GOAL);
    if target.pid.is_some() {
        report.goal(
            "memory bounded, < +4 MiB",
            format!("+{growth:.1} MiB at most"),
            growth < GROWTH_GOAL_MIB,
        );
    }
    let codes: Vec<_> = floods.iter().filter(|f| f.slow).map(|f| f.closed).collect();
    let told = codes.iter().all(|code| *code == Some(CLOSE_TOO_SLOW));
    report.goal("he reads close code 1013", format!("{codes:?}"), told);
    if target.proto == Proto::Json {
        let modes: Vec<_> = floods.iter().filter_map(|f| f.resumed.as_deref()).collect();
        report.goal("and resumes", format!("{modes:?}"), modes.len() == args.runs);
    }
    faults(floods, &mut report);
    let line = |name: &str, slow: bool| {
        let floods = floods.iter().filter(|f| f.slow == slow).enumerate();
        Line::new(name, floods.map(|(run, f)| (run as f64 + 1.0, f.step.latency.p99_ms)).collect())
    };
    let lines = vec![line("one does not read", true), line("all read", false)];
    report.chart(Chart::new("p99 of the others", "run", "ms", Scale::Log, lines));
    report.details = json!({"floods": floods});
    report
}

/// That the slow one is closed is asked for; everything else is not.
fn faults(floods: &[Flood], report: &mut Report) {
    let mut account = Integrity::default();
    for flood in floods {
        let closed = flood.integrity.closed.saturating_sub(u64::from(flood.closed.is_some()));
        account.add(&Integrity { closed, ..flood.integrity });
    }
    report.faults = account.faults();
}
