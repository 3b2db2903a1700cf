//! Games nobody would play: any command from anybody at any time, drops, leaves, restarts, and bots in between so
//! that they get somewhere.

use super::kit::*;
use crate::{
    clock::UnixMs,
    game::{
        Effect, Game as _, Input, Setup, Viewer,
        mafia::{Mafia, Settings},
    },
};
use proptest::{collection::vec, option, prelude::*};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Something that may be tried. Seats may be of nobody.
#[derive(Clone, Debug)]
pub enum Act {
    Vote(usize, Option<usize>),
    Verdict(usize, bool),
    Night(usize, Option<usize>),
    Kick(usize, usize),
    Will(usize),
    Nonsense(usize),
    Leave(usize),
    Connection(usize, bool),
    Abandoned,
    Wait(u64),
    Deadline,
    /// Everybody who is a bot at heart does what a bot would.
    Bots(u64),
    Restart,
}

/// A table and what is tried at it.
#[derive(Clone, Debug)]
pub struct Plan {
    pub players: usize,
    pub patch: Value,
    pub seed: u64,
    pub acts: Vec<Act>,
}

/// One accepted input (`None`: a restart) with what came of it.
pub struct Step {
    pub at: UnixMs,
    pub input: Option<Input>,
    pub effects: Vec<Effect>,
    pub before: Mafia,
    pub after: Mafia,
}

/// A plan played to its end.
pub struct Run {
    pub settings: Settings,
    pub start: (Mafia, Vec<Effect>),
    pub steps: Vec<Step>,
}

fn act() -> impl Strategy<Value = Act> {
    let seat = 0..13_usize;
    let target = option::weighted(0.85, 0..13_usize);
    prop_oneof![
        6 => (seat.clone(), target.clone()).prop_map(|(by, target)| Act::Vote(by, target)),
        4 => (seat.clone(), any::<bool>()).prop_map(|(by, execute)| Act::Verdict(by, execute)),
        6 => (seat.clone(), target).prop_map(|(by, target)| Act::Night(by, target)),
        3 => (seat.clone(), seat.clone()).prop_map(|(by, target)| Act::Kick(by, target)),
        1 => seat.clone().prop_map(Act::Will),
        1 => seat.clone().prop_map(Act::Nonsense),
        1 => seat.clone().prop_map(Act::Leave),
        2 => (seat, any::<bool>()).prop_map(|(who, connected)| Act::Connection(who, connected)),
        2 => (0..20_000_u64).prop_map(Act::Wait),
        8 => Just(Act::Deadline),
        6 => any::<u64>().prop_map(Act::Bots),
        1 => Just(Act::Restart),
    ]
}

fn patch() -> impl Strategy<Value = Value> {
    let roles = (0..=2_u8, 0..=1_u8, 0..=1_u8).prop_map(|(police, escort, jester)| {
        json!({ "police": police, "escort": escort, "jester": jester, "doctor": 1, "mafia": null })
    });
    let words =
        (prop_oneof![Just("day"), Just("night")], prop_oneof![Just("none"), Just("side"), Just("full")]);
    let flags = proptest::array::uniform5(any::<bool>());
    (roles, words, flags, 1..=6_u64, prop_oneof![Just(0), Just(5_000_u64)]).prop_map(
        |(
            roles,
            (vote_tie, reveal),
            [early, anonymous, wills, media, spectators],
            max_days,
            final_words_ms,
        )| {
            json!({
                "roles": roles, "vote_tie": vote_tie, "reveal_on_death": reveal, "night_early_close": early,
                "anonymous_votes": anonymous, "wills": wills, "media": media, "allow_spectators": spectators,
                "max_days": max_days, "final_words_ms": final_words_ms,
            })
        },
    )
}

/// Any plan.
pub fn plan() -> impl Strategy<Value = Plan> {
    (5..=12_usize, patch(), any::<u64>(), vec(act(), 0..60), proptest::bool::weighted(0.05)).prop_map(
        |(players, mut patch, seed, mut acts, abandoned)| {
            if players < 8 {
                // There must be seats for all special roles.
                patch["roles"]["police"] = json!(1);
            }
            acts.extend(abandoned.then_some(Act::Abandoned));
            Plan { players, patch, seed, acts }
        },
    )
}

impl Plan {
    pub fn setup(&self) -> Setup<Settings> {
        Setup {
            settings: settings(&self.patch),
            seats: seats(self.players),
            seed: format!("{:064x}", self.seed),
            now: START,
            drop_grace_ms: GRACE_MS,
        }
    }

    /// Tries every act, then lets the deadlines run until the end.
    pub fn play(&self) -> Run {
        let start = Mafia::start(self.setup());
        let mut run = Player { game: start.0.clone(), now: START, steps: vec![] };
        for act in &self.acts {
            run.act(act, self.players);
        }
        let phases = (self.patch["max_days"].as_u64().unwrap() + 1) * 12;
        for _ in 0..phases {
            if run.game.winner.is_none() {
                run.act(&Act::Deadline, self.players);
            }
        }
        assert!(run.game.winner.is_some(), "{phases} deadlines and no end: {:?}", run.game);
        Run { settings: settings(&self.patch), start, steps: run.steps }
    }
}

struct Player {
    game: Mafia,
    now: UnixMs,
    steps: Vec<Step>,
}

impl Player {
    fn act(&mut self, act: &Act, players: usize) {
        let command =
            |by: usize, name: &str, payload: Value| Input::Command { by: id(by), name: name.into(), payload };
        let input = match act {
            Act::Vote(by, suspect) => command(*by, "game.vote", json!({ "suspect": suspect.map(id) })),
            Act::Verdict(by, execute) => command(*by, "game.verdict", json!({ "execute": execute })),
            Act::Night(by, target) => command(*by, "game.night", json!({ "target": target.map(id) })),
            Act::Kick(by, target) => command(*by, "game.kick_vote", json!({ "target": id(*target) })),
            Act::Will(by) => command(*by, "game.will", json!({ "text": format!("will of {by}") })),
            Act::Nonsense(by) => command(*by, "game.vote", json!({ "suspect": by })),
            Act::Leave(who) => Input::Left { player_id: id(*who) },
            Act::Connection(who, connected) => {
                Input::Connection { player_id: id(*who), connected: *connected }
            }
            Act::Abandoned => Input::Abandoned,
            Act::Wait(ms) => {
                self.now = self.now + *ms;
                return;
            }
            Act::Deadline => {
                self.now = self.now.max(self.game.deadline().unwrap_or(self.now));
                Input::Deadline
            }
            Act::Bots(seed) => return self.bots(*seed, players),
            Act::Restart => return self.restart(),
        };
        self.input(input);
    }

    fn bots(&mut self, seed: u64, players: usize) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        for seat in 0..players {
            let view = self.game.view(Viewer::Player(id(seat)));
            if let Some(made) = Mafia::bot_move(&view, id(seat), rng)
                && made.name != "chat.send"
            {
                self.input(Input::Command { by: id(seat), name: made.name.into(), payload: made.payload });
            }
        }
    }

    fn restart(&mut self) {
        let before = self.game.clone();
        self.game.restarted(self.now);
        self.steps.push(Step {
            at: self.now,
            input: None,
            effects: vec![],
            before,
            after: self.game.clone(),
        });
    }

    fn input(&mut self, input: Input) {
        let before = self.game.clone();
        match self.game.handle(&input, self.now) {
            Ok(effects) => {
                let after = self.game.clone();
                self.steps.push(Step { at: self.now, input: Some(input), effects, before, after });
            }
            Err(_) => assert_eq!(self.game, before, "a refusal changes nothing"),
        }
    }
}

/// The properties are worth only as much as these games see of the rules.
#[test]
fn random_games_see_everything_that_can_happen() {
    use proptest::{strategy::ValueTree as _, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for _ in 0..300 {
        let run = plan().new_tree(&mut runner).unwrap().current().play();
        for effect in run.steps.iter().flat_map(|s| &s.effects) {
            let what = match effect {
                Effect::Push { name, payload, .. } => match name.as_str() {
                    "game.death" => format!("{name} {}", payload["cause"]),
                    "game.over" => format!("{name} {}", payload["winner"]),
                    "game.phase" => format!("{name} {}", payload["phase"]),
                    "game.investigation" => format!("{name} {}", payload["mafia"]),
                    _ => name.clone(),
                },
                Effect::Media(_) => "media".into(),
                Effect::Expel { .. } => "expel".into(),
                Effect::Show { .. } | Effect::Over { .. } => continue,
            };
            *seen.entry(what).or_default() += 1;
        }
    }
    let pushes = 6 + ["votes", "verdict_tally", "night_choice", "night_result", "graveyard"].len();
    let (deaths, ends, found, absences, others) = (4, 5, 2, 3, 2);
    assert_eq!(seen.len(), pushes + deaths + ends + found + absences + others, "{seen:#?}");
    assert!(seen.values().all(|n| *n >= 3), "{seen:#?}");
}
