//! Who waits, and who plays whom: by strength, within windows that widen as one waits. Pure.
//!
//! Two fit if the difference of their strengths is within the window of each; a group fits if any two of it do. Who has
//! waited longest is served first, with those nearest to him.

use super::messages::Ticket;
use crate::{
    clock::UnixMs,
    config::Matchmaking,
    ids::{NodeId, PlayerId},
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// One who waits.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Waiter {
    pub ticket: Ticket,
    /// His rating in this mode.
    pub strength: f64,
    /// Not before this: he was in another match a moment ago.
    pub ready_at: UnixMs,
    /// When he was last heard of.
    pub seen_at: UnixMs,
}

/// How many make a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// As many as can be had, up to this.
    pub wanted: usize,
    /// And this will do for one who has waited `patience_ms`.
    pub least: usize,
    pub patience_ms: u64,
}

impl Size {
    pub(super) const PAIR: Self = Self { wanted: 2, least: 2, patience_ms: 0 };
}

/// All who wait.
#[derive(Debug, Default)]
pub(super) struct Pool(BTreeMap<PlayerId, Waiter>);

impl Pool {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the line, by his `since`. An earlier search of his is over.
    pub(super) fn add(&mut self, waiter: Waiter) {
        self.0.insert(waiter.ticket.player_id, waiter);
    }

    /// Whether he waits with this search; then he is heard of now.
    pub(super) fn hears(&mut self, player: PlayerId, search: Uuid, now: UnixMs) -> bool {
        let waiter = self.0.get_mut(&player).filter(|waiter| waiter.ticket.search == search);
        waiter.map(|waiter| waiter.seen_at = now).is_some()
    }

    /// Takes one out, if he waits with this search.
    pub(super) fn remove(&mut self, player: PlayerId, search: Uuid) -> bool {
        let waits = self.0.get(&player).is_some_and(|waiter| waiter.ticket.search == search);
        waits && self.0.remove(&player).is_some()
    }

    /// Those of a node that is gone are gone.
    pub(super) fn node_lost(&mut self, node: NodeId) {
        self.0.retain(|_, waiter| waiter.ticket.session.node != node);
    }

    /// Those who have not been heard of since then are gone, but for those of whom `attended` knows better.
    pub(super) fn forget(&mut self, before: UnixMs, attended: impl Fn(PlayerId) -> bool) {
        self.0.retain(|player, waiter| waiter.seen_at >= before || attended(*player));
    }

    /// Groups that fit now, at most so many, taken out of the pool: each in the order in which its members came.
    pub(super) fn take_groups(
        &mut self,
        now: UnixMs,
        size: Size,
        settings: &Matchmaking,
    ) -> Vec<Vec<Waiter>> {
        let groups = self.groups(now, size, settings);
        let mut take = |player: &PlayerId| self.0.remove(player);
        groups.iter().map(|group| group.iter().filter_map(&mut take).collect()).collect()
    }

    fn groups(&self, now: UnixMs, size: Size, settings: &Matchmaking) -> Vec<Vec<PlayerId>> {
        let mut line: Vec<Candidate> = self
            .0
            .values()
            .filter(|waiter| waiter.ready_at <= now)
            .map(|waiter| {
                let waited_ms = (now.0 - waiter.ticket.since.0).max(0) as u64;
                let window = window(waited_ms, settings);
                let (id, since) = (waiter.ticket.player_id, waiter.ticket.since);
                Candidate { id, since, strength: waiter.strength, waited_ms, window, taken: false }
            })
            .collect();
        line.sort_by(|one, other| one.strength.total_cmp(&other.strength).then(one.id.cmp(&other.id)));
        let mut turns: Vec<usize> = (0..line.len()).collect();
        turns.sort_by_key(|place| (line[*place].since, line[*place].id));
        let mut groups = Vec::new();
        for place in turns {
            if groups.len() >= settings.groups_per_round {
                break;
            }
            if line[place].taken {
                continue;
            }
            let mut group = around(&line, place, size.wanted);
            let patient = line[place].waited_ms < size.patience_ms;
            if group.len() < if patient { size.wanted } else { size.least } {
                continue;
            }
            group.iter().for_each(|member| line[*member].taken = true);
            group.sort_by_key(|member| (line[*member].since, line[*member].id));
            groups.push(group.into_iter().map(|member| line[member].id).collect());
        }
        groups
    }
}

/// One of the line, which is sorted by strength.
struct Candidate {
    id: PlayerId,
    since: UnixMs,
    strength: f64,
    waited_ms: u64,
    window: f64,
    taken: bool,
}

impl Candidate {
    fn fits(&self, other: &Self) -> bool {
        (self.strength - other.strength).abs() <= self.window.min(other.window)
    }
}

/// How far another's strength may be from that of one who has waited so long.
pub(super) fn window(waited_ms: u64, settings: &Matchmaking) -> f64 {
    let widened = settings.window_start + settings.window_per_s * waited_ms as f64 / 1_000.0;
    widened.min(settings.window_most)
}

/// He and those nearest to him who fit him and each other, up to so many.
fn around(line: &[Candidate], place: usize, wanted: usize) -> Vec<usize> {
    let me = &line[place];
    let mut group = vec![place];
    let (mut below, mut above) = (place.checked_sub(1), Some(place + 1).filter(|next| *next < line.len()));
    while group.len() < wanted {
        let distance = |at: Option<usize>| at.map(|at| (line[at].strength - me.strength).abs());
        let next = match (distance(below), distance(above)) {
            (None, None) => break,
            (Some(down), Some(up)) if down <= up => below,
            (Some(_), None) => below,
            _ => above,
        };
        let Some(next) = next else { break };
        if (line[next].strength - me.strength).abs() > me.window {
            break; // the others are farther
        }
        if next < place {
            below = next.checked_sub(1);
        } else {
            above = Some(next + 1).filter(|next| *next < line.len());
        }
        if !line[next].taken && group.iter().all(|member| line[*member].fits(&line[next])) {
            group.push(next);
        }
    }
    group
}

#[cfg(test)]
mod tests;
