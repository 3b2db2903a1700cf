//! How a bracket becomes durable, and how it ends: whatever has happened goes into one commit, and is told after it.
//!
//! What certainly failed changes nothing and is tried again; in doubt, or fenced, the actor stops, and its next run finds
//! out from the store and from the matches themselves (design rule 2).

use super::{
    actor::{BracketActor, News, parties, say},
    messages::BracketReply,
    rounds::Game,
    state::BracketState,
};
use crate::{
    clock::UnixMs,
    cluster::{Entity, PeerNotice},
    protocol::{
        Push, Rejection,
        bracket::BracketStatus,
        matchmaking::{MatchFound, MatchMode},
    },
    store::{Commit, CommitError, Fence, Row},
};
use actix::{ActorContext, ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};
use uuid::Uuid;

/// What a commit makes known.
#[derive(Default)]
struct Turned {
    /// Who has joined, or why not.
    joins: Vec<(super::actor::Answer, Option<Rejection>)>,
    /// Matches that must end.
    called_off: BTreeSet<Uuid>,
    /// It changes nothing but the time at which other nodes look for it.
    renews: bool,
}

impl BracketActor {
    /// Decides everything that has happened, on a copy, and commits it.
    pub(super) fn turn(&mut self, ctx: &mut Context<Self>) {
        if self.committing || self.stopping || self.draining {
            return;
        }
        let (now, settings) = (self.now(), self.settings().clone());
        let mut turned = Turned::default();
        let mut copy = self.state.clone();
        for news in std::mem::take(&mut self.news) {
            decide(&mut copy, self.activation.key, news, now, &settings, &mut turned);
        }
        let Some(mut copy) = copy else {
            refuse(turned); // who came was too late
            return self.leave_if_unmade(ctx);
        };
        turned.called_off = copy.wake(now, &settings, &mut crate::chance::uuid);
        if copy.is_forgotten(now, &settings) {
            return self.forget(ctx);
        }
        if turned.renews || self.state.as_ref() != Some(&copy) {
            return self.commit(copy, turned, ctx);
        }
        answer(turned, &copy);
        if copy.wants_round(now) {
            self.check(ctx);
        }
    }

    fn commit(&mut self, next: BracketState, turned: Turned, ctx: &mut Context<Self>) {
        let state = match rmp_serde::to_vec_named(&next) {
            Ok(state) => state,
            Err(error) => {
                tracing::error!(key = %self.activation.key, %error, "a bracket could not be encoded");
                return refuse(turned);
            }
        };
        let (wake, rows) = (self.reminder(&next), self.rows(&next));
        self.write(Some(state), wake, rows, ctx, move |bracket, written, ctx| match written {
            Ok(()) => bracket.committed(next, turned, ctx),
            Err(error) => {
                tracing::warn!(key = %bracket.activation.key, %error, "a bracket could not be written");
                refuse(turned); // who joins asks again; the rest is learned again
                let pause = Duration::from_millis(bracket.settings().retry_ms);
                ctx.run_later(pause, |bracket, ctx| bracket.tick(ctx));
                bracket.leave_if_unmade(ctx);
            }
        });
    }

    /// What this commit makes true besides: that somebody has won. Who was alone has won against nobody.
    fn rows(&self, next: &BracketState) -> Vec<Row> {
        let was_over = self.state.as_ref().is_some_and(|before| before.status == BracketStatus::Over);
        match next.won().filter(|_| !was_over) {
            Some(won) => vec![Row::Fact(won.fact(next.over_at.unwrap_or_else(|| self.now())))],
            None => Vec::new(),
        }
    }

    /// When other nodes look for it: its own may have died.
    fn reminder(&self, next: &BracketState) -> Option<UnixMs> {
        let due = next.next_wake(self.settings())?;
        let soon = self.now() + self.settings().revive_ms;
        Some(if next.status == BracketStatus::Running { due.min(soon) } else { due.max(self.now()) })
    }

    fn write(
        &mut self,
        state: Option<Vec<u8>>,
        next_wake_at: Option<UnixMs>,
        rows: Vec<Row>,
        ctx: &mut Context<Self>,
        then: impl FnOnce(&mut Self, Result<(), CommitError>, &mut Context<Self>) + 'static,
    ) {
        let epoch = self.activation.epoch;
        let fence = if epoch == 0 { Fence::Create } else { Fence::Epoch(epoch) };
        let (kind, key) = (Self::KIND, self.activation.key);
        let commit = Commit { kind, key, fence, state, next_wake_at, wake_no: 0, rows };
        self.committing = true;
        let cluster = &self.activation.cluster;
        let longest = Duration::from_millis(cluster.config().database.timeout_ms);
        let written = tokio::time::timeout(longest, cluster.store().commit(commit));
        ctx.spawn(written.into_actor(self).map(move |result, bracket, ctx| {
            bracket.committing = false;
            match result.unwrap_or_else(|_| Err(CommitError::Unknown("no answer in time".to_owned()))) {
                Err(error @ (CommitError::Fenced | CommitError::Unknown(_))) => {
                    tracing::warn!(%key, %error, "a bracket stops");
                    if error == CommitError::Fenced {
                        bracket.activation.fenced();
                    }
                    bracket.stopping = true;
                    return ctx.stop();
                }
                result => {
                    if result.is_ok() {
                        bracket.activation.epoch = bracket.activation.epoch.max(1);
                    }
                    then(bracket, result, ctx);
                }
            }
            if bracket.draining {
                bracket.leave_directory(ctx);
            }
        }));
    }

    /// It is so from now on: everybody in it is told.
    fn committed(&mut self, next: BracketState, turned: Turned, ctx: &mut Context<Self>) {
        let before = self.state.replace(next);
        let Some(state) = &self.state else { return };
        if before.as_ref().map(BracketState::view) != Some(state.view()) {
            self.tell_all();
        }
        let begun = |state: &BracketState| -> BTreeSet<Uuid> {
            let games =
                state.round().into_iter().flat_map(|round| &round.pairs).filter_map(|it| it.game.as_ref());
            games.filter(|game| game.begun).map(|game: &Game| game.id).collect()
        };
        let known = before.as_ref().map(begun).unwrap_or_default();
        for id in begun(state).difference(&known) {
            self.tell_match(state, *id);
        }
        let was_over = before.is_some_and(|before| before.status == BracketStatus::Over);
        if state.status == BracketStatus::Over && !was_over {
            self.tell_over(state);
        }
        let more = state.wants_round(self.now()) || !self.news.is_empty();
        let fresh = state.round().is_some_and(|round| {
            round
                .pairs
                .iter()
                .any(|pair| !pair.is_decided() && pair.game.as_ref().is_some_and(|it| !it.begun))
        });
        answer(Turned { called_off: BTreeSet::new(), ..turned }, state);
        self.call_off(turned.called_off.into_iter());
        match fresh {
            true => self.tick(ctx),
            false if more => self.turn(ctx),
            false => {}
        }
    }

    /// Whoever is in it and has a session sees how it stands; who misses it asks.
    pub(super) fn tell_all(&self) {
        let Some(state) = &self.state else { return };
        let push = Push::new("bracket.state", &json!({"bracket": state.view()}));
        for entrant in &state.entrants {
            self.activation.cluster.push_to_player(entrant.player.player_id, push.clone());
        }
    }

    /// As the matchmaker would: the session is accepted already.
    fn tell_match(&self, state: &BracketState, id: Uuid) {
        let found = MatchFound { mode: MatchMode::Duel, session_id: Some(id), room_id: None };
        let push = Push::new("matchmaking.found", &found);
        let pairs = state.round().map_or(&[][..], |round| &round.pairs);
        let pair = pairs.iter().find(|pair| pair.game.as_ref().is_some_and(|game| game.id == id));
        for party in pair.and_then(|pair| parties(state, pair)).into_iter().flatten() {
            self.activation.cluster.push_to_player(party.player_id, push.clone());
        }
    }

    fn tell_over(&self, state: &BracketState) {
        metrics::counter!("playhouse_brackets_over_total").increment(1);
        let winner = state.winner.map(|seed| &state.entrants[seed].player);
        let winner = winner.map(|it| json!({"player_id": it.player_id, "nickname": it.nickname}));
        let push = Push::new("bracket.over", &json!({"showtime": state.showtime, "winner": winner}));
        for entrant in &state.entrants {
            self.activation.cluster.push_to_player(entrant.player.player_id, push.clone());
        }
    }

    /// Nobody will ask any more.
    fn forget(&mut self, ctx: &mut Context<Self>) {
        self.write(None, None, Vec::new(), ctx, |bracket, written, ctx| match written {
            Ok(()) => bracket.leave_directory(ctx),
            Err(error) => tracing::warn!(%error, "a bracket could not be forgotten"), // the next tick tries again
        });
    }

    /// Nobody has come in: there is no bracket.
    pub(super) fn leave_if_unmade(&mut self, ctx: &mut Context<Self>) {
        if self.state.is_none() && !self.committing && self.joining == 0 && self.news.is_empty() {
            self.leave_directory(ctx);
        }
    }

    /// Puts it away once it is over and nobody asks.
    pub(super) fn rest(&mut self, ctx: &mut Context<Self>) {
        self.activation.renew();
        let idle = Duration::from_millis(self.activation.cluster.config().cluster.passivate_ms);
        let over = self.state.as_ref().is_none_or(|state| state.status == BracketStatus::Over);
        if over && !self.committing && self.joining == 0 && self.used_at.elapsed() >= idle {
            self.leave_directory(ctx);
        }
    }

    /// Stops in good order: what comes from now on finds it anew.
    pub(super) fn leave_directory(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.stopping, true) {
            return;
        }
        self.activation.begin_release();
        if ctx.address().try_send(Stop).is_err() {
            ctx.notify(Stop); // a full mailbox: what is in it asks again
        }
    }

    pub(super) fn heed(&mut self, notice: PeerNotice, ctx: &mut Context<Self>) {
        match notice {
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

/// What one thing that has happened makes of the copy.
fn decide(
    copy: &mut Option<BracketState>,
    key: Uuid,
    news: News,
    now: UnixMs,
    settings: &crate::config::Brackets,
    turned: &mut Turned,
) {
    let new_id = &mut crate::chance::uuid;
    match (news, copy) {
        (News::Joins(entrant, opening, answer), copy) => {
            let mut state = copy.clone().unwrap_or_else(|| BracketState::new(key, opening.clone()));
            let refused = state.join(entrant, opening, now, settings).err();
            if refused.is_none() {
                *copy = Some(state);
            }
            turned.joins.push((answer, refused));
        }
        (_, None) => {}
        (News::Renew, Some(_)) => turned.renews = true,
        (News::Begun(id), Some(state)) => state.begun(id),
        (News::Ended(id, end), Some(state)) => state.ended(id, end, now, settings, new_id),
        (News::Checked(opening, out), Some(state)) => {
            if let Some(opening) = opening {
                state.moves(opening); // it may start later than it was to
            }
            state.begin_round(&out, now, settings, new_id);
        }
    }
}

/// Whoever has joined sees how it stands.
fn answer(turned: Turned, state: &BracketState) {
    for (answer, refused) in turned.joins {
        say(answer, refused.map_or_else(|| BracketReply::State(state.view()), BracketReply::Refused));
    }
}

/// Nothing was written.
fn refuse(turned: Turned) {
    for (answer, refused) in turned.joins {
        let away = || Rejection::try_again(1_000, "the store is away");
        say(answer, BracketReply::Refused(refused.unwrap_or_else(away)));
    }
}

/// The last message of its life: behind what was in its mailbox, with nothing after it.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Stop;

impl Handler<Stop> for BracketActor {
    type Result = ();
    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        self.activation.release();
        ctx.stop();
    }
}
