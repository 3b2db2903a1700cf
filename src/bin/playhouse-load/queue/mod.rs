//! A crowd at an admission queue: people who enter within a time, over REST and over sockets, who click twice, give up,
//! fall silent and try again; and a box office that verifies and completes their passes.
//!
//! What each of them sees goes into one [`History`], which the queue's promises are held against: order, capacity, one
//! pass for one number. Needs a queue of its own and a service's token, so somebody of the staff makes both first.

mod person;
mod seats;

use std::cell::{Cell, RefCell};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::join_all;
use indicatif::ProgressBar;
use playhouse::queue::history::{At, History};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::cli::QueueArgs;
use crate::guests::{self, Guest};
use crate::meter::{Meter, Percentiles, latencies, mib};
use crate::report::Report;
use crate::target::Target;
use seats::Seats;
use std::sync::Arc;

/// Settings of a server that is started for it.
pub const SETTINGS: [&str; 2] = ["server.max_connections=20000", "showtimes.hold_ms=10000"];

/// How long one may stay inside.
const PASS_TTL: Duration = Duration::from_secs(60);
/// What a REST call may take before it is tried again.
const LONGEST_CALL: Duration = Duration::from_secs(10);

/// What all people share.
struct Hall<'a> {
    target: &'a Target,
    args: &'a QueueArgs,
    http: reqwest::Client,
    queue: String,
    /// Of the box office.
    service: String,
    /// What is sold inside.
    seats: Option<Seats>,
    history: RefCell<History>,
    tally: Tally,
    began: Instant,
    meter: Arc<Meter>,
    /// REST calls at once: one socket each.
    calls: Semaphore,
    /// What people waited in fact, in thousandths of what they were told half-way.
    honesty: RefCell<crate::meter::Latencies>,
}

#[derive(Default)]
struct Tally {
    polls: Cell<u64>,
    retries: Cell<u64>,
    doubles: Cell<u64>,
    left: Cell<u64>,
    silent: Cell<u64>,
    admitted: Cell<u64>,
    /// Passes that had run out when they were shown, or by the end of the stay.
    ran_out: Cell<u64>,
    /// Who were told that all is sold.
    dismissed: Cell<u64>,
}

fn count(cell: &Cell<u64>) {
    cell.set(cell.get() + 1);
}

impl Hall<'_> {
    fn now(&self) -> At {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Runs the scenario.
pub async fn run(args: &QueueArgs, target: &Target, bar: &ProgressBar) -> Result<Report> {
    ensure!(args.sockets >= 2, "people need two sockets at least");
    let sockets = args.people.min(args.sockets / 2) * args.sockets_percent.min(100) / 100;
    let http = reqwest::Client::builder()
        .pool_max_idle_per_host(args.sockets - sockets)
        .timeout(LONGEST_CALL)
        .build()?;
    let Opened { queue, service, seats } = open(args, target, &http).await?;
    bar.set_length(args.people as u64);
    bar.set_message("signing in");
    let guests = guests::sign_in(target, args.people, bar).await?;
    bar.set_position(0);
    bar.set_message("queueing");
    let (meter, _sampling) = Meter::start(target);
    let mark = meter.mark();
    let hall = Hall {
        target,
        args,
        http,
        queue,
        service,
        seats,
        history: RefCell::default(),
        tally: Tally::default(),
        began: Instant::now(),
        meter: meter.clone(),
        calls: Semaphore::new(args.sockets - sockets),
        honesty: RefCell::new(latencies()),
    };
    let each = args.people / sockets.max(1);
    let all = &hall;
    let visits = guests.iter().enumerate().map(|(n, guest)| async move {
        let on_socket = sockets > 0 && n % each.max(1) == 0 && n / each.max(1) < sockets;
        let outcome = person::visit(all, guest, n, on_socket).await;
        bar.inc(1);
        outcome.with_context(|| format!("person {n}"))
    });
    let outcomes = join_all(visits).await;
    let cpu = meter.cpu_since(&mark);

    let shown = hall.history.borrow().judge(args.capacity);
    let mut report = Report::new("queue", &target.name);
    report.parameter("people", args.people);
    report.parameter("within", format!("{} s", args.within_s));
    report.parameter("capacity", args.capacity);
    report.parameter("on sockets", sockets);
    let tally = &hall.tally;
    for (name, cell) in [
        ("admitted", &tally.admitted),
        ("polls", &tally.polls),
        ("double clicks", &tally.doubles),
        ("calls tried again", &tally.retries),
        ("left the line", &tally.left),
        ("fell silent", &tally.silent),
        ("passes that ran out", &tally.ran_out),
        ("told that all is sold", &tally.dismissed),
    ] {
        report.row(name, cell.get() as f64, "");
    }
    report.row("admitted", tally.admitted.get() as f64 / cpu.seconds, "/s");
    report.row("inside at once, at most", shown.most_inside as f64, "");
    report.row("polls", tally.polls.get() as f64 / cpu.seconds, "/s");
    report.percentiles("poll", &Percentiles::of(&meter.total()));
    let honesty = hall.honesty.borrow().clone();
    if !honesty.is_empty() {
        let told = |q: f64| honesty.value_at_quantile(q) as f64 / 1_000.0;
        report.row("wait in fact, of what was told half-way, median", told(0.5), "×");
        report.row("wait in fact, of what was told half-way, p90", told(0.9), "×");
    }
    report.cpu(&cpu);
    report.row("server memory, peak", mib(meter.peak_rss()), "MiB");
    report.faults = shown.faults.clone();
    if let Some(seats) = &hall.seats {
        let faults = tell(&mut report, &hall, seats).await?;
        report.faults.extend(faults);
    }
    report.faults.extend(outcomes.into_iter().filter_map(|outcome| Some(format!("{:#}", outcome.err()?))));
    report.timeline(&meter.samples(), "polls");
    report.details = json!({"cpu": cpu, "samples": meter.samples(), "admitted": shown.admitted});
    Ok(report)
}

/// What became of the seats, and what must not be.
async fn tell(report: &mut Report, hall: &Hall<'_>, seats: &Seats) -> Result<Vec<String>> {
    report.row("seats sold", seats.paid.borrow().len() as f64, "");
    for (name, cell) in [
        ("holds refused: seat taken", &seats.refused),
        ("holds given back", &seats.given_back),
        ("holds left to run out", &seats.walked_away),
        ("payments after the hold", &seats.too_late),
    ] {
        report.row(name, cell.get() as f64, "");
    }
    seats
        .audit(async |path, token| {
            let url = format!("{}/api/v1/{path}", hall.target.url(0));
            Ok(hall.http.get(url).bearer_auth(token).send().await?.error_for_status()?.json().await?)
        })
        .await
}

/// What this run has made for itself.
struct Opened {
    queue: String,
    /// A token that verifies passes.
    service: String,
    seats: Option<Seats>,
}

/// A queue, a token that verifies its passes, and seats if there are any.
async fn open(args: &QueueArgs, target: &Target, http: &reqwest::Client) -> Result<Opened> {
    let (name, password) = match target.make_admin()? {
        Some(admin) => admin,
        None => {
            let name = args.admin_name.clone().context("--admin-name: who makes the queue?")?;
            let password = std::env::var("PLAYHOUSE_ADMIN_PASSWORD").context("PLAYHOUSE_ADMIN_PASSWORD")?;
            (name, password)
        }
    };
    let post = async |path: &str, token: &str, body: Value| -> Result<Value> {
        let url = format!("{}/api/v1/{path}", target.url(0));
        let answer = http.post(url).bearer_auth(token).json(&body).send().await?;
        let status = answer.status();
        let body: Value = answer.json().await?;
        ensure!(status.is_success(), "{path}: {status} {body}");
        Ok(body)
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let signed_in = post("sessions", "", json!({"username": name, "password": password})).await?;
    let token = text(&signed_in["tokens"]["access_token"]);
    let body = json!({
        "name": "a load test", "capacity": args.capacity, "rate_per_s": args.rate_per_s,
        "claim_ttl_ms": 15_000, "pass_ttl_ms": PASS_TTL.as_millis(), "abandon_after_ms": 30_000,
        "sold_out": if args.seats > 0 { "dismiss" } else { "keep" },
    });
    let queue = text(&post("queues", &token, body).await?["queue"]["id"]);
    let body = json!({"name": "load test", "scopes": ["queue.verify"]});
    let service = text(&post("admin/service-tokens", &token, body).await?["token"]);
    let mut seats = None;
    if args.seats > 0 {
        let body = json!({"title": "a load test", "starts_at": 0, "queue": queue, "price_points": seats::PRICE,
                          "on_queue_down": "refuse"});
        let showtime = text(&post("showtimes", &token, body).await?["showtime"]["id"]);
        let labels: Vec<String> = (1..=args.seats).map(|n| n.to_string()).collect();
        let made = post(&format!("showtimes/{showtime}/seats"), &token, json!({"labels": labels})).await?;
        let ids = made["items"].as_array().context("seats")?.iter().map(|seat| text(&seat["id"])).collect();
        seats = Some(Seats::new(showtime, ids, token));
    }
    Ok(Opened { queue, service, seats })
}

/// Whose tickets are looked at.
struct Visitor<'a> {
    hall: &'a Hall<'a>,
    guest: &'a Guest,
    place: usize,
}
