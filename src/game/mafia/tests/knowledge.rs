//! What each may know: views by viewer.

use super::kit::*;
use crate::game::{Game as _, Viewer};
use serde_json::{Value, json};

/// 0, 1: mafia; 2: doctor; 3: police; 4–7: citizens; 7 has left.
fn night() -> Play {
    let mut play = Play::new("mafia mafia doctor police citizen citizen citizen citizen", json!({}));
    play.leave(7).until("night");
    play.night(0, 4).unwrap().night(2, 2).unwrap().night(3, 0).unwrap();
    play
}

#[test]
fn each_knows_his_own_role_and_the_mafia_each_other() {
    let play = night();
    let you = |who: usize| play.view(who)["you"].clone();
    assert_eq!(
        you(0),
        json!({ "role": "mafia", "alive": true, "partners": [id(1)], "choice": id(4), "chat": "mafia" })
    );
    assert_eq!(you(1), json!({ "role": "mafia", "alive": true, "partners": [id(0)], "chat": "mafia" }));
    assert_eq!(you(2), json!({ "role": "doctor", "alive": true, "choice": id(2) }));
    assert_eq!(you(4), json!({ "role": "citizen", "alive": true }));
    assert_eq!(you(7), json!({ "role": "citizen", "alive": false, "chat": "graveyard" }));
    for who in 0..7 {
        assert_eq!(play.view(who).get("roles"), None);
    }
}

#[test]
fn a_lone_mafia_has_no_partners() {
    let play = Play::new("mafia doctor citizen citizen", json!({}));
    assert_eq!(play.view(0)["you"]["partners"], json!([]));
}

#[test]
fn night_choices_are_in_the_views_of_those_who_may_know() {
    let play = night();
    let choice =
        |by: usize, role: &str, target: usize| json!({ "by": id(by), "role": role, "target": id(target) });
    let (strike, cure, search) = (choice(0, "mafia", 4), choice(2, "doctor", 2), choice(3, "police", 0));
    let table = [
        (0, vec![&strike]),
        (1, vec![&strike]),
        (2, vec![&cure]),
        (3, vec![&search]),
        (4, vec![]),
        (7, vec![&strike, &cure, &search]),
    ];
    for (who, expected) in table {
        assert_eq!(play.view(who)["night"], json!({ "choices": expected }), "seat {who}");
    }
}

#[test]
fn a_spectator_sees_what_everybody_may() {
    let mut play = night();
    let view = play.game.view(Viewer::Spectator);
    assert_eq!(view["you"], json!({ "role": null, "alive": false }));
    assert_eq!(view["night"], json!({ "choices": [] }));
    assert_eq!(view.get("roles"), None);
    assert_eq!(view["deaths"], json!([{ "player_id": id(7), "cause": "left", "day": 1 }]));
    assert_eq!(play.game.view(Viewer::Player(id(99))), view, "as does anybody who does not play");
    let mut citizen = play.deadline().view(5);
    citizen["you"] = Value::Null;
    let mut spectator = play.game.view(Viewer::Spectator);
    spectator["you"] = Value::Null;
    assert_eq!(spectator, citizen);
}

#[test]
fn the_police_see_all_they_have_found_out() {
    let mut play = night();
    play.deadline().until("night").night(3, 2).unwrap().deadline();
    let found =
        json!([{ "target": id(0), "mafia": true, "day": 1 }, { "target": id(2), "mafia": false, "day": 2 }]);
    assert_eq!(play.view(3)["you"]["investigations"], found);
    for who in [0, 1, 2, 5, 6] {
        assert_eq!(play.view(who)["you"].get("investigations"), None);
    }
}

#[test]
fn the_phase_is_in_every_view_as_it_was_announced() {
    let mut play = Play::new("mafia doctor citizen citizen citizen", json!({}));
    play.accuse(3);
    let announced = play.pushed("game.phase")[0].clone();
    for who in 0..5 {
        for (field, value) in announced.as_object().unwrap() {
            assert_eq!(&play.view(who)[field], value);
        }
    }
}

#[test]
fn a_choice_of_nobody_shows_as_null_and_no_choice_not_at_all() {
    let mut play = Play::new("mafia doctor citizen citizen", json!({}));
    play.until("vote").vote(0, None).unwrap();
    assert_eq!(play.view(0)["you"].get("choice"), Some(&Value::Null));
    assert_eq!(play.view(1)["you"].get("choice"), None);
}

#[test]
fn refusals_say_the_same_whatever_others_are_and_did() {
    let texts = |roles: &str, acts: bool| {
        let mut play = Play::new(roles, json!({}));
        play.until("night");
        if acts {
            play.night(0, 4).unwrap();
            play.night(1, 4).unwrap();
        }
        let mut texts = vec![];
        for (by, target) in [(4, 0), (4, 1), (4, 9), (2, 2), (2, 9)] {
            texts.push(play.night(by, target).err().map(|e| e.to_string()));
        }
        for target in 0..5 {
            texts.push(play.kick(4, target).err().map(|e| e.to_string()));
            texts.push(play.vote(4, target).err().map(|e| e.to_string()));
        }
        texts
    };
    let one = texts("mafia doctor police citizen citizen", true);
    assert_eq!(one, texts("doctor mafia police citizen citizen", false));
}
