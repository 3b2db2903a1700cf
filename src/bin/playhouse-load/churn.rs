//! Coming and going: connect, join, say something, leave, close, as often as the server lets a number of players.
//!
//! Each room has one resident, who stays, so that it does too; he checks the `seq` of what he is told.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::cli::ChurnArgs;
use crate::guests::{self, Guest};
use crate::hall;
use crate::ledger::ROOM_SEATS;
use crate::meter::{Meter, Percentiles, mib};
use crate::player::Player;
use crate::report::Report;
use crate::target::{Proto, Target};
use crate::wire::{self, CLOSE, CLOSE_NORMAL, Opening};

/// Visitors of one room: one seat is the resident's.
const VISITORS: usize = ROOM_SEATS - 1;
const POLL: Duration = Duration::from_millis(100);

/// Runs the scenario.
pub async fn run(args: &ChurnArgs, target: &Target, bar: &ProgressBar) -> Result<Report> {
    let rooms = args.players.div_ceil(VISITORS).max(1);
    let places = places(target, rooms, args.players, bar).await?;
    let (meter, _sampling) = Meter::start(target);
    let end = Instant::now() + Duration::from_secs(args.seconds);
    let mark = meter.mark();
    bar.set_length(args.seconds * 1000);
    bar.set_message("coming and going");
    let watch = async {
        while Instant::now() < end {
            sleep(POLL).await;
            bar.inc(u64::try_from(POLL.as_millis()).unwrap_or_default());
        }
        anyhow::Ok(())
    };
    let residents = places.residents.into_iter().map(|player| reside(player, end));
    let visitors = places.visitors.iter().map(|visitor| visit(target, visitor, end, &meter));
    let (_, faults, _) = tokio::try_join!(watch, try_join_all(residents), try_join_all(visitors))?;
    let cpu = meter.cpu_since(&mark);
    let cycles = meter.total();

    let mut report = Report::new("churn", &target.name);
    report.parameter("players", args.players);
    report.parameter("rooms", rooms);
    report.parameter("seconds", args.seconds);
    report.row("cycles", cycles.len() as f64 / cpu.seconds, "/s");
    report.percentiles("cycle", &Percentiles::of(&cycles));
    report.row("server CPU per cycle", cpu.server_s * 1e6 / cycles.len().max(1) as f64, "µs");
    report.cpu(&cpu);
    report.row("server memory, peak", mib(meter.peak_rss()), "MiB");
    report.faults = faults.into_iter().flatten().collect();
    report.timeline(&meter.samples(), "cycles");
    report.distribution(&cycles);
    report.details = json!({"cpu": cpu, "samples": meter.samples()});
    Ok(report)
}

struct Places {
    residents: Vec<Player>,
    visitors: Vec<Visitor>,
}

struct Visitor {
    /// Who he is, and the code of his room; none on the bare floor.
    account: Option<(Guest, Value)>,
    room: usize,
}

async fn places(target: &Target, rooms: usize, players: usize, bar: &ProgressBar) -> Result<Places> {
    if target.proto == Proto::Raw {
        let visitors = (0..players).map(|n| Visitor { account: None, room: n / VISITORS }).collect();
        return Ok(Places { residents: Vec::new(), visitors });
    }
    bar.set_length((rooms + players) as u64);
    bar.set_message("signing in");
    let mut guests = guests::sign_in(target, rooms + players, bar).await?;
    let mut residents = Vec::with_capacity(rooms);
    let mut codes = Vec::with_capacity(rooms);
    for guest in guests.split_off(players) {
        let mut player = Player::connect(target, &guest).await?;
        codes.push(hall::create(&mut player, ROOM_SEATS, &json!({"media": false})).await?);
        residents.push(player);
    }
    let visitor = |(n, guest): (usize, Guest)| Visitor {
        account: Some((guest, codes[n / VISITORS].clone())),
        room: n / VISITORS,
    };
    Ok(Places { visitors: guests.into_iter().enumerate().map(visitor).collect(), residents })
}

/// Stays until `end` and reads what he is told.
async fn reside(mut player: Player, end: Instant) -> Result<Vec<String>> {
    while let Ok(message) = tokio::time::timeout_at(end, player.next()).await {
        if message?.is_none() {
            player.faults.push(format!("a resident was closed: {:?}", player.closed));
            break;
        }
    }
    Ok(player.faults)
}

async fn visit(target: &Target, visitor: &Visitor, end: Instant, meter: &Arc<Meter>) -> Result<()> {
    while Instant::now() < end {
        let start = Instant::now();
        match &visitor.account {
            Some((guest, code)) => cycle(target, guest, code).await?,
            None => cycle_raw(target, visitor.room).await?,
        }
        meter.window().record_us(u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    Ok(())
}

async fn cycle(target: &Target, guest: &Guest, code: &Value) -> Result<()> {
    let mut player = Player::connect(target, guest).await?;
    player.must("room.join", json!({"code": code})).await?;
    player.must("chat.send", json!({"text": "hello"})).await?;
    player.must("room.leave", json!({})).await?;
    player.leave().await
}

async fn cycle_raw(target: &Target, room: usize) -> Result<()> {
    let authority = target.authority().to_owned();
    let opening = Opening { authority, path: format!("/ws?room={room}"), ..Opening::default() };
    let (mut reader, link) = wire::open(&opening).await?;
    link.text(b"hello");
    ensure!(reader.read(|frames| frames.for_each(drop)).await.context("echo")? > 0, "closed before the echo");
    link.close(CLOSE_NORMAL);
    let mut closed = false;
    while !closed
        && reader.read(|frames| closed |= frames.any(|f| f.opcode == CLOSE)).await.context("close")? > 0
    {}
    Ok(())
}
