//! Committing: one commit at a time, what comes meanwhile behind it in order (spec 6.2, design rule 2).
//!
//! All that waits is decided together and committed at once (`group`): a busy room pays one commit for what came during
//! the last. If the database refuses a seat of a group, nothing was written and each is tried alone. What certainly
//! failed is answered and the old state kept; what may have happened stops the actor, which is put up again from the
//! store. A timer's commit is tried until it is done.

use super::{
    actor::RoomActor,
    group::{Decided, Group, Outcome},
    media::shown_by,
    messages::{RoomCommand, RoomReply},
    reply::Reply,
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
    /// So many of the queue's first are decided one by one: together they were refused.
    alone: usize,
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
        let most = self.activation.cluster.config().cluster.durable_queue;
        if self.committing.busy && self.committing.queue.len() >= most {
            let busy = Rejection::try_again(RETRY_AFTER_MS, "the room has too much to do");
            return self.turn_away(&work, reply, busy);
        }
        self.committing.queue.push_back((work, reply));
        if !self.committing.busy {
            self.next(ctx);
        }
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

    /// Decides the first of what waits, and all that may be committed with it.
    fn begin(&mut self, ctx: &mut Context<Self>) {
        let mut group = Group::default();
        let mut most = self.activation.cluster.config().room.decide_together.max(1);
        if self.committing.alone > 0 {
            self.committing.alone -= 1;
            most = 1;
        }
        while group.len() < most && !group.closes() && !self.committing.busy {
            let Some((work, reply)) = self.committing.queue.pop_front() else { break };
            let decided = self.decide_after(&group, work, reply);
            match decided.outcome {
                // With nothing before it that is not yet written.
                Outcome::Refused(_) | Outcome::Unchanged(_) if group.is_empty() => {
                    self.settle(decided, ctx);
                    if self.state.is_none() {
                        return self.leave_directory(ctx); // a room that was never made
                    }
                }
                _ => group.push(decided),
            }
            if self.state.is_none() {
                break; // it is made first
            }
        }
        if !group.is_empty() {
            self.commit(group, ctx);
        }
    }

    fn decide_after(&self, group: &Group, work: Work, reply: Reply) -> Decided {
        let _work = reply.enter();
        let outcome = match self.decide(group.state().or(self.state.as_ref()), &work) {
            Err(rejection) => Outcome::Refused(rejection),
            Ok((_, decision)) if decision.unchanged => Outcome::Unchanged(decision),
            Ok((state, decision)) => Outcome::Changed(Box::new(state), decision),
        };
        Decided { work, reply, outcome }
    }

    /// What was decided, and is committed if it has to be, becomes true.
    fn settle(&mut self, Decided { work, reply, outcome }: Decided, ctx: &mut Context<Self>) {
        let _work = reply.enter();
        let decision = match outcome {
            Outcome::Refused(rejection) => return self.turn_away(&work, reply, rejection),
            Outcome::Unchanged(decision) => decision,
            Outcome::Changed(state, decision) => {
                self.state = Some(*state);
                decision
            }
        };
        let news = self.tune_media(ctx); // before anybody is told why
        let shown = shown_by(&decision.effects);
        self.perform(decision.effects);
        if !decision.closes {
            self.tell_of_media(news, &shown);
        }
        reply.give(decision.reply);
        if matches!(work, Work::Activated) {
            self.seek_missing();
        }
        self.set_timer(ctx);
    }

    fn commit(&mut self, mut group: Group, ctx: &mut Context<Self>) {
        let _work = group.first().map(Reply::enter);
        let saved = group.state().ok_or_else(|| "nothing has changed".to_owned());
        let saved = saved.and_then(|state| Ok((state.save()?, state.wake_no)));
        let (state, wake_no) = match saved {
            Ok(saved) => saved,
            Err(error) => {
                tracing::error!(room_id = %self.room_id(), error, "a room could not be encoded");
                for (work, reply) in group.into_works() {
                    let rejection = Rejection::new(ErrorCode::Internal, "the room could not be saved");
                    self.turn_away(&work, reply, rejection);
                }
                return;
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
            state: (!group.closes()).then_some(state),
            next_wake_at: group.state().and_then(|state| state.next_wake(cluster.config())),
            wake_no,
            rows: group.take_rows(),
        };
        self.committing.busy = true;
        let longest = Duration::from_millis(cluster.config().database.timeout_ms);
        let written = tokio::time::timeout(longest, cluster.store().commit(commit));
        let written = trace::within(trace::current(), written);
        ctx.spawn(written.into_actor(self).map(move |result, room, ctx| {
            let result = result.unwrap_or_else(|_| Err(CommitError::Unknown("no answer in time".to_owned())));
            match result {
                Ok(()) => room.committed(group, ctx),
                Err(error) => room.not_committed(error, group, ctx),
            }
        }));
    }

    fn committed(&mut self, group: Group, ctx: &mut Context<Self>) {
        self.activation.epoch = self.activation.epoch.max(1);
        let closes = group.closes();
        for decided in group {
            self.settle(decided, ctx); // still busy: nothing is decided on what lies between
        }
        self.committing.busy = false;
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
            if self.committing.queue.is_empty() {
                self.committing.queue = VecDeque::new(); // a room at rest holds no queue
                return;
            }
            self.begin(ctx);
        }
    }

    fn not_committed(&mut self, error: CommitError, group: Group, ctx: &mut Context<Self>) {
        self.committing.busy = false;
        match error {
            CommitError::CodeTaken if self.committing.codes_tried < CODE_TRIES => {
                self.committing.codes_tried += 1;
                return self.decide_anew(group, ctx); // with another code
            }
            // Whose seat it is, each alone finds out.
            CommitError::SeatTaken(_) if group.len() > 1 => return self.decide_anew(group, ctx),
            CommitError::SeatTaken(_) => {
                for (work, reply) in group.into_works() {
                    let seated = Rejection::new(ErrorCode::AlreadyInRoom, "you have a seat in a room");
                    self.turn_away(&work, reply, seated);
                }
            }
            CommitError::Fenced => {
                self.activation.fenced(); // whoever owns it now has what it needs
                return self.stop_and_reload(&error, group, ctx);
            }
            CommitError::Unknown(_) => return self.stop_and_reload(&error, group, ctx),
            CommitError::CodeTaken | CommitError::Busy | CommitError::Failed(_) => {
                tracing::warn!(room_id = %self.room_id(), ?error, "a commit failed; nothing has changed");
                for (work, reply) in group.into_works() {
                    self.try_later(work, reply, ctx);
                }
            }
        }
        if self.state.is_none() {
            return self.leave_directory(ctx);
        }
        self.next(ctx);
    }

    /// Nothing was written, and not all of it can be: one by one, before all that came later.
    fn decide_anew(&mut self, group: Group, ctx: &mut Context<Self>) {
        self.committing.alone = group.len();
        if self.committing.draining {
            for (work, reply) in group.into_works() {
                self.turn_away(&work, reply, moving());
            }
        } else {
            for undone in group.into_works().rev() {
                self.committing.queue.push_front(undone);
            }
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
    fn stop_and_reload(&mut self, error: &CommitError, group: Group, ctx: &mut Context<Self>) {
        tracing::error!(room_id = %self.room_id(), ?error, "a commit is in doubt; the room reloads");
        self.committing.stopping = true;
        let reload =
            || Rejection::try_again(RETRY_AFTER_MS, "the room reloads; send it again with the same id");
        for (work, reply) in group.into_works().chain(std::mem::take(&mut self.committing.queue)) {
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
