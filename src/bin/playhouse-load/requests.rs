//! What a player has asked and not been answered.
//!
//! Every request gets one answer. What is refused for the moment is asked again under the same id, which the server
//! does once; after a lost socket so is what is still open. Pure books: `player` sends and receives.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

/// After so long a request that is refused for the moment is refused.
const PATIENCE: Duration = Duration::from_secs(20);
/// The pause before it is asked again, where the server names none.
const AGAIN: Duration = Duration::from_millis(100);

/// What a request came to.
pub type Outcome = Result<Value, Refusal>;

/// An error answer.
#[derive(Clone, Debug, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// One of the error codes of spec 1.8.
    pub code: String,
    /// For people.
    #[serde(default)]
    pub message: String,
    /// When to ask again, where that may help.
    #[serde(default)]
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    /// Refused for the moment: asked again under the same id it is done once.
    fn may_be_repeated(&self) -> bool {
        matches!(self.code.as_str(), "try_again" | "moving")
    }
}

/// The outcome that an answer of this type tells.
pub fn outcome(kind: &str, payload: Value) -> Outcome {
    let unreadable = |error: serde_json::Error| Refusal {
        code: "?".into(),
        message: error.to_string(),
        retry_after_ms: None,
    };
    if kind == "ok" { Ok(payload) } else { Err(serde_json::from_value(payload).unwrap_or_else(unreadable)) }
}

/// What an answer is to its request.
#[derive(Debug, PartialEq, Eq)]
pub enum Answered {
    /// The one answer, after so many microseconds.
    Now(u64),
    /// It is asked again.
    Later,
    /// One more answer to what was sent twice: the first may have been done after all.
    Again,
    /// Nothing like it is open.
    Unasked,
}

struct Open {
    asked: Instant,
    kind: String,
    frame: String,
    /// It was refused for the moment, and is sent again then.
    again: Option<Instant>,
}

/// The open requests of a session.
#[derive(Default)]
pub struct Requests {
    last_id: u32,
    open: BTreeMap<u32, Open>,
    /// Up to this id an answer may come that nobody waits for.
    doubtful: u32,
    /// Asked again after a refusal for the moment.
    repeated: BTreeSet<u32>,
}

impl Requests {
    /// The frame of a new request, and its id.
    pub fn ask(&mut self, kind: &str, payload: &Value) -> (u32, &str) {
        let (id, frame) = self.frame(kind, payload);
        let open = Open { asked: Instant::now(), kind: kind.to_owned(), frame, again: None };
        (id, &self.open.entry(id).insert_entry(open).into_mut().frame)
    }

    /// As [`Self::ask`], for the first frame of a new socket: it is not asked again, and what was open is in doubt.
    pub fn ask_to_resume(&mut self, payload: &Value) -> (u32, String) {
        self.doubtful = self.last_id;
        self.frame("session.resume", payload)
    }

    fn frame(&mut self, kind: &str, payload: &Value) -> (u32, String) {
        self.last_id += 1;
        (self.last_id, json!({"id": self.last_id, "type": kind, "payload": payload}).to_string())
    }

    /// An answer has come.
    pub fn answered(&mut self, id: u32, outcome: &Outcome) -> Answered {
        let Some(open) = self.open.get_mut(&id) else {
            let twice = id <= self.doubtful || self.repeated.contains(&id);
            return if twice { Answered::Again } else { Answered::Unasked };
        };
        if let Err(refusal) = outcome
            && refusal.may_be_repeated()
            && open.asked.elapsed() < PATIENCE
        {
            open.again = Some(Instant::now() + refusal.retry_after_ms.map_or(AGAIN, Duration::from_millis));
            return Answered::Later;
        }
        let took_us = u64::try_from(open.asked.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.open.remove(&id);
        Answered::Now(took_us)
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.open.len()
    }

    /// Waits no longer for the answers to requests of these kinds; their ids.
    pub fn give_up(&mut self, which: impl Fn(&str) -> bool) -> Vec<u32> {
        let given_up = self.open.extract_if(.., |_, open| which(&open.kind));
        given_up.map(|(id, _)| id).collect()
    }

    /// All that is open, in its order, to be sent again.
    pub fn repeat_all(&mut self) -> impl Iterator<Item = &str> {
        self.open.values_mut().map(|open| {
            open.again = None;
            open.frame.as_str()
        })
    }

    /// What was refused for the moment and is due, to be sent again.
    pub fn repeat_due(&mut self) -> impl Iterator<Item = &str> {
        let now = Instant::now();
        let repeated = &mut self.repeated;
        let due = self.open.iter_mut().filter(move |(_, open)| open.again.is_some_and(|at| at <= now));
        due.map(|(id, open)| {
            open.again = None;
            repeated.insert(*id);
            open.frame.as_str()
        })
    }

    /// When the next of it is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.open.values().filter_map(|open| open.again).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str) -> Outcome {
        outcome("error", json!({"code": code, "message": "", "retry_after_ms": 0}))
    }

    #[test]
    fn every_request_has_one_answer() {
        let mut requests = Requests::default();
        let (id, frame) = requests.ask("room.leave", &json!({}));
        assert!(frame.contains(r#""id":1"#));
        assert!(matches!(requests.answered(id, &Ok(json!({}))), Answered::Now(_)));
        assert_eq!(requests.answered(id, &Ok(json!({}))), Answered::Unasked);
    }

    #[test]
    fn what_is_refused_for_the_moment_is_asked_again() {
        let mut requests = Requests::default();
        let (id, _) = requests.ask("game.vote", &json!({}));
        assert_eq!(requests.answered(id, &refused("moving")), Answered::Later);
        assert!(requests.next_due().is_some());
        assert_eq!(requests.repeat_due().count(), 1);
        assert_eq!(requests.next_due(), None);
        assert!(matches!(requests.answered(id, &refused("not_allowed")), Answered::Now(_)));
        assert_eq!(requests.answered(id, &Ok(json!({}))), Answered::Again, "the first one, late");
    }

    #[test]
    fn after_a_resume_what_was_open_is_in_doubt() {
        let mut requests = Requests::default();
        let (chat, _) = requests.ask("chat.send", &json!({}));
        let (vote, _) = requests.ask("game.vote", &json!({}));
        let (resume, _) = requests.ask_to_resume(&json!({}));
        assert_eq!(requests.give_up(|kind| kind == "chat.send"), [chat]);
        assert_eq!(requests.repeat_all().count(), 1);
        assert!(matches!(requests.answered(vote, &Ok(json!({}))), Answered::Now(_)));
        assert_eq!(requests.answered(vote, &Ok(json!({}))), Answered::Again);
        assert_eq!(requests.answered(resume, &Ok(json!({}))), Answered::Unasked);
    }
}
