//! Whole games of Mafia over real sockets: tables of eight scripted players, every phase, every rule
//! of visibility that a client can see, many tables at once.
//!
//! [`script`] says what a player does, [`view`] what he knows and which pushes would be a breach,
//! [`snapshot`] what he learns where pushes are missing, [`mod@seat`] moves one of them, [`table`] is what the eight
//! of one table share — outside of the server —, [`games`] what became of their games.

mod books;
mod games;
mod script;
mod seat;
mod snapshot;
mod table;
mod view;

use std::sync::Arc;

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use crate::cli::MafiaArgs;
use crate::guests::{self, Guest};
use crate::hall;
use crate::ledger::ROOM_SEATS;
use crate::meter::{CpuUse, Meter, Percentiles, mib};
use crate::player::Player;
use crate::report::Report;
use crate::scrape::{changes, scrape};
use crate::target::Target;

use books::Books;
use seat::{LEADER, Seat};
use table::Table;

/// Settings of the server: none, a game must be playable as it is delivered.
pub const SETTINGS: [&str; 0] = [];

/// Tables that fill at the same time.
const CONCURRENCY: usize = 8;
/// More kinds of faults than this are not listed.
const FAULTS_SHOWN: usize = 20;
/// What every complete script meets.
const PHASES: [&str; 6] = ["day", "vote", "defence", "verdict", "final_words", "night"];
/// A deadline may shift by so much where nodes come and go (spec 6.3).
const SHIFT_GOAL_MS: i64 = 2_000;

/// Runs the scenario.
pub async fn run(args: &MafiaArgs, target: &Target, bar: &ProgressBar) -> Result<Report> {
    bar.set_length((args.games * ROOM_SEATS) as u64);
    bar.set_message("signing in");
    let guests = guests::sign_in(target, args.games * ROOM_SEATS, bar).await?;
    let before = scrape(target).await;
    let (meter, _sampling) = Meter::start(target);
    let mark = meter.mark();
    bar.set_position(0);
    bar.set_message("taking seats");
    let tables = guests.chunks(ROOM_SEATS).enumerate();
    let tables = tables.map(|(place, guests)| seat(args, target, place, guests, &meter, bar));
    let tables: Vec<_> = stream::iter(tables).buffered(CONCURRENCY).try_collect().await?;
    bar.set_length((args.games * args.rounds) as u64);
    bar.set_position(0);
    bar.set_message("playing");
    let mut total = Books::default();
    try_join_all(tables.into_iter().map(play)).await?.into_iter().for_each(|books| total.add(books));
    let cpu = meter.cpu_since(&mark);
    let mut report = tell(args, target, &meter, &total, &cpu);
    report.details["server_metrics"] = json!(changes(&before, &scrape(target).await));
    Ok(report)
}

/// Fills one table. Its players are spread over the nodes, and the leaders of all tables are.
async fn seat(
    args: &MafiaArgs,
    target: &Target,
    place: usize,
    guests: &[Guest],
    meter: &Arc<Meter>,
    bar: &ProgressBar,
) -> Result<Vec<Seat>> {
    let table = Arc::new(Table::new(args.rounds, args.phase_ms));
    let mut seats = Vec::with_capacity(guests.len());
    let mut code = Value::Null;
    for (slot, guest) in guests.iter().enumerate() {
        let mut player = Player::connect_at(target, guest, place + slot).await?;
        if slot == LEADER {
            code = hall::create(&mut player, ROOM_SEATS, &settings(args.phase_ms)).await?;
        } else {
            player.must("room.join", json!({"code": code})).await?;
        }
        let me = player.welcome["player_id"].as_str().context("a welcome without player_id")?.to_owned();
        seats.push(Seat::new(player, me, slot, Arc::clone(&table), Arc::clone(meter), bar.clone()));
        bar.inc(1);
    }
    Ok(seats)
}

/// All games of a table, and what all its players have seen.
async fn play(seats: Vec<Seat>) -> Result<Books> {
    let table = seats.first().map(Seat::table).context("a table without players")?;
    let tasks: Vec<_> = seats.into_iter().map(|seat| tokio::spawn(seat.play())).collect();
    let mut books = Books::default();
    for task in tasks {
        books.add(task.await?);
    }
    books.tally(table.games().tally());
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
    report.parameter("nodes", target.urls.len());
    tell_of_games(args, books, &mut report);
    let answers = meter.total();
    report.percentiles("answer", &Percentiles::of(&answers));
    report.percentiles("phase heard after its start", &Percentiles::of(&books.delay));
    report.percentiles("phase started after the deadline", &Percentiles::of(&books.lateness));
    let resumes = tell_of_resumes(books, &mut report);
    report.cpu(cpu);
    report.row("server memory, peak", mib(meter.peak_rss()), "MiB");
    for (what, count) in &books.seen {
        report.row(what, *count as f64, "");
    }
    let unseen: Vec<_> = PHASES.iter().filter(|phase| books.count(&format!("phase {phase}")) == 0).collect();
    report.goal("every phase was played", format!("missing {unseen:?}"), unseen.is_empty());
    let listed = books.faults.iter().take(FAULTS_SHOWN);
    report.faults = listed.map(|(fault, count)| format!("{count} × {fault}")).collect();
    report.timeline(&meter.samples(), "answers");
    report.distribution(&answers);
    report.details = json!({
        "cpu": cpu, "seen": books.seen, "faults": books.faults, "games": books.games, "resumes": resumes,
        "deadline_shift_ms": books.games.largest_shift_ms(),
    });
    report
}

fn tell_of_games(args: &MafiaArgs, books: &Books, report: &mut Report) {
    let (games, shift) = (&books.games, books.games.largest_shift_ms());
    report.row("games started", games.started as f64, "");
    report.row("games ended normally", games.ended as f64, "");
    report.row("games lost", games.lost as f64, "");
    report.row("largest shift of a deadline", shift as f64, "ms");
    report.row("phases told to nobody", games.untold as f64, "");
    let (ended, asked) = (games.ended, (args.games * args.rounds) as u64);
    report.goal("every game ended normally", format!("{ended} of {asked}"), ended == asked);
    let kept = shift <= SHIFT_GOAL_MS;
    report.goal(&format!("no deadline shifts by more than {SHIFT_GOAL_MS} ms"), format!("{shift} ms"), kept);
}

/// Rows where sockets were lost; the figures in any case.
fn tell_of_resumes(books: &Books, report: &mut Report) -> Value {
    let (count, times) = (books.resumes.len(), Percentiles::of(&books.resumes));
    report.row("sessions resumed", count as f64, "");
    report.row("resumes refused", books.refused as f64, "");
    if count > 0 {
        report.row("from loss to resumed p50", times.p50_ms, "ms");
        report.row("from loss to resumed p99", times.p99_ms, "ms");
        report.row("from loss to resumed max", times.max_ms, "ms");
    }
    json!({"count": count, "refused": books.refused, "times": times})
}
