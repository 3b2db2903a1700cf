//! Absentees (spec 1.7): who does not vote two times running is marked, and the others may expel him.
//!
//! Owns the marks and the votes to expel. Called at each vote and for `game.kick_vote`. Never learns anything from
//! the night: a mark that vanished at a night's act would tell of that act.

use super::{Mafia, push_all, refused};
use crate::{
    clock::UnixMs,
    game::{Effect, Refusal},
    ids::PlayerId,
};
use serde_json::json;

/// So many votes in a row without a ballot make an absentee.
const MISSED_VOTES: u64 = 2;
/// At least so many must want somebody expelled.
const MIN_KICK_VOTES: usize = 2;

impl Mafia {
    /// `game.kick_vote`: on an absent player, by a third of the living, at least two. Cannot be taken back; ends when
    /// he votes again.
    pub(super) fn kick_vote(
        &mut self,
        by: PlayerId,
        target: PlayerId,
        now: UnixMs,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        if !self.living_target(target)?.absent {
            return Err(refused("that player is not absent"));
        }
        if by == target {
            return Err(refused("you cannot vote to expel yourself"));
        }
        let needed = self.living().count().div_ceil(3).max(MIN_KICK_VOTES);
        let votes = self.kicks.entry(target).or_default();
        let new = votes.insert(by);
        let votes = votes.len();
        if new {
            push_all(out, "game.kick_votes", json!({ "target": target, "votes": votes, "needed": needed }));
        }
        if votes >= needed {
            self.expel(target, now, out);
        }
        Ok(())
    }

    /// At the close of a vote: who had no ballot for the second time running is absent from now on.
    pub(super) fn note_absentees(&mut self, out: &mut Vec<Effect>) {
        let voters: Vec<PlayerId> = self.day_voters().collect();
        let living: Vec<PlayerId> = self.living().map(|p| p.id).collect();
        for id in living {
            if voters.contains(&id) {
                self.note_presence(id, out);
                continue;
            }
            let Some(player) = self.player_mut(id) else { continue };
            player.missed_votes += 1;
            if player.missed_votes >= MISSED_VOTES && !player.absent {
                player.absent = true;
                push_all(out, "game.absent", json!({ "player_id": id }));
            }
        }
    }

    /// He has voted: he is there. With `anonymous_votes` this is noted at the close alone, for a mark that vanishes
    /// together with a change of the counts would tell whom he named.
    pub(super) fn note_presence(&mut self, id: PlayerId, out: &mut Vec<Effect>) {
        let Some(player) = self.player_mut(id) else { return };
        player.missed_votes = 0;
        if std::mem::take(&mut player.absent) {
            self.kicks.remove(&id);
            push_all(out, "game.present", json!({ "player_id": id }));
        }
    }

    /// One is gone: nobody wants him expelled any more, nor he anybody.
    pub(super) fn forget_kicks(&mut self, gone: PlayerId) {
        self.kicks.remove(&gone);
        for votes in self.kicks.values_mut() {
            votes.remove(&gone);
        }
    }

    /// The absent whom this player wants expelled.
    pub(super) fn kick_votes_of(&self, by: PlayerId) -> Vec<PlayerId> {
        self.kicks.iter().filter(|(_, votes)| votes.contains(&by)).map(|(target, _)| *target).collect()
    }
}
