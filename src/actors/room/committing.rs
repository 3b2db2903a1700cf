//! Committing: one durable command at a time, the others behind it in order (spec 6.2, design rule 2).
//!
//! What certainly failed is answered and the old state kept; what may have happened stops the actor, which is
//! put up again from the store. A timer's commit is tried until it is done.

use super::{
    actor::RoomActor,
    decide::Decision,
    media::shown_by,
    messages::{RoomCommand, RoomReply},
    reply::Reply,
    state::RoomState,
};
use crate::{
    protocol::{ErrorCode, Rejection},
    store::{Commit, CommitError, Fence},
    trace,
};
use actix::{ActorContext, ActorFutureExt, AsyncContext, Context, WrapFuture};
use std::{collections::VecDeque, time::Duration};

/// Something durable to do.
pub(super) enum Work {
    /// A command, from outside or from the room's own timer.
    Command(RoomCommand),
    /// The first thing an activated room does.
    Activated,
}

/// The queue before the store.
#[derive(Default)]
pub(super) struct Committing {
    busy: bool,
    queue: VecDeque<(Work, Reply)>,
    /// The room stops: nothing more is taken.
    stopping: bool,
    /// The room goes to another node once what was begun is done.
    draining: bool,
    codes_tried: u32,
}

/// What is not begun is answered so while the room goes to another node.
fn moving() -> Rejection {
    let mut moving = Rejection::new(ErrorCode::Moving, "the room moves to another node: send it again");
    moving.retry_after_ms = Some(RETRY_AFTER_MS);
    moving
}

/// How often a new room draws another code.
const CODE_TRIES: u32 = 8;
/// What a client is told to wait after a commit that certainly failed.
const RETRY_AFTER_MS: u64 = 500;

impl Committing {
    pub(super) fn is_idle(&self) -> bool {
        !self.busy && self.queue.is_empty()
    }
}

impl RoomActor {
    /// Takes durable work: does it now, or after what is under way.
    pub(super) fn submit(&mut self, work: Work, reply: Reply, ctx: &mut Context<Self>) {
        if self.committing.stopping {
            return self.turn_away(&work, reply, Rejection::try_again(RETRY_AFTER_MS, "the room restarts"));
        }
        if self.committing.draining {
            return self.turn_away(&work, reply, moving());
        }
        if self.committing.busy {
            if self.committing.queue.len() >= self.activation.cluster.config().cluster.durable_queue {
                let busy = Rejection::try_again(RETRY_AFTER_MS, "the room has too much to do");
                return self.turn_away(&work, reply, busy);
            }
            return self.committing.queue.push_back((work, reply));
        }
        self.begin(work, reply, ctx);
    }

    /// Refuses, in words to the client and to whoever asked.
    fn turn_away(&self, work: &Work, reply: Reply, rejection: Rejection) {
        let _work = reply.enter(); // it may have waited behind another's
        let refused = match work {
            Work::Command(RoomCommand::Client { by, message }) => match message {
                super::RoomMessage::Join { quick: true, .. } => RoomReply::Refused(rejection),
                _ => self.refuse(by, rejection),
            },
            Work::Command(RoomCommand::Create { by, .. }) => self.refuse(by, rejection),
            _ => RoomReply::Refused(rejection),
        };
        reply.give(refused);
    }

    fn begin(&mut self, work: Work, reply: Reply, ctx: &mut Context<Self>) {
        let _work = reply.enter();
        match self.decide(&work) {
            Err(rejection) => {
                self.turn_away(&work, reply, rejection);
                if self.state.is_none() {
                    self.leave_directory(ctx); // a room that was never made
                }
            }
            Ok((_, decision)) if decision.unchanged => self.performed(decision, reply, ctx),
            Ok((copy, decision)) => self.commit(work, reply, copy, decision, ctx),
        }
    }

    fn performed(&mut self, decision: Decision, reply: Reply, ctx: &mut Context<Self>) {
        let news = self.tune_media(ctx); // before anybody is told why
        let shown = shown_by(&decision.effects);
        self.perform(decision.effects);
        if !decision.closes {
            self.tell_of_media(news, &shown);
        }
        reply.give(decision.reply);
        self.set_timer(ctx);
    }

    fn commit(
        &mut self,
        work: Work,
        reply: Reply,
        copy: RoomState,
        mut decision: Decision,
        ctx: &mut Context<Self>,
    ) {
        let state = match copy.save() {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::error!(room_id = %self.room_id(), error, "a room could not be encoded");
                let rejection = Rejection::new(ErrorCode::Internal, "the room could not be saved");
                return self.turn_away(&work, reply, rejection);
            }
        };
        let cluster = &self.activation.cluster;
        let commit = Commit {
            kind: <Self as crate::cluster::Entity>::KIND,
            key: self.activation.key,
            fence: if self.activation.epoch == 0 {
                Fence::Create
            } else {
                Fence::Epoch(self.activation.epoch)
            },
            state: (!decision.closes).then_some(state),
            next_wake_at: copy.next_wake(cluster.config()),
            wake_no: copy.wake_no,
            rows: std::mem::take(&mut decision.rows),
        };
        self.committing.busy = true;
        let longest = Duration::from_millis(cluster.config().database.timeout_ms);
        let written = tokio::time::timeout(longest, cluster.store().commit(commit));
        let written = trace::within(trace::current(), written);
        ctx.spawn(written.into_actor(self).map(move |result, room, ctx| {
            let _work = reply.enter();
            let result = result.unwrap_or_else(|_| Err(CommitError::Unknown("no answer in time".to_owned())));
            room.committing.busy = false;
            match result {
                Ok(()) => room.committed(&work, copy, decision, reply, ctx),
                Err(error) => room.not_committed(error, work, reply, ctx),
            }
        }));
    }

    fn committed(
        &mut self,
        work: &Work,
        copy: RoomState,
        decision: Decision,
        reply: Reply,
        ctx: &mut Context<Self>,
    ) {
        let activated = matches!(work, Work::Activated);
        self.activation.epoch = self.activation.epoch.max(1);
        self.state = Some(copy);
        let closes = decision.closes;
        self.performed(decision, reply, ctx);
        if activated {
            self.seek_missing();
        }
        if closes {
            self.leave_directory(ctx);
        } else {
            self.drive_bots(ctx);
            self.next(ctx);
        }
    }

    /// The node stops: what is under way is finished, the rest is asked again where the room goes.
    pub(super) fn drain(&mut self, ctx: &mut Context<Self>) {
        self.committing.draining = true;
        for (work, reply) in std::mem::take(&mut self.committing.queue) {
            self.turn_away(&work, reply, moving());
        }
        self.next(ctx);
    }

    fn next(&mut self, ctx: &mut Context<Self>) {
        if self.committing.draining && !self.committing.busy && !self.committing.stopping {
            return self.leave_directory(ctx);
        }
        while !self.committing.busy && !self.committing.stopping {
            let Some((work, reply)) = self.committing.queue.pop_front() else {
                self.committing.queue = VecDeque::new(); // a room at rest holds no queue
                return;
            };
            self.begin(work, reply, ctx);
        }
    }

    fn not_committed(&mut self, error: CommitError, work: Work, reply: Reply, ctx: &mut Context<Self>) {
        match error {
            CommitError::CodeTaken if self.committing.codes_tried < CODE_TRIES => {
                self.committing.codes_tried += 1;
                return self.begin(work, reply, ctx); // decides anew, with another code
            }
            CommitError::SeatTaken(_) => {
                let seated = Rejection::new(ErrorCode::AlreadyInRoom, "you have a seat in a room");
                self.turn_away(&work, reply, seated);
            }
            CommitError::Fenced => {
                self.activation.fenced(); // whoever owns it now has what it needs
                return self.stop_and_reload(&error, &work, reply, ctx);
            }
            CommitError::Unknown(_) => return self.stop_and_reload(&error, &work, reply, ctx),
            CommitError::CodeTaken | CommitError::Busy | CommitError::Failed(_) => {
                tracing::warn!(room_id = %self.room_id(), ?error, "a commit failed; nothing has changed");
                self.try_later(work, reply, ctx);
            }
        }
        if self.state.is_none() {
            return self.leave_directory(ctx);
        }
        self.next(ctx);
    }

    /// Clients try again themselves; what nobody would send again is tried until it is done.
    fn try_later(&mut self, work: Work, reply: Reply, ctx: &mut Context<Self>) {
        let from_client =
            matches!(work, Work::Command(RoomCommand::Client { .. } | RoomCommand::Create { .. }));
        if from_client || reply.is_wanted() {
            let failed = Rejection::try_again(RETRY_AFTER_MS, "the store is away; nothing has changed");
            return self.turn_away(&work, reply, failed);
        }
        let pause = Duration::from_millis(self.activation.cluster.config().room.retry_ms);
        ctx.run_later(pause, move |room, ctx| room.submit(work, reply, ctx));
    }

    /// It may have happened, or another owns the room: only the store knows. Dropping the activation puts the
    /// room up again from there, unless it was fenced.
    fn stop_and_reload(&mut self, error: &CommitError, work: &Work, reply: Reply, ctx: &mut Context<Self>) {
        tracing::error!(room_id = %self.room_id(), ?error, "a commit is in doubt; the room reloads");
        self.committing.stopping = true;
        let reload =
            || Rejection::try_again(RETRY_AFTER_MS, "the room reloads; send it again with the same id");
        self.turn_away(work, reply, reload());
        for (work, reply) in std::mem::take(&mut self.committing.queue) {
            self.turn_away(&work, reply, reload());
        }
        ctx.stop();
    }

    /// Another node owns the room: what waits is asked again there.
    pub(super) fn evicted(&mut self, ctx: &mut Context<Self>) {
        self.activation.fenced();
        self.committing.stopping = true;
        for (work, reply) in std::mem::take(&mut self.committing.queue) {
            self.turn_away(&work, reply, moving());
        }
        ctx.stop();
    }

    /// Stops in good order: what comes from now on finds the room anew, or finds none.
    fn leave_directory(&mut self, ctx: &mut Context<Self>) {
        self.committing.stopping = true;
        for (work, reply) in std::mem::take(&mut self.committing.queue) {
            self.turn_away(&work, reply, Rejection::new(ErrorCode::RoomClosed, "the room has closed"));
        }
        self.activation.begin_release();
        if ctx.address().try_send(Stop).is_err() {
            ctx.notify(Stop); // a full mailbox: what is in it is refused
        }
    }

    /// Puts the room away if nobody has used it for a while; a reminder or a command wakes it.
    pub(super) fn rest(&mut self, ctx: &mut Context<Self>) {
        self.activation.renew();
        self.seek_missing();
        let idle = Duration::from_millis(self.activation.cluster.config().cluster.passivate_ms);
        let connected = self.state.as_ref().is_some_and(|s| s.humans().any(|m| m.connected));
        let unused = self.used_at.elapsed() >= idle && !connected;
        if unused && self.committing.is_idle() && !self.committing.stopping {
            tracing::debug!(room_id = %self.room_id(), "put away");
            self.leave_directory(ctx);
        }
    }

    /// One timer, for whatever comes first.
    pub(super) fn set_timer(&mut self, ctx: &mut Context<Self>) {
        let cluster = &self.activation.cluster;
        let due = self.state.as_ref().and_then(|state| state.next_wake(cluster.config()));
        if self.timer.as_ref().map(|(at, _)| *at) == due {
            return;
        }
        if let Some((_, timer)) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let Some(at) = due else { return };
        let wait = at.until(cluster.clock().now());
        let timer = ctx.run_later(wait, |room, ctx| {
            room.timer = None;
            let wake_no = room.state.as_ref().map_or(0, |state| state.wake_no);
            room.submit(Work::Command(RoomCommand::Wake { wake_no }), Reply::default(), ctx);
        });
        self.timer = Some((at, timer));
    }
}

/// The last message of a room's life: behind what was in its mailbox, with nothing after it.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Stop;

impl actix::Handler<Stop> for RoomActor {
    type Result = ();
    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        self.activation.release();
        ctx.stop();
    }
}
