//! What the players do. One script for all games, so that each meets everything the game has:
//!
//! | day | vote | then | night |
//! | --- | --- | --- | --- |
//! | 1 | a citizen is accused | acquitted | the victim is saved by the doctor |
//! | 2 | a tie, then nobody named, then a citizen | executed, with final words | a citizen is killed |
//! | 3 | one leaves the room; a mafioso | executed | nobody acts |
//! | 4 | the other mafioso | executed: the citizens win | |
//!
//! On the way the players write to every channel they may and try some things they may not.
//! Pure: from what a player knows to what he sends.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::table::Roles;
use super::view::View;

const ACQUITTAL_DAY: u64 = 1;
const TIE_DAY: u64 = 2;
const HUNT_DAY: u64 = 3;
const TIE_ATTEMPT: u32 = 0;
const NOBODY_ATTEMPT: u32 = 1;
/// These two write by day while they live.
const TALKERS: usize = 2;
/// He tries to vote by day.
const IMPATIENT_SLOT: usize = 2;

/// What the answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// `ok`.
    Granted,
    /// `not_allowed`, as long as the phase is still the same.
    Refused,
}

/// One command.
#[derive(Debug, PartialEq)]
pub struct Action {
    pub kind: &'static str,
    pub payload: Value,
    pub expect: Expect,
}

fn granted(kind: &'static str, payload: Value) -> Action {
    Action { kind, payload, expect: Expect::Granted }
}

fn refused(kind: &'static str, payload: Value) -> Action {
    Action { kind, payload, expect: Expect::Refused }
}

/// What the player at `slot` does when a phase begins. `last`: no game follows this one.
pub fn on_phase(view: &View, slot: usize, roles: &Roles, last: bool) -> Vec<Action> {
    match view.phase.as_str() {
        "day" => by_day(view, slot, roles, last),
        "vote" if !view.alive => vec![refused("game.vote", json!({"suspect": null}))],
        "vote" => vec![granted("game.vote", json!({"suspect": suspect(view, slot, roles)}))],
        "verdict" if view.alive && view.accused.as_ref() != Some(&view.me) => {
            vec![granted("game.verdict", json!({"execute": view.day != ACQUITTAL_DAY}))]
        }
        "verdict" => vec![refused("game.verdict", json!({"execute": true}))],
        "night" => by_night(view, roles),
        _ => Vec::new(),
    }
}

fn by_day(view: &View, slot: usize, roles: &Roles, last: bool) -> Vec<Action> {
    if last && view.day == HUNT_DAY && leaver(view, roles) == Some(&view.me) {
        return vec![granted("room.leave", json!({}))];
    }
    let mut actions = Vec::new();
    if !view.alive || slot < TALKERS {
        let channel = if view.alive { "day" } else { "graveyard" };
        actions.push(granted("chat.send", json!({"text": format!("{channel} {} from {slot}", view.day)})));
    }
    if slot == IMPATIENT_SLOT {
        actions.push(refused("game.vote", json!({"suspect": null})));
    }
    actions
}

fn by_night(view: &View, roles: &Roles) -> Vec<Action> {
    let target = |target: Option<&String>| json!({"target": target});
    let victim = first(&view.living, roles, "citizen");
    let quiet = view.day >= HUNT_DAY;
    match view.role.as_str() {
        _ if !view.alive => vec![refused("game.night", target(victim))],
        "mafia" => vec![
            granted("chat.send", json!({"text": format!("mafia {}", view.day)})),
            granted("game.night", target(victim.filter(|_| !quiet))),
        ],
        "doctor" if quiet => vec![granted("game.night", target(None))],
        "doctor" if view.day == ACQUITTAL_DAY => vec![granted("game.night", target(victim))],
        "doctor" => vec![granted("game.night", target(Some(&view.me)))],
        _ => vec![refused("game.night", target(victim))],
    }
}

fn suspect<'a>(view: &'a View, slot: usize, roles: &Roles) -> Option<&'a String> {
    match (view.day, view.attempt) {
        (TIE_DAY, TIE_ATTEMPT) => view.living.iter().nth(place(view) % 2),
        (TIE_DAY, NOBODY_ATTEMPT) => None,
        (ACQUITTAL_DAY | TIE_DAY, _) => first(&view.living, roles, "citizen"),
        // He who would hang himself last changes nothing: all name the same one.
        _ => first(&view.living, roles, "mafia").or_else(|| view.living.iter().nth(slot % 2)),
    }
}

/// One's place among the living: they split evenly by it.
fn place(view: &View) -> usize {
    view.living.iter().position(|id| *id == view.me).unwrap_or_default()
}

/// The last of the living citizens who does not lead the room.
fn leaver<'a>(view: &'a View, roles: &Roles) -> Option<&'a String> {
    let citizen = |id: &&String| roles.get(*id).is_some_and(|role| role == "citizen");
    view.living.iter().rev().filter(|id| **id != view.leader).find(citizen)
}

fn first<'a>(living: &'a BTreeSet<String>, roles: &Roles, role: &str) -> Option<&'a String> {
    living.iter().find(|id| roles.get(*id).is_some_and(|theirs| theirs == role))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(me: &str, role: &str, phase: &str, day: u64) -> View {
        View {
            me: me.into(),
            role: role.into(),
            phase: phase.into(),
            day,
            alive: true,
            living: ["a", "b", "c", "d"].map(String::from).into(),
            ..View::default()
        }
    }

    fn roles() -> Roles {
        [("a", "mafia"), ("b", "citizen"), ("c", "doctor"), ("d", "citizen")]
            .map(|(id, role)| (id.to_owned(), role.to_owned()))
            .into()
    }

    #[test]
    fn in_the_first_night_the_doctor_saves_whom_the_mafia_chose() {
        let mafia = on_phase(&view("a", "mafia", "night", 1), 0, &roles(), true);
        let doctor = on_phase(&view("c", "doctor", "night", 1), 2, &roles(), true);
        assert_eq!(mafia[1].payload, doctor[0].payload);
        assert_eq!(doctor[0].payload, json!({"target": "b"}));
    }

    #[test]
    fn the_second_day_begins_with_a_tie() {
        let named: Vec<_> = ["a", "b", "c", "d"]
            .map(|me| {
                on_phase(&view(me, "citizen", "vote", 2), 0, &roles(), true)[0].payload["suspect"].clone()
            })
            .into();
        assert_eq!(named, [json!("a"), json!("b"), json!("a"), json!("b")]);
    }

    #[test]
    fn the_dead_try_in_vain() {
        let dead = View { alive: false, ..view("b", "citizen", "vote", 3) };
        assert_eq!(on_phase(&dead, 1, &roles(), true)[0].expect, Expect::Refused);
    }

    #[test]
    fn the_last_citizen_leaves_on_the_third_day_of_the_last_game() {
        let leaver = view("d", "citizen", "day", 3);
        assert_eq!(on_phase(&leaver, 3, &roles(), true)[0].kind, "room.leave");
        assert!(on_phase(&leaver, 3, &roles(), false).is_empty());
    }
}
