//! What holds in every game, whatever anybody tries.

use super::{
    kit::*,
    random::{Run, Step, plan},
};
use crate::{
    game::{
        Effect, Game as _, Input, Registry, Setup,
        mafia::{Mafia, phase::Phase},
        replay::Recording,
    },
    ids::{MatchId, PlayerId, RoomId},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

fn pushed<'a>(effects: &'a [Effect], wanted: &str) -> Vec<&'a Value> {
    let push = |e: &'a Effect| match e {
        Effect::Push { name, payload, .. } if name == wanted => Some(payload),
        _ => None,
    };
    effects.iter().filter_map(push).collect()
}

fn living(game: &Mafia) -> BTreeSet<PlayerId> {
    game.living().map(|p| p.id).collect()
}

/// The log of a run, as the room would have written it.
fn recording(run: &Run, setup: Setup<crate::game::mafia::Settings>) -> Recording {
    let Setup { settings, seats, seed, now, drop_grace_ms } = setup;
    let settings = serde_json::to_value(settings).unwrap();
    let setup = Setup { settings, seats, seed, now, drop_grace_ms };
    let ids = (MatchId(Uuid::nil()), RoomId(Uuid::nil()));
    let mut recording = Recording::open(ids.0, ids.1, "mafia", setup, run.start.1.clone());
    for step in &run.steps {
        recording.append(step.at, step.input.clone(), step.effects.clone());
    }
    recording
}

fn a_step_kills_at_most_one_at_night(step: &Step) {
    let dead: Vec<_> = living(&step.before).difference(&living(&step.after)).copied().collect();
    assert!(dead.len() <= 1, "{dead:?}");
    let killed: Vec<_> =
        pushed(&step.effects, "game.death").into_iter().filter(|d| d["cause"] == "killed").collect();
    for result in pushed(&step.effects, "game.night_result") {
        let victim: Vec<_> = killed.iter().map(|d| &d["player_id"]).collect();
        assert_eq!(victim, if result["victim"].is_null() { vec![] } else { vec![&result["victim"]] });
    }
}

fn the_dead_stay_dead_and_have_no_ballot(step: &Step) {
    assert!(living(&step.after).is_subset(&living(&step.before)));
    let living = living(&step.after);
    let voters: BTreeSet<PlayerId> = match &step.after.phase {
        Phase::Vote { ballots } => ballots.keys().chain(ballots.values().flatten()).copied().collect(),
        Phase::Verdict { ballots, .. } => ballots.keys().copied().collect(),
        Phase::Night { choices, .. } => choices.keys().copied().collect(),
        _ => return,
    };
    assert!(step.after.winner.is_some() || voters.is_subset(&living));
}

fn a_phase_is_followed_only_by_those_the_rules_name(step: &Step) {
    let (from, to) = (step.before.phase.name(), step.after.phase.name());
    let accused_is_gone = !pushed(&step.effects, "game.death").is_empty();
    let allowed = match (from, to) {
        ("day", "vote") | ("vote", "defence" | "day" | "night") | ("defence", "verdict") => true,
        ("verdict", "final_words" | "night") | ("final_words", "night") | ("night", "day") => true,
        ("defence", "night") => accused_is_gone,
        (from, to) => from == to,
    };
    assert!(allowed, "{from} → {to}");
    let days = step.after.day - step.before.day;
    assert_eq!(days, u64::from((from, to) == ("night", "day")), "a day passes with the night alone");
}

fn a_deadline_never_moves_back_and_is_there_until_the_end(step: &Step) {
    assert_eq!(step.after.deadline().is_none(), step.after.winner.is_some());
    let same_phase = step.before.started_at == step.after.started_at
        && step.before.phase.name() == step.after.phase.name();
    if let (Some(before), Some(after), true) = (step.before.deadline(), step.after.deadline(), same_phase) {
        assert!(after <= before && after >= step.after.started_at);
    }
}

fn the_end_comes_once_and_last(run: &Run) {
    let over = |e: &Effect| matches!(e, Effect::Over { .. });
    let all: Vec<&Effect> = run.steps.iter().flat_map(|s| &s.effects).collect();
    assert_eq!(all.iter().filter(|e| over(e)).count(), 1);
    assert!(over(all.last().unwrap()));
}

/// Ballots as the accepted commands alone tell of them.
#[derive(Default)]
struct Box(BTreeMap<PlayerId, Value>);

impl Box {
    fn note(&mut self, step: &Step) {
        if let Some(Input::Command { by, name, payload }) = &step.input {
            match name.as_str() {
                "game.vote" => self.0.insert(*by, payload["suspect"].clone()),
                "game.verdict" => self.0.insert(*by, payload["execute"].clone()),
                _ => None,
            };
        }
        for death in pushed(&step.effects, "game.death") {
            self.0.retain(|voter, _| json!(voter) != death["player_id"]);
            self.0.values_mut().filter(|s| **s == death["player_id"]).for_each(|s| *s = Value::Null);
        }
        if !pushed(&step.effects, "game.phase").is_empty() {
            self.0.clear();
        }
    }
    fn votes(&self, anonymous: bool) -> Value {
        let mut tally: BTreeMap<&str, Vec<PlayerId>> = BTreeMap::new();
        let mut abstained = vec![];
        for (voter, suspect) in &self.0 {
            suspect.as_str().map_or(&mut abstained, |s| tally.entry(s).or_default()).push(*voter);
        }
        if anonymous {
            let counts: BTreeMap<_, _> = tally.iter().map(|(s, voters)| (s, voters.len())).collect();
            return json!({ "counts": counts, "abstained": abstained.len() });
        }
        json!({ "tally": tally, "abstained": abstained })
    }
    fn verdict(&self) -> Value {
        let yes = self.0.values().filter(|v| **v == json!(true)).count();
        json!({ "yes": yes, "no": self.0.len() - yes })
    }
}

fn tallies_equal_ballots(run: &Run) {
    let mut ballots = Box::default();
    for step in &run.steps {
        ballots.note(step);
        let view = step.after.view(crate::game::Viewer::Spectator);
        let expected = match step.after.phase.name() {
            _ if step.after.winner.is_some() => return,
            "vote" => ("votes", "game.votes", ballots.votes(run.settings.anonymous_votes)),
            "verdict" => ("verdict_tally", "game.verdict_tally", ballots.verdict()),
            _ => continue,
        };
        assert_eq!(view[expected.0], expected.2);
        for tally in pushed(&step.effects, expected.1) {
            assert_eq!(*tally, expected.2);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_game_keeps_the_rules_and_ends(plan in plan()) {
        let run = plan.play();
        for step in &run.steps {
            a_step_kills_at_most_one_at_night(step);
            the_dead_stay_dead_and_have_no_ballot(step);
            a_phase_is_followed_only_by_those_the_rules_name(step);
            a_deadline_never_moves_back_and_is_there_until_the_end(step);
        }
        the_end_comes_once_and_last(&run);
        tallies_equal_ballots(&run);
    }

    #[test]
    fn a_game_saved_and_restored_at_any_point_is_the_same(plan in plan()) {
        for step in &plan.play().steps {
            let saved = serde_json::to_string(&step.before).unwrap();
            let mut restored: Mafia = serde_json::from_str(&saved).unwrap();
            assert_eq!(restored, step.before);
            assert_eq!(serde_json::from_value::<Mafia>(serde_json::to_value(&restored).unwrap()).unwrap(), restored);
            if let Some(input) = &step.input {
                assert_eq!(restored.handle(input, step.at).as_ref(), Ok(&step.effects));
                assert_eq!(restored, step.after);
            }
        }
    }

    #[test]
    fn a_recorded_game_replays_identically(plan in plan()) {
        let run = plan.play();
        let recording = recording(&run, plan.setup());
        let stored = serde_json::to_string(&recording).unwrap();
        let read: Recording = serde_json::from_str(&stored).unwrap();
        assert_eq!(read, recording);
        let report = read.verify(&Registry::standard()).unwrap();
        assert_eq!(report.entries, run.steps.len() + 1);
        assert!(report.winner.is_some());
        assert_eq!(read.winner, report.winner);
        prop_assert!(!read.timeline().to_string().contains(&id(0).to_string()), "names in place of ids");
    }
}
