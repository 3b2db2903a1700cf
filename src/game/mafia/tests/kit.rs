//! A table at which a test plays: players are seats 0, 1, 2 …, time goes from deadline to deadline.

use crate::{
    clock::UnixMs,
    game::{
        Audience, Effect, Game as _, GameFact, Input, Refusal, Registry, Seat, Setup, Viewer,
        mafia::{Mafia, Role, Settings},
    },
    ids::PlayerId,
};
use serde_json::{Value, json};
use uuid::Uuid;

pub const SEED: &str = "5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed";
pub const GRACE_MS: u64 = 10_000;
pub const START: UnixMs = UnixMs(1_700_000_000_000);

/// The player on seat n.
pub fn id(n: usize) -> PlayerId {
    PlayerId(Uuid::from_u128(n as u128 + 1))
}

pub fn seats(n: usize) -> Vec<Seat> {
    (0..n).map(|n| Seat { player_id: id(n), nickname: format!("p{n}"), bot: false }).collect()
}

/// The defaults with a patch, as the registry makes them.
pub fn settings(patch: &Value) -> Settings {
    let registry = Registry::standard();
    let kind = registry.get("mafia").unwrap();
    serde_json::from_value(kind.merge(&kind.default_settings(), patch, None).unwrap()).unwrap()
}

pub struct Play {
    pub game: Mafia,
    pub now: UnixMs,
    /// Of the last step.
    pub effects: Vec<Effect>,
    /// Of the last step.
    pub facts: Vec<GameFact>,
}

type Step<'a> = Result<&'a mut Play, Refusal>;

impl Play {
    /// Seats with these roles, in order, by these settings; the first day has begun.
    pub fn new(roles: &str, patch: Value) -> Self {
        let roles: Vec<Role> = roles.split_whitespace().map(|r| Role::named(r).expect(r)).collect();
        let setup = Setup {
            settings: settings(&patch),
            seats: seats(roles.len()),
            seed: SEED.into(),
            now: START,
            drop_grace_ms: GRACE_MS,
        };
        let (mut game, effects) = Mafia::start(setup);
        for (player, role) in game.players.iter_mut().zip(roles) {
            player.role = role;
        }
        Self { game, now: START, effects, facts: Vec::new() }
    }

    pub fn input(&mut self, input: Input) -> Step<'_> {
        let before = self.game.clone();
        match self.game.handle(&input, self.now) {
            Ok(effects) => {
                self.effects = effects;
                self.facts = self.game.facts(&before, &input);
            }
            Err(refusal) => {
                assert_eq!(self.game, before, "a refusal changes nothing");
                return Err(refusal);
            }
        }
        Ok(self)
    }
    pub fn send(&mut self, by: usize, name: &str, payload: Value) -> Step<'_> {
        self.input(Input::Command { by: id(by), name: name.into(), payload })
    }
    pub fn vote(&mut self, by: usize, suspect: impl Into<Option<usize>>) -> Step<'_> {
        self.send(by, "game.vote", json!({ "suspect": suspect.into().map(id) }))
    }
    pub fn verdict(&mut self, by: usize, execute: bool) -> Step<'_> {
        self.send(by, "game.verdict", json!({ "execute": execute }))
    }
    pub fn night(&mut self, by: usize, target: impl Into<Option<usize>>) -> Step<'_> {
        self.send(by, "game.night", json!({ "target": target.into().map(id) }))
    }
    pub fn kick(&mut self, by: usize, target: usize) -> Step<'_> {
        self.send(by, "game.kick_vote", json!({ "target": id(target) }))
    }
    pub fn leave(&mut self, who: usize) -> &mut Self {
        self.input(Input::Left { player_id: id(who) }).unwrap()
    }
    pub fn connection(&mut self, who: usize, connected: bool) -> &mut Self {
        self.input(Input::Connection { player_id: id(who), connected }).unwrap()
    }
    pub fn wait(&mut self, ms: u64) -> &mut Self {
        self.now = self.now + ms;
        self
    }
    /// Time runs to the deadline, which comes.
    pub fn deadline(&mut self) -> &mut Self {
        self.now = self.game.deadline().expect("the game is over");
        self.input(Input::Deadline).unwrap()
    }
    /// Deadline after deadline, until this phase opens.
    pub fn until(&mut self, phase: &str) -> &mut Self {
        while self.phase() != phase {
            self.deadline();
        }
        self
    }
    /// From day or vote: everybody alive names this one.
    pub fn accuse(&mut self, suspect: usize) -> &mut Self {
        self.until("vote");
        for voter in self.living() {
            self.vote(voter, suspect).unwrap();
        }
        assert_eq!(self.phase(), "defence");
        self
    }
    /// From day or vote: he is accused, condemned by all and has spoken; the last step is his death.
    pub fn execute(&mut self, suspect: usize) -> &mut Self {
        self.accuse(suspect).until("verdict");
        for juror in self.living().into_iter().filter(|j| *j != suspect) {
            self.verdict(juror, true).unwrap();
        }
        assert_eq!(self.phase(), "final_words");
        self.deadline()
    }

    pub fn phase(&self) -> &'static str {
        self.game.phase.name()
    }
    pub fn living(&self) -> Vec<usize> {
        (0..self.game.players.len()).filter(|n| self.game.players[*n].alive).collect()
    }
    pub fn view(&self, who: usize) -> Value {
        self.game.view(Viewer::Player(id(who)))
    }
    /// Payloads of the last step's pushes of this name.
    pub fn pushed(&self, name: &str) -> Vec<Value> {
        self.pushes().into_iter().filter(|(n, ..)| n == name).map(|(_, _, payload)| payload).collect()
    }
    /// Seats that received the last step's only push of this name; empty: everybody.
    pub fn told(&self, name: &str) -> Vec<usize> {
        let mut pushes = self.pushes().into_iter().filter(|(n, ..)| n == name);
        let (_, to, _) = pushes.next().unwrap_or_else(|| panic!("no {name}"));
        assert!(pushes.next().is_none(), "one {name}");
        match to {
            Audience::All => vec![],
            Audience::Only(ids) => ids.iter().map(|i| (0..).find(|n| id(*n) == *i).unwrap()).collect(),
        }
    }
    /// Names of the last step's pushes, in order.
    pub fn names(&self) -> Vec<String> {
        self.pushes().into_iter().map(|(name, ..)| name).collect()
    }
    fn pushes(&self) -> Vec<(String, Audience, Value)> {
        let push = |e: &Effect| match e {
            Effect::Push { to, name, payload, .. } => Some((name.clone(), to.clone(), payload.clone())),
            _ => None,
        };
        self.effects.iter().filter_map(push).collect()
    }
    pub fn winner(&self) -> Option<&str> {
        self.game.winner.as_deref()
    }
}

/// Asserts that a command was refused by the rules.
#[track_caller]
pub fn refused(step: Step<'_>) {
    match step {
        Err(Refusal::NotAllowed(_)) => {}
        Err(other) => panic!("refused otherwise: {other:?}"),
        Ok(play) => panic!("accepted: {:?}", play.effects),
    }
}
