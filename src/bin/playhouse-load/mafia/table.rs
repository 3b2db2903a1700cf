//! What the eight players of one table share behind the server's back: their roles, so that the
//! script can be played, and what each of them was told, so that it can be compared.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::watch;

/// `player_id` → role, as each was told himself.
pub type Roles = BTreeMap<String, String>;

/// One table.
pub struct Table {
    /// Games to play.
    pub rounds: usize,
    /// Length of every timed phase.
    pub phase_ms: u64,
    /// Games that the leader has opened; the others make themselves ready for each.
    pub opened: watch::Sender<usize>,
    roles: Mutex<Roles>,
    /// By slot: type and digest of every public push, in order.
    transcripts: Mutex<BTreeMap<usize, Vec<(String, u64)>>>,
}

impl Table {
    /// An empty table, opened for the first game.
    pub fn new(rounds: usize, phase_ms: u64) -> Self {
        Self {
            rounds,
            phase_ms,
            opened: watch::Sender::new(1),
            roles: Mutex::default(),
            transcripts: Mutex::default(),
        }
    }

    /// The roles told so far.
    pub fn roles(&self) -> MutexGuard<'_, Roles> {
        self.roles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a public push that the player at `slot` was sent.
    pub fn heard(&self, slot: usize, kind: &str, payload: &Value) {
        let mut digest = DefaultHasher::new();
        payload.to_string().hash(&mut digest); // serde_json keeps keys sorted
        let mut transcripts = self.transcripts.lock().unwrap_or_else(PoisonError::into_inner);
        transcripts.entry(slot).or_default().push((kind.to_owned(), digest.finish()));
    }

    /// All must have been told the same in the same order; who left early, the beginning of it.
    pub fn compare_transcripts(&self) -> Vec<String> {
        let transcripts = self.transcripts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(longest) = transcripts.values().max_by_key(|heard| heard.len()) else { return Vec::new() };
        let differs = |heard: &Vec<(String, u64)>| {
            let at = heard.iter().zip(longest).position(|(mine, other)| mine != other)?;
            Some(format!("two members were told different things: {} and {}", heard[at].0, longest[at].0))
        };
        transcripts.values().filter_map(differs).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_member_who_was_told_something_else_is_found() {
        let table = Table::new(1, 1000);
        table.heard(0, "game.phase", &json!({"phase": "day", "day": 1}));
        table.heard(0, "game.phase", &json!({"phase": "vote", "day": 1}));
        table.heard(1, "game.phase", &json!({"day": 1, "phase": "day"}));
        assert!(table.compare_transcripts().is_empty());
        table.heard(1, "game.phase", &json!({"phase": "night", "day": 1}));
        assert_eq!(table.compare_transcripts().len(), 1);
    }
}
