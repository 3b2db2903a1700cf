//! Who may know what, stated without looking at the rules' own code: a model that listens to what is public, and
//! checks every push and every view of random games against it (spec 1.3: nothing private may leak).
//!
//! The model takes the truth (roles) from the deal, who is dead from `game.death`, and choices from the accepted
//! commands. It uses neither the game's audiences nor its views.

use super::random::{Run, Step, plan};
use crate::{
    game::{
        Audience, Effect, Game as _, Input, MediaKind, Viewer,
        mafia::{Mafia, Reveal, Settings},
    },
    ids::PlayerId,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Whoever receives frames in a room.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    Player(PlayerId),
    Spectator,
}

struct Model<'a> {
    settings: &'a Settings,
    truth: BTreeMap<PlayerId, &'static str>,
    dead: BTreeSet<PlayerId>,
    /// Of this phase.
    phase: String,
    accused: Value,
    choices: BTreeMap<PlayerId, Value>,
    wills: BTreeMap<PlayerId, Value>,
    /// By police.
    findings: BTreeMap<PlayerId, Vec<Value>>,
    deaths: Vec<Value>,
    over: bool,
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap_or_else(|| panic!("{value}")).keys().map(String::as_str).collect()
}

#[track_caller]
fn only_keys(value: &Value, allowed: &[&str]) {
    for key in keys(value) {
        assert!(allowed.contains(&key), "{key} in {value}");
    }
}

fn player(value: &Value) -> PlayerId {
    serde_json::from_value(value.clone()).unwrap()
}

impl<'a> Model<'a> {
    fn new(run: &'a Run) -> Self {
        let truth = run.start.0.players.iter().map(|p| (p.id, p.role.name())).collect();
        Self {
            settings: &run.settings,
            truth,
            dead: BTreeSet::new(),
            phase: "day".into(),
            accused: Value::Null,
            choices: BTreeMap::new(),
            wills: BTreeMap::new(),
            findings: BTreeMap::new(),
            deaths: vec![],
            over: false,
        }
    }

    fn is_mafia(&self, id: PlayerId) -> bool {
        self.truth[&id] == "mafia"
    }
    /// The dead, and after the end everybody, know every role.
    fn knows_all_roles(&self, who: Who) -> bool {
        self.over || matches!(who, Who::Player(id) if self.dead.contains(&id))
    }
    fn knows_choice_of(&self, who: Who, by: PlayerId) -> bool {
        match who {
            Who::Spectator => false,
            Who::Player(id) => {
                self.dead.contains(&id) || id == by || (self.is_mafia(id) && self.is_mafia(by))
            }
        }
    }
    fn everybody(&self) -> Vec<Who> {
        self.truth.keys().copied().map(Who::Player).chain([Who::Spectator]).collect()
    }
    fn partners(&self, of: PlayerId) -> Vec<PlayerId> {
        self.truth.keys().copied().filter(|p| *p != of && self.is_mafia(*p)).collect()
    }
    fn all_roles(&self) -> Value {
        json!(self.truth)
    }

    /// Takes in an accepted command before its pushes are checked.
    fn hear(&mut self, input: Option<&Input>) {
        match input {
            Some(Input::Command { by, name, payload }) => {
                let field = match name.as_str() {
                    "game.vote" => "suspect",
                    "game.verdict" => "execute",
                    "game.night" => "target",
                    "game.will" => {
                        self.wills.insert(*by, payload["text"].clone());
                        return;
                    }
                    _ => return,
                };
                self.choices.insert(*by, payload[field].clone());
            }
            Some(Input::Left { player_id }) => {
                self.choices.remove(player_id);
            }
            _ => {}
        }
    }

    /// Checks one push to one who receives it.
    fn check_push(&self, who: Who, name: &str, payload: &Value) {
        match name {
            "game.phase" => only_keys(payload, &["phase", "day", "started_at", "ends_at", "accused"]),
            "game.votes" => self.check_votes(payload),
            "game.verdict_tally" => Self::check_tally(payload),
            "game.absent" | "game.present" => only_keys(payload, &["player_id"]),
            "game.kick_votes" => only_keys(payload, &["target", "votes", "needed"]),
            "game.night_result" => only_keys(payload, &["victim"]),
            "game.death" => self.check_death(payload),
            "game.night_choice" => {
                only_keys(payload, &["by", "role", "target"]);
                assert!(self.knows_choice_of(who, player(&payload["by"])), "{who:?} {payload}");
            }
            "game.investigation" => self.check_investigation(who, payload),
            "game.graveyard" => {
                assert!(self.knows_all_roles(who), "{who:?}");
                assert_eq!(*payload, json!({ "roles": self.all_roles() }));
            }
            "game.over" => {
                only_keys(payload, &["winner", "roles", "days", "seed"]);
                assert_eq!(payload["roles"], self.all_roles());
            }
            other => panic!("nobody may be told of {other}: {payload}"),
        }
    }

    fn check_votes(&self, votes: &Value) {
        if !self.settings.anonymous_votes {
            return only_keys(votes, &["tally", "abstained"]);
        }
        only_keys(votes, &["counts", "abstained"]);
        assert!(votes["abstained"].is_u64());
        assert!(votes["counts"].as_object().unwrap().values().all(Value::is_u64));
    }
    fn check_tally(tally: &Value) {
        only_keys(tally, &["yes", "no"]);
        assert!(tally["yes"].is_u64() && tally["no"].is_u64());
    }

    fn check_death(&self, death: &Value) {
        let id = player(&death["player_id"]);
        let told = death["cause"] != "left";
        let role = self.truth[&id];
        let side = match role {
            "mafia" => "mafia",
            "jester" => "neutral",
            _ => "citizens",
        };
        let mut expected = json!({ "player_id": id, "cause": death["cause"], "day": death["day"] });
        match self.settings.reveal_on_death {
            Reveal::Full if told => expected["role"] = json!(role),
            Reveal::Side if told => expected["side"] = json!(side),
            _ => {}
        }
        if let Some(will) = self.wills.get(&id).filter(|_| self.settings.wills) {
            expected["will"] = will.clone();
        }
        assert_eq!(*death, expected);
    }

    fn check_investigation(&self, who: Who, finding: &Value) {
        only_keys(finding, &["target", "mafia", "day"]);
        let Who::Player(id) = who else { panic!("a spectator was told {finding}") };
        let target = player(&finding["target"]);
        assert_eq!(finding["mafia"], self.is_mafia(target));
        let chose = self.choices.get(&id) == Some(&finding["target"]);
        let blocked = self.choices.iter().any(|(by, t)| self.truth[by] == "escort" && *t == json!(id));
        let his_own = self.truth[&id] == "police" && chose && !blocked;
        assert!(his_own || self.dead.contains(&id), "{who:?} {finding}");
    }

    /// Takes in what is public of a step, push by push, each checked with what its receivers may know at that moment.
    fn step(&mut self, step: &Step) {
        self.hear(step.input.as_ref());
        for effect in &step.effects {
            let Effect::Push { to, name, payload, .. } = effect else { continue };
            if name == "game.death" {
                self.dead.insert(player(&payload["player_id"]));
            }
            self.over |= name == "game.over";
            let receivers = match to {
                Audience::All => self.everybody(),
                Audience::Only(ids) => ids.iter().copied().map(Who::Player).collect(),
            };
            for who in receivers {
                self.check_push(who, name, payload);
            }
            self.learn(to, name, payload);
        }
    }

    fn learn(&mut self, to: &Audience, name: &str, payload: &Value) {
        match name {
            "game.death" => {
                let id = player(&payload["player_id"]);
                self.choices.remove(&id);
                if self.phase == "vote" {
                    self.choices.values_mut().filter(|s| **s == json!(id)).for_each(|s| *s = Value::Null);
                }
                self.deaths.push(payload.clone());
            }
            "game.investigation" => {
                // Each who received it has been checked to be dead or to have asked; two may have asked the same.
                let Audience::Only(to) = to else { panic!("{payload}") };
                let mut living = to.iter().filter(|id| !self.dead.contains(id));
                self.findings.entry(*living.next().unwrap()).or_default().push(payload.clone());
                assert_eq!(living.next(), None, "each learns by himself");
            }
            "game.phase" => {
                self.choices.clear();
                self.phase = payload["phase"].as_str().unwrap().into();
                self.accused = payload["accused"].clone();
            }
            _ => {}
        }
    }

    /// Checks the whole view of one viewer.
    fn check_view(&self, game: &Mafia, who: Who) {
        let view = game.view(match who {
            Who::Player(id) => Viewer::Player(id),
            Who::Spectator => Viewer::Spectator,
        });
        let public = ["phase", "day", "started_at", "ends_at", "accused", "players", "you", "deaths"];
        let ballots = ["votes", "verdict_tally", "night", "roles", "winner"];
        only_keys(&view, &[&public[..], &ballots[..]].concat());
        assert_eq!(view["deaths"], json!(self.deaths));
        for seat in view["players"].as_array().unwrap() {
            only_keys(seat, &["player_id", "alive", "absent"]);
            assert_eq!(seat["alive"], !self.dead.contains(&player(&seat["player_id"])));
        }
        match view.get("roles") {
            Some(roles) => assert!(self.knows_all_roles(who) && *roles == self.all_roles(), "{who:?}"),
            None => assert!(!self.knows_all_roles(who), "{who:?}"),
        }
        view.get("votes").into_iter().for_each(|votes| self.check_votes(votes));
        view.get("verdict_tally").into_iter().for_each(Self::check_tally);
        assert_eq!(view.get("winner").is_some(), self.over);
        self.check_night(who, view.get("night"));
        self.check_you(who, &view["you"]);
    }

    fn check_night(&self, who: Who, night: Option<&Value>) {
        assert_eq!(night.is_some(), self.phase == "night" && !self.over);
        let Some(night) = night else { return };
        only_keys(night, &["choices"]);
        let shown: BTreeSet<String> =
            night["choices"].as_array().unwrap().iter().map(Value::to_string).collect();
        let known = self.choices.iter().filter(|(by, _)| self.knows_choice_of(who, **by));
        let expected = known
            .map(|(by, target)| json!({ "by": by, "role": self.truth[by], "target": target }).to_string());
        assert_eq!(shown, expected.collect(), "{who:?}");
    }

    fn check_you(&self, who: Who, you: &Value) {
        let Who::Player(id) = who else {
            assert_eq!((&you["role"], &you["alive"]), (&Value::Null, &json!(false)));
            return only_keys(you, &["role", "alive", "chat"]);
        };
        only_keys(
            you,
            &["role", "alive", "partners", "choice", "will", "chat", "investigations", "kick_votes"],
        );
        assert_eq!(you["role"], self.truth[&id]);
        assert_eq!(you["alive"], !self.dead.contains(&id));
        let partners = self.is_mafia(id).then(|| json!(self.partners(id)));
        assert_eq!(you.get("partners"), partners.as_ref());
        if !self.over {
            assert_eq!(you.get("choice"), self.choices.get(&id), "{who:?}");
        }
        assert_eq!(you.get("will"), self.wills.get(&id));
        let findings = self.findings.get(&id).map(|found| json!(found));
        assert_eq!(you.get("investigations"), findings.as_ref());
    }

    /// Spec 1.4 and 1.6, as far as they keep secrets.
    fn check_channels(&self, game: &Mafia) {
        if self.over {
            return;
        }
        for grant in &game.media().streams {
            assert!(!self.dead.contains(&grant.from), "the dead send nothing");
            assert!(!grant.to.contains(&grant.from));
            if self.phase == "night" {
                assert!(self.is_mafia(grant.from) && !grant.spectators, "citizens sleep");
                assert!(grant.to.iter().all(|p| self.is_mafia(*p) || self.dead.contains(p)));
            }
            if ["defence", "final_words"].contains(&self.phase.as_str()) && grant.kind == MediaKind::Audio {
                assert_eq!(json!(grant.from), self.accused);
            }
        }
        assert_eq!(game.writes_to(Viewer::Spectator), None);
        assert!(!game.reads(Viewer::Spectator, "mafia") && !game.reads(Viewer::Spectator, "graveyard"));
        for id in self.truth.keys() {
            let (viewer, dead) = (Viewer::Player(*id), self.dead.contains(id));
            assert_eq!(game.reads(viewer, "graveyard"), dead);
            assert_eq!(game.reads(viewer, "mafia"), dead || self.is_mafia(*id));
            let chat = game.writes_to(viewer);
            assert_eq!(chat == Some("graveyard"), dead);
            assert!(chat != Some("mafia") || (self.is_mafia(*id) && self.phase == "night"));
            assert!(chat != Some("day") || self.phase != "night");
        }
    }

    /// What one does in secret changes nothing in anybody's view who may not know of it.
    fn check_silence(&self, step: &Step) {
        let (by, secret) = match &step.input {
            Some(Input::Command { by, name, .. }) if name == "game.night" => (*by, true),
            Some(Input::Command { by, name, .. }) if name == "game.will" => (*by, false),
            Some(Input::Connection { player_id, .. }) => (*player_id, false),
            _ => return,
        };
        for who in self.everybody() {
            if who == Who::Player(by) || (secret && self.knows_choice_of(who, by)) {
                continue;
            }
            let viewer = match who {
                Who::Player(id) => Viewer::Player(id),
                Who::Spectator => Viewer::Spectator,
            };
            assert_eq!(step.before.view(viewer), step.after.view(viewer), "{who:?}");
            for effect in &step.effects {
                match (effect, who) {
                    (Effect::Push { to: Audience::Only(to), .. }, Who::Player(id)) => {
                        assert!(!to.contains(&id))
                    }
                    (Effect::Push { to: Audience::Only(_), .. }, Who::Spectator) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

/// The deal: each is told his own role, the mafia their partners, and nobody anything else.
fn check_start(model: &Model<'_>, effects: &[Effect]) {
    let mut told = BTreeSet::new();
    for effect in effects {
        match effect {
            Effect::Push { to: Audience::Only(to), name, payload, .. } if name == "game.role" => {
                let [id] = to[..] else { panic!("{to:?}") };
                let expected = match model.is_mafia(id) {
                    true => json!({ "role": "mafia", "partners": model.partners(id) }),
                    false => json!({ "role": model.truth[&id] }),
                };
                assert_eq!(*payload, expected);
                assert!(told.insert(id));
            }
            Effect::Push { name, payload, .. } => {
                assert_eq!(name, "game.phase");
                model.check_push(Who::Spectator, name, payload);
            }
            Effect::Media(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(told.len(), model.truth.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_ever_told_what_he_may_not_know(plan in plan()) {
        let run = plan.play();
        let mut model = Model::new(&run);
        check_start(&model, &run.start.1);
        for step in &run.steps {
            model.step(step);
            for who in model.everybody() {
                model.check_view(&step.after, who);
            }
            model.check_channels(&step.after);
            model.check_silence(step);
        }
        assert!(model.over);
    }
}
