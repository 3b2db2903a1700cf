//! What a room commits at once: pieces of durable work, each decided on what the ones before make of the room.
//!
//! `committing` fills it while a commit is under way and performs it when it is durable, in the order in which the work
//! came. Until then nothing of it is told to anybody, refusals too: they may rest on what is not yet written. Pure.

use super::{committing::Work, decide::Decision, reply::Reply, state::RoomState};
use crate::{protocol::Rejection, store::Row};

/// What comes of a piece of work.
pub(super) enum Outcome {
    /// The room as it is then.
    Changed(Box<RoomState>, Decision),
    /// Nothing to commit.
    Unchanged(Decision),
    Refused(Rejection),
}

/// A piece of work, decided and not yet performed.
pub(super) struct Decided {
    pub work: Work,
    pub reply: Reply,
    pub outcome: Outcome,
}

/// In the order in which it came. The first has changed the room.
#[derive(Default)]
pub(super) struct Group(Vec<Decided>);

impl Group {
    pub fn push(&mut self, decided: Decided) {
        self.0.push(decided);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    fn changes(&self) -> impl DoubleEndedIterator<Item = (&RoomState, &Decision)> {
        self.0.iter().filter_map(|decided| match &decided.outcome {
            Outcome::Changed(state, decision) => Some((&**state, decision)),
            Outcome::Unchanged(_) | Outcome::Refused(_) => None,
        })
    }

    /// The room as it is after all of it.
    pub fn state(&self) -> Option<&RoomState> {
        self.changes().next_back().map(|(state, _)| state)
    }

    /// Whether the room ends with it. Nothing is decided after that.
    pub fn closes(&self) -> bool {
        self.changes().any(|(_, decision)| decision.closes)
    }

    /// For whom it is committed, where the trace of a commit can have but one.
    pub fn first(&self) -> Option<&Reply> {
        self.0.first().map(|decided| &decided.reply)
    }

    /// The rows of all of it, in order. Of what the list shows only the last: it is a whole row each time.
    pub fn take_rows(&mut self) -> Vec<Row> {
        let mut rows = Vec::new();
        for decided in &mut self.0 {
            if let Outcome::Changed(_, decision) = &mut decided.outcome {
                rows.append(&mut decision.rows);
            }
        }
        let last = rows.iter().rposition(|row| matches!(row, Row::Listing(_)));
        let mut at = 0..;
        rows.retain(|row| {
            let at = at.next();
            !matches!(row, Row::Listing(_)) || at == last
        });
        rows
    }

    /// The work undone, in order.
    pub fn into_works(self) -> impl DoubleEndedIterator<Item = (Work, Reply)> {
        self.0.into_iter().map(|decided| (decided.work, decided.reply))
    }
}

impl IntoIterator for Group {
    type Item = Decided;
    type IntoIter = std::vec::IntoIter<Decided>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
