//! A lobby of each size, for those who take deltas and for those who take snapshots: players come and go while the
//! others look on. How long a join takes to each of them, and what it costs the server.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use futures_util::future::try_join_all;
use indicatif::ProgressBar;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};

use super::peer::Peer;
use crate::cli::DuelArgs;
use crate::guests::{self, Guest};
use crate::meter::{Latencies, Meter, Percentiles, latencies, mib};
use crate::report::{Chart, Line, Report, Scale};
use crate::target::Target;

/// Those who come and go; they count as players of the lobby.
const VISITORS: usize = 10;
/// Until the last of those who stay has joined, and been told of all.
const SETTLE: Duration = Duration::from_secs(3);

/// When each visitor last joined.
type Joins = Rc<RefCell<HashMap<String, Instant>>>;

struct Outcome {
    size: usize,
    delta: bool,
    delivered: Latencies,
    joins: u64,
    cpu_us: f64,
    bytes_a_join: f64,
    peak_rss: u64,
}

pub(super) async fn run(args: &DuelArgs, target: &Target, bar: &ProgressBar) -> Result<Report> {
    let largest = args.sizes.iter().copied().max().unwrap_or(VISITORS).max(VISITORS + 1);
    bar.set_length(largest as u64);
    bar.set_message("signing in");
    let guests = guests::sign_in(target, largest, bar).await?;
    let mut report = Report::new("duel lobby", &target.name);
    report.parameter("joins and leaves a second", args.rate);
    report.parameter("seconds each", args.seconds);
    let mut outcomes = Vec::new();
    for delta in [true, false] {
        for &size in &args.sizes {
            bar.set_message(format!("{size} players, {}", kind(delta)));
            outcomes.push(one(args, target, &guests, size.max(VISITORS + 1), delta).await?);
        }
    }
    for outcome in &outcomes {
        let name = format!("{} players, {}", outcome.size, kind(outcome.delta));
        report.row(&format!("{name}: server CPU per join or leave"), outcome.cpu_us, "µs");
        report.row(&format!("{name}: sent per join or leave"), outcome.bytes_a_join, "bytes");
        if outcome.delta {
            let figures = Percentiles::of(&outcome.delivered);
            report.row(&format!("{name}: delivery p50"), figures.p50_ms, "ms");
            report.row(&format!("{name}: delivery p99"), figures.p99_ms, "ms");
        }
        report.row(&format!("{name}: server memory, peak so far"), mib(outcome.peak_rss), "MiB");
        if outcome.joins == 0 {
            report.faults.push(format!("{name}: nobody came"));
        }
    }
    let line = |delta: bool| {
        let such = outcomes.iter().filter(|outcome| outcome.delta == delta);
        Line::new(kind(delta), such.map(|outcome| (outcome.size as f64, outcome.cpu_us)).collect())
    };
    report.chart(Chart::new(
        "Server CPU per join or leave",
        "players",
        "µs",
        Scale::Linear,
        vec![line(true), line(false)],
    ));
    Ok(report)
}

fn kind(delta: bool) -> &'static str {
    if delta { "deltas" } else { "snapshots" }
}

async fn one(
    args: &DuelArgs,
    target: &Target,
    guests: &[Guest],
    size: usize,
    delta: bool,
) -> Result<Outcome> {
    let lobby = format!("{size} {}", kind(delta));
    let (visitors, stayers) = guests[..size.min(guests.len())].split_at(VISITORS);
    let joins: Joins = Rc::default();
    let delivered = Rc::new(RefCell::new(latencies()));
    let bytes = Rc::new(RefCell::new(0_u64));
    let mut looking = Vec::new();
    for (n, guest) in stayers.iter().enumerate() {
        let peer = Peer::connect(target, guest, n).await?;
        peer.say("join_lobby", &json!({"playerId": peer.id, "lobby": lobby, "delta": delta}))?;
        looking.push(peer);
    }
    let measuring = Instant::now() + SETTLE;
    let end = measuring + Duration::from_secs(args.seconds);
    let look =
        looking.into_iter().map(|peer| look_on(peer, end, joins.clone(), delivered.clone(), bytes.clone()));
    let look = try_join_all(look);
    let come_and_go = async {
        let mut peers = Vec::new();
        for (n, guest) in visitors.iter().enumerate() {
            peers.push(Peer::connect(target, guest, n).await?);
        }
        sleep(measuring.saturating_duration_since(Instant::now())).await;
        *delivered.borrow_mut() = latencies();
        *bytes.borrow_mut() = 0;
        let (meter, _sampling) = Meter::start(target);
        let mark = meter.mark();
        let count = visit(&mut peers, &lobby, args.rate, end, &joins).await?;
        anyhow::Ok((count, meter.cpu_since(&mark), meter.peak_rss()))
    };
    let (_, (count, cpu, peak_rss)) = tokio::try_join!(look, come_and_go)?;
    sleep(Duration::from_millis(300)).await; // the server sees them go
    let delivered = delivered.borrow().clone();
    let cpu_us = cpu.server_s * 1e6 / count.max(1) as f64;
    let bytes_a_join = *bytes.borrow() as f64 / count.max(1) as f64;
    Ok(Outcome { size, delta, delivered, joins: count, cpu_us, bytes_a_join, peak_rss })
}

/// In turn each visitor joins, and the next time leaves. How many joins and leaves there were.
async fn visit(peers: &mut [Peer], lobby: &str, rate: f64, end: Instant, joins: &Joins) -> Result<u64> {
    let mut tick = interval(Duration::from_secs_f64(1.0 / rate.max(1.0)));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut count, mut inside) = (0_u64, vec![false; peers.len()]);
    while Instant::now() < end {
        tick.tick().await;
        let n = usize::try_from(count).unwrap_or_default() % peers.len().max(1);
        let peer = &peers[n];
        if inside[n] {
            peer.say("leave_lobby", &json!({"playerId": peer.id}))?;
        } else {
            joins.borrow_mut().insert(peer.id.clone(), Instant::now());
            peer.say("join_lobby", &json!({"playerId": peer.id, "lobby": lobby, "delta": true}))?;
        }
        inside[n] = !inside[n];
        count += 1;
        for peer in &mut *peers {
            // What they are told is thrown away, but read: nobody here is slow.
            let now = Instant::now();
            while let Ok(read) = timeout_at(now, peer.read(|_, _| {})).await {
                read?;
            }
        }
    }
    Ok(count)
}

#[derive(Deserialize)]
struct Delta {
    joined: Vec<Joined>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Joined {
    player_id: String,
}

/// Stays to the end, and notes when it is told of each join.
async fn look_on(
    mut peer: Peer,
    end: Instant,
    joins: Joins,
    delivered: Rc<RefCell<Latencies>>,
    bytes: Rc<RefCell<u64>>,
) -> Result<()> {
    loop {
        let heard = peer.read(|name, payload| {
            *bytes.borrow_mut() += payload.get().len() as u64;
            if name != "lobby_delta" {
                return;
            }
            let Ok(delta) = serde_json::from_str::<Delta>(payload.get()) else { return };
            for joined in delta.joined {
                if let Some(at) = joins.borrow().get(&joined.player_id) {
                    let us = u64::try_from(at.elapsed().as_micros()).unwrap_or(u64::MAX);
                    delivered.borrow_mut().saturating_record(us.max(1));
                }
            }
        });
        match timeout_at(end, heard).await {
            Ok(open) => anyhow::ensure!(open?, "who stays was closed"),
            Err(_) => return Ok(()),
        }
    }
}
