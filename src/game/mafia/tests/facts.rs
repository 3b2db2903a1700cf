//! What the activity stream is told of a game.

use super::kit::*;
use crate::game::{GameFact, Input};
use serde_json::json;

const FIVE: &str = "mafia doctor citizen citizen citizen";

/// Kind, seat and the one field of the last step's facts.
fn told(play: &Play) -> Vec<(&'static str, usize, String)> {
    let seat = |fact: &GameFact| (0..9).find(|n| id(*n) == fact.player_id).expect("a seat");
    let field = |fact: &GameFact| fact.body.as_object().and_then(|body| body.values().next().cloned());
    let text =
        |fact: &GameFact| field(fact).map_or(String::new(), |value| value.to_string().replace('"', ""));
    let facts = play.facts.iter().filter(|fact| fact.kind != GameFact::STANDING);
    facts.map(|fact| (fact.kind, seat(fact), text(fact))).collect()
}

#[test]
fn a_ballot_is_told_once_a_vote_however_often_it_is_changed() {
    let mut play = Play::new(FIVE, json!({}));
    play.until("vote").vote(0, 3).unwrap();
    assert_eq!(told(&play), [("vote_cast", 0, String::new())]);
    for suspect in [Some(2), None, Some(3)] {
        play.vote(0, suspect).unwrap();
        assert_eq!(told(&play), []);
    }
    play.vote(1, None).unwrap();
    assert_eq!(told(&play), [("vote_cast", 1, String::new())], "an abstention is a ballot");
    play.until("night").until("vote").vote(0, 3).unwrap();
    assert_eq!(told(&play), [("vote_cast", 0, String::new())], "another vote");
}

#[test]
fn deaths_are_told_with_their_cause() {
    let mut play = Play::new(FIVE, json!({}));
    play.leave(4);
    assert_eq!(told(&play), [("player_died", 4, "left".to_owned())]);
    play.execute(3);
    assert_eq!(told(&play), [("player_died", 3, "executed".to_owned())]);
}

#[test]
fn a_side_wins_with_its_dead() {
    let mut play = Play::new(FIVE, json!({}));
    play.leave(4).execute(0);
    assert_eq!(play.winner(), Some("citizens"));
    let finished = |seat, won: bool| ("game_finished", seat, won.to_string());
    let won = |seat, role: &str| ("game_won", seat, role.to_owned());
    let citizen = "citizen";
    let expected = vec![
        ("player_died", 0, "executed".to_owned()),
        finished(0, false),
        finished(1, true),
        won(1, "doctor"),
        finished(2, true),
        won(2, citizen),
        finished(3, true),
        won(3, citizen),
        finished(4, true), // whether he is still in the room is for the room to know
        won(4, citizen),
    ];
    assert_eq!(told(&play), expected);
}

#[test]
fn who_left_has_lost_with_whichever_side() {
    let mut play = Play::new(FIVE, json!({}));
    play.leave(4).execute(0);
    let stands = play.facts.iter().filter(|fact| fact.kind == GameFact::STANDING);
    let won: Vec<bool> = stands.map(|fact| fact.body["won"] == true).collect();
    assert_eq!(won, [false, true, true, true, false]);
    let mut play = Play::new(FIVE, json!({}));
    play.leave(0); // the last of the mafia: his leaving is the end
    assert_eq!(play.winner(), Some("citizens"));
    let stands = play.facts.iter().filter(|fact| fact.kind == GameFact::STANDING);
    let won: Vec<bool> = stands.map(|fact| fact.body["won"] == true).collect();
    assert_eq!(won, [false, true, true, true, true]);
}

#[test]
fn a_jester_who_is_executed_wins_alone() {
    let mut play = Play::new("mafia jester citizen citizen citizen", json!({}));
    play.execute(1);
    assert_eq!(play.winner(), Some("jester"));
    let winners: Vec<_> = told(&play).into_iter().filter(|(kind, ..)| *kind == "game_won").collect();
    assert_eq!(winners, [("game_won", 1, "jester".to_owned())]);
}

#[test]
fn nobody_finishes_an_aborted_game() {
    let mut play = Play::new(FIVE, json!({}));
    play.input(Input::Abandoned).unwrap();
    assert_eq!((play.winner(), told(&play)), (Some("aborted"), vec![]));
}
