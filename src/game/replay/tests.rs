//! A recording is true or says where it is not.

use super::{Mismatch, Recording};
use crate::{
    clock::UnixMs,
    game::{Effect, Input, Registry, Seat, Setup},
    ids::{MatchId, PlayerId, RoomId},
};
use serde_json::{Value, json};
use uuid::Uuid;

const NAMES: [&str; 5] = ["ann", "ben", "보라", "dan", "eve"];

fn id(n: usize) -> PlayerId {
    PlayerId(Uuid::from_u128(n as u128 + 1))
}

/// Five players, one of whom drops while the server restarts; ann is executed, then the table is abandoned or, if she
/// was the mafia, the game is over.
fn recorded() -> Recording {
    let registry = Registry::standard();
    let kind = registry.get("mafia").unwrap();
    let seats: Vec<_> = NAMES.iter().enumerate().map(|(n, name)| seat(n, name)).collect();
    let now = UnixMs(1_700_000_000_000);
    let setup =
        Setup { settings: kind.default_settings(), seats, seed: "ab".repeat(32), now, drop_grace_ms: 10_000 };
    let (mut game, effects) = kind.start(setup.clone()).unwrap();
    let mut recording = Recording::open(MatchId(Uuid::nil()), RoomId(Uuid::nil()), "mafia", setup, effects);
    let mut step = |at: UnixMs, input: Input| {
        let effects = game.handle(&input, at).unwrap();
        recording.append(at, Some(input), effects);
    };
    let send =
        |by: usize, name: &str, payload: Value| Input::Command { by: id(by), name: name.into(), payload };
    step(now + 1, send(0, "game.will", json!({ "text": "it\u{1b}[31m was ben" })));
    step(now + 90_000, Input::Deadline);
    for voter in 0..5 {
        step(now + 91_000, send(voter, "game.vote", json!({ "suspect": id(0) })));
    }
    step(now + 111_000, Input::Deadline);
    step(now + 112_000, Input::Connection { player_id: id(4), connected: false });
    for juror in 1..4 {
        step(now + 113_000, send(juror, "game.verdict", json!({ "execute": true })));
    }
    game.restarted(now + 114_000);
    recording.append(now + 114_000, None, vec![]);
    for (at, input) in [(126_000, Input::Deadline), (134_000, Input::Deadline), (135_000, Input::Abandoned)] {
        let effects = game.handle(&input, now + at).unwrap();
        recording.append(now + at, Some(input), effects);
    }
    recording
}

fn seat(n: usize, name: &str) -> Seat {
    Seat { player_id: id(n), nickname: name.into(), bot: n == 4 }
}

fn verify(recording: &Recording) -> Result<String, Mismatch> {
    recording.verify(&Registry::standard()).map(|report| report.to_string())
}

#[test]
fn a_true_recording_verifies_and_reports() {
    let recording = recorded();
    let report = verify(&recording).unwrap();
    assert!(report.ends_with("replayed identically; winner: aborted"), "{report}");
    assert_eq!(recording.winner.as_deref(), Some("aborted"));
    assert_eq!(recording.ended_at, Some(recording.started_at + 135_000));
    assert_eq!(recording.roles.as_ref().unwrap().as_object().unwrap().len(), 5);
}

#[test]
fn it_is_the_same_after_its_json() {
    let recording = recorded();
    let text = serde_json::to_string_pretty(&recording).unwrap();
    assert_eq!(serde_json::from_str::<Recording>(&text).unwrap(), recording);
}

#[test]
fn an_unfinished_recording_verifies_too() {
    let mut recording = recorded();
    recording.entries.truncate(4);
    (recording.winner, recording.roles, recording.ended_at) = (None, None, None);
    assert!(verify(&recording).unwrap().ends_with("stops before the end"));
}

#[test]
fn a_changed_effect_is_found_and_shown() {
    let mut recording = recorded();
    let Effect::Push { payload, .. } = recording.entries[3].effects.last_mut().unwrap() else { panic!() };
    payload["abstained"] = json!([id(3)]);
    let mismatch = verify(&recording).unwrap_err();
    assert!(matches!(mismatch, Mismatch::Effect { n: 3, effect: 0, .. }));
    let text = mismatch.to_string();
    assert!(text.contains("entry 3") && text.contains("recorded") && text.contains("replayed"), "{text}");
}

#[test]
fn a_missing_effect_an_added_one_and_another_seed_are_found() {
    let mut missing = recorded();
    missing.entries[2].effects.pop();
    assert!(matches!(verify(&missing), Err(Mismatch::Effect { n: 2, recorded, .. }) if recorded.is_none()));
    let mut added = recorded();
    let more = added.entries[2].effects[0].clone();
    added.entries[2].effects.push(more);
    assert!(matches!(verify(&added), Err(Mismatch::Effect { n: 2, replayed, .. }) if replayed.is_none()));
    let mut seed = recorded();
    seed.seed = "cd".repeat(32);
    assert!(matches!(verify(&seed), Err(Mismatch::Effect { n: 0, .. })));
}

#[test]
fn a_gap_an_impossible_input_and_a_false_end_are_found() {
    let mut gap = recorded();
    gap.entries.remove(2);
    assert_eq!(verify(&gap), Err(Mismatch::Gap(2)));
    let mut empty = recorded();
    empty.entries.clear();
    assert_eq!(verify(&empty), Err(Mismatch::Gap(0)));
    let mut refused = recorded();
    refused.entries[3].at = refused.started_at + 500_000;
    assert!(matches!(verify(&refused), Err(Mismatch::Refused { n: 3, .. })));
    let mut winner = recorded();
    winner.winner = Some("mafia".into());
    assert!(matches!(verify(&winner), Err(Mismatch::Winner { .. })));
}

#[test]
fn an_unknown_game_and_unplayable_settings_are_said_to_be() {
    let mut unknown = recorded();
    unknown.game = "chess".into();
    assert_eq!(verify(&unknown), Err(Mismatch::UnknownGame("chess".into())));
    let mut settings = recorded();
    settings.settings["day_ms"] = json!(1);
    assert!(matches!(verify(&settings), Err(Mismatch::Settings(e)) if e.field == "day_ms"));
}

#[test]
fn the_timeline_reads_like_the_game() {
    let text = recorded().timeline().to_string();
    println!("{text}");
    for line in [
        "seats: ann, ben, 보라, dan, eve (bot) · seed abab",
        "+00:00.000 ann is ",
        "+00:00.000 ── day 1: day",
        "+00:00.001   ann writes a will: it [31m was ben",
        "+01:30.000 ── day 1: vote",
        "+01:31.000   보라 votes for ann",
        "+01:31.000 ── day 1: defence of ann",
        "+01:52.000 eve drops",
        "+01:53.000   dan: execute",
        "(the server was restarted)",
        "── day 1: final_words of ann",
        "✝ ann: executed; will: it[31m was ben",
        "nobody is left to play",
        "winner: aborted; {ann: ",
    ] {
        assert!(text.contains(line), "{line:?} in\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "nothing steers the terminal");
}
