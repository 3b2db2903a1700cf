//! Small requests over WebSocket, always so many in flight: how many are answered a second, and after how long.
//!
//! The request is `ping`, which touches the session and no room: what is measured is the way in and out. Answers to one socket
//! come in order, so the books are a queue of the times at which was asked.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::ProgressBar;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::cli::AskArgs;
use crate::guests;
use crate::meter::{Meter, Percentiles, mib};
use crate::player::Player;
use crate::report::Report;
use crate::target::Target;
use crate::wire::{Link, PING, Reader, TEXT};

/// Sockets opened at once.
const AT_ONCE: usize = 32;
const WARM_UP: Duration = Duration::from_secs(1);
const GOAL_PER_S: f64 = 20_000.0;
/// How the answers that are counted begin; nothing else is told to one without a room.
const ANSWER: &[u8] = b"{\"re\":";

/// Runs the scenario.
pub async fn run(args: &AskArgs, target: &Target, bar: &ProgressBar) -> Result<Report> {
    ensure!(
        args.clients > 0 && args.in_flight >= args.clients,
        "each client has one request in flight at least"
    );
    bar.set_length(args.clients as u64);
    bar.set_message("signing in");
    let guests = guests::sign_in(target, args.clients, bar).await?;
    let connect = |guest| async move { Player::connect(target, &guest).await.map(Player::into_parts) };
    let players: Vec<_> = stream::iter(guests).map(connect).buffer_unordered(AT_ONCE).try_collect().await?;
    let (meter, _sampling) = Meter::start(target);
    let each = args.in_flight / args.clients;
    let asking: Vec<_> = players
        .into_iter()
        .map(|(reader, link, _)| tokio::spawn(Asker::new(link, &meter).run(reader, each)))
        .collect();
    sleep(WARM_UP).await;
    meter.restart_total();
    let (mark, end) = (meter.mark(), Instant::now() + Duration::from_secs(args.seconds));
    bar.set_message("asking");
    tokio::time::sleep_until(end).await;
    let (cpu, answers) = (meter.cpu_since(&mark), meter.total());
    let dead = asking.iter().filter(|task| task.is_finished()).count();
    asking.iter().for_each(tokio::task::JoinHandle::abort);

    let rate = answers.len() as f64 / cpu.seconds;
    let mut report = Report::new("requests", &target.name);
    report.parameter("clients", args.clients);
    report.parameter("in flight", each * args.clients);
    report.parameter("seconds", args.seconds);
    report.row("answers", rate, "/s");
    report.percentiles("answer", &Percentiles::of(&answers));
    report.row("server CPU per request", cpu.server_s * 1e6 / answers.len().max(1) as f64, "µs");
    report.cpu(&cpu);
    report.row("server memory, peak", mib(meter.peak_rss()), "MiB");
    report.goal("20,000 answers a second", format!("{rate:.0}/s"), rate >= GOAL_PER_S);
    if dead > 0 {
        report.faults.push(format!("{dead} clients were closed"));
    }
    report.timeline(&meter.samples(), "answers");
    report.distribution(&answers);
    report.details = json!({"cpu": cpu, "answers": answers.len()});
    Ok(report)
}

/// One client.
struct Asker {
    link: Link,
    meter: Arc<Meter>,
    open: VecDeque<Instant>,
    id: u32,
}

impl Asker {
    fn new(link: Link, meter: &Arc<Meter>) -> Self {
        Self { link, meter: Arc::clone(meter), open: VecDeque::new(), id: 0 }
    }

    fn ask(&mut self) {
        self.id += 1;
        let frame = format!(r#"{{"id":{},"type":"ping","payload":{{}}}}"#, self.id);
        self.open.push_back(Instant::now());
        self.link.text(frame.as_bytes());
    }

    /// Asks anew for each answer, until the socket ends.
    async fn run(mut self, mut reader: Reader, in_flight: usize) {
        (0..in_flight).for_each(|_| self.ask());
        loop {
            let mut answered = 0;
            let link = &self.link;
            let read = reader.read(|frames| {
                for frame in frames {
                    match frame.opcode {
                        TEXT => answered += usize::from(frame.payload.starts_with(ANSWER)),
                        PING => drop(link.pong(frame.payload)),
                        _ => {}
                    }
                }
            });
            if !matches!(read.await, Ok(bytes) if bytes > 0) {
                return;
            }
            {
                let (now, mut window) = (Instant::now(), self.meter.window());
                for asked in self.open.drain(..answered.min(self.open.len())) {
                    window.record_us(u64::try_from((now - asked).as_micros()).unwrap_or(u64::MAX));
                }
            }
            (0..answered).for_each(|_| self.ask());
        }
    }
}
