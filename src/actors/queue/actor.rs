//! When a queue looks: one round at a time, at each tick, and at once when something has happened.

use super::{
    messages::{QueueCommand, QueueReply},
    meters::Meters,
    state::QueueState,
    turn::{Turn, TurnError, Turned},
};
use crate::{
    cluster::{Activation, Entity, Envelope, Factory, PeerNotice},
    ids::QueueId,
    queue::{Announce, Desk},
    roles::Role,
    store::QUEUE,
};
use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, SpawnHandle, WrapFuture};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// After so many rounds with two counts the line and SQL are compared.
const UNEVEN: u32 = 3;

/// A queue of the cluster.
pub struct QueueActor {
    activation: Activation<Self>,
    desk: Arc<Desk>,
    announce: Arc<dyn Announce>,
    state: QueueState,
    meters: Meters,
    /// The line may say something else than SQL.
    compare: bool,
    /// So many rounds running they had not the same count: an end that is under way makes one or two.
    uneven: u32,
    /// A round is under way; another is wanted after it.
    busy: bool,
    again: bool,
    timer: Option<SpawnHandle>,
    stopping: bool,
    draining: bool,
    /// When somebody last waited.
    used_at: Instant,
}

impl QueueActor {
    /// Makes queues that admit from this desk's line.
    pub(crate) fn factory(desk: Arc<Desk>, announce: Arc<dyn Announce>) -> Factory<Self> {
        Arc::new(move |activation| {
            let state = serde_json::from_slice(&activation.state).map_err(|error| error.to_string())?;
            Ok(Self {
                meters: Meters::of(QueueId(activation.key)),
                activation,
                desk: desk.clone(),
                announce: announce.clone(),
                state,
                compare: true,
                uneven: 0,
                busy: false,
                again: false,
                timer: None,
                stopping: false,
                draining: false,
                used_at: Instant::now(),
            })
        })
    }

    fn queue(&self) -> QueueId {
        QueueId(self.activation.key)
    }

    /// One round; if one is under way, another after it.
    fn turn(&mut self, ctx: &mut Context<Self>) {
        if self.stopping {
            return;
        }
        if self.busy {
            self.again = true;
            return;
        }
        (self.busy, self.again) = (true, false);
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let turn = Turn {
            desk: self.desk.clone(),
            cluster: self.activation.cluster.clone(),
            queue: self.queue(),
            epoch: self.activation.epoch,
            state: self.state.clone(),
            compare: self.compare,
        };
        let began = Instant::now();
        ctx.spawn(turn.run().into_actor(self).map(move |turned, queue, ctx| {
            metrics::histogram!("playhouse_queue_turn_seconds").record(began.elapsed());
            queue.turned(turned, ctx);
        }));
    }

    fn turned(&mut self, turned: Result<Turned, TurnError>, ctx: &mut Context<Self>) {
        self.busy = false;
        let settings = &self.desk.settings;
        let next_ms = match turned {
            Ok(turned) => self.performed(turned),
            Err(TurnError::Fenced) => {
                self.activation.fenced(); // whoever owns it now has what it needs
                return self.stop(ctx);
            }
            Err(error @ TurnError::InDoubt(_)) => {
                tracing::error!(queue_id = %self.queue(), %error, "the queue reloads");
                return self.stop(ctx); // dropped without a word: it is put up again from the store
            }
            Err(TurnError::Gone) => return self.leave_directory(ctx),
            Err(error @ (TurnError::LineLost | TurnError::Away(_))) => {
                tracing::warn!(queue_id = %self.queue(), %error, "a queue could not admit; it tries again");
                self.compare = true;
                settings.tick_ms
            }
        };
        if self.draining {
            return self.leave_directory(ctx);
        }
        if self.again {
            return self.turn(ctx);
        }
        let idle = Duration::from_millis(self.desk.settings.idle_ms);
        if self.used_at.elapsed() >= idle {
            return self.leave_directory(ctx);
        }
        self.timer = Some(ctx.run_later(Duration::from_millis(next_ms), |queue, ctx| queue.turn(ctx)));
    }

    /// When the next round is due, in ms.
    fn performed(&mut self, turned: Turned) -> u64 {
        let Turned { state, passes, waiting, sight, next_ms, even } = turned;
        self.meters.turned(sight, passes.len());
        self.uneven = if even || self.compare { 0 } else { self.uneven + 1 };
        (self.state, self.compare) = (state, self.uneven >= UNEVEN);
        if waiting > 0 || !passes.is_empty() {
            self.used_at = Instant::now();
        }
        if !passes.is_empty() {
            tracing::debug!(queue_id = %self.queue(), n = passes.len(), waiting, "admitted");
            self.announce.admitted(self.queue(), &passes);
        }
        next_ms
    }

    fn stop(&mut self, ctx: &mut Context<Self>) {
        self.stopping = true;
        ctx.stop();
    }

    /// Stops in good order: what comes from now on finds the queue anew.
    fn leave_directory(&mut self, ctx: &mut Context<Self>) {
        self.stopping = true;
        self.activation.begin_release();
        if ctx.address().try_send(Stop).is_err() {
            ctx.notify(Stop); // a full mailbox: what is in it is not needed
        }
    }
}

impl Actor for QueueActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let config = self.activation.cluster.config();
        let rest = Duration::from_millis(config.cluster.passivate_ms.max(2) / 2);
        ctx.run_interval(rest, |queue, _| queue.activation.renew());
        self.turn(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.meters.clear(); // another node tells of it from now on, or nobody waits
    }
}

impl Handler<Envelope<Self>> for QueueActor {
    type Result = ();

    fn handle(&mut self, Envelope { command, reply, .. }: Envelope<Self>, ctx: &mut Self::Context) {
        if let Some(reply) = reply {
            let _ = reply.send(Ok(QueueReply::Heard)); // he may have gone
        }
        match command {
            QueueCommand::Peer(PeerNotice::Drain) if self.busy => self.draining = true,
            QueueCommand::Peer(PeerNotice::Drain) => self.leave_directory(ctx),
            QueueCommand::Peer(PeerNotice::Evicted(_)) => {
                self.activation.fenced();
                self.stop(ctx);
            }
            QueueCommand::Turn | QueueCommand::Wake { .. } | QueueCommand::Peer(_) => self.turn(ctx),
        }
    }
}

impl Entity for QueueActor {
    const KIND: &'static str = QUEUE;
    const ROLE: Role = Role::Queue;
    type Command = QueueCommand;
    type Reply = QueueReply;

    fn creates(_: &QueueCommand) -> bool {
        false // an operator's request does
    }

    fn wake(wake_no: i64) -> QueueCommand {
        QueueCommand::Wake { wake_no }
    }

    fn peer(notice: PeerNotice) -> QueueCommand {
        QueueCommand::Peer(notice)
    }
}

/// The last message of its life.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Stop;

impl Handler<Stop> for QueueActor {
    type Result = ();
    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        self.activation.release();
        ctx.stop();
    }
}
