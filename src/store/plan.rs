//! How the commits of a batch are written: which together, which one after another.
//!
//! Asked by `statements` before it writes anything. Pure.

use super::{Commit, Fence, Row};
use crate::ids::{PlayerId, RoomId};
use std::collections::HashSet;
use uuid::Uuid;

/// What a commit of an existing entity changes, if nothing but its epoch decides.
pub(super) struct Change<'a> {
    pub commit: &'a Commit,
    pub state: &'a [u8],
    pub epoch: i64,
}

/// Kind, key and epoch. One batch may hold commits of two owners of an entity: of one that has given up waiting, and
/// of the one that came after it.
pub(super) type Right = (&'static str, Uuid, i64);

impl Change<'_> {
    pub fn right(&self) -> Right {
        (self.commit.kind, self.commit.key, self.epoch)
    }
}

/// Who gets a seat, and where.
pub(super) type Seat = (PlayerId, RoomId);

/// How the commits of a batch are written.
pub(super) struct Plan<'a> {
    pub commits: &'a [Commit],
    /// Seats are taken for all at once.
    seats: bool,
    /// Accounts whose seat is taken or freed more than once: there the order counts.
    contested: HashSet<PlayerId>,
}

impl<'a> Plan<'a> {
    pub fn of(commits: &'a [Commit], seats: bool) -> Self {
        let mut met = HashSet::new();
        let rows = commits.iter().flat_map(|commit| &commit.rows);
        let accounts = rows.filter_map(|row| match row {
            Row::TakeSeat { account, .. } | Row::FreeSeat { account, .. } => Some(*account),
            _ => None,
        });
        let contested = accounts.filter(|account| !met.insert(*account)).collect();
        Self { commits, seats, contested }
    }

    /// What is written together with others.
    pub fn change(&self, commit: &'a Commit) -> Option<Change<'a>> {
        let together = |row: &Row| match row {
            Row::TakeSeat { account, .. } => self.seats && !self.contested.contains(account),
            _ => true,
        };
        match (&commit.state, commit.fence) {
            (Some(state), Fence::Epoch(epoch)) if commit.rows.iter().all(together) => {
                Some(Change { commit, state, epoch })
            }
            _ => None,
        }
    }

    pub fn changes(&self) -> Vec<Change<'a>> {
        self.commits.iter().filter_map(|commit| self.change(commit)).collect()
    }
}

/// The seats that this commit gives.
pub(super) fn given(commit: &Commit) -> impl Iterator<Item = Seat> {
    commit.rows.iter().filter_map(|row| match row {
        Row::TakeSeat { account, room } => Some((*account, *room)),
        _ => None,
    })
}
