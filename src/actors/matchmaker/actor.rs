//! The matchmaker actor: holds the questions, lets the pool decide, commits, then has the matches begun.
//!
//! A match is committed under the matchmaker's epoch before it is begun: of two matchmakers that believe to be the one, one
//! alone can make matches, so nobody is in two.

use super::{
    messages::{MatchmakerCommand, MatchmakerReply, Ticket},
    pool::{Pool, Size, Waiter},
    ports::{Arranged, Ports},
};
use crate::{
    clock::UnixMs,
    cluster::{Activation, AskError, Entity, Envelope, Factory, PeerNotice},
    config::Matchmaking,
    ids::PlayerId,
    protocol::matchmaking::{MatchFound, MatchMode},
    roles::Role,
    store::{Commit, CommitError, Fence},
};
use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};
use uuid::Uuid;

type Answer = oneshot::Sender<Result<MatchmakerReply, AskError>>;

/// What is committed.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    mode: MatchMode,
    /// The matches of the last `matchmaking.remember_ms`.
    made: Vec<Made>,
}

/// A match that was made, whether or not it has begun.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Made {
    id: Uuid,
    at: UnixMs,
    players: Vec<Ticket>,
}

/// How far a match is that was made.
#[derive(Clone, Debug)]
enum Progress {
    Asked,
    Begun(MatchFound),
}

/// A question that waits for a match.
struct Held {
    answer: Answer,
    search: Uuid,
    until: UnixMs,
}

/// A matchmaker of the cluster.
pub struct MatchmakerActor {
    activation: Activation<Self>,
    ports: Ports,
    /// As committed; `None` until the first commit of a new one.
    state: Option<State>,
    pool: Pool,
    held: BTreeMap<PlayerId, Held>,
    /// Of matches that this run knows of.
    progress: BTreeMap<Uuid, Progress>,
    /// Searches whose ratings are being read.
    looking: BTreeSet<Uuid>,
    /// Searches that were given up meanwhile, or while their match was being committed.
    given_up: BTreeSet<Uuid>,
    /// Who is in another match, and until when he is left out.
    aside: BTreeMap<PlayerId, UnixMs>,
    committing: bool,
    stopping: bool,
    draining: bool,
    used_at: Instant,
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

    fn now(&self) -> UnixMs {
        self.activation.cluster.clock().now()
    }

    fn settings(&self) -> &Matchmaking {
        &self.activation.cluster.config().matchmaking
    }

    fn size(&self, mode: MatchMode) -> Size {
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

    fn made_for(&self, ticket: &Ticket) -> Option<Made> {
        let is_his = |made: &&Made| made.players.iter().any(|other| other.search == ticket.search);
        self.state.as_ref()?.made.iter().find(is_his).cloned()
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

    /// Makes the matches that can be made, in one commit.
    fn round(&mut self, ctx: &mut Context<Self>) {
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
                matchmaker.round(ctx);
            },
            ctx,
        );
    }

    /// Nothing was made: he is in the line again, where he was, unless he has left.
    fn put_back(&mut self, waiter: Waiter) {
        if !self.given_up.contains(&waiter.ticket.search) {
            self.pool.add(waiter);
        }
    }

    /// Has a match begun that is committed.
    fn begin(&mut self, made: Made, ctx: &mut Context<Self>) {
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

    fn arranged(&mut self, made: Made, arranged: Arranged, ctx: &mut Context<Self>) {
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
    fn forget(&mut self, made: &Made) {
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
    fn held_for(&mut self, ticket: &Ticket) -> Option<Held> {
        let is_his = self.held.get(&ticket.player_id).is_some_and(|held| held.search == ticket.search);
        if is_his { self.held.remove(&ticket.player_id) } else { None }
    }

    /// Writes a state under the epoch. What certainly failed changes nothing; in doubt, or fenced, the actor stops, and
    /// the questions come to whoever is put up next.
    fn commit(
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
            match result.unwrap_or_else(|_| Err(CommitError::Unknown("no answer in time".to_owned()))) {
                Ok(()) => {
                    matchmaker.activation.epoch = matchmaker.activation.epoch.max(1);
                    matchmaker.state = Some(next);
                    then(matchmaker, true, ctx);
                }
                Err(error @ (CommitError::Fenced | CommitError::Unknown(_))) => {
                    tracing::warn!(key = %matchmaker.activation.key, %error, "a matchmaker stops");
                    if error == CommitError::Fenced {
                        matchmaker.activation.fenced();
                    }
                    matchmaker.stopping = true;
                    return ctx.stop();
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

    /// Puts it away if nobody waits any more.
    fn rest(&mut self, ctx: &mut Context<Self>) {
        self.activation.renew();
        let idle = Duration::from_millis(self.activation.cluster.config().cluster.passivate_ms);
        let unused = self.pool.is_empty() && self.held.is_empty() && self.used_at.elapsed() >= idle;
        if unused && !self.committing && !self.stopping {
            self.leave_directory(ctx);
        }
    }

    /// Stops in good order: who waits asks again, and finds it anew.
    fn leave_directory(&mut self, ctx: &mut Context<Self>) {
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

    fn heed(&mut self, notice: PeerNotice, ctx: &mut Context<Self>) {
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

/// Whoever asked may have gone.
fn say(answer: Answer, reply: MatchmakerReply) {
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
