//! Making matches: who fits whom, written under the epoch, then begun; and how a matchmaker ends.
//!
//! Called by the actor's own timer and by its questions. What certainly failed changes nothing; in doubt, or fenced, it stops.

use super::{
    actor::{Held, MatchmakerActor, say},
    messages::{MatchmakerReply, Ticket},
    pool::Waiter,
    ports::Arranged,
};
use crate::{
    clock::UnixMs,
    cluster::{Entity, PeerNotice},
    protocol::matchmaking::{MatchFound, MatchMode},
    store::{Commit, CommitError, Fence},
};
use actix::{ActorContext, ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use uuid::Uuid;

/// What is committed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct State {
    pub mode: MatchMode,
    /// The matches of the last `matchmaking.remember_ms`.
    pub made: Vec<Made>,
}

/// A match that was made, whether or not it has begun.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Made {
    pub id: Uuid,
    pub at: UnixMs,
    pub players: Vec<Ticket>,
}

/// How far a match is that was made.
#[derive(Clone, Debug)]
pub(super) enum Progress {
    Asked,
    Begun(MatchFound),
}

impl MatchmakerActor {
    pub(super) fn made_for(&self, ticket: &Ticket) -> Option<Made> {
        let is_his = |made: &&Made| made.players.iter().any(|other| other.search == ticket.search);
        self.state.as_ref()?.made.iter().find(is_his).cloned()
    }

    /// Makes the matches that can be made, in one commit.
    pub(super) fn round(&mut self, ctx: &mut Context<Self>) {
        let Some(state) =
            self.state.as_ref().filter(|_| !self.committing && !self.stopping && !self.draining)
        else {
            return;
        };
        let (now, size) = (self.now(), self.size(state.mode));
        let settings = &self.activation.cluster.config().matchmaking;
        let groups = self.pool.take_groups(now, size, settings);
        if groups.is_empty() {
            return;
        }
        let mut next = state.clone();
        let old = UnixMs(now.0 - i64::try_from(settings.remember_ms).unwrap_or(i64::MAX));
        next.made.retain(|made| made.at > old);
        self.progress.retain(|id, _| next.made.iter().any(|made| made.id == *id));
        let made = groups.iter().map(|group| Made {
            id: crate::chance::uuid(),
            at: now,
            players: group.iter().map(|waiter| waiter.ticket.clone()).collect(),
        });
        let made: Vec<Made> = made.collect();
        next.made.extend(made.iter().cloned());
        self.commit(
            next,
            move |matchmaker, done, ctx| {
                if done {
                    made.into_iter().for_each(|made| matchmaker.begin(made, ctx));
                } else {
                    groups.into_iter().flatten().for_each(|waiter| matchmaker.put_back(waiter));
                }
                let looking = &matchmaker.looking;
                matchmaker.given_up.retain(|search| looking.contains(search));
                if done {
                    matchmaker.round(ctx); // else the next round tries again
                }
            },
            ctx,
        );
    }

    /// Nothing was made: he is in the line again, where he was, unless he has left.
    pub(super) fn put_back(&mut self, waiter: Waiter) {
        if !self.given_up.contains(&waiter.ticket.search) {
            self.pool.add(waiter);
        }
    }

    /// Has a match begun that is committed.
    pub(super) fn begin(&mut self, made: Made, ctx: &mut Context<Self>) {
        let gone = made.players.iter().any(|player| self.given_up.contains(&player.search));
        let Some(mode) = self.state.as_ref().map(|state| state.mode).filter(|_| !gone) else {
            return self.forget(&made);
        };
        self.progress.insert(made.id, Progress::Asked);
        let arranged = self.ports.matches.arrange(mode, made.id, made.players.clone());
        ctx.spawn(arranged.into_actor(self).map(move |arranged, matchmaker, ctx| {
            matchmaker.arranged(made, arranged, ctx);
        }));
    }

    pub(super) fn arranged(&mut self, made: Made, arranged: Arranged, ctx: &mut Context<Self>) {
        match arranged {
            Arranged::Begun(found) => {
                metrics::counter!("playhouse_matchmaking_found_total", "mode" => found.mode.as_str())
                    .increment(1);
                for player in &made.players {
                    if let Some(held) = self.held_for(player) {
                        say(held.answer, MatchmakerReply::Found(found.clone()));
                    }
                }
                self.progress.insert(made.id, Progress::Begun(found));
            }
            Arranged::Busy(player) => {
                let until = self.now() + self.settings().busy_ms;
                self.aside.insert(player, until);
                self.forget(&made);
            }
            Arranged::Never => self.forget(&made),
            Arranged::Unknown if made.at + self.settings().remember_ms < self.now() => self.forget(&made),
            Arranged::Unknown => {
                let pause = Duration::from_millis(self.settings().retry_ms);
                ctx.run_later(pause, move |matchmaker, ctx| matchmaker.begin(made, ctx));
            }
        }
    }

    /// The match is not to be: who still asks is in the line again with his next question.
    pub(super) fn forget(&mut self, made: &Made) {
        self.progress.remove(&made.id);
        if let Some(state) = &mut self.state {
            state.made.retain(|other| other.id != made.id);
        }
        for player in &made.players {
            if let Some(held) = self.held_for(player) {
                say(held.answer, MatchmakerReply::Waiting);
            }
        }
    }

    /// The question of this very search, taken out.
    pub(super) fn held_for(&mut self, ticket: &Ticket) -> Option<Held> {
        let is_his = self.held.get(&ticket.player_id).is_some_and(|held| held.search == ticket.search);
        if is_his { self.held.remove(&ticket.player_id) } else { None }
    }

    /// Writes a state under the epoch. What certainly failed changes nothing; in doubt, or fenced, the actor stops, and
    /// the questions come to whoever is put up next.
    pub(super) fn commit(
        &mut self,
        next: State,
        then: impl FnOnce(&mut Self, bool, &mut Context<Self>) + 'static,
        ctx: &mut Context<Self>,
    ) {
        let state = match rmp_serde::to_vec_named(&next) {
            Ok(state) => state,
            Err(error) => {
                tracing::error!(%error, "a matchmaker could not be encoded");
                return then(self, false, ctx);
            }
        };
        let epoch = self.activation.epoch;
        let commit = Commit {
            kind: Self::KIND,
            key: self.activation.key,
            fence: if epoch == 0 { Fence::Create } else { Fence::Epoch(epoch) },
            state: Some(state),
            next_wake_at: None,
            wake_no: 0,
            rows: Vec::new(),
        };
        self.committing = true;
        let cluster = &self.activation.cluster;
        let longest = Duration::from_millis(cluster.config().database.timeout_ms);
        let written = tokio::time::timeout(longest, cluster.store().commit(commit));
        ctx.spawn(written.into_actor(self).map(move |result, matchmaker, ctx| {
            matchmaker.committing = false;
            let result = result.unwrap_or_else(|_| Err(CommitError::Unknown("no answer in time".to_owned())));
            if let Err(error @ (CommitError::Fenced | CommitError::Unknown(_))) = result {
                return matchmaker.stop_in_doubt(&error, ctx);
            }
            match result {
                Ok(()) => {
                    matchmaker.activation.epoch = matchmaker.activation.epoch.max(1);
                    matchmaker.state = Some(next);
                    then(matchmaker, true, ctx);
                }
                Err(error) => {
                    tracing::warn!(%error, "matches could not be written; everybody waits on");
                    then(matchmaker, false, ctx);
                }
            }
            if matchmaker.draining {
                matchmaker.leave_directory(ctx);
            }
        }));
    }

    /// It may have been written, or another is the matchmaker: who waits finds out with his next question.
    pub(super) fn stop_in_doubt(&mut self, error: &CommitError, ctx: &mut Context<Self>) {
        tracing::warn!(key = %self.activation.key, %error, "a matchmaker stops");
        if *error == CommitError::Fenced {
            self.activation.fenced();
        }
        self.stopping = true;
        ctx.stop();
    }

    /// Puts it away if nobody waits any more.
    pub(super) fn rest(&mut self, ctx: &mut Context<Self>) {
        self.activation.renew();
        let idle = Duration::from_millis(self.activation.cluster.config().cluster.passivate_ms);
        let unused = self.pool.is_empty() && self.held.is_empty() && self.used_at.elapsed() >= idle;
        if unused && !self.committing && !self.stopping {
            self.leave_directory(ctx);
        }
    }

    /// Stops in good order: who waits asks again, and finds it anew.
    pub(super) fn leave_directory(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.stopping, true) {
            return;
        }
        for (_, held) in std::mem::take(&mut self.held) {
            say(held.answer, MatchmakerReply::Waiting);
        }
        self.activation.begin_release();
        if ctx.address().try_send(Stop).is_err() {
            ctx.notify(Stop); // a full mailbox: what is in it asks again
        }
    }

    pub(super) fn heed(&mut self, notice: PeerNotice, ctx: &mut Context<Self>) {
        match notice {
            PeerNotice::NodeLost(node) => self.pool.node_lost(node),
            PeerNotice::Evicted(_) => {
                self.activation.fenced();
                self.stopping = true;
                ctx.stop();
            }
            PeerNotice::Drain => {
                self.draining = true;
                if !self.committing {
                    self.leave_directory(ctx);
                }
            }
            _ => {}
        }
    }
}

/// The last message of its life: behind what was in its mailbox, with nothing after it.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Stop;

impl Handler<Stop> for MatchmakerActor {
    type Result = ();
    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        self.activation.release();
        ctx.stop();
    }
}
