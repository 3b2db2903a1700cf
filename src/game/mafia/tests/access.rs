//! Chat channels (spec 1.4) and media policy (spec 1.6).

use super::kit::*;
use crate::game::{Effect, Game as _, MediaKind, Viewer};
use serde_json::json;

/// 0: mafia, 1: mafia, 2: doctor, 3–6: citizens; 6 has left.
fn table(phase: &str, patch: serde_json::Value) -> Play {
    let mut play = Play::new("mafia mafia doctor citizen citizen citizen citizen", patch);
    play.leave(6);
    match phase {
        "defence" => play.accuse(5),
        "verdict" => play.accuse(5).deadline(),
        "final_words" => {
            play.accuse(5).deadline();
            for juror in 0..5 {
                play.verdict(juror, true).unwrap();
            }
            &mut play
        }
        phase => play.until(phase),
    };
    assert_eq!(play.phase(), phase);
    play
}

const PHASES: [&str; 6] = ["day", "vote", "defence", "verdict", "final_words", "night"];

fn writes(play: &Play, who: usize) -> Option<&'static str> {
    let channel = play.game.writes_to(Viewer::Player(id(who)));
    assert_eq!(play.view(who)["you"].get("chat").and_then(|c| c.as_str()), channel);
    channel
}

#[test]
fn with_media_the_living_write_only_as_mafia_at_night() {
    for phase in PHASES {
        let play = table(phase, json!({}));
        let mafia = (phase == "night").then_some("mafia");
        let writers: Vec<_> = [0, 1, 2, 3, 5].map(|who| writes(&play, who)).into();
        assert_eq!(writers, [mafia, mafia, None, None, None], "{phase}");
    }
}

#[test]
fn without_media_or_if_so_set_they_write_by_day_and_in_votes() {
    let day = Some("day");
    let mafia = Some("mafia");
    // By seat: mafia, citizen, the accused.
    let expected = [
        ("day", [day, day, day]),
        ("vote", [day, day, day]),
        ("defence", [None, None, day]),
        ("verdict", [day, day, day]),
        ("final_words", [None, None, day]),
        ("night", [mafia, None, None]),
    ];
    for patch in [json!({ "media": false }), json!({ "living_chat": true })] {
        for (phase, expected) in expected {
            let play = table(phase, patch.clone());
            assert_eq!([0, 3, 5].map(|who| writes(&play, who)), expected, "{phase}");
        }
    }
    let play = table("day", json!({ "media": false, "living_chat": false }));
    assert_eq!(writes(&play, 0), None);
}

#[test]
fn the_dead_write_to_the_dead_and_spectators_nowhere() {
    for phase in PHASES {
        let play = table(phase, json!({ "media": false }));
        assert_eq!(writes(&play, 6), Some("graveyard"));
        assert_eq!(play.game.writes_to(Viewer::Spectator), None);
        assert_eq!(play.game.writes_to(Viewer::Player(id(99))), None);
    }
}

#[test]
fn who_reads_what() {
    // By reader: mafia, citizen, dead, spectator.
    let expected = [
        ("room", [true, true, true, true]),
        ("day", [true, true, true, true]),
        ("mafia", [true, false, true, false]),
        ("graveyard", [false, false, true, false]),
        ("other", [false, false, false, false]),
    ];
    for phase in PHASES {
        let play = table(phase, json!({}));
        for (channel, expected) in expected {
            let player = |who| play.game.reads(Viewer::Player(id(who)), channel);
            let readers = [player(0), player(3), player(6), play.game.reads(Viewer::Spectator, channel)];
            assert_eq!(readers, expected, "{channel} in {phase}");
        }
    }
}

#[test]
fn after_the_end_all_write_to_the_room() {
    let mut play = Play::new("mafia doctor citizen citizen", json!({}));
    play.leave(2).leave(0);
    for who in 0..4 {
        assert_eq!(writes(&play, who), Some("room"));
    }
    assert_eq!(play.game.writes_to(Viewer::Spectator), Some("room"));
}

/// Who receives this one's stream, and whether spectators do; `None` if nobody may.
fn receivers(play: &Play, from: usize, kind: MediaKind) -> Option<(Vec<usize>, bool)> {
    let policy = play.game.media();
    let mut grants = policy.streams.iter().filter(|g| g.from == id(from) && g.kind == kind);
    let grant = grants.next()?;
    assert!(grants.next().is_none());
    Some(((0..7).filter(|n| grant.to.contains(&id(*n))).collect(), grant.spectators))
}

#[test]
fn who_is_heard_and_seen() {
    let all_but = |who: usize| Some(((0..7).filter(|n| *n != who).collect::<Vec<_>>(), true));
    for phase in PHASES {
        let play = table(phase, json!({}));
        for from in 0..7 {
            let (audio, video) =
                (receivers(&play, from, MediaKind::Audio), receivers(&play, from, MediaKind::Video));
            let expected = match (phase, from) {
                (_, 6) => (None, None),
                ("night", 0) => (Some((vec![1, 6], false)), Some((vec![1, 6], false))),
                ("night", 1) => (Some((vec![0, 6], false)), Some((vec![0, 6], false))),
                ("night", _) => (None, None),
                ("defence" | "final_words", from) if from != 5 => (None, all_but(from)),
                (_, from) => (all_but(from), all_but(from)),
            };
            assert_eq!((audio, video), expected, "{phase}, seat {from}");
        }
    }
}

#[test]
fn a_changed_policy_comes_before_the_pushes_that_tell_of_it() {
    let mut play = Play::new("mafia doctor citizen citizen citizen", json!({}));
    assert_eq!(play.effects[0], Effect::Media(play.game.media()));
    play.accuse(2);
    assert_eq!(play.effects[0], Effect::Media(play.game.media()));
    play.deadline();
    for juror in [0, 1, 3, 4] {
        play.verdict(juror, true).unwrap();
    }
    play.deadline();
    assert_eq!(play.effects[0], Effect::Media(play.game.media()));
    assert!(receivers(&play, 2, MediaKind::Video).is_none(), "the dead send nothing");
    play.until("day").leave(3);
    assert_eq!(play.effects[0], Effect::Media(play.game.media()));
}

#[test]
fn without_media_there_is_no_policy() {
    let mut play = Play::new("mafia doctor citizen citizen citizen", json!({ "media": false }));
    for _ in 0..20 {
        assert!(!play.effects.iter().any(|e| matches!(e, Effect::Media(_))));
        assert!(play.game.media().streams.is_empty());
        play.deadline();
    }
}
