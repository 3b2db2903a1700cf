//! Does anything grow? Games, chat, coming and going, duels and packets at once, round after round, for an hour.
//!
//! Each round's players are new and leave at its end. What the server holds then — memory, open files, threads,
//! sockets, sessions, entities, facts that wait — is noted, and the last quarter of the run is compared with the second:
//! the first fills caches. Whatever a scenario calls a fault is one here.

use std::time::Duration;

use anyhow::{Result, ensure};
use indicatif::ProgressBar;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::cli::{ChurnArgs, DuelArgs, DuelWhat, FanoutArgs, FanoutShape, MafiaArgs, PacketsArgs, SoakArgs};
use crate::compare::median;
use crate::meter::{Meter, mib};
use crate::report::{Chart, Line, Report, Scale};
use crate::scrape::scrape;
use crate::target::{Proto, Target};
use crate::{churn, duel, fanout, mafia, packets, procfs};

/// After a round, until those who left are gone.
const SETTLE: Duration = Duration::from_secs(3);
/// Before the quarters mean anything.
const LEAST_ROUNDS: usize = 8;
/// The noise of an allocator, and of when it is looked.
const SLACK: f64 = 1.05;
/// Duels are known for a while after their end, and pairs make as many as the machine lets them.
const DUELS: f64 = 1.5;

/// One thing that must not grow.
struct Held {
    name: &'static str,
    /// So much more is no growth.
    some: f64,
    /// Nor is so many times as much.
    slack: f64,
    measure: fn(&Look) -> f64,
}

const HELD: [Held; 7] = [
    Held { name: "resident memory, MiB", some: 2.0, slack: SLACK, measure: |look| look.rss_mib },
    Held { name: "open files", some: 4.0, slack: SLACK, measure: |look| look.handles },
    Held { name: "threads", some: 1.0, slack: SLACK, measure: |look| look.threads },
    Held { name: "sockets", some: 4.0, slack: SLACK, measure: |look| look.sockets },
    Held { name: "sessions", some: 8.0, slack: SLACK, measure: |look| look.sessions },
    Held { name: "entities", some: 20.0, slack: DUELS, measure: |look| look.entities },
    Held { name: "lag of facts, s", some: 1.0, slack: SLACK, measure: |look| look.lag_s },
];

/// What the server holds after a round.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
struct Look {
    at_min: f64,
    rss_mib: f64,
    handles: f64,
    threads: f64,
    sockets: f64,
    sessions: f64,
    entities: f64,
    lag_s: f64,
    /// The slowest deliveries of chat in the round, p99.
    chat_p99_ms: f64,
    cores: f64,
}

/// What the server is started with.
pub fn settings(args: &SoakArgs) -> Vec<String> {
    let mut settings: Vec<String> = fanout::SETTINGS.iter().map(|setting| (*setting).to_owned()).collect();
    settings.push(format!("tcp.listen={}", args.tcp));
    // Full after a few rounds of new players; as it is delivered it takes an hour, and looks like a leak.
    settings.push("auth.token_cache=1024".to_owned());
    settings
}

/// Runs the scenario.
pub async fn run(args: &SoakArgs, target: &Target, bar: &ProgressBar) -> Result<Report> {
    let Some(pid) = target.pid else {
        anyhow::bail!("what the server holds is read from its process: --pid or --spawn is needed");
    };
    let began = Instant::now();
    let length = Duration::from_secs_f64(args.minutes * 60.0);
    bar.set_length(length.as_secs());
    let (meter, _sampling) = Meter::start(target);
    let start = meter.mark();
    let (mut looks, mut faults) = (Vec::new(), Vec::new());
    while began.elapsed() < length {
        let mark = meter.mark();
        bar.set_position(began.elapsed().as_secs());
        bar.set_message(format!("round {}", looks.len() + 1));
        let chat_p99_ms = round(args, target, &mut faults).await?;
        sleep(SETTLE).await;
        let cpu = meter.cpu_since(&mark);
        let at_min = began.elapsed().as_secs_f64() / 60.0;
        let look = Look { at_min, chat_p99_ms, cores: cpu.server_s / cpu.seconds, ..look(target, pid).await };
        looks.push(look);
    }
    ensure!(looks.len() >= LEAST_ROUNDS, "{} rounds are too few: --minutes", looks.len());
    let mut report = tell(args, target, &looks);
    report.cpu(&meter.cpu_since(&start));
    report.faults = faults;
    Ok(report)
}

/// All at once; p99 of chat.
async fn round(args: &SoakArgs, target: &Target, faults: &mut Vec<String>) -> Result<f64> {
    let (seconds, common, unseen) = (args.round_s, || args.common.clone(), ProgressBar::hidden());
    let games = MafiaArgs { games: args.games, rounds: 1, phase_ms: 1_000, common: common() };
    let shape = FanoutShape {
        rooms: args.rooms,
        rate: args.rate,
        seconds,
        warm_up: 2,
        text_bytes: crate::stamp::TEXT_BYTES,
    };
    let chat = FanoutArgs { shape, ramp: false, proto: Proto::Json, common: common() };
    let visits = ChurnArgs { players: args.visitors, seconds, proto: Proto::Json, common: common() };
    let duels = DuelArgs {
        what: DuelWhat::Setups,
        sizes: Vec::new(),
        rate: 0.0,
        pairs: args.pairs,
        seconds,
        common: common(),
    };
    let pings =
        PacketsArgs { tcp: args.tcp.clone(), clients: args.clients, rate: 1.0, seconds, common: common() };
    let end = Instant::now() + Duration::from_secs(seconds);
    let games = async {
        let mut faults = Vec::new();
        while Instant::now() < end {
            faults.append(&mut mafia::run(&games, target, &unseen).await?.faults);
        }
        anyhow::Ok(faults)
    };
    let (games, chat, visits, duels, pings) = tokio::try_join!(
        games,
        fanout::run(&chat, target, &unseen),
        churn::run(&visits, target, &unseen),
        duel::run(&duels, target, &unseen),
        packets::run(&pings, target, &unseen),
    )?;
    let p99 = chat.rows.iter().find(|row| row.name == "latency p99").map_or(0.0, |row| row.value);
    faults.extend(games);
    faults.extend([chat, visits, duels, pings].into_iter().flat_map(|report| report.faults));
    Ok(p99)
}

async fn look(target: &Target, pid: u32) -> Look {
    let metrics = scrape(target).await;
    let sum = |name: &str| {
        let of = |known: &str| known == name || known.starts_with(&format!("{name}{{"));
        metrics.iter().filter(|(known, _)| of(known)).map(|(_, value)| value).sum()
    };
    Look {
        rss_mib: mib(target.process().rss),
        handles: procfs::entries(pid, "fd") as f64,
        threads: procfs::entries(pid, "task") as f64,
        sockets: sum("playhouse_sockets"),
        sessions: sum("playhouse_sessions"),
        entities: sum("playhouse_entities"),
        lag_s: sum("playhouse_activity_lag_seconds"),
        ..Look::default()
    }
}

/// The medians of the second quarter and of the last.
fn quarters(values: &[f64]) -> (f64, f64) {
    let quarter = values.len() / 4;
    let of = |range: &[f64]| median(range.to_vec());
    (of(&values[quarter..quarter * 2]), of(&values[values.len() - quarter..]))
}

fn is_flat((second, last): (f64, f64), some: f64, slack: f64) -> bool {
    last <= second * slack || last - second <= some
}

fn tell(args: &SoakArgs, target: &Target, looks: &[Look]) -> Report {
    let mut report = Report::new("soak", &target.name);
    report.parameter("minutes", args.minutes);
    report.parameter("rounds", looks.len());
    report
        .parameter("games; chat rooms; messages/s", format!("{}; {}; {}", args.games, args.rooms, args.rate));
    report.parameter(
        "visitors; pairs; packet clients",
        format!("{}; {}; {}", args.visitors, args.pairs, args.clients),
    );
    let values = |measure: fn(&Look) -> f64| looks.iter().map(measure).collect::<Vec<f64>>();
    for Held { name, some, slack, measure } in HELD {
        let (second, last) = quarters(&values(measure));
        let text = format!("{name}: the last quarter as the second");
        report.goal(&text, format!("{second:.1}, then {last:.1}"), is_flat((second, last), some, slack));
    }
    let (second, last) = quarters(&values(|look| look.chat_p99_ms));
    report.row("chat p99, second quarter", second, "ms");
    report.row("chat p99, last quarter", last, "ms");
    let line = |name: &str, measure: fn(&Look) -> f64| {
        Line::new(name, looks.iter().map(|look| (look.at_min, measure(look))).collect())
    };
    let mut chart = |title: &str, unit: &str, lines| {
        report.chart(Chart::new(title, "minutes", unit, Scale::Linear, lines));
    };
    chart("Memory after each round", "MiB", vec![line("resident", |look| look.rss_mib)]);
    let held = vec![
        line("open files", |look| look.handles),
        line("sessions", |look| look.sessions),
        line("entities", |look| look.entities),
    ];
    chart("What is held after each round", "", held);
    chart("Chat p99", "ms", vec![line("p99", |look| look.chat_p99_ms)]);
    report.details = json!({"looks": looks});
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fills_in_the_first_quarter_and_stays_is_flat_and_what_goes_on_is_not() {
        let filled: Vec<f64> = (0..40).map(|n| 100.0 + 10.0 * f64::from(n.min(9))).collect();
        assert!(is_flat(quarters(&filled), 2.0, SLACK));
        let grows: Vec<f64> = (0..40).map(|n| 100.0 + f64::from(n)).collect();
        assert_eq!(quarters(&grows), (114.5, 134.5));
        assert!(!is_flat(quarters(&grows), 2.0, SLACK));
    }

    #[test]
    fn a_few_more_are_no_growth() {
        assert!(is_flat((1.0, 3.0), 4.0, SLACK));
        assert!(!is_flat((1.0, 6.0), 4.0, SLACK));
    }
}
