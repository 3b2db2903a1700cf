//! Single rules of the match, by example.

use super::{Table, Words, read};
use crate::{
    actors::duel::{DuelMessage, Phase},
    liveops::DuelOutcome,
    protocol::signal::{SignalCode, pushes::EndReason},
};
use serde_json::json;

/// Ann (0) and Bob (1), connected.
fn connected() -> Table {
    let mut table = Table::new(true);
    table.says(0, 1, Words::Offer);
    table.says(1, 0, Words::Answer);
    table.says(0, 1, Words::Connected);
    table.says(1, 0, Words::Connected);
    assert_eq!(table.state.phase(), Phase::Connected);
    table
}

fn outcome(table: &Table) -> String {
    let ended = table.told[0].back().expect("told");
    assert_eq!(ended["type"], "match_ended");
    ended["payload"]["result"]["outcome"].as_str().expect("a result").to_owned()
}

#[test]
fn two_reports_agree_or_are_disputed() {
    for (a, b, expected) in [
        (Some(0), Some(0), "agreed"),
        (None, None, "agreed"),
        (Some(0), Some(1), "disputed"),
        (Some(1), None, "disputed"),
    ] {
        let mut table = connected();
        table.says(0, 1, Words::Result(a));
        table.says(1, 0, Words::Result(b));
        assert_eq!(outcome(&table), expected, "{a:?} {b:?}");
    }
}

#[test]
fn reports_of_the_same_winner_whose_frames_or_checksums_differ_are_of_two_matches() {
    let report = |frames: Option<i64>, checksum: Option<&str>| DuelMessage::ReportResult {
        winner: None,
        frames,
        checksum: checksum.map(str::to_owned),
    };
    for (a, b, expected) in [
        ((Some(3_600), Some("9f")), (Some(3_600), Some("9f")), "agreed"),
        ((Some(3_600), Some("9f")), (Some(3_600), None), "agreed"),
        ((None, None), (Some(3_600), Some("9f")), "agreed"),
        ((Some(3_600), Some("9f")), (Some(3_600), Some("a0")), "disputed"),
        ((Some(3_600), None), (Some(3_601), None), "disputed"),
    ] {
        let mut table = connected();
        for (side, (frames, checksum)) in [(0, a), (1, b)] {
            let (by, report) = (table.players[side], report(frames, checksum));
            let step = table.state.message(by, &report, table.now, &table.settings).expect("allowed");
            table.take(step);
        }
        assert_eq!(outcome(&table), expected, "{a:?} {b:?}");
    }
}

#[test]
fn a_lone_report_counts_against_who_makes_it_and_not_for_him() {
    for (winner, expected) in [(Some(1), "agreed"), (Some(0), "unreported"), (None, "unreported")] {
        let mut table = connected();
        table.says(0, 1, Words::Result(winner));
        let due = table.now + table.settings.report_ms;
        assert_eq!(table.state.next_wake(&table.settings), Some(due));
        table.must_end();
        assert_eq!(outcome(&table), expected, "{winner:?}");
        assert_eq!(table.now, due);
    }
}

#[test]
fn who_leaves_abandons_unless_he_has_conceded() {
    for (report, expected) in [(None, "abandoned"), (Some(Some(1)), "agreed"), (Some(Some(0)), "abandoned")] {
        let mut table = connected();
        if let Some(winner) = report {
            table.says(0, 1, Words::Result(winner));
        }
        table.says(0, 1, Words::Leave);
        assert_eq!(outcome(&table), expected, "{report:?}");
    }
}

#[test]
fn a_second_report_of_the_same_changes_nothing_and_another_is_refused() {
    let mut table = connected();
    table.says(0, 1, Words::Result(Some(0)));
    let mut copy = table.state.clone();
    for (winner, expected) in
        [(Some(0), None), (Some(1), Some(SignalCode::NotAllowed)), (Some(2), Some(SignalCode::BadMessage))]
    {
        let message = table.message(Words::Result(winner), 1);
        let decided = copy.message(table.players[0], &message, table.now, &table.settings);
        assert_eq!(decided.err().map(|error| error.code), expected);
    }
}

#[test]
fn an_overdue_match_refuses_what_comes_late() {
    let mut table = Table::new(false);
    table.now = table.now + table.settings.answer_ms;
    let step = table.state.wake(table.now, &table.settings);
    assert_eq!(table.state.phase(), Phase::Expired);
    assert!(step.tells.iter().all(|(_, push)| read(push)["payload"]["reason"] == "expired"));
    let message = table.message(Words::Accept, 0);
    let late = table.state.message(table.players[1], &message, table.now, &table.settings);
    assert_eq!(late.expect_err("late").code, SignalCode::Expired);
}

#[test]
fn candidates_are_bounded() {
    let mut table = Table::new(true);
    for _ in 0..table.settings.candidates {
        table.says(0, 1, Words::Candidate);
    }
    let one_more = table.message(Words::Candidate, 1);
    let refused = table.state.message(table.players[0], &one_more, table.now, &table.settings);
    assert_eq!(refused.expect_err("one too many").code, SignalCode::TooMany);
    table.says(0, 1, Words::Offer);
    assert_eq!(table.count(1, "ice_candidate_received"), table.settings.candidates);
}

#[test]
fn an_offer_made_again_needs_an_answer_of_its_own() {
    let mut table = Table::new(true);
    table.says(0, 1, Words::Candidate);
    table.says(0, 1, Words::Offer);
    table.says(1, 0, Words::Answer);
    table.says(0, 1, Words::Connected);
    table.says(0, 1, Words::Offer);
    table.says(1, 0, Words::Connected);
    assert_eq!(table.count(1, "ice_candidate_received"), 1, "those of the first are not for the second");
    table.says(1, 0, Words::Answer);
    table.says(1, 0, Words::Connected);
    assert_eq!(table.state.phase(), Phase::Connecting, "the other has not said so of this one");
    table.says(0, 1, Words::Connected);
    assert_eq!(table.state.phase(), Phase::Connected);
}

#[test]
fn a_match_is_over_when_both_have_been_gone_for_long() {
    let mut table = connected();
    for side in 0..2 {
        table.state.lost(side, table.now);
    }
    let due = table.now + table.settings.gone_ms;
    assert_eq!(table.state.next_wake(&table.settings), Some(due));
    table.must_end();
    assert_eq!((outcome(&table), table.now), (DuelOutcome::Unreported.as_str().to_owned(), due));
    let reason = table.told[0].back().expect("told")["payload"]["reason"].clone();
    assert_eq!(reason, serde_json::json!(EndReason::ConnectionLost));
}

/// `duel.relay_only`: what a peer says of his own addresses does not reach the other.
#[test]
fn where_addresses_are_hidden_relays_alone_are_passed_on() {
    let mut table = Table::new(true);
    table.settings.relay_only = true;
    let players = [table.players[0], table.players[1]];
    let mut say = |by: usize, message: DuelMessage| {
        let step = table.state.message(players[by], &message, table.now, &table.settings).expect("allowed");
        table.take(step);
    };
    let sdp = |kind: &str| format!("v=0\r\na=candidate:1 1 udp 1 203.0.113.9 9 typ {kind}\r\n");
    let candidate =
        |kind: &str| json!({"candidate": format!("candidate:1 1 udp 1 203.0.113.9 9 typ {kind}")});
    say(0, DuelMessage::Offer { receiver: players[1], sdp: sdp("host") });
    say(1, DuelMessage::Answer { receiver: players[0], sdp: sdp("srflx") });
    for kind in ["host", "srflx", "relay"] {
        say(0, DuelMessage::Candidate { receiver: players[1], candidate: candidate(kind) });
    }
    assert_eq!(table.count(1, "ice_candidate_received"), 1);
    let offer = table.told[1].iter().find(|frame| frame["type"] == "sdp_offer_received").expect("the offer");
    assert_eq!(offer["payload"]["sdp"], "v=0\r\n");
    let answer =
        table.told[0].iter().find(|frame| frame["type"] == "sdp_answer_received").expect("the answer");
    assert_eq!(answer["payload"]["sdp"], "v=0\r\n");
}
