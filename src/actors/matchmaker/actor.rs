//! The matchmaker actor: holds the questions of those who look (`making`: what becomes of them).
//!
//! A match is committed under the matchmaker's epoch before it is begun: of two matchmakers that believe to be the one, one
//! alone can make matches, so nobody is in two.

use super::{
    making::{Progress, State},
    messages::{MatchmakerCommand, MatchmakerReply, Ticket},
    pool::{Pool, Size, Waiter},
    ports::Ports,
};
use crate::{
    clock::UnixMs,
    cluster::{Activation, AskError, Entity, Envelope, Factory, PeerNotice},
    config::Matchmaking,
    ids::PlayerId,
    protocol::matchmaking::MatchMode,
    roles::Role,
};
use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};
use uuid::Uuid;

pub(super) type Answer = oneshot::Sender<Result<MatchmakerReply, AskError>>;

/// A question that waits for a match.
pub(super) struct Held {
    pub answer: Answer,
    pub search: Uuid,
    until: UnixMs,
}

/// A matchmaker of the cluster.
pub struct MatchmakerActor {
    pub(super) activation: Activation<Self>,
    pub(super) ports: Ports,
    /// As committed; `None` until the first commit of a new one.
    pub(super) state: Option<State>,
    pub(super) pool: Pool,
    pub(super) held: BTreeMap<PlayerId, Held>,
    /// Of matches that this run knows of.
    pub(super) progress: BTreeMap<Uuid, Progress>,
    /// Searches whose ratings are being read.
    pub(super) looking: BTreeSet<Uuid>,
    /// Searches that were given up meanwhile, or while their match was being committed.
    pub(super) given_up: BTreeSet<Uuid>,
    /// Who is in another match, and until when he is left out.
    pub(super) aside: BTreeMap<PlayerId, UnixMs>,
    pub(super) committing: bool,
    pub(super) stopping: bool,
    pub(super) draining: bool,
    pub(super) used_at: Instant,
}

impl MatchmakerActor {
    /// Makes matchmakers with these ports.
    pub fn factory(ports: Ports) -> Factory<Self> {
        std::sync::Arc::new(move |activation| {
            let state = match activation.epoch {
                0 => None,
                _ => Some(rmp_serde::from_slice(&activation.state).map_err(|error| error.to_string())?),
            };
            Ok(Self {
                activation,
                ports: ports.clone(),
                state,
                pool: Pool::default(),
                held: BTreeMap::new(),
                progress: BTreeMap::new(),
                looking: BTreeSet::new(),
                given_up: BTreeSet::new(),
                aside: BTreeMap::new(),
                committing: false,
                stopping: false,
                draining: false,
                used_at: Instant::now(),
            })
        })
    }

    pub(super) fn now(&self) -> UnixMs {
        self.activation.cluster.clock().now()
    }

    pub(super) fn settings(&self) -> &Matchmaking {
        &self.activation.cluster.config().matchmaking
    }

    pub(super) fn size(&self, mode: MatchMode) -> Size {
        let settings = self.settings();
        match mode {
            MatchMode::Duel => Size::PAIR,
            MatchMode::Mafia => Size {
                wanted: settings.mafia_players,
                least: settings.mafia_least,
                patience_ms: settings.mafia_patience_ms,
            },
        }
    }

    /// A session asks for its player. The question before, if it still waits, is over.
    fn enter(&mut self, ticket: Ticket, answer: Answer, ctx: &mut Context<Self>) {
        let Some(mode) = self.state.as_ref().map(|state| state.mode) else {
            let _ = answer.send(Err(AskError::Unavailable)); // it is just being made
            return;
        };
        if let Some(made) = self.made_for(&ticket) {
            match self.progress.get(&made.id) {
                Some(Progress::Begun(found)) => return say(answer, MatchmakerReply::Found(found.clone())),
                Some(Progress::Asked) => {}
                None => self.begin(made, ctx), // it was made before a crash
            }
            return self.hold(&ticket, answer);
        }
        let now = self.now();
        if self.pool.hears(ticket.player_id, ticket.search, now) {
            return self.hold(&ticket, answer);
        }
        if self.pool.len() >= self.settings().pool {
            metrics::counter!("playhouse_matchmaking_full_total", "mode" => mode.as_str()).increment(1);
            return say(answer, MatchmakerReply::Full);
        }
        self.looking.insert(ticket.search);
        let rating = self.ports.ratings.rating(ticket.player_id, mode);
        ctx.spawn(rating.into_actor(self).map(move |rating, matchmaker, ctx| match rating {
            Ok(rating) => matchmaker.queue(ticket, rating.rating, answer, ctx),
            Err(error) => {
                matchmaker.looking.remove(&ticket.search);
                tracing::warn!(player_id = %ticket.player_id, %error, "a rating could not be read");
                let _ = answer.send(Err(AskError::Unavailable)); // he asks again
            }
        }));
    }

    fn queue(&mut self, ticket: Ticket, strength: f64, answer: Answer, ctx: &mut Context<Self>) {
        self.looking.remove(&ticket.search);
        if self.stopping || self.draining || self.given_up.remove(&ticket.search) {
            return say(answer, MatchmakerReply::Waiting);
        }
        let (now, player) = (self.now(), ticket.player_id);
        let ready_at = self.aside.get(&player).copied().unwrap_or(ticket.since);
        self.hold(&ticket, answer);
        self.pool.add(Waiter { ticket, strength, ready_at, seen_at: now });
        self.round(ctx);
    }

    fn hold(&mut self, ticket: &Ticket, answer: Answer) {
        let until = self.now() + self.settings().hold_ms;
        let held = Held { answer, search: ticket.search, until };
        if let Some(before) = self.held.insert(ticket.player_id, held) {
            say(before.answer, MatchmakerReply::Waiting);
        }
    }

    /// He looks no more. If his match is just being made, it does not begin.
    fn leave(&mut self, player: PlayerId, search: Uuid) {
        let was_here = self.pool.remove(player, search);
        if !was_here && (self.committing || self.looking.contains(&search)) {
            self.given_up.insert(search);
        }
        if self.held.get(&player).is_some_and(|held| held.search == search)
            && let Some(held) = self.held.remove(&player)
        {
            say(held.answer, MatchmakerReply::Done);
        }
    }

    /// What time brings: questions that have waited long enough, players who ask no more, and matches.
    fn tick(&mut self, ctx: &mut Context<Self>) {
        let now = self.now();
        let late: Vec<PlayerId> =
            self.held.iter().filter(|(_, held)| held.until <= now).map(|(player, _)| *player).collect();
        for player in late {
            let Some(held) = self.held.remove(&player) else { continue };
            self.pool.hears(player, held.search, now);
            say(held.answer, MatchmakerReply::Waiting);
        }
        let (grace, held) = (self.settings().grace_ms, &self.held);
        let before = UnixMs(now.0 - i64::try_from(grace).unwrap_or(i64::MAX));
        self.pool.forget(before, |player| held.contains_key(&player));
        self.aside.retain(|_, until| *until > now);
        if let Some(state) = &self.state {
            let waiting = self.pool.len() as f64;
            metrics::gauge!("playhouse_matchmaking_waiting", "mode" => state.mode.as_str()).set(waiting);
        }
        self.round(ctx);
    }
}

/// Whoever asked may have gone.
pub(super) fn say(answer: Answer, reply: MatchmakerReply) {
    let _ = answer.send(Ok(reply));
}

impl Actor for MatchmakerActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let config = self.activation.cluster.config().clone();
        let rest = Duration::from_millis(config.cluster.passivate_ms.max(2) / 2);
        ctx.run_interval(rest, |matchmaker, ctx| matchmaker.rest(ctx));
        ctx.run_interval(Duration::from_millis(config.matchmaking.round_ms), |matchmaker, ctx| {
            matchmaker.tick(ctx);
        });
    }
}

impl Handler<Envelope<Self>> for MatchmakerActor {
    type Result = ();

    fn handle(&mut self, Envelope { command, reply, .. }: Envelope<Self>, ctx: &mut Self::Context) {
        self.used_at = Instant::now();
        tracing::debug!(key = %self.activation.key, command = command.label(), "a command");
        let answer = reply.unwrap_or_else(|| oneshot::channel().0); // nobody waits
        match command {
            MatchmakerCommand::Peer(notice) => self.heed(notice, ctx),
            _ if self.stopping || self.draining => drop(answer.send(Err(AskError::Unavailable))),
            MatchmakerCommand::Open { mode } if self.state.is_none() && !self.committing => {
                let then = move |matchmaker: &mut Self, done, ctx: &mut Context<Self>| {
                    if done {
                        return say(answer, MatchmakerReply::Done);
                    }
                    let _ = answer.send(Err(AskError::Unavailable));
                    matchmaker.leave_directory(ctx); // it was never made
                };
                self.commit(State { mode, made: Vec::new() }, then, ctx);
            }
            MatchmakerCommand::Enter(ticket) => self.enter(ticket, answer, ctx),
            MatchmakerCommand::Leave { player_id, search } => {
                self.leave(player_id, search);
                say(answer, MatchmakerReply::Done);
            }
            MatchmakerCommand::Open { .. } | MatchmakerCommand::Wake { .. } => {
                say(answer, MatchmakerReply::Done);
            }
        }
    }
}

impl Entity for MatchmakerActor {
    const KIND: &'static str = "matchmaker";
    const ROLE: Role = Role::Queue;
    type Command = MatchmakerCommand;
    type Reply = MatchmakerReply;

    fn creates(command: &MatchmakerCommand) -> bool {
        matches!(command, MatchmakerCommand::Open { .. })
    }

    fn wake(wake_no: i64) -> MatchmakerCommand {
        MatchmakerCommand::Wake { wake_no }
    }

    fn peer(notice: PeerNotice) -> MatchmakerCommand {
        MatchmakerCommand::Peer(notice)
    }
}
