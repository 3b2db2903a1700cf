//! Which phase follows which, when, and what closes a phase early.

use super::kit::*;
use crate::{
    clock::UnixMs,
    game::{Game as _, Input, Refusal},
};
use serde_json::{Value, json};

const FIVE: &str = "mafia doctor citizen citizen citizen";

#[test]
fn the_game_opens_with_each_his_role_then_the_first_day() {
    let play = Play::new(FIVE, json!({}));
    assert_eq!(play.names(), ["game.role", "game.role", "game.role", "game.role", "game.role", "game.phase"]);
    let expected = json!({ "phase": "day", "day": 1, "started_at": START, "ends_at": START + 90_000 });
    assert_eq!(play.pushed("game.phase"), [expected]);
}

#[test]
fn a_day_goes_through_all_phases_each_for_its_time() {
    let mut play = Play::new(FIVE, json!({}));
    let mut seen = vec![];
    let phase = |play: &Play| {
        let p = &play.pushed("game.phase")[0];
        let ms = p["ends_at"].as_i64().unwrap() - p["started_at"].as_i64().unwrap();
        (p["phase"].as_str().unwrap().to_owned(), p["day"].as_u64().unwrap(), ms, p.get("accused").cloned())
    };
    seen.push(phase(play.deadline()));
    seen.push(phase(play.accuse(2)));
    seen.push(phase(play.deadline()));
    for juror in [0, 1, 3, 4] {
        play.verdict(juror, true).unwrap();
    }
    seen.push(phase(&play));
    seen.push(phase(play.deadline()));
    seen.push(phase(play.deadline()));
    let accused = Some(json!(id(2)));
    let expected = [
        ("vote", 1, 30_000, None),
        ("defence", 1, 20_000, accused.clone()),
        ("verdict", 1, 15_000, accused.clone()),
        ("final_words", 1, 8_000, accused),
        ("night", 1, 30_000, None),
        ("day", 2, 90_000, None),
    ];
    assert_eq!(seen, expected.map(|(name, day, ms, accused)| (name.to_owned(), day, ms, accused)));
}

#[test]
fn the_accused_dies_between_his_final_words_and_the_night() {
    let mut play = Play::new(FIVE, json!({}));
    play.execute(2);
    assert_eq!(play.names(), ["game.death", "game.graveyard", "game.phase"]);
    assert_eq!(play.phase(), "night");
}

#[test]
fn without_final_words_he_dies_at_the_verdict() {
    let mut play = Play::new(FIVE, json!({ "final_words_ms": 0 }));
    play.accuse(2).deadline();
    for juror in [0, 1, 3, 4] {
        play.verdict(juror, true).unwrap();
    }
    assert_eq!(play.phase(), "night");
    assert_eq!(play.living(), [0, 1, 3, 4]);
}

#[test]
fn execution_needs_more_yes_than_no() {
    for (yes, no, phase) in
        [(2, 1, "final_words"), (1, 1, "night"), (1, 2, "night"), (0, 0, "night"), (1, 0, "final_words")]
    {
        let mut play = Play::new(FIVE, json!({}));
        play.accuse(4).deadline();
        for juror in 0..yes + no {
            play.verdict(juror, juror < yes).unwrap();
        }
        play.deadline();
        assert_eq!(play.phase(), phase, "{yes} yes, {no} no");
    }
}

fn tie(play: &mut Play, how: &str) {
    play.until("vote");
    match how {
        "two tops" => {
            play.vote(0, 1).unwrap().vote(1, 0).unwrap();
        }
        "all abstain" => {
            play.vote(0, None).unwrap();
        }
        _ => {}
    }
    play.deadline();
}

#[test]
fn a_tie_or_nobody_named_means_discussion_again_the_same_day() {
    for how in ["two tops", "all abstain", "no ballots"] {
        let mut play = Play::new(FIVE, json!({}));
        tie(&mut play, how);
        assert_eq!((play.phase(), play.game.day), ("day", 1), "{how}");
    }
}

#[test]
fn or_night_if_so_set() {
    let mut play = Play::new(FIVE, json!({ "vote_tie": "night" }));
    tie(&mut play, "two tops");
    assert_eq!(play.phase(), "night");
}

#[test]
fn after_max_ties_in_a_row_night_falls() {
    let mut play = Play::new(FIVE, json!({ "max_ties": 2 }));
    tie(&mut play, "two tops");
    assert_eq!(play.phase(), "day");
    tie(&mut play, "two tops");
    assert_eq!(play.phase(), "night");
    tie(&mut play, "two tops");
    assert_eq!(play.phase(), "day", "the row starts anew");
}

#[test]
fn an_accusation_ends_a_row_of_ties() {
    let mut play = Play::new(FIVE, json!({ "max_ties": 2 }));
    tie(&mut play, "two tops");
    play.accuse(2).until("day");
    tie(&mut play, "two tops");
    assert_eq!(play.phase(), "day");
}

#[test]
fn one_vote_against_abstentions_accuses() {
    let mut play = Play::new(FIVE, json!({}));
    play.until("vote").vote(0, None).unwrap().vote(1, None).unwrap().vote(2, 3).unwrap();
    play.deadline();
    assert_eq!(play.phase(), "defence");
}

#[test]
fn a_vote_closes_with_the_ballot_that_completes_it() {
    let mut play = Play::new(FIVE, json!({}));
    play.until("vote").wait(1_000);
    for voter in 0..4 {
        play.vote(voter, 4).unwrap();
        assert_eq!(play.phase(), "vote");
    }
    play.vote(4, None).unwrap();
    assert_eq!(play.names(), ["game.votes", "game.phase"]);
    assert_eq!(play.pushed("game.phase")[0]["started_at"], json!(play.now));
}

#[test]
fn a_dropped_voter_is_waited_for_during_his_grace() {
    for (away_ms, phase) in [(GRACE_MS - 1, "vote"), (GRACE_MS, "defence")] {
        let mut play = Play::new(FIVE, json!({}));
        play.until("vote");
        for voter in 0..3 {
            play.vote(voter, 2).unwrap();
        }
        play.connection(4, false).wait(away_ms).vote(3, 2).unwrap();
        assert_eq!(play.phase(), phase, "away for {away_ms} ms");
    }
}

#[test]
fn one_who_came_back_is_waited_for() {
    let mut play = Play::new(FIVE, json!({}));
    play.until("vote").connection(4, false).wait(GRACE_MS).connection(4, true);
    for voter in 0..4 {
        play.vote(voter, 2).unwrap();
    }
    assert_eq!(play.phase(), "vote");
}

#[test]
fn no_departure_closes_a_phase() {
    let mut play = Play::new(FIVE, json!({}));
    play.until("vote");
    for voter in 0..4 {
        play.vote(voter, 2).unwrap();
    }
    play.connection(4, false).wait(GRACE_MS).leave(4);
    assert_eq!(play.phase(), "vote");
    play.vote(0, 2).unwrap();
    assert_eq!(play.phase(), "defence", "the next ballot to arrive does, even if it says nothing new");
}

#[test]
fn a_restart_gives_the_dropped_their_grace_anew() {
    let mut play = Play::new(FIVE, json!({}));
    play.until("vote").connection(4, false).wait(GRACE_MS - 1);
    play.game.restarted(play.now);
    play.wait(2);
    for voter in 0..4 {
        play.vote(voter, 2).unwrap();
    }
    assert_eq!(play.phase(), "vote");
}

#[test]
fn a_command_at_the_deadline_is_too_late_though_the_timer_has_not_run() {
    let mut play = Play::new(FIVE, json!({}));
    play.until("vote").wait(29_999).vote(0, 1).unwrap();
    play.wait(1);
    refused(play.vote(0, 2));
    refused(play.send(0, "game.will", json!({ "text": "late" })));
}

#[test]
fn a_timer_that_fires_early_does_nothing() {
    let mut play = Play::new(FIVE, json!({}));
    play.wait(89_999).input(Input::Deadline).unwrap();
    assert_eq!((play.phase(), play.effects.len()), ("day", 0));
}

#[test]
fn after_an_outage_one_deadline_fires_and_the_next_phase_starts_from_now() {
    let mut play = Play::new(FIVE, json!({}));
    play.wait(10_000_000).input(Input::Deadline).unwrap();
    assert_eq!(play.phase(), "vote");
    assert_eq!(play.game.deadline(), Some(play.now + 30_000));
    play.input(Input::Deadline).unwrap();
    assert_eq!(play.phase(), "vote");
}

#[test]
fn the_night_keeps_its_time_though_all_have_acted() {
    let mut play = Play::new(FIVE, json!({}));
    play.until("night").night(0, 2).unwrap().night(1, 2).unwrap();
    assert_eq!(play.game.deadline(), Some(play.game.ends_at));
}

/// Opens a night with early close, lets both actors act after so many ms; when it closes, from its start.
fn early_close(after_ms: u64, seed: &str) -> u64 {
    let mut play = Play::new(FIVE, json!({ "night_early_close": true }));
    play.game.seed = seed.into();
    let opened = play.until("night").now;
    play.wait(after_ms).night(0, 2).unwrap();
    assert_eq!(play.game.deadline(), Some(opened + 30_000), "not all have acted");
    play.night(1, None).unwrap();
    u64::try_from(play.game.deadline().unwrap() - opened).unwrap()
}

#[test]
fn with_early_close_it_ends_after_its_half_and_a_jitter_from_the_seed() {
    let mut jitters = vec![];
    for n in 0..50 {
        let seed = format!("{n:064x}");
        let jitter = early_close(3, &seed) - 15_000;
        assert!(jitter <= 5_000);
        assert_eq!(early_close(20_000, &seed), 20_000 + jitter, "the same at any time of the same night");
        assert_eq!(early_close(29_999, &seed), 30_000.min(29_999 + jitter), "never later than announced");
        jitters.push(jitter);
    }
    jitters.dedup();
    assert!(jitters.len() > 40, "it varies");
}

#[test]
fn an_early_close_is_not_announced_and_does_not_move_again() {
    let mut play = Play::new(FIVE, json!({ "night_early_close": true }));
    let announced = play.until("night").view(2)["ends_at"].clone();
    play.night(0, 2).unwrap().night(1, 1).unwrap();
    let closes_at = play.game.deadline().unwrap();
    assert_eq!(play.view(2)["ends_at"], announced);
    play.wait(5_000).night(0, 3).unwrap();
    assert_eq!(play.game.deadline(), Some(closes_at), "a change of mind does not");
    play.now = closes_at;
    refused(play.night(0, 2));
    play.deadline();
    assert_eq!(play.phase(), "day");
}

#[test]
fn only_phase_and_command_that_fit_are_accepted() {
    let table = [
        ("day", false, false, false),
        ("vote", true, false, false),
        ("defence", false, false, false),
        ("verdict", false, true, false),
        ("final_words", false, false, false),
        ("night", false, false, true),
    ];
    for (phase, vote, verdict, night) in table {
        let mut play = Play::new(FIVE, json!({}));
        match phase {
            "final_words" => {
                play.accuse(4).deadline();
                for juror in 0..4 {
                    play.verdict(juror, true).unwrap();
                }
            }
            "defence" | "verdict" => {
                play.accuse(4).until(phase);
            }
            _ => {
                play.until(phase);
            }
        }
        assert_eq!(play.phase(), phase);
        assert_eq!(play.vote(0, 1).is_ok(), vote, "vote in {phase}");
        assert_eq!(play.verdict(0, true).is_ok(), verdict, "verdict in {phase}");
        assert_eq!(play.night(0, 1).is_ok(), night, "night choice in {phase}");
    }
}

#[test]
fn a_payload_of_another_shape_is_refused_whatever_the_phase() {
    let mut play = Play::new(FIVE, json!({}));
    let table = [
        ("game.vote", json!({})),
        ("game.vote", json!({ "suspect": 7 })),
        ("game.vote", json!({ "suspect": "ann" })),
        ("game.vote", json!([id(1)])),
        ("game.vote", Value::Null),
        ("game.verdict", json!({ "execute": "yes" })),
        ("game.verdict", json!({})),
        ("game.night", json!({ "target": [] })),
        ("game.night", json!({})),
        ("game.will", json!({ "text": 1 })),
        ("game.will", json!({ "text": "x".repeat(301) })),
        ("game.kick_vote", json!({ "target": null })),
    ];
    for (name, payload) in table {
        match play.send(0, name, payload.clone()) {
            Err(Refusal::BadPayload(_)) => {}
            other => panic!("{name} {payload}: {:?}", other.map(|p| &p.effects)),
        }
    }
    assert_eq!(play.send(0, "game.dance", json!({})).err(), Some(Refusal::UnknownCommand));
}

#[test]
fn unknown_fields_are_ignored() {
    let mut play = Play::new(FIVE, json!({}));
    play.until("vote").send(0, "game.vote", json!({ "suspect": null, "mood": "good" })).unwrap();
}

#[test]
fn strangers_and_spectators_do_not_act() {
    let mut play = Play::new(FIVE, json!({}));
    play.until("vote");
    refused(play.vote(9, 1));
    play.leave(9).connection(9, false);
    assert_eq!(play.effects, []);
    assert_eq!(play.game.deadline().map(|d| d > UnixMs(0)), Some(true));
}
