//! The match actor: one piece of work at a time, in order; each is decided on a copy of the state, committed if it must
//! be, and then performed.

use super::{
    committing::Waiting,
    messages::{DuelCommand, DuelReply, Party},
    players::Reserved,
    state::{DuelState, REQUESTER, Step},
};
use crate::{
    clock::UnixMs,
    cluster::{Activation, AskError, Entity, Envelope, Factory, PeerNotice},
    ids::{DuelId, PlayerId},
    protocol::signal::{SignalCode, SignalError},
    trace::{self, Span},
};
use actix::{Actor, ActorContext, AsyncContext, Context, Handler, SpawnHandle};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::sync::oneshot;

/// A match of the cluster.
pub struct DuelActor {
    pub(super) activation: Activation<Self>,
    /// As committed, or as it is while nothing of it must be durable; `None` before the request is open.
    pub(super) state: Option<DuelState>,
    /// Something is under way: the rest waits in order.
    pub(super) busy: bool,
    pub(super) waiting: VecDeque<Waiting>,
    /// Nothing more is taken.
    pub(super) stopping: bool,
    /// The match goes to another node once what was begun is done.
    pub(super) draining: bool,
    pub(super) timer: Option<(UnixMs, SpawnHandle)>,
}

/// Something to do.
#[derive(Debug)]
pub(super) enum Work {
    Command(DuelCommand),
    /// The first thing that a match does that was on another node, or of a run before.
    Restored,
}

/// Where the outcome of a piece of work goes, and the span that it ends.
#[derive(Default)]
pub(super) struct Reply {
    to: Option<oneshot::Sender<Result<DuelReply, AskError>>>,
    span: Span,
}

impl Reply {
    pub(super) fn is_wanted(&self) -> bool {
        self.to.is_some()
    }

    pub(super) fn context(&self) -> Option<trace::TraceContext> {
        self.span.context()
    }

    pub(super) fn give(mut self, reply: DuelReply) {
        if let DuelReply::Refused(error) = &reply {
            self.span.record("refused", || error.code.as_str());
        }
        if let Some(to) = self.to {
            let _ = to.send(Ok(reply)); // he may have gone
        }
    }

    pub(super) fn refuse(self, code: SignalCode, why: &str) {
        self.give(DuelReply::Refused(SignalError::new(code, why)));
    }
}

impl DuelActor {
    /// Makes matches.
    pub fn factory() -> Factory<Self> {
        Arc::new(|activation| {
            let state = match activation.epoch {
                0 => None,
                _ => Some(rmp_serde::from_slice(&activation.state).map_err(|error| error.to_string())?),
            };
            Ok(Self {
                activation,
                state,
                busy: false,
                waiting: VecDeque::new(),
                stopping: false,
                draining: false,
                timer: None,
            })
        })
    }

    pub(super) fn duel(&self) -> DuelId {
        DuelId(self.activation.key)
    }

    pub(super) fn settings(&self) -> &crate::config::DuelSection {
        &self.activation.cluster.config().duel
    }

    pub(super) fn now(&self) -> UnixMs {
        self.activation.cluster.clock().now()
    }

    /// Takes work: does it now, or after what is under way.
    pub(super) fn submit(&mut self, work: Work, reply: Reply, ctx: &mut Context<Self>) {
        if self.stopping || self.draining {
            return reply.refuse(SignalCode::Unavailable, "the match moves: send it again");
        }
        if self.busy {
            if self.waiting.len() >= self.settings().waiting {
                return reply.refuse(SignalCode::Unavailable, "the match has too much to do");
            }
            return self.waiting.push_back((work, reply));
        }
        self.begin(work, reply, ctx);
    }

    pub(super) fn begin(&mut self, work: Work, reply: Reply, ctx: &mut Context<Self>) {
        let _work = trace::enter(reply.context());
        match (work, &self.state) {
            (Work::Command(DuelCommand::Request { requester, target }), None) => {
                self.offer_to(requester, target, reply, ctx);
            }
            (Work::Command(DuelCommand::Arrange { players }), None) => self.arrange(players, reply, ctx),
            (Work::Command(DuelCommand::Arrange { players }), Some(state))
                if state.players() == &players && state.phase().holds() =>
            {
                reply.give(DuelReply::Done); // asked again
            }
            (Work::Command(DuelCommand::Request { .. } | DuelCommand::Arrange { .. }), Some(_)) => {
                reply.refuse(SignalCode::NotAllowed, "the session exists already");
            }
            (Work::Restored, Some(_)) => self.restore(ctx),
            (_, None) => reply.refuse(SignalCode::NotFound, "no such session"),
            (Work::Command(DuelCommand::Look), Some(state)) => {
                reply.give(DuelReply::Stands(state.standing()));
            }
            (Work::Command(command), Some(state)) => {
                let mut copy = state.clone();
                match decide(&mut copy, &command, self.now(), self.settings()) {
                    Err(error) => reply.give(DuelReply::Refused(error)),
                    Ok(Step { reserve: Some(crossed), .. }) => {
                        self.accept(crossed, (Work::Command(command), reply), ctx);
                    }
                    Ok(step) => self.apply(copy, step, (Work::Command(command), reply), ctx),
                }
            }
        }
        self.next(ctx);
    }

    /// What waits, until something is under way again.
    pub(super) fn next(&mut self, ctx: &mut Context<Self>) {
        while !self.busy && !self.stopping {
            if self.draining {
                return self.leave(ctx);
            }
            let Some((work, reply)) = self.waiting.pop_front() else { return };
            self.begin(work, reply, ctx);
        }
    }

    /// Runs something that takes a while; what comes meanwhile waits.
    pub(super) fn while_busy<T: 'static>(
        &mut self,
        ctx: &mut Context<Self>,
        work: impl Future<Output = T> + 'static,
        then: impl FnOnce(&mut Self, T, &mut Context<Self>) + 'static,
    ) {
        use actix::{ActorFutureExt as _, WrapFuture as _};
        self.busy = true;
        let work = trace::within(trace::current(), work);
        ctx.spawn(work.into_actor(self).map(move |done, duel, ctx| {
            duel.busy = false;
            then(duel, done, ctx);
            duel.next(ctx);
        }));
    }

    /// The target is told of the request, if he can be asked.
    fn offer_to(&mut self, requester: Party, target: PlayerId, reply: Reply, ctx: &mut Context<Self>) {
        let offered = self.offer(target, requester.clone());
        self.while_busy(ctx, offered, move |duel, offered, ctx| match offered {
            Ok(nickname) => {
                let players = [requester, Party { player_id: target, nickname }];
                let (state, step) = DuelState::requested(duel.duel(), players, duel.now(), duel.settings());
                let work = Work::Command(DuelCommand::Came { player_id: target }); // not done again
                duel.apply(state, step, (work, reply), ctx);
            }
            Err(error) => {
                reply.give(DuelReply::Refused(error.of(duel.duel())));
                duel.leave(ctx);
            }
        });
    }

    fn arrange(&mut self, players: [Party; 2], reply: Reply, ctx: &mut Context<Self>) {
        let reserved = self.reserve(players.clone().map(|party| party.player_id));
        self.while_busy(ctx, reserved, move |duel, reserved, ctx| match reserved {
            Ok(Reserved { attached }) => {
                let command = DuelCommand::Arrange { players: players.clone() };
                let (state, step) =
                    DuelState::arranged(duel.duel(), players, attached, duel.now(), duel.settings());
                duel.apply(state, step, (Work::Command(command), reply), ctx);
            }
            Err(busy) => {
                match busy {
                    Some(player) => reply.give(DuelReply::Busy(player)),
                    None => reply.refuse(SignalCode::Unavailable, "a player cannot be reached"),
                }
                duel.leave(ctx);
            }
        });
    }

    fn accept(&mut self, crossed: bool, work: super::committing::Waiting, ctx: &mut Context<Self>) {
        let Some(players) = self.player_ids() else { return };
        let reserved = self.reserve(players);
        self.while_busy(ctx, reserved, move |duel, reserved, ctx| match (reserved, &duel.state) {
            (Ok(Reserved { attached }), Some(state)) => {
                let mut copy = state.clone();
                let step = copy.accepted(crossed, attached, duel.now(), duel.settings());
                duel.apply(copy, step, work, ctx);
            }
            (Err(Some(player)), _) => {
                let who = if player == players[REQUESTER] { "the requester is" } else { "you are" };
                let why = format!("not allowed from state requested: {who} in another match");
                work.1.refuse(SignalCode::NotAllowed, &why);
            }
            _ => work.1.refuse(SignalCode::Unavailable, "a player cannot be reached: send it again"),
        });
    }

    /// It was elsewhere: both are held again, and told where it stands.
    fn restore(&mut self, ctx: &mut Context<Self>) {
        let Some(players) = self.player_ids() else { return };
        let reserved = self.reserve(players);
        self.while_busy(ctx, reserved, move |duel, reserved, ctx| {
            let Some(state) = &duel.state else { return };
            let mut copy = state.clone();
            let (now, settings) = (duel.now(), duel.settings());
            let step = match reserved {
                Ok(Reserved { attached }) => copy.restored(attached, now, settings),
                Err(Some(player)) => copy.side_of(player).map_or_else(Step::default, |side| copy.taken(side)),
                Err(None) => copy.restored([false; 2], now, settings),
            };
            duel.apply(copy, step, (Work::Restored, Reply::default()), ctx);
        });
    }

    pub(super) fn player_ids(&self) -> Option<[PlayerId; 2]> {
        self.state.as_ref().map(|state| state.players().clone().map(|party| party.player_id))
    }
}

/// Decides what a command does to a copy of the state.
fn decide(
    copy: &mut DuelState,
    command: &DuelCommand,
    now: UnixMs,
    settings: &crate::config::DuelSection,
) -> Result<Step, SignalError> {
    let side = |copy: &DuelState, player: &PlayerId| copy.side_of(*player);
    Ok(match command {
        DuelCommand::Client { by, message } => {
            // What is overdue comes first, even if its timer has not run yet.
            if copy.next_wake(settings).is_some_and(|due| due <= now) {
                let step = copy.wake(now, settings);
                if copy.phase().is_over() {
                    return Ok(step.late(copy.not_from_here()));
                }
            }
            copy.message(*by, message, now, settings)?
        }
        DuelCommand::Came { player_id } => {
            side(copy, player_id).map(|side| copy.came(side)).unwrap_or_default()
        }
        DuelCommand::Lost { player_id } => {
            side(copy, player_id).map(|side| copy.lost(side, now)).unwrap_or_default()
        }
        DuelCommand::Taken { player_id } => {
            side(copy, player_id).map(|side| copy.taken(side)).unwrap_or_default()
        }
        DuelCommand::Wake { .. } => copy.wake(now, settings),
        DuelCommand::CallOff => copy.call_off(),
        DuelCommand::Peer(_)
        | DuelCommand::Look
        | DuelCommand::Request { .. }
        | DuelCommand::Arrange { .. } => Step::default(),
    })
}

impl Actor for DuelActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let again = Duration::from_millis(self.settings().assert_ms);
        ctx.run_interval(again, Self::assert_holds);
        if self.state.is_some() {
            self.submit(Work::Restored, Reply::default(), ctx);
        }
    }
}

impl Handler<Envelope<Self>> for DuelActor {
    type Result = ();

    fn handle(&mut self, Envelope { command, reply, trace }: Envelope<Self>, ctx: &mut Self::Context) {
        let mut span = Span::follow(trace::DUEL_COMMAND, trace);
        span.record("session_id", || self.duel().to_string());
        span.record("command", || command.label());
        let reply = Reply { to: reply, span };
        let _work = trace::enter(reply.context());
        tracing::debug!(duel = %self.duel(), command = command.label(), "a command");
        match command {
            DuelCommand::Peer(PeerNotice::Drain) => self.drain(ctx),
            DuelCommand::Peer(PeerNotice::Evicted(_)) => {
                self.activation.fenced();
                self.stopping = true;
                ctx.stop();
            }
            DuelCommand::Peer(_) => {}
            command => self.submit(Work::Command(command), reply, ctx),
        }
    }
}

impl Entity for DuelActor {
    const KIND: &'static str = "duel";
    type Command = DuelCommand;
    type Reply = DuelReply;

    fn creates(command: &DuelCommand) -> bool {
        matches!(command, DuelCommand::Request { .. } | DuelCommand::Arrange { .. })
    }

    fn wake(wake_no: i64) -> DuelCommand {
        DuelCommand::Wake { wake_no }
    }

    fn peer(notice: PeerNotice) -> DuelCommand {
        DuelCommand::Peer(notice)
    }
}
