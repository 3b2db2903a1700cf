//! How a match becomes durable, and how it ends: one commit at a time, from its acceptance on (design rule 2).

use super::{
    actor::{DuelActor, Reply, Work},
    messages::{DuelCommand, DuelReply},
    state::{DuelState, Step},
};
use crate::{
    clock::UnixMs,
    cluster::Entity,
    protocol::signal::SignalCode,
    store::{Commit, CommitError, Fence, Row},
};
use actix::{ActorContext, AsyncContext, Context, Handler};
use std::time::Duration;

/// Work that waits, and for whom.
pub(super) type Waiting = (Work, Reply);

impl DuelActor {
    /// Makes the copy the state, in the store first if it must be there.
    pub(super) fn apply(&mut self, copy: DuelState, step: Step, work: Waiting, ctx: &mut Context<Self>) {
        let stored = self.activation.epoch > 0;
        let must = step.durable && (stored || copy.phase().holds());
        if !must {
            return self.perform(copy, step, work.1, ctx);
        }
        let commit = match self.commit_of(&copy, &step) {
            Ok(commit) => commit,
            Err(error) => {
                tracing::error!(duel = %self.duel(), %error, "a match could not be encoded");
                return work.1.refuse(SignalCode::Internal, "the match could not be saved");
            }
        };
        let longest = Duration::from_millis(self.activation.cluster.config().database.timeout_ms);
        let written = tokio::time::timeout(longest, self.activation.cluster.store().commit(commit));
        self.while_busy(ctx, written, move |duel, result, ctx| {
            let result = result.unwrap_or_else(|_| Err(CommitError::Unknown("no answer in time".to_owned())));
            match result {
                Ok(()) => {
                    duel.activation.epoch = duel.activation.epoch.max(1);
                    duel.perform(copy, step, work.1, ctx);
                }
                Err(error) => duel.not_committed(&error, work, ctx),
            }
        });
    }

    fn commit_of(&self, copy: &DuelState, step: &Step) -> Result<Commit, rmp_serde::encode::Error> {
        let over = copy.phase().is_over();
        let state = if over { None } else { Some(rmp_serde::to_vec_named(copy)?) };
        let finished = step.finished.as_ref().map(|finished| Row::Fact(finished.fact(self.now())));
        Ok(Commit {
            kind: Self::KIND,
            key: self.activation.key,
            fence: match self.activation.epoch {
                0 => Fence::Create,
                epoch => Fence::Epoch(epoch),
            },
            state,
            next_wake_at: self.reminder(copy),
            wake_no: 0,
            rows: finished.into_iter().collect(),
        })
    }

    /// When other nodes look for it. Between acceptance and connection that is soon.
    fn reminder(&self, copy: &DuelState) -> Option<UnixMs> {
        let due = copy.next_wake(self.settings())?;
        let look = self.now() + self.settings().look_ms;
        Some(if copy.phase().is_between() { due.min(look) } else { due })
    }

    fn perform(&mut self, copy: DuelState, step: Step, reply: Reply, ctx: &mut Context<Self>) {
        let before = self.state.as_ref().map(DuelState::phase);
        let phase = copy.phase();
        self.state = Some(copy);
        if phase.is_over() && before != Some(phase) {
            self.release_players(); // before they are told: who asks at once is free
        }
        for side in 0..2 {
            let pushes: Vec<_> =
                step.tells.iter().filter(|(to, _)| *to == side).map(|(_, push)| push.clone()).collect();
            if !pushes.is_empty() {
                self.tell(side, pushes, ctx);
            }
        }
        reply.give(match step.refused {
            Some(error) => DuelReply::Refused(error),
            None => DuelReply::Done,
        });
        if before != Some(phase) {
            metrics::counter!("playhouse_duel_phases_total", "phase" => phase.as_str()).increment(1);
            if phase.is_over() {
                let known = Duration::from_millis(self.settings().ended_ms);
                ctx.run_later(known, |duel, ctx| duel.leave(ctx));
            }
        }
        self.set_timer(ctx);
    }

    fn not_committed(&mut self, error: &CommitError, (work, reply): Waiting, ctx: &mut Context<Self>) {
        match error {
            CommitError::Fenced | CommitError::Unknown(_) => {
                if *error == CommitError::Fenced {
                    self.activation.fenced(); // whoever owns it now has what it needs
                }
                tracing::error!(duel = %self.duel(), ?error, "a commit is in doubt; the match reloads");
                self.stopping = true;
                reply.refuse(SignalCode::Unavailable, "the match reloads: send it again");
                for (_, reply) in std::mem::take(&mut self.waiting) {
                    reply.refuse(SignalCode::Unavailable, "the match reloads: send it again");
                }
                ctx.stop();
            }
            _ => {
                tracing::warn!(duel = %self.duel(), ?error, "a commit failed; nothing has changed");
                let from_client = matches!(work, Work::Command(DuelCommand::Client { .. }));
                if !from_client && !reply.is_wanted() {
                    let pause = Duration::from_millis(self.settings().retry_ms);
                    ctx.run_later(pause, move |duel, ctx| duel.submit(work, reply, ctx));
                    return;
                }
                reply.refuse(SignalCode::Unavailable, "the store is away; nothing has changed");
                if self.state.is_none() {
                    self.leave(ctx); // an arranged match that never was
                }
            }
        }
    }

    /// The node stops: what was begun is finished, and the match is in the store for its next node.
    pub(super) fn drain(&mut self, ctx: &mut Context<Self>) {
        for (_, reply) in std::mem::take(&mut self.waiting) {
            reply.refuse(SignalCode::Unavailable, "the match moves: send it again");
        }
        let open = self.state.clone().filter(|state| !state.phase().is_over());
        match open.map(|state| self.commit_of(&state, &Step::default())) {
            Some(Ok(commit)) if !self.busy => {
                self.draining = true;
                let saved = self.activation.cluster.store().commit(commit);
                self.while_busy(ctx, saved, |duel, saved, _| {
                    if let Err(error) = saved {
                        tracing::warn!(duel = %duel.duel(), %error, "a match goes on from its last commit");
                    }
                });
            }
            _ => {
                self.draining = true;
                self.next(ctx);
            }
        }
    }

    /// Stops in good order: what comes from now on finds the match anew, or finds none.
    pub(super) fn leave(&mut self, ctx: &mut Context<Self>) {
        self.stopping = true;
        for (_, reply) in std::mem::take(&mut self.waiting) {
            reply.refuse(SignalCode::NotFound, "no such session");
        }
        self.activation.begin_release();
        if ctx.address().try_send(Stop).is_err() {
            ctx.notify(Stop); // a full mailbox: what is in it is refused
        }
    }

    /// One timer, for whatever comes first.
    pub(super) fn set_timer(&mut self, ctx: &mut Context<Self>) {
        let due = self.state.as_ref().and_then(|state| state.next_wake(self.settings()));
        if self.timer.as_ref().map(|(at, _)| *at) == due {
            return;
        }
        if let Some((_, timer)) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let Some(at) = due else { return };
        let timer = ctx.run_later(at.until(self.now()), |duel, ctx| {
            duel.timer = None;
            duel.submit(Work::Command(DuelCommand::Wake { wake_no: 0 }), Reply::default(), ctx);
        });
        self.timer = Some((at, timer));
    }
}

/// The last message of a match's life: behind what was in its mailbox, with nothing after it.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Stop;

impl Handler<Stop> for DuelActor {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        self.activation.release();
        ctx.stop();
    }
}
