//! What the eight players of one table share behind the server's back: their roles, so that the
//! script can be played, what each of them was told, so that it can be compared, and what became of their games.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::watch;

use super::games::Games;

/// `player_id` → role, as each was told himself.
pub type Roles = BTreeMap<String, String>;
/// Type and digest of public pushes, in order, none missing.
type Heard = Vec<(String, u64)>;

/// One table.
pub struct Table {
    /// Games to play.
    pub rounds: usize,
    /// Length of every timed phase.
    pub phase_ms: u64,
    /// Games that the leader has opened; the others make themselves ready for each.
    pub opened: watch::Sender<usize>,
    roles: Mutex<Roles>,
    games: Mutex<Games>,
    /// By slot: what was heard between one snapshot and the next.
    transcripts: Mutex<BTreeMap<usize, Vec<Heard>>>,
}

impl Table {
    /// An empty table, opened for the first game.
    pub fn new(rounds: usize, phase_ms: u64) -> Self {
        Self {
            rounds,
            phase_ms,
            opened: watch::Sender::new(1),
            roles: Mutex::default(),
            games: Mutex::default(),
            transcripts: Mutex::default(),
        }
    }

    /// The roles told so far.
    pub fn roles(&self) -> MutexGuard<'_, Roles> {
        self.roles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has become of the games so far.
    pub fn games(&self) -> MutexGuard<'_, Games> {
        self.games.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a public push that the player at `slot` was sent.
    pub fn heard(&self, slot: usize, kind: &str, payload: &Value) {
        let mut digest = DefaultHasher::new();
        payload.to_string().hash(&mut digest); // serde_json keeps keys sorted
        let mut transcripts = self.transcripts();
        let stretches = transcripts.entry(slot).or_default();
        if stretches.is_empty() {
            stretches.push(Heard::new());
        }
        stretches
            .iter_mut()
            .last()
            .into_iter()
            .for_each(|last| last.push((kind.to_owned(), digest.finish())));
    }

    /// The player at `slot` was shown everything at once: he may have missed pushes before.
    pub fn may_have_missed(&self, slot: usize) {
        self.transcripts().entry(slot).or_default().push(Heard::new());
    }

    fn transcripts(&self) -> MutexGuard<'_, BTreeMap<usize, Vec<Heard>>> {
        self.transcripts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All must have been told the same in the same order, as far as they were there.
    pub fn compare_transcripts(&self) -> Vec<String> {
        let transcripts = self.transcripts();
        let stretches: Vec<&Heard> =
            transcripts.values().flatten().filter(|heard| !heard.is_empty()).collect();
        let longest = stretches.iter().max_by_key(|heard| heard.len());
        let others = longest.into_iter().flat_map(|longest| stretches.iter().map(|heard| (*longest, *heard)));
        let neighbours = stretches.windows(2).filter_map(|pair| Some((*pair.first()?, *pair.last()?)));
        others.chain(neighbours).filter_map(|(one, other)| difference(one, other)).collect()
    }
}

/// Where two stretches of the same story differ, laid over each other at a phase that both know.
fn difference(one: &Heard, other: &Heard) -> Option<String> {
    let known = |item: &(String, u64)| item.0 == "game.phase" && one.contains(item);
    let at = other.iter().position(known)?;
    let before = one.iter().position(|item| *item == other[at])?;
    let lead = before.min(at);
    let (one, other) = (&one[before - lead..], &other[at - lead..]);
    let (mine, theirs) = one.iter().zip(other).find(|(mine, theirs)| mine != theirs)?;
    Some(format!("two members were told different things: {} and {}", mine.0, theirs.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tell(table: &Table, slot: usize, phases: &[&str]) {
        phases.iter().for_each(|phase| table.heard(slot, "game.phase", &json!({"phase": phase})));
    }

    #[test]
    fn a_member_who_was_told_something_else_is_found() {
        let table = Table::new(1, 1000);
        tell(&table, 0, &["day", "vote"]);
        tell(&table, 1, &["day"]);
        assert!(table.compare_transcripts().is_empty());
        tell(&table, 1, &["night"]);
        assert!(!table.compare_transcripts().is_empty());
    }

    #[test]
    fn what_was_missed_is_not_compared() {
        let table = Table::new(1, 1000);
        tell(&table, 0, &["day", "vote", "night", "dawn"]);
        tell(&table, 1, &["day"]);
        table.may_have_missed(1);
        tell(&table, 1, &["night", "dawn"]);
        assert!(table.compare_transcripts().is_empty());
        table.may_have_missed(1);
        tell(&table, 1, &["day", "night"]);
        assert!(!table.compare_transcripts().is_empty(), "a loss without a snapshot");
    }
}
