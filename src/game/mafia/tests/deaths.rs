//! What a death tells, who leaves, and how a game ends.

use super::kit::*;
use crate::game::{Effect, Game as _, Input};
use serde_json::json;

const FIVE: &str = "mafia doctor citizen citizen citizen";
const SIX: &str = "mafia doctor citizen citizen citizen citizen";

#[test]
fn a_death_tells_what_the_settings_allow() {
    for (reveal, told) in [
        ("none", json!({ "player_id": id(2), "cause": "executed", "day": 1 })),
        ("side", json!({ "player_id": id(2), "cause": "executed", "day": 1, "side": "citizens" })),
        ("full", json!({ "player_id": id(2), "cause": "executed", "day": 1, "role": "citizen" })),
    ] {
        let mut play = Play::new(FIVE, json!({ "reveal_on_death": reveal }));
        play.execute(2);
        assert_eq!(play.pushed("game.death")[0], told, "{reveal}");
        assert_eq!(play.view(0)["deaths"], json!([told]));
    }
}

#[test]
fn a_killed_jester_is_neutral() {
    let mut play = Play::new("mafia jester citizen citizen citizen", json!({ "reveal_on_death": "side" }));
    play.until("night").night(0, 1).unwrap().deadline();
    assert_eq!(play.pushed("game.death")[0]["side"], "neutral");
    assert_eq!(play.pushed("game.death")[0]["cause"], "killed");
}

#[test]
fn leaving_is_a_death_that_tells_no_role() {
    let mut play = Play::new(FIVE, json!({ "reveal_on_death": "full" }));
    play.leave(2);
    assert_eq!(play.pushed("game.death"), [json!({ "player_id": id(2), "cause": "left", "day": 1 })]);
    assert_eq!(play.leave(2).effects, [], "once");
}

#[test]
fn a_will_is_shown_at_death_if_the_settings_allow() {
    let mut play = Play::new(FIVE, json!({}));
    play.send(2, "game.will", json!({ "text": " It was\u{7} ann.\n" })).unwrap();
    assert_eq!(play.effects, [], "until then nobody hears of it");
    assert_eq!(play.view(2)["you"]["will"], "It was ann.");
    assert_eq!(play.view(3)["you"].get("will"), None);
    assert_eq!(play.execute(2).pushed("game.death")[0]["will"], "It was ann.");

    let mut play = Play::new(FIVE, json!({ "wills": false }));
    refused(play.send(2, "game.will", json!({ "text": "x" })));
}

#[test]
fn a_will_has_300_characters_and_an_empty_one_is_none() {
    let mut play = Play::new(FIVE, json!({}));
    play.send(2, "game.will", json!({ "text": "보".repeat(300) })).unwrap();
    play.send(2, "game.will", json!({ "text": "" })).unwrap();
    assert_eq!(play.execute(2).pushed("game.death")[0].get("will"), None);
}

#[test]
fn the_newly_dead_alone_is_told_all_roles() {
    let mut play = Play::new(FIVE, json!({}));
    play.execute(2);
    assert_eq!(play.told("game.graveyard"), [2]);
    assert_eq!(play.pushed("game.graveyard")[0]["roles"][id(0).to_string()], "mafia");
    assert_eq!(play.view(2)["roles"][id(1).to_string()], "doctor");
    assert_eq!(play.view(3).get("roles"), None);
}

#[test]
fn if_the_accused_leaves_night_falls() {
    for phase in ["defence", "verdict", "final_words"] {
        let mut play = Play::new(SIX, json!({}));
        play.accuse(5);
        if phase != "defence" {
            play.deadline();
        }
        if phase == "final_words" {
            for juror in 0..5 {
                play.verdict(juror, true).unwrap();
            }
        }
        assert_eq!(play.phase(), phase);
        play.leave(5);
        assert_eq!(play.names(), ["game.death", "game.phase"]);
        assert_eq!(play.phase(), "night");
    }
}

#[test]
fn if_another_leaves_the_phase_goes_on() {
    for phase in ["day", "vote", "night"] {
        let mut play = Play::new(SIX, json!({}));
        play.until(phase).leave(5);
        assert_eq!((play.phase(), play.names()), (phase, vec!["game.death".to_owned()]));
    }
}

#[test]
fn how_a_game_ends() {
    let mut citizens = Play::new(FIVE, json!({}));
    citizens.execute(0);
    assert_eq!(citizens.winner(), Some("citizens"));

    let mut mafia = Play::new("mafia doctor citizen citizen", json!({}));
    mafia.execute(2);
    assert_eq!(mafia.winner(), None, "one against two");
    mafia.night(0, 3).unwrap().deadline();
    assert_eq!(mafia.winner(), Some("mafia"), "one against one");

    let mut jester = Play::new("mafia jester citizen citizen citizen", json!({}));
    jester.execute(1);
    assert_eq!(jester.winner(), Some("jester"));
}

#[test]
fn the_jester_wins_only_by_execution_and_counts_among_the_others() {
    let mut play = Play::new("mafia jester citizen citizen", json!({}));
    play.leave(2);
    assert_eq!(play.winner(), None, "mafia against jester and citizen");
    play.leave(1);
    assert_eq!(play.winner(), Some("mafia"));
}

#[test]
fn leaving_can_end_a_game_either_way() {
    let mut play = Play::new(FIVE, json!({}));
    play.leave(0);
    assert_eq!(play.winner(), Some("citizens"));
    assert_eq!(play.names(), ["game.death", "game.over"]);

    let mut play = Play::new(FIVE, json!({}));
    play.leave(1).leave(2);
    assert_eq!(play.winner(), None);
    play.leave(3);
    assert_eq!(play.winner(), Some("mafia"));
}

#[test]
fn the_night_of_the_last_day_ends_in_a_draw() {
    let mut play = Play::new(FIVE, json!({ "max_days": 2, "vote_tie": "night" }));
    while play.winner().is_none() {
        play.deadline();
    }
    assert_eq!((play.winner(), play.game.day), (Some("draw"), 2));
}

#[test]
fn unless_somebody_wins_in_it() {
    let mut play = Play::new("mafia doctor citizen citizen", json!({ "max_days": 1 }));
    play.leave(1).until("night").night(0, 2).unwrap().deadline();
    assert_eq!(play.winner(), Some("mafia"));
}

#[test]
fn a_game_that_all_have_abandoned_is_aborted() {
    let mut play = Play::new(FIVE, json!({}));
    play.input(Input::Abandoned).unwrap();
    assert_eq!(play.pushed("game.over")[0]["winner"], "aborted");
}

#[test]
fn the_end_discloses_everything_and_nothing_happens_after_it() {
    let mut play = Play::new(FIVE, json!({}));
    play.execute(0);
    let roles = play.pushed("game.over")[0]["roles"].clone();
    assert_eq!(
        play.pushed("game.over"),
        [json!({ "winner": "citizens", "roles": roles, "days": 1, "seed": SEED })]
    );
    assert!(matches!(play.effects.last(), Some(Effect::Over { winner, .. }) if winner == "citizens"));
    assert_eq!(play.view(3)["roles"], roles);
    assert_eq!(play.game.deadline(), None);
    refused(play.vote(1, 2));
    assert_eq!(play.input(Input::Deadline).unwrap().effects, []);
    assert_eq!(play.leave(3).effects, []);
}

#[test]
fn before_the_end_nobody_is_told_the_seed() {
    let mut play = Play::new(FIVE, json!({}));
    for _ in 0..40 {
        assert!(!format!("{:?}{}{}", play.effects, play.view(0), play.view(3)).contains(SEED));
        play.deadline();
    }
}
