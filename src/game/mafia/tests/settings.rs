//! Defaults, ranges, illegal combinations, and how many of each role are dealt.

use super::kit::*;
use crate::game::{Game as _, Registry, Setup, mafia::Mafia};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn merge(patch: Value, players: Option<usize>) -> Result<Value, String> {
    let registry = Registry::standard();
    let kind = registry.get("mafia").unwrap();
    kind.merge(&kind.default_settings(), &patch, players).map_err(|e| e.field)
}

#[test]
fn the_defaults_are_the_specs() {
    let expected = json!({
        "day_ms": 90_000, "vote_ms": 30_000, "defence_ms": 20_000, "verdict_ms": 15_000, "night_ms": 30_000,
        "final_words_ms": 8_000, "min_players": 4, "max_days": 15, "vote_tie": "day", "max_ties": 3,
        "night_early_close": false, "living_chat": false, "media": true, "reveal_on_death": "none", "wills": true,
        "anonymous_votes": false, "allow_spectators": false,
        "roles": { "mafia": null, "doctor": 1, "police": 0, "escort": 0, "jester": 0 },
    });
    assert_eq!(merge(json!({}), Some(4)).unwrap(), expected);
}

#[test]
fn what_cannot_be_played_is_refused_by_the_name_of_its_field() {
    let table = [
        (json!({ "day_ms": 999 }), None, "day_ms"),
        (json!({ "vote_ms": 600_001 }), None, "vote_ms"),
        (json!({ "defence_ms": 0 }), None, "defence_ms"),
        (json!({ "verdict_ms": -1 }), None, "verdict_ms"),
        (json!({ "night_ms": "30s" }), None, "night_ms"),
        (json!({ "final_words_ms": 999 }), None, "final_words_ms"),
        (json!({ "final_words_ms": 60_001 }), None, "final_words_ms"),
        (json!({ "min_players": 3 }), None, "min_players"),
        (json!({ "min_players": 13 }), None, "min_players"),
        (json!({ "max_days": 0 }), None, "max_days"),
        (json!({ "max_ties": 0 }), None, "max_ties"),
        (json!({ "vote_tie": "coin" }), None, "vote_tie"),
        (json!({ "reveal_on_death": "all" }), None, "reveal_on_death"),
        (json!({ "roles": { "mafia": 0 } }), None, "roles.mafia"),
        (json!({ "roles": { "doctor": null } }), None, "roles.doctor"),
        (json!({ "roles": { "police": 13 } }), None, "roles.police"),
        (json!({ "roles": { "police": "two" } }), None, "roles.police"),
        (json!({ "roles": { "mafia": 2 } }), Some(4), "roles.mafia"),
        (json!({ "roles": { "mafia": 3 } }), Some(6), "roles.mafia"),
        (json!({ "roles": { "doctor": 2, "police": 2 } }), Some(4), "roles"),
        (json!({ "min_players": 6 }), Some(5), "min_players"),
        (json!({}), Some(3), "min_players"),
    ];
    for (patch, players, field) in table {
        assert_eq!(merge(patch.clone(), players), Err(field.into()), "{patch}");
    }
}

#[test]
fn unknown_fields_and_roles_are_refused_by_name() {
    for (patch, field) in [
        (json!({ "speed": 2 }), "speed"),
        (json!({ "roles": { "witch": 1 } }), "roles.witch"),
        (json!({ "roles": { "citizen": 1 } }), "roles"),
        (json!({ "roles": 3 }), "roles"),
    ] {
        assert_eq!(merge(patch, None), Err(field.into()));
    }
}

#[test]
fn a_patch_of_the_roles_leaves_the_others_as_they_were() {
    let merged = merge(json!({ "roles": { "police": 1 } }), Some(6)).unwrap();
    assert_eq!(merged["roles"], json!({ "mafia": null, "doctor": 1, "police": 1, "escort": 0, "jester": 0 }));
}

fn dealt(patch: Value, players: usize, seed: &str) -> Vec<&'static str> {
    let setup = Setup {
        settings: settings(&patch),
        seats: seats(players),
        seed: seed.into(),
        now: START,
        drop_grace_ms: GRACE_MS,
    };
    Mafia::start(setup).0.players.iter().map(|p| p.role.name()).collect()
}

fn counted(roles: Vec<&'static str>) -> BTreeMap<&'static str, usize> {
    roles.into_iter().fold(BTreeMap::new(), |mut counts, role| {
        *counts.entry(role).or_default() += 1;
        counts
    })
}

#[test]
fn the_default_split_is_by_head_count_with_one_doctor() {
    for (players, mafia) in [(4, 1), (5, 1), (6, 2), (7, 2), (8, 2), (9, 3), (12, 3)] {
        let expected = BTreeMap::from([("citizen", players - mafia - 1), ("doctor", 1), ("mafia", mafia)]);
        assert_eq!(counted(dealt(json!({}), players, SEED)), expected, "{players} players");
    }
}

#[test]
fn the_settings_deal_any_other_split() {
    let roles = json!({ "roles": { "mafia": 1, "doctor": 2, "police": 1, "escort": 1, "jester": 1 } });
    let expected = BTreeMap::from([("doctor", 2), ("escort", 1), ("jester", 1), ("mafia", 1), ("police", 1)]);
    assert_eq!(counted(dealt(roles, 6, SEED)), expected);
}

#[test]
fn the_seed_alone_deals_the_roles() {
    let other = "0".repeat(64);
    assert_eq!(dealt(json!({}), 12, SEED), dealt(json!({}), 12, SEED));
    assert_ne!(dealt(json!({}), 12, SEED), dealt(json!({}), 12, &other));
}

#[test]
fn every_seat_is_dealt_the_mafia_about_as_often() {
    let mut mafia = [0; 8];
    for n in 0..400 {
        for (seat, role) in dealt(json!({}), 8, &format!("{n:064x}")).iter().enumerate() {
            mafia[seat] += usize::from(*role == "mafia");
        }
    }
    assert!(mafia.iter().all(|n| (70..=130).contains(n)), "100 of 400 on average: {mafia:?}");
}
