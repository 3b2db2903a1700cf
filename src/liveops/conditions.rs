//! Conditions of events and rewards: a small typed expression over what an account did (spec 2.2).
//!
//! `{"all": […]}`, `{"any": […]}`, `{"count": "game_won", "where": {"game": "mafia"}, "gte": 3}`,
//! `{"days_active": {"gte": 2}}`. Pure: counters are handed in. Whoever saves a condition has it [checked](Condition::check)
//! first; every fault names its field.

use super::counters::Counters;
use crate::config;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A condition on an account's activity.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// All of them; none at all is always met.
    All(Vec<Condition>),
    /// At least one of them.
    Any(Vec<Condition>),
    /// So many facts of a kind, with these dimensions.
    Count {
        /// `game_won` …
        fact: String,
        /// What its dimensions must be.
        filter: BTreeMap<String, String>,
        /// At least.
        gte: i64,
    },
    /// So many days (UTC) with any activity.
    DaysActive {
        /// At least.
        gte: i64,
    },
}

/// What is wrong with a condition, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {what}")]
pub(crate) struct Fault {
    /// `condition.all[0].gte`
    pub field: String,
    /// In words.
    pub what: String,
}

fn fault<T>(field: &str, what: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { field: field.to_owned(), what: what.into() })
}

/// How far one is.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub(crate) struct Progress {
    /// Whether the whole is met.
    pub met: bool,
    /// Each count in it, in order.
    pub terms: Vec<Term>,
}

/// One count of a condition.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub(crate) struct Term {
    /// Where it stands: `all[0]`; empty if it is the whole condition.
    pub term: String,
    /// What is counted: a fact, or `days_active`.
    pub what: String,
    /// So many there are.
    pub have: i64,
    /// So many are needed.
    pub need: i64,
    /// Whether that is enough.
    pub met: bool,
}

impl Condition {
    /// Reads the shape alone, as it is stored: what it counts need not exist any more.
    pub(crate) fn read(value: &Value, field: &str) -> Result<Self, Fault> {
        let Value::Object(object) = value else {
            return fault(field, "must be an object with all, any, count or days_active");
        };
        let kinds: Vec<&str> = ["all", "any", "count", "days_active"]
            .into_iter()
            .filter(|kind| object.contains_key(*kind))
            .collect();
        let [kind] = kinds[..] else {
            return fault(field, "must have exactly one of all, any, count, days_active");
        };
        let allowed: &[&str] = if kind == "count" { &["count", "where", "gte"] } else { &[kind] };
        refuse_others(object, allowed, field)?;
        let inner = format!("{field}.{kind}");
        match kind {
            "all" => Ok(Self::All(read_list(&object[kind], &inner)?)),
            "any" => Ok(Self::Any(read_list(&object[kind], &inner)?)),
            "count" => Ok(Self::Count {
                fact: object[kind]
                    .as_str()
                    .map(str::to_owned)
                    .ok_or_else(|| Fault { field: inner, what: "must be the name of a fact".to_owned() })?,
                filter: read_filter(object.get("where"), &format!("{field}.where"))?,
                gte: read_gte(object.get("gte"), &format!("{field}.gte"))?,
            }),
            _ => {
                let Some(days) = object[kind].as_object() else {
                    return fault(&inner, "must be {\"gte\": …}");
                };
                refuse_others(days, &["gte"], &inner)?;
                Ok(Self::DaysActive { gte: read_gte(days.get("gte"), &format!("{inner}.gte"))? })
            }
        }
    }

    /// Reads a condition that is to be saved: what it counts must exist, and it must not be too large.
    pub(crate) fn check(value: &Value, field: &str, bounds: &config::Rewards) -> Result<Self, Fault> {
        if depth(value) > bounds.condition_depth * 2 {
            return fault(field, format!("is nested deeper than {}", bounds.condition_depth));
        }
        let condition = Self::read(value, field)?;
        let mut terms = 0;
        condition.check_terms(field, 1, &mut terms, bounds)?;
        Ok(condition)
    }

    fn check_terms(
        &self,
        field: &str,
        level: usize,
        terms: &mut usize,
        bounds: &config::Rewards,
    ) -> Result<(), Fault> {
        *terms += 1;
        if level > bounds.condition_depth {
            return fault(field, format!("is nested deeper than {}", bounds.condition_depth));
        }
        if *terms > bounds.condition_terms {
            return fault(field, format!("is more than {} terms", bounds.condition_terms));
        }
        match self {
            Self::All(inner) | Self::Any(inner) => {
                let name = if matches!(self, Self::All(_)) { "all" } else { "any" };
                if inner.is_empty() && name == "any" {
                    return fault(&format!("{field}.any"), "is empty: nobody could meet it");
                }
                for (n, condition) in inner.iter().enumerate() {
                    condition.check_terms(&format!("{field}.{name}[{n}]"), level + 1, terms, bounds)?;
                }
                Ok(())
            }
            Self::Count { fact, filter, .. } => check_count(fact, filter, field),
            Self::DaysActive { .. } => Ok(()),
        }
    }

    /// As it is stored and shown.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::All(inner) => json!({"all": inner.iter().map(Self::to_json).collect::<Vec<_>>()}),
            Self::Any(inner) => json!({"any": inner.iter().map(Self::to_json).collect::<Vec<_>>()}),
            Self::Count { fact, filter, gte } if filter.is_empty() => json!({"count": fact, "gte": gte}),
            Self::Count { fact, filter, gte } => json!({"count": fact, "where": filter, "gte": gte}),
            Self::DaysActive { gte } => json!({"days_active": {"gte": gte}}),
        }
    }

    /// Whether it is met.
    pub(crate) fn is_met(&self, by: &Counters) -> bool {
        match self {
            Self::All(inner) => inner.iter().all(|condition| condition.is_met(by)),
            Self::Any(inner) => inner.iter().any(|condition| condition.is_met(by)),
            Self::Count { fact, filter, gte } => by.count(fact, filter) >= *gte,
            Self::DaysActive { gte } => by.days_active >= *gte,
        }
    }

    /// How far one is, count by count.
    pub(crate) fn progress(&self, by: &Counters) -> Progress {
        let mut terms = Vec::new();
        self.collect(String::new(), by, &mut terms);
        Progress { met: self.is_met(by), terms }
    }

    fn collect(&self, term: String, by: &Counters, terms: &mut Vec<Term>) {
        let mut put = |what: &str, have: i64, need: i64| {
            terms.push(Term { term: term.clone(), what: what.to_owned(), have, need, met: have >= need });
        };
        match self {
            Self::Count { fact, filter, gte } => put(fact, by.count(fact, filter), *gte),
            Self::DaysActive { gte } => put("days_active", by.days_active, *gte),
            Self::All(inner) | Self::Any(inner) => {
                let name = if matches!(self, Self::All(_)) { "all" } else { "any" };
                let dot = if term.is_empty() { "" } else { "." };
                for (n, condition) in inner.iter().enumerate() {
                    condition.collect(format!("{term}{dot}{name}[{n}]"), by, terms);
                }
            }
        }
    }
}

fn refuse_others(object: &Map<String, Value>, allowed: &[&str], field: &str) -> Result<(), Fault> {
    match object.keys().find(|key| !allowed.contains(&key.as_str())) {
        Some(key) => fault(&format!("{field}.{key}"), "does not belong here"),
        None => Ok(()),
    }
}

fn read_list(value: &Value, field: &str) -> Result<Vec<Condition>, Fault> {
    let Value::Array(inner) = value else { return fault(field, "must be a list of conditions") };
    inner.iter().enumerate().map(|(n, value)| Condition::read(value, &format!("{field}[{n}]"))).collect()
}

/// Values of dimensions are text; a number or a boolean is taken as it is written.
fn read_filter(value: Option<&Value>, field: &str) -> Result<BTreeMap<String, String>, Fault> {
    let Some(value) = value else { return Ok(BTreeMap::new()) };
    let Value::Object(object) = value else { return fault(field, "must be an object") };
    let text = |(name, value): (&String, &Value)| match value {
        Value::String(text) => Ok((name.clone(), text.clone())),
        Value::Number(_) | Value::Bool(_) => Ok((name.clone(), value.to_string())),
        _ => fault(&format!("{field}.{name}"), "must be text, a number or a boolean"),
    };
    object.iter().map(text).collect()
}

fn read_gte(value: Option<&Value>, field: &str) -> Result<i64, Fault> {
    match value.and_then(Value::as_i64) {
        Some(gte) if gte >= 1 => Ok(gte),
        _ => fault(field, "must be a whole number from 1"),
    }
}

fn check_count(fact: &str, filter: &BTreeMap<String, String>, field: &str) -> Result<(), Fault> {
    let Some(dimensions) = super::schemas::dimensions(fact) else {
        return fault(&format!("{field}.count"), format!("there is no fact {fact}"));
    };
    match filter.keys().find(|name| !dimensions.contains(name)) {
        Some(name) => fault(
            &format!("{field}.where.{name}"),
            format!("{fact} is not counted by it, but by {dimensions:?}"),
        ),
        None => Ok(()),
    }
}

/// Levels of arrays and objects, so that no recursion meets what is deeper than it may be.
fn depth(value: &Value) -> usize {
    let mut deepest = 0;
    let mut open = vec![(value, 1)];
    while let Some((value, level)) = open.pop() {
        deepest = deepest.max(level);
        match value {
            Value::Array(inner) => open.extend(inner.iter().map(|value| (value, level + 1))),
            Value::Object(inner) => open.extend(inner.values().map(|value| (value, level + 1))),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::liveops::counters::Count;

    fn won(game: &str, n: i64) -> Count {
        let dims = [("game".to_owned(), game.to_owned()), ("role".to_owned(), "doctor".to_owned())];
        Count { kind: "game_won".to_owned(), dims: dims.into(), n }
    }

    fn check(value: Value) -> Result<Condition, Fault> {
        Condition::check(&value, "condition", &config::Rewards::default())
    }

    #[test]
    fn the_condition_of_the_spec_is_met_by_who_did_it() {
        let spec = json!({"all": [{"count": "game_won", "where": {"game": "mafia"}, "gte": 3},
                                  {"days_active": {"gte": 2}}]});
        let condition = check(spec.clone()).expect("good");
        assert_eq!(condition.to_json(), spec);
        let mut did = Counters { counts: vec![won("mafia", 2), won("chess", 5)], days_active: 2 };
        assert!(!condition.is_met(&did));
        let progress = condition.progress(&did);
        let (first, second) = (&progress.terms[0], &progress.terms[1]);
        assert_eq!((first.term.as_str(), first.have, first.need, first.met), ("all[0]", 2, 3, false));
        assert_eq!((second.what.as_str(), second.met, progress.met), ("days_active", true, false));
        did.counts.push(won("mafia", 1));
        assert!(condition.is_met(&did) && condition.progress(&did).met);
    }

    #[test]
    fn any_needs_one_and_an_empty_all_nothing() {
        let any = check(json!({"any": [{"count": "game_won", "gte": 1}, {"days_active": {"gte": 9}}]}));
        let any = any.expect("good");
        assert!(!any.is_met(&Counters::default()));
        assert!(any.is_met(&Counters { counts: vec![won("chess", 1)], days_active: 1 }));
        assert!(check(json!({"all": []})).expect("good").is_met(&Counters::default()));
    }

    #[test]
    fn every_fault_names_its_field() {
        for (value, field) in [
            (json!(7), "condition"),
            (json!({}), "condition"),
            (json!({"all": [], "any": []}), "condition"),
            (json!({"any": []}), "condition.any"),
            (json!({"all": 7}), "condition.all"),
            (json!({"all": [{"count": "game_won", "gte": 0}]}), "condition.all[0].gte"),
            (json!({"all": [{"count": "game_won"}]}), "condition.all[0].gte"),
            (json!({"count": "game_lost", "gte": 1}), "condition.count"),
            (json!({"count": 7, "gte": 1}), "condition.count"),
            (json!({"count": "game_won", "gte": 1, "lte": 2}), "condition.lte"),
            (json!({"count": "game_won", "where": {"seat": 1}, "gte": 1}), "condition.where.seat"),
            (json!({"count": "game_won", "where": {"game": []}, "gte": 1}), "condition.where.game"),
            (json!({"days_active": {"gte": 1.5}}), "condition.days_active.gte"),
            (json!({"days_active": {"gte": 1, "x": 1}}), "condition.days_active.x"),
        ] {
            assert_eq!(check(value.clone()).expect_err("bad").field, field, "{value}");
        }
    }

    #[test]
    fn a_condition_has_bounds() {
        let mut deep = json!({"days_active": {"gte": 1}});
        for _ in 0..60 {
            deep = json!({"all": [deep]});
        }
        assert!(check(deep).expect_err("too deep").what.contains("deeper"));
        let term = json!({"days_active": {"gte": 1}});
        let wide = json!({"all": vec![term; 100]});
        assert!(check(wide).expect_err("too wide").what.contains("more than"));
    }
}
