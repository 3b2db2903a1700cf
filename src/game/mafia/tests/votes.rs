//! Votes, verdicts and their tallies.

use super::kit::*;
use serde_json::json;

const FIVE: &str = "mafia doctor citizen citizen citizen";

#[test]
fn every_change_of_a_vote_is_broadcast_and_nothing_else_is() {
    let mut play = Play::new(FIVE, json!({}));
    play.until("vote").vote(0, 3).unwrap().vote(1, 3).unwrap().vote(2, None).unwrap();
    assert_eq!(
        play.pushed("game.votes"),
        [json!({ "tally": { id(3).to_string(): [id(0), id(1)] }, "abstained": [id(2)] })]
    );
    assert!(play.told("game.votes").is_empty(), "to all");
    play.vote(1, 2).unwrap();
    assert_eq!(
        play.pushed("game.votes"),
        [
            json!({ "tally": { id(3).to_string(): [id(0)], id(2).to_string(): [id(1)] }, "abstained": [id(2)] })
        ]
    );
    play.vote(1, 2).unwrap();
    assert_eq!(play.names(), [""; 0], "no change");
}

#[test]
fn one_may_name_oneself_or_nobody_but_no_dead_and_no_stranger() {
    let mut play = Play::new(FIVE, json!({}));
    play.leave(4).until("vote").vote(0, 0).unwrap().vote(0, None).unwrap();
    refused(play.vote(0, 4));
    refused(play.vote(0, 9));
}

#[test]
fn the_dead_do_not_vote_judge_choose_write_wills_or_expel() {
    let mut play = Play::new(FIVE, json!({}));
    play.leave(4).until("vote");
    refused(play.vote(4, 0));
    refused(play.verdict(4, true));
    refused(play.night(4, 0));
    refused(play.kick(4, 0));
    refused(play.send(4, "game.will", json!({ "text": "boo" })));
}

#[test]
fn anonymous_votes_show_numbers_alone() {
    let mut play = Play::new(FIVE, json!({ "anonymous_votes": true }));
    play.until("vote").vote(0, 3).unwrap().vote(1, 3).unwrap().vote(2, None).unwrap();
    let expected = json!({ "counts": { id(3).to_string(): 2 }, "abstained": 1 });
    assert_eq!(play.pushed("game.votes")[0], expected);
    assert_eq!(play.view(4)["votes"], expected);
    assert_eq!(play.view(0)["you"]["choice"], json!(id(3)), "but each knows his own");
}

#[test]
fn verdicts_are_told_in_numbers_and_may_change() {
    let mut play = Play::new(FIVE, json!({}));
    play.accuse(4).deadline();
    play.verdict(0, true).unwrap().verdict(1, true).unwrap().verdict(1, false).unwrap();
    assert_eq!(play.pushed("game.verdict_tally"), [json!({ "yes": 1, "no": 1 })]);
    assert_eq!(play.view(3)["verdict_tally"], json!({ "yes": 1, "no": 1 }));
    assert_eq!(play.view(3)["you"].get("choice"), None);
    assert_eq!(play.view(1)["you"]["choice"], json!(false));
}

#[test]
fn the_accused_does_not_judge() {
    let mut play = Play::new(FIVE, json!({}));
    play.accuse(4).deadline();
    refused(play.verdict(4, false));
    for juror in 0..4 {
        play.verdict(juror, false).unwrap();
    }
    assert_eq!(play.phase(), "night", "nor is he waited for");
}

#[test]
fn a_leavers_ballot_is_void_and_one_that_names_him_abstains() {
    let mut play = Play::new("mafia doctor citizen citizen citizen citizen", json!({}));
    play.until("vote").vote(0, 5).unwrap().vote(1, 2).unwrap().vote(5, 2).unwrap().leave(5);
    assert_eq!(play.names(), ["game.death", "game.votes"]);
    let votes = json!({ "tally": { id(2).to_string(): [id(1)] }, "abstained": [id(0)] });
    assert_eq!(play.pushed("game.votes")[0], votes);
    assert_eq!(play.view(3)["votes"], votes);
}

#[test]
fn a_leavers_verdict_is_void() {
    let mut play = Play::new("mafia doctor citizen citizen citizen citizen", json!({}));
    play.accuse(4).deadline();
    play.verdict(0, true).unwrap().verdict(1, false).unwrap().leave(1);
    assert_eq!(play.pushed("game.verdict_tally"), [json!({ "yes": 1, "no": 0 })]);
}

#[test]
fn votes_live_from_the_opening_of_the_ballot_to_its_close() {
    let mut play = Play::new(FIVE, json!({}));
    assert_eq!(play.view(0).get("votes"), None);
    assert_eq!(play.until("vote").view(0)["votes"], json!({ "tally": {}, "abstained": [] }));
    assert_eq!(play.accuse(2).view(0).get("votes"), None);
}
