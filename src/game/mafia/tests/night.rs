//! Who chooses what at night, who sees it, and what becomes of it.

use super::kit::*;
use serde_json::json;

/// 0, 1: mafia; 2: doctor; 3: police; 4: escort; 5, 6, 7: citizens.
const EIGHT: &str = "mafia mafia doctor police escort citizen citizen citizen";

fn night() -> Play {
    let mut play = Play::new(EIGHT, json!({}));
    play.until("night");
    play
}

#[test]
fn choices_are_shown_to_those_who_may_know() {
    let table = [
        (0, 5, "mafia", vec![0, 1]),
        (2, 2, "doctor", vec![2]),
        (3, 0, "police", vec![3]),
        (4, 3, "escort", vec![4]),
    ];
    for (by, target, role, told) in table {
        let mut play = night();
        play.night(by, target).unwrap();
        assert_eq!(play.told("game.night_choice"), told);
        assert_eq!(
            play.pushed("game.night_choice"),
            [json!({ "by": id(by), "role": role, "target": id(target) })]
        );
    }
}

#[test]
fn the_dead_are_shown_every_choice() {
    let mut play = night();
    play.leave(7);
    for (by, told) in [(0, vec![0, 1, 7]), (2, vec![2, 7]), (3, vec![3, 7]), (4, vec![4, 7])] {
        assert_eq!(play.night(by, 5).unwrap().told("game.night_choice"), told);
    }
}

#[test]
fn a_choice_may_change_and_be_nobody_and_only_news_is_told() {
    let mut play = night();
    play.night(0, 5).unwrap().night(0, None).unwrap();
    assert_eq!(play.pushed("game.night_choice"), [json!({ "by": id(0), "role": "mafia", "target": null })]);
    assert_eq!(play.night(0, None).unwrap().names(), [""; 0]);
}

#[test]
fn who_may_choose_whom() {
    let table = [
        ("the mafia strike no partner", 0, 1, false),
        ("nor themselves", 0, 0, false),
        ("but anybody else", 0, 5, true),
        ("the doctor may choose himself", 2, 2, true),
        ("the police investigate another", 3, 3, false),
        ("the escort visits another", 4, 4, false),
        ("citizens sleep", 5, 0, false),
        ("nobody chooses the dead", 0, 7, false),
        ("nor a stranger", 0, 99, false),
    ];
    for (rule, by, target, allowed) in table {
        let mut play = night();
        play.leave(7);
        assert_eq!(play.night(by, target).is_ok(), allowed, "{rule}");
    }
}

/// Plays a night of these choices; who died of it.
fn victim(choices: &[(usize, usize)]) -> Option<usize> {
    let mut play = night();
    for (by, target) in choices {
        play.night(*by, *target).unwrap();
    }
    let before = play.living();
    play.deadline();
    let after = play.living();
    let victim = before.into_iter().find(|n| !after.contains(n));
    assert_eq!(play.pushed("game.night_result"), [json!({ "victim": victim.map(id) })]);
    victim
}

#[test]
fn the_nights_resolution() {
    type Rule = (&'static str, &'static [(usize, usize)], Option<usize>);
    let table: [Rule; 14] = [
        ("nobody chose", &[], None),
        ("one mafia chose", &[(0, 5)], Some(5)),
        ("both agree", &[(0, 5), (1, 5)], Some(5)),
        ("they disagree", &[(0, 5), (1, 6)], None),
        ("the doctor saves", &[(0, 5), (2, 5)], None),
        ("the doctor is elsewhere", &[(0, 5), (2, 6)], Some(5)),
        ("the doctor saves himself", &[(0, 2), (2, 2)], None),
        ("the only striker is blocked", &[(0, 5), (4, 0)], None),
        ("one of two is blocked", &[(0, 5), (1, 6), (4, 0)], Some(6)),
        ("the doctor is blocked", &[(0, 5), (2, 5), (4, 2)], Some(5)),
        ("a blocked doctor does not save himself", &[(0, 2), (2, 2), (4, 2)], Some(2)),
        ("the escort who dies has blocked", &[(0, 4), (1, 5), (4, 1)], Some(4)),
        ("a block on one who does not act is nothing", &[(0, 5), (4, 6)], Some(5)),
        ("the last choice counts", &[(0, 5), (0, 6)], Some(6)),
    ];
    for (rule, choices, expected) in table {
        assert_eq!(victim(choices), expected, "{rule}");
    }
}

#[test]
fn no_escort_is_blocked() {
    let mut play = Play::new("mafia doctor escort escort citizen citizen", json!({}));
    play.until("night").night(0, 4).unwrap().night(2, 3).unwrap().night(3, 0).unwrap().deadline();
    assert_eq!(play.living().len(), 6, "the first visited the second, whose own visit still holds");
}

#[test]
fn any_doctor_saves() {
    let mut play = Play::new("mafia doctor doctor citizen citizen", json!({}));
    play.until("night").night(0, 3).unwrap().night(1, 4).unwrap().night(2, 3).unwrap().deadline();
    assert_eq!(play.living().len(), 5);
}

#[test]
fn a_target_who_left_does_not_die_again() {
    let mut play = night();
    play.night(0, 5).unwrap().leave(5).deadline();
    assert_eq!(play.pushed("game.night_result"), [json!({ "victim": null })]);
    assert_eq!(play.pushed("game.death").len(), 0);
}

#[test]
fn votes_for_one_who_left_are_not_votes_for_another() {
    let mut play = Play::new("mafia mafia mafia doctor citizen citizen citizen citizen citizen", json!({}));
    play.until("night").night(0, 4).unwrap().night(1, 4).unwrap().night(2, 5).unwrap().leave(4).deadline();
    assert_eq!(play.living().len(), 8);
}

#[test]
fn a_leavers_choice_is_void() {
    let mut play = night();
    play.night(0, 5).unwrap().night(2, 5).unwrap().leave(2).deadline();
    assert_eq!(play.pushed("game.night_result"), [json!({ "victim": id(5) })]);
}

#[test]
fn the_police_learn_after_the_result_and_before_the_deaths() {
    let mut play = night();
    play.night(0, 3).unwrap().night(3, 0).unwrap().deadline();
    let expected = ["game.night_result", "game.investigation", "game.death", "game.graveyard", "game.phase"];
    assert_eq!(play.names(), expected);
    assert_eq!(play.told("game.investigation"), [3]);
    assert_eq!(play.pushed("game.investigation"), [json!({ "target": id(0), "mafia": true, "day": 1 })]);
}

#[test]
fn to_the_police_only_mafia_are_mafia() {
    let roles = "mafia police doctor escort jester citizen citizen";
    for (target, mafia) in [(0, true), (2, false), (3, false), (4, false), (5, false)] {
        let mut play = Play::new(roles, json!({}));
        play.until("night").night(1, target).unwrap().deadline();
        assert_eq!(play.pushed("game.investigation")[0]["mafia"], mafia);
    }
}

#[test]
fn blocked_police_learn_nothing_nor_of_one_who_left() {
    let mut play = night();
    play.night(3, 0).unwrap().night(4, 3).unwrap().deadline();
    assert_eq!(play.names(), ["game.night_result", "game.phase"]);
    let mut play = night();
    play.night(3, 5).unwrap().leave(5).deadline();
    assert_eq!(play.names(), ["game.night_result", "game.phase"]);
}

#[test]
fn each_police_learns_by_himself() {
    let mut play = Play::new("mafia police police escort citizen citizen", json!({}));
    play.until("night").night(1, 0).unwrap().night(2, 0).unwrap().night(3, 2).unwrap().deadline();
    assert_eq!(play.told("game.investigation"), [1], "the other was blocked");
    assert_eq!(play.view(2)["you"].get("investigations"), None);
}

#[test]
fn to_the_citizens_every_night_looks_the_same() {
    let transcript = |choices: &[(usize, usize)]| {
        let mut play = night();
        let mut seen = vec![play.view(6)];
        for (by, target) in choices {
            play.night(*by, *target).unwrap();
            seen.push(play.view(6));
            assert!(!play.told("game.night_choice").contains(&6));
        }
        seen.dedup();
        (seen, play.game.settings.night_ms, play.deadline().view(6))
    };
    let saved = transcript(&[(0, 5), (2, 5)]);
    assert_eq!(saved.0.len(), 1, "nothing moves while others act");
    assert_eq!(saved, transcript(&[(0, 5), (1, 6), (3, 0)]));
    assert_eq!(saved, transcript(&[]));
}
