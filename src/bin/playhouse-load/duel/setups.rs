//! Pairs that set up one match after the other: request, acceptance, descriptions, candidates, both connected.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use futures_util::future::try_join_all;
use indicatif::ProgressBar;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::peer::Peer;
use crate::cli::DuelArgs;
use crate::guests;
use crate::meter::{Meter, Percentiles, mib};
use crate::report::Report;
use crate::target::Target;

/// About as long as a browser's for a data channel.
const SDP_BYTES: usize = 700;
/// Each way.
const CANDIDATES: usize = 4;

pub(super) async fn run(args: &DuelArgs, target: &Target, bar: &ProgressBar) -> Result<Report> {
    bar.set_length(args.pairs as u64 * 2);
    bar.set_message("signing in");
    let guests = guests::sign_in(target, args.pairs * 2, bar).await?;
    let mut pairs = Vec::new();
    for (n, two) in guests.chunks(2).enumerate() {
        let mut pair = Vec::new();
        for (side, guest) in two.iter().enumerate() {
            let mut peer = Peer::connect(target, guest, n + side).await?;
            let lobby = format!("pair {}", n / 20); // what the lobby shows is not measured here
            peer.say("join_lobby", &json!({"playerId": peer.id, "lobby": lobby, "delta": true}))?;
            peer.until("lobby_update").await?;
            pair.push(peer);
        }
        pairs.push(pair);
    }
    let (meter, _sampling) = Meter::start(target);
    let end = Instant::now() + Duration::from_secs(args.seconds);
    let mark = meter.mark();
    bar.set_message("setting up matches");
    let faults = try_join_all(pairs.into_iter().map(|pair| play(pair, end, meter.clone()))).await?;
    sleep_until(end).await;
    let (cpu, setups) = (meter.cpu_since(&mark), meter.total());
    let mut report = Report::new("duel setups", &target.name);
    report.parameter("pairs", args.pairs);
    report.parameter("seconds", args.seconds);
    report.row("set-ups", setups.len() as f64 / cpu.seconds, "/s");
    report.percentiles("request to match_started", &Percentiles::of(&setups));
    report.row("server CPU per set-up", cpu.server_s * 1e6 / setups.len().max(1) as f64, "µs");
    report.cpu(&cpu);
    report.row("server memory, peak", mib(meter.peak_rss()), "MiB");
    report.faults = faults.into_iter().flatten().collect();
    report.timeline(&meter.samples(), "set-ups");
    report.distribution(&setups);
    report.details = json!({"cpu": cpu, "samples": meter.samples()});
    Ok(report)
}

/// Sets up and ends matches until `end`. A fault ends the pair, and is told.
async fn play(mut pair: Vec<Peer>, end: Instant, meter: Arc<Meter>) -> Result<Option<String>> {
    let [ann, bob] = &mut pair[..] else { return Ok(None) };
    while Instant::now() < end {
        let began = Instant::now();
        let session = match set_up(ann, bob).await {
            Ok(session) => session,
            Err(error) => return Ok(Some(format!("{error:#}"))),
        };
        meter.window().record_us(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
        bob.say("leave_match", &json!({"sessionId": session}))?;
        for peer in [&mut *ann, &mut *bob] {
            if let Err(error) = peer.until("match_ended").await {
                return Ok(Some(format!("{error:#}")));
            }
        }
    }
    Ok(None)
}

async fn set_up(ann: &mut Peer, bob: &mut Peer) -> Result<String> {
    // Both presences may still be told that the last match is over: then it is asked again.
    let session = loop {
        ann.say("request_match", &json!({"requesterId": ann.id, "targetId": bob.id}))?;
        match ann.until("match_request_sent").await {
            Ok(sent) => break sent["sessionId"].as_str().unwrap_or_default().to_owned(),
            Err(error) if error.to_string().contains("in_match") => {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Err(error) => return Err(error),
        }
    };
    bob.until("match_request_received").await?;
    bob.say("accept_match", &json!({"accepterId": bob.id, "requesterId": ann.id, "sessionId": session}))?;
    ann.until("match_request_accepted").await?;
    let sdp = "v=0 ".repeat(SDP_BYTES / 4);
    let from_to =
        |from: &Peer, to: &Peer| json!({"senderId": from.id, "receiverId": to.id, "sessionId": session});
    let mut offer = from_to(ann, bob);
    offer["sdp"] = json!(sdp);
    ann.say("send_sdp_offer", &offer)?;
    bob.until("sdp_offer_received").await?;
    let mut answer = from_to(bob, ann);
    answer["sdp"] = json!(sdp);
    bob.say("send_sdp_answer", &answer)?;
    ann.until("sdp_answer_received").await?;
    for n in 0..CANDIDATES {
        for (from, to) in [(&*ann, &*bob), (&*bob, &*ann)] {
            let mut ice = from_to(from, to);
            let candidate = format!("candidate:{n} 1 udp 2122260223 192.0.2.7 54321 typ host");
            ice["candidate"] = json!({"candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0});
            from.say("send_ice_candidate", &ice)?;
        }
    }
    for peer in [&mut *ann, &mut *bob] {
        for _ in 0..CANDIDATES {
            peer.until("ice_candidate_received").await?;
        }
        peer.say("report_connection", &json!({"sessionId": session, "state": "connected"}))?;
    }
    ann.until("match_started").await?;
    bob.until("match_started").await?;
    Ok(session)
}
