//! Bots play by the rules, from their own views, to the end.

use super::kit::*;
use crate::{
    clock::UnixMs,
    game::{BotMove, Game as _, Input, Setup, Viewer, mafia::Mafia},
};
use rand::{SeedableRng as _, seq::SliceRandom as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One game among bots, each asked `rounds` times in each phase; how it ended.
fn play(seed: u64, players: usize, patch: &Value, rounds: usize) -> (String, u64) {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let setup = Setup {
        settings: settings(patch),
        seats: seats(players),
        seed: format!("{seed:064x}"),
        now: START,
        drop_grace_ms: GRACE_MS,
    };
    let mut game = Mafia::start(setup).0;
    let mut now = START;
    while let Some(deadline) = game.deadline() {
        let phase = (game.phase.name(), game.day, game.started_at);
        'phase: for _ in 0..rounds {
            let mut seats: Vec<usize> = (0..players).collect();
            seats.shuffle(rng);
            for seat in seats {
                ask(&mut game, seat, now, rng);
                if (game.phase.name(), game.day, game.started_at) != phase || game.winner.is_some() {
                    break 'phase;
                }
            }
            now = now + 1;
        }
        if game.deadline() == Some(deadline) {
            now = deadline;
            game.handle(&Input::Deadline, now).unwrap();
        }
    }
    (game.winner.unwrap(), game.day)
}

fn ask(game: &mut Mafia, seat: usize, now: UnixMs, rng: &mut ChaCha8Rng) {
    let view = game.view(Viewer::Player(id(seat)));
    let Some(BotMove { name, payload }) = Mafia::bot_move(&view, id(seat), rng) else { return };
    if name == "chat.send" {
        assert!(game.writes_to(Viewer::Player(id(seat))).is_some());
        return;
    }
    let input = Input::Command { by: id(seat), name: name.into(), payload: payload.clone() };
    let effects = game.handle(&input, now).unwrap_or_else(|e| panic!("{name} {payload} in {view}: {e}"));
    assert!(!effects.is_empty(), "{name} {payload} changed nothing in {view}");
}

fn winners(players: usize, patch: &Value, games: u64) -> BTreeMap<String, usize> {
    let mut winners = BTreeMap::new();
    for seed in 0..games {
        *winners.entry(play(seed, players, patch, 3).0).or_default() += 1;
    }
    println!("{players} players, {patch}: {winners:?}");
    winners
}

#[test]
fn both_sides_win_at_a_table_of_eight() {
    let winners = winners(8, &json!({}), 500);
    let citizens = winners.get("citizens").copied().unwrap_or(0);
    assert!((100..=400).contains(&citizens), "{winners:?}");
    assert_eq!(
        citizens + winners.get("mafia").copied().unwrap_or(0),
        500,
        "no game just runs out: {winners:?}"
    );
}

#[test]
fn with_every_role_and_rule_too() {
    let roles = json!({ "police": 1, "escort": 1, "jester": 1 });
    let winners = winners(
        10,
        &json!({ "roles": roles, "anonymous_votes": true, "night_early_close": true, "media": false }),
        200,
    );
    for side in ["citizens", "mafia", "jester"] {
        assert!(winners.contains_key(side), "{winners:?}");
    }
}

#[test]
fn at_every_size_of_table() {
    for players in 4..=12 {
        let winners = winners(players, &json!({}), 60);
        assert!(winners.len() >= 2, "{players}: {winners:?}");
    }
}

/// What this bot would do here, over many draws.
fn moves(play: &Play, seat: usize) -> Vec<BotMove> {
    let view = play.view(seat);
    (0..200).filter_map(|n| Mafia::bot_move(&view, id(seat), &mut ChaCha8Rng::seed_from_u64(n))).collect()
}

#[test]
fn a_bot_that_has_moved_does_not_move_again() {
    let mut play = Play::new("mafia doctor citizen citizen citizen", json!({}));
    play.until("vote").vote(2, 0).unwrap();
    assert_eq!(moves(&play, 2), []);
    play.accuse(3).until("verdict").verdict(2, false).unwrap();
    assert_eq!(moves(&play, 2), []);
    play.until("night").night(0, 1).unwrap().night(1, 1).unwrap();
    assert_eq!((moves(&play, 0), moves(&play, 1), moves(&play, 2)), (vec![], vec![], vec![]));
}

#[test]
fn mafia_bots_name_no_partner_spare_them_and_agree_at_night() {
    let mut play = Play::new("mafia mafia doctor citizen citizen citizen citizen", json!({}));
    play.until("vote");
    assert!(moves(&play, 0).iter().all(|m| m.payload["suspect"] != json!(id(1))));
    play.accuse(1).until("verdict");
    assert!(moves(&play, 0).iter().all(|m| m.payload["execute"] == json!(false)));
    play.until("night").night(0, 4).unwrap();
    assert!(moves(&play, 1).iter().all(|m| m.payload["target"] == json!(id(4))));
    play.night(1, 5).unwrap();
    assert!(moves(&play, 1).iter().all(|m| m.payload["target"] == json!(id(4))), "the first by id leads");
    assert_eq!(moves(&play, 0), []);
}

#[test]
fn doctor_bots_protect_others_and_sometimes_themselves() {
    let mut play = Play::new("mafia doctor citizen citizen citizen", json!({ "vote_tie": "night" }));
    play.until("night");
    let own = moves(&play, 1).iter().filter(|m| m.payload["target"] == json!(id(1))).count();
    assert!((30..120).contains(&own), "{own} of 200");
}

#[test]
fn police_bots_name_the_mafia_they_found() {
    let mut play = Play::new("mafia police citizen citizen citizen citizen", json!({ "vote_tie": "night" }));
    play.until("night").night(1, 0).unwrap().deadline();
    assert_eq!(play.phase(), "day");
    play.until("vote");
    assert!(moves(&play, 1).iter().all(|m| m.payload["suspect"] == json!(id(0))));
    for voter in 0..6 {
        play.vote(voter, None).unwrap();
    }
    assert_eq!(play.phase(), "night");
    assert!(moves(&play, 1).iter().all(|m| m.payload["target"] != json!(id(0))), "and look at another");
}

#[test]
fn bots_expel_absentees_and_talk_where_they_may() {
    let mut play = Play::new("mafia doctor citizen citizen citizen", json!({ "media": false }));
    let talk = moves(&play, 2);
    assert!(!talk.is_empty() && talk.len() < 60 && talk.iter().all(|m| m.name == "chat.send"));
    for _ in 0..2 {
        play.until("vote");
        for voter in 0..4 {
            play.vote(voter, None).unwrap();
        }
        play.deadline();
    }
    assert!(
        moves(&play, 2).iter().all(|m| m.name == "game.kick_vote" && m.payload["target"] == json!(id(4)))
    );
    play.kick(2, 4).unwrap();
    assert!(moves(&play, 2).iter().all(|m| m.name != "game.kick_vote"));
}

#[test]
fn the_dead_spectators_and_nonsense_get_no_move() {
    let mut play = Play::new("mafia doctor citizen citizen citizen", json!({}));
    play.leave(4).until("vote");
    assert_eq!(moves(&play, 4), []);
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    assert_eq!(Mafia::bot_move(&play.game.view(Viewer::Spectator), id(9), rng), None);
    assert_eq!(Mafia::bot_move(&json!({ "phase": 7 }), id(0), rng), None);
}
