//! Whole games of Mafia over real sockets: tables of eight scripted players, every phase, every rule
//! of visibility that a client can see, many tables at once.
//!
//! [`script`] says what a player does, [`view`] what he knows and which pushes would be a breach,
//! [`seat`] moves one of them, [`table`] is what the eight of one table share — outside of the server.

mod script;
mod seat;
mod table;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use crate::cli::MafiaArgs;
use crate::guests::{self, Guest};
use crate::hall;
use crate::ledger::ROOM_SEATS;
use crate::meter::{CpuUse, Latencies, Meter, Percentiles, latencies, mib};
use crate::player::Player;
use crate::report::Report;
use crate::scrape::{changes, scrape};
use crate::target::Target;

use seat::{Books, Seat};
use table::Table;

/// Settings of the server: none, a game must be playable as it is delivered.
pub const SETTINGS: [&str; 0] = [];

/// More kinds of faults than this are not listed.
const FAULTS_SHOWN: usize = 20;
/// What every complete script meets.
const PHASES: [&str; 6] = ["day", "vote", "defence", "verdict", "final_words", "night"];

/// Runs the scenario.
pub async fn run(args: &MafiaArgs, target: &Target, bar: &ProgressBar) -> Result<Report> {
    bar.set_length((args.games * ROOM_SEATS) as u64);
    bar.set_message("signing in");
    let guests = guests::sign_in(target, args.games * ROOM_SEATS, bar).await?;
    let before = scrape(target).await;
    let (meter, _sampling) = Meter::start(target);
    let mark = meter.mark();
    bar.set_length((args.games * args.rounds) as u64);
    bar.set_position(0);
    bar.set_message("playing");
    let tables = guests.chunks(ROOM_SEATS).map(|guests| play(args, target, guests, &meter, bar));
    let books = try_join_all(tables).await?;
    let cpu = meter.cpu_since(&mark);
    let mut total = Books::default();
    books.into_iter().for_each(|table| total.add(table));
    let mut report = tell(args, target, &meter, &total, &cpu);
    report.details["server_metrics"] = json!(changes(&before, &scrape(target).await));
    Ok(report)
}

/// One table, from the first connection to the last game.
async fn play(
    args: &MafiaArgs,
    target: &Target,
    guests: &[Guest],
    meter: &Arc<Meter>,
    bar: &ProgressBar,
) -> Result<Books> {
    let table = Arc::new(Table::new(args.rounds, args.phase_ms));
    let mut seats = Vec::with_capacity(guests.len());
    let mut code = Value::Null;
    for (slot, guest) in guests.iter().enumerate() {
        let mut player = Player::connect(target, guest).await?;
        if slot == 0 {
            code = hall::create(&mut player, ROOM_SEATS, &settings(args.phase_ms)).await?;
        } else {
            player.must("room.join", json!({"code": code})).await?;
        }
        let me = player.welcome["player_id"].as_str().context("a welcome without player_id")?.to_owned();
        seats.push(Seat::new(player, me, slot, Arc::clone(&table), Arc::clone(meter), bar.clone()));
    }
    let tasks: Vec<_> = seats.into_iter().map(|seat| tokio::spawn(seat.play())).collect();
    let mut books = Books::default();
    for task in tasks {
        books.add(task.await?);
    }
    table.compare_transcripts().into_iter().for_each(|fault| books.fault(fault));
    Ok(books)
}

fn settings(phase_ms: u64) -> Value {
    json!({
        "media": false, "living_chat": true, "vote_tie": "day",
        "day_ms": phase_ms, "vote_ms": phase_ms, "defence_ms": phase_ms,
        "verdict_ms": phase_ms, "night_ms": phase_ms, "final_words_ms": phase_ms,
    })
}

fn tell(args: &MafiaArgs, target: &Target, meter: &Meter, books: &Books, cpu: &CpuUse) -> Report {
    let mut report = Report::new("mafia", &target.name);
    report.parameter("tables", args.games);
    report.parameter("games at each", args.rounds);
    report.parameter("players", args.games * ROOM_SEATS);
    report.parameter("phase ms", args.phase_ms);
    let answers = meter.total();
    report.row("games finished", books.count("game finished"), "");
    report.percentiles("answer", &Percentiles::of(&answers));
    report.percentiles("phase heard after its start", &Percentiles::of(&books.delay));
    report.percentiles("phase started after the deadline", &Percentiles::of(&books.lateness));
    report.cpu(cpu);
    report.row("server memory, peak", mib(meter.peak_rss()), "MiB");
    for (what, count) in &books.seen {
        report.row(what, *count as f64, "");
    }
    let unseen: Vec<_> =
        PHASES.iter().filter(|phase| books.count(&format!("phase {phase}")) == 0.0).collect();
    report.goal("every phase was played", format!("missing {unseen:?}"), unseen.is_empty());
    let (finished, asked) = (books.count("game finished"), (args.games * args.rounds) as f64);
    report.goal("every game was finished", format!("{finished} of {asked}"), finished == asked);
    let listed = books.faults.iter().take(FAULTS_SHOWN);
    report.faults = listed.map(|(fault, count)| format!("{count} × {fault}")).collect();
    report.timeline(&meter.samples(), "answers");
    report.distribution(&answers);
    report.details = json!({"cpu": cpu, "seen": books.seen, "faults": books.faults});
    report
}

/// Counts by what was seen.
type Counts = BTreeMap<String, u64>;

impl Default for Books {
    fn default() -> Self {
        Self { seen: Counts::new(), faults: Counts::new(), delay: latencies(), lateness: latencies() }
    }
}

impl Books {
    fn add(&mut self, other: Self) {
        let sum = |into: &mut Counts, from: Counts| {
            from.into_iter().for_each(|(what, count)| *into.entry(what).or_default() += count);
        };
        sum(&mut self.seen, other.seen);
        sum(&mut self.faults, other.faults);
        let join = |into: &mut Latencies, from: &Latencies| into.add(from).unwrap_or_default();
        join(&mut self.delay, &other.delay);
        join(&mut self.lateness, &other.lateness);
    }

    fn count(&self, what: &str) -> f64 {
        self.seen.get(what).copied().unwrap_or_default() as f64
    }
}
