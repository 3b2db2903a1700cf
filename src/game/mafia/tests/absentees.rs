//! Absentees and votes to expel them (spec 1.7).

use super::kit::*;
use crate::game::{Effect, Game as _};
use serde_json::json;

const SEVEN: &str = "mafia mafia doctor citizen citizen citizen citizen";

/// Two votes in which all but seat 6 abstain.
fn six_is_absent(patch: serde_json::Value) -> Play {
    let mut play = Play::new(SEVEN, patch);
    for round in 0..2 {
        play.until("vote");
        for voter in 0..6 {
            play.vote(voter, None).unwrap();
        }
        assert_eq!(play.pushed("game.absent").len(), 0);
        play.deadline();
        assert_eq!(play.pushed("game.absent").len(), round);
    }
    play
}

#[test]
fn two_votes_running_without_a_ballot_make_an_absentee() {
    let mut play = six_is_absent(json!({}));
    assert_eq!(play.pushed("game.absent"), [json!({ "player_id": id(6) })]);
    assert_eq!(play.game.member_flags(id(6)), Some((true, true)));
    assert_eq!(play.view(0)["players"][6], json!({ "player_id": id(6), "alive": true, "absent": true }));
    play.until("vote").deadline();
    assert!(!play.pushed("game.absent").contains(&json!({ "player_id": id(6) })), "told once");
}

#[test]
fn an_abstention_is_a_ballot_and_breaks_the_row() {
    let mut play = Play::new(SEVEN, json!({ "vote_tie": "night" }));
    for round in 0..6 {
        play.until("vote");
        if round % 2 == 0 {
            play.vote(6, None).unwrap();
        }
        play.deadline();
        assert!(!play.pushed("game.absent").contains(&json!({ "player_id": id(6) })));
    }
}

#[test]
fn a_third_of_the_living_expels_an_absentee() {
    let mut play = six_is_absent(json!({}));
    play.kick(0, 6).unwrap();
    assert_eq!(play.pushed("game.kick_votes"), [json!({ "target": id(6), "votes": 1, "needed": 3 })]);
    assert_eq!(play.view(0)["you"]["kick_votes"], json!([id(6)]));
    assert_eq!(play.kick(0, 6).unwrap().effects, [], "one has one vote");
    play.kick(1, 6).unwrap().kick(2, 6).unwrap();
    assert_eq!(play.names(), ["game.kick_votes", "game.death"]);
    assert_eq!(play.pushed("game.death"), [json!({ "player_id": id(6), "cause": "expelled", "day": 1 })]);
    assert!(play.effects.contains(&Effect::Expel { player_id: id(6) }));
    assert_eq!(play.living(), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn but_at_least_two() {
    let mut play = six_is_absent(json!({}));
    play.leave(0).leave(3);
    for needed in [2, 2] {
        play.kick(1, 6).ok();
        assert!(play.game.is_alive(id(6)) || needed == 2);
    }
    assert!(play.game.is_alive(id(6)), "five live: one is not enough, though he insists");
    play.kick(2, 6).unwrap();
    assert!(!play.game.is_alive(id(6)));
}

#[test]
fn only_absentees_are_expelled_and_nobody_by_himself() {
    let mut play = six_is_absent(json!({}));
    refused(play.kick(0, 5));
    refused(play.kick(6, 6));
    refused(play.kick(0, 9));
}

#[test]
fn who_votes_again_is_no_longer_absent_and_the_votes_against_him_are_gone() {
    let mut play = six_is_absent(json!({}));
    play.kick(0, 6).unwrap().kick(1, 6).unwrap().until("vote").vote(6, None).unwrap();
    assert_eq!(play.names(), ["game.votes", "game.present"]);
    refused(play.kick(2, 6));
    assert_eq!(play.view(0)["you"].get("kick_votes"), None);
}

#[test]
fn in_an_anonymous_vote_this_shows_at_the_close_alone() {
    let mut play = six_is_absent(json!({ "anonymous_votes": true }));
    play.until("vote").vote(6, 0).unwrap();
    assert_eq!(play.names(), ["game.votes"]);
    play.deadline();
    assert_eq!(play.names()[0], "game.present");
}

#[test]
fn a_night_act_does_not_show_that_an_absentee_is_back() {
    let mut play = Play::new(SEVEN, json!({ "vote_tie": "night" }));
    play.until("vote").deadline();
    play.until("day").until("vote").deadline();
    assert_eq!(play.phase(), "night");
    assert!(play.game.member_flags(id(2)).unwrap().1);
    play.night(2, 2).unwrap();
    assert_eq!(play.names(), ["game.night_choice"]);
    assert!(play.game.member_flags(id(2)).unwrap().1);
}

#[test]
fn the_votes_of_who_is_gone_do_not_count() {
    let mut play = six_is_absent(json!({}));
    play.kick(0, 6).unwrap().kick(3, 6).unwrap().leave(3).kick(1, 6).unwrap();
    assert_eq!(play.pushed("game.kick_votes"), [json!({ "target": id(6), "votes": 2, "needed": 2 })]);
}

#[test]
fn expelling_the_accused_brings_the_night() {
    let mut play = six_is_absent(json!({}));
    play.until("vote");
    for voter in 0..6 {
        play.vote(voter, 6).unwrap();
    }
    play.deadline();
    assert_eq!(play.phase(), "defence");
    play.kick(0, 6).unwrap().kick(1, 6).unwrap().kick(2, 6).unwrap();
    assert_eq!(play.phase(), "night");
}
