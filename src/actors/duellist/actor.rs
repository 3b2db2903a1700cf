//! The presence actor: who his session is, what he is told, and what holds him. Requests are `asking`'s.

use super::{
    messages::{DuellistCommand, DuellistReply, LobbyWish},
    state::{DuellistState, received},
};
use crate::{
    actors::{
        duel::{DuelActor, DuelCommand},
        lobby::{LobbyActor, LobbyCommand, LobbyReply, lobby_key},
    },
    clock::UnixMs,
    cluster::{Activation, AskError, Entity, Envelope, Factory, PeerNotice, Post},
    config::DuelSection,
    ids::{DuelId, PlayerId, SessionRef},
    protocol::{
        Push,
        signal::{SignalCode, SignalError},
    },
};
use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};
use std::{sync::Arc, time::Duration};
use tokio::sync::oneshot;
use uuid::Uuid;

/// A player's presence.
pub struct DuellistActor {
    pub(super) activation: Activation<Self>,
    pub(super) state: DuellistState,
    /// The shard of the lobby that he is in, once it has taken him.
    shard: Option<Uuid>,
    post: Post,
    stopping: bool,
}

pub(super) type Answer = Option<oneshot::Sender<Result<DuellistReply, AskError>>>;

pub(super) fn give(answer: Answer, reply: DuellistReply) {
    if let Some(answer) = answer {
        let _ = answer.send(Ok(reply)); // he may have gone
    }
}

impl DuellistActor {
    /// Makes presences.
    pub fn factory() -> Factory<Self> {
        Arc::new(|activation| {
            let state = DuellistState::new(PlayerId(activation.key));
            Ok(Self { activation, state, shard: None, post: Post::default(), stopping: false })
        })
    }

    pub(super) fn now(&self) -> UnixMs {
        self.activation.cluster.clock().now()
    }

    pub(super) fn settings(&self) -> &DuelSection {
        &self.activation.cluster.config().duel
    }

    pub(super) fn tell_duel(&self, duel: DuelId, command: DuelCommand) {
        self.activation.cluster.tell::<DuelActor>(duel.0, command);
    }

    /// Pushes to his session. False if he has none.
    pub(super) fn push(&mut self, pushes: &[Arc<Push>]) -> bool {
        for push in pushes {
            let Some(session) = self.state.session else { return false };
            let gone = self.post.push(&self.activation, [session].into_iter(), push);
            if !gone.is_empty() {
                self.detach(session);
            }
        }
        self.state.session.is_some()
    }

    /// Everybody who counts on him hears whether he is there: the match, and the matches of open requests.
    fn tell_duels(&self, command: impl Fn(PlayerId) -> DuelCommand) {
        let held = self.state.held_by(self.now());
        let open = self.state.open.keys().copied().filter(|open| Some(*open) != held);
        for duel in held.into_iter().chain(open) {
            self.tell_duel(duel, command(self.state.me));
        }
    }

    fn attach(&mut self, session: SessionRef, fresh: bool) -> DuellistReply {
        let before = self.state.session;
        if !self.state.attach(session, fresh) {
            return DuellistReply::Replaced;
        }
        if before == Some(session) {
            return DuellistReply::Done;
        }
        if let Some(before) = before {
            self.leave_lobby();
            self.activation.cluster.replace_signal(before);
        }
        let open = self.state.open_requests();
        self.push(&open);
        self.tell_duels(|player_id| DuelCommand::Came { player_id });
        DuellistReply::Done
    }

    fn detach(&mut self, session: SessionRef) {
        if self.state.session != Some(session) {
            return; // a newer one is his
        }
        self.state.session = None;
        self.leave_lobby();
        self.tell_duels(|player_id| DuelCommand::Lost { player_id });
    }

    fn leave_lobby(&mut self) {
        self.state.lobby = None;
        if let Some(shard) = self.shard.take() {
            let player_id = self.state.me;
            self.activation.cluster.tell::<LobbyActor>(shard, LobbyCommand::Leave { player_id });
        }
    }

    /// Whatever the lobby shows of him.
    fn tell_lobby(&self) {
        if let Some(shard) = self.shard {
            let (player_id, status) = (self.state.me, self.state.status(self.now()));
            self.activation.cluster.tell::<LobbyActor>(shard, LobbyCommand::Status { player_id, status });
        }
    }

    fn join_lobby(&mut self, wish: LobbyWish, answer: Answer, ctx: &mut Context<Self>) {
        if self.state.lobby.as_ref().is_some_and(|before| before.lobby != wish.lobby) {
            self.leave_lobby();
        }
        self.state.lobby = Some(wish.clone());
        self.seek_shard(wish, 0, answer, ctx);
    }

    /// The first shard with room takes him.
    fn seek_shard(&mut self, wish: LobbyWish, shard: u64, answer: Answer, ctx: &mut Context<Self>) {
        let Some(session) = self.state.session else {
            return give(answer, refused(SignalCode::Unavailable, "you have gone"));
        };
        if shard >= self.activation.cluster.config().lobby.shards {
            self.state.lobby = None;
            return give(answer, refused(SignalCode::Unavailable, "the lobby is full"));
        }
        let key = lobby_key(&wish.lobby, shard);
        let join = LobbyCommand::Join {
            player: self.state.party(),
            status: self.state.status(self.now()),
            session,
            lobby: wish.lobby.clone(),
            shard,
            delta: wish.delta,
        };
        let joined = self.activation.cluster.ask::<LobbyActor>(key, join);
        ctx.spawn(joined.into_actor(self).map(move |joined, duellist, ctx| {
            let still =
                duellist.state.lobby.as_ref() == Some(&wish) && duellist.state.session == Some(session);
            match joined {
                Ok(LobbyReply::Full) if still => duellist.seek_shard(wish, shard + 1, answer, ctx),
                Ok(LobbyReply::Joined) if still => {
                    duellist.shard = Some(key);
                    duellist.tell_lobby(); // it may have changed meanwhile
                    give(answer, DuellistReply::Done);
                }
                Ok(LobbyReply::Joined) => {
                    let player_id = duellist.state.me;
                    let taken = duellist.shard == Some(key); // a later join of the same
                    if !taken {
                        let leave = LobbyCommand::Leave { player_id };
                        duellist.activation.cluster.tell::<LobbyActor>(key, leave);
                    }
                    give(answer, DuellistReply::Done);
                }
                Ok(_) => give(answer, DuellistReply::Done),
                Err(error) => {
                    tracing::debug!(%error, player_id = %duellist.state.me, "a lobby did not answer");
                    give(answer, refused(SignalCode::Unavailable, "the lobby does not answer: join again"));
                }
            }
        }));
    }

    /// Now and then: the lobby hears of him again, and what nobody has renewed is forgotten.
    fn tick(&mut self, ctx: &mut Context<Self>) {
        self.activation.renew();
        let (told, free) = self.state.sweep(self.now());
        self.push(&told);
        if free {
            self.tell_lobby();
        }
        if let (Some(wish), None) = (self.state.lobby.clone(), self.shard) {
            self.seek_shard(wish, 0, None, ctx); // the last try had no answer
        } else if let (Some(key), Some(session), Some(wish)) =
            (self.shard, self.state.session, &self.state.lobby)
        {
            let here = LobbyCommand::Here {
                player: self.state.party(),
                status: self.state.status(self.now()),
                session,
                delta: wish.delta,
            };
            let (wish, known) = (wish.clone(), self.activation.cluster.ask::<LobbyActor>(key, here));
            ctx.spawn(known.into_actor(self).map(move |known, duellist, ctx| {
                if matches!(known, Ok(LobbyReply::Unknown) | Err(AskError::NotFound)) {
                    duellist.shard = None;
                    duellist.seek_shard(wish, 0, None, ctx);
                }
            }));
        }
        if self.state.is_idle() && !self.stopping {
            self.leave(ctx);
        }
    }

    fn leave(&mut self, ctx: &mut Context<Self>) {
        self.stopping = true;
        self.activation.begin_release();
        if ctx.address().try_send(Stop).is_err() {
            ctx.notify(Stop); // a full mailbox: what is in it is refused
        }
    }

    fn peer(&mut self, notice: PeerNotice, ctx: &mut Context<Self>) {
        match notice {
            PeerNotice::NodeLost(node) => {
                if let Some(session) = self.state.session.filter(|session| session.node == node) {
                    self.detach(session);
                }
            }
            PeerNotice::SessionGone(session) => self.detach(session),
            PeerNotice::Resync(node) => {
                if self.state.session.is_some_and(|session| session.node == node) {
                    let open = self.state.open_requests();
                    self.push(&open);
                    self.tell_duels(|player_id| DuelCommand::Came { player_id });
                }
            }
            PeerNotice::Drain => self.leave(ctx),
            PeerNotice::Evicted(_) => {
                self.activation.fenced();
                self.stopping = true;
                ctx.stop();
            }
        }
    }
}

pub(super) fn refused(code: SignalCode, why: &str) -> DuellistReply {
    DuellistReply::Refused(SignalError::new(code, why))
}

impl Actor for DuellistActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let again = Duration::from_millis(self.settings().assert_ms);
        ctx.run_interval(again, |duellist, ctx| duellist.tick(ctx));
    }
}

impl Handler<Envelope<Self>> for DuellistActor {
    type Result = ();

    fn handle(&mut self, envelope: Envelope<Self>, ctx: &mut Self::Context) {
        let Envelope { command, reply: answer, trace } = envelope;
        let _work = crate::trace::enter(trace);
        let done = match command {
            DuellistCommand::Attach { session, nickname, fresh, lobby } => {
                self.state.nickname = Some(nickname);
                let reply = self.attach(session, fresh);
                if let (Some(wish), DuellistReply::Done, None) = (lobby, &reply, &self.state.lobby) {
                    self.join_lobby(wish, None, ctx); // it was forgotten here
                }
                reply
            }
            DuellistCommand::Detach { session } => {
                self.detach(session);
                DuellistReply::Done
            }
            DuellistCommand::JoinLobby { session, wish } => {
                if self.state.session == Some(session) {
                    return self.join_lobby(wish, answer, ctx);
                }
                refused(SignalCode::Unavailable, "not attached yet: join again")
            }
            DuellistCommand::LeaveLobby => {
                self.leave_lobby();
                DuellistReply::Done
            }
            DuellistCommand::Request { target } => return self.request(target, answer, ctx),
            DuellistCommand::Pair { duel, requester } => {
                return self.pair(requester, self.state.me, duel, answer, ctx);
            }
            DuellistCommand::Find { requester } => DuellistReply::Found(self.state.find(requester)),
            DuellistCommand::Offer { duel, requester } => {
                let (now, settings) = (self.now(), self.settings().clone());
                match self.state.can_be_asked(now, &settings) {
                    Ok(()) => {
                        self.push(&[received(duel, &requester)]);
                        self.state.is_asked(duel, requester, true, now, &settings);
                        DuellistReply::Offered(self.state.party().nickname)
                    }
                    Err(error) => {
                        self.state.open.remove(&duel);
                        DuellistReply::Refused(error)
                    }
                }
            }
            DuellistCommand::Hold { duel } => self.hold(duel),
            DuellistCommand::Release { duel } => {
                self.freed(duel);
                DuellistReply::Done
            }
            DuellistCommand::IsPresent => {
                let held = self.state.held_by(self.now()).is_some();
                DuellistReply::Present(held || self.shard.is_some())
            }
            DuellistCommand::Tell { pushes } => DuellistReply::Told { attached: self.push(&pushes) },
            DuellistCommand::Over { duel } => {
                self.state.open.remove(&duel);
                self.freed(duel);
                DuellistReply::Done
            }
            DuellistCommand::Peer(notice) => return self.peer(notice, ctx),
        };
        give(answer, done);
    }
}

impl DuellistActor {
    fn hold(&mut self, duel: DuelId) -> DuellistReply {
        let (now, settings) = (self.now(), self.settings().clone());
        let before = self.state.held_by(now);
        if !self.state.hold(duel, now, &settings) {
            return DuellistReply::Busy;
        }
        if before.is_none() {
            self.tell_lobby();
            for other in self.state.others_than(duel) {
                self.tell_duel(other, DuelCommand::Taken { player_id: self.state.me });
            }
        }
        DuellistReply::Held { attached: self.state.session.is_some(), nickname: self.state.nickname.clone() }
    }

    fn freed(&mut self, duel: DuelId) {
        if self.state.release(duel) {
            self.tell_lobby();
        }
    }
}

impl Entity for DuellistActor {
    const KIND: &'static str = "duellist";
    type Command = DuellistCommand;
    type Reply = DuellistReply;

    /// It lives in memory alone: every command but a notice and a look makes it.
    fn creates(command: &DuellistCommand) -> bool {
        !matches!(command, DuellistCommand::Peer(_) | DuellistCommand::IsPresent)
    }

    fn wake(_: i64) -> DuellistCommand {
        DuellistCommand::LeaveLobby // it is never in the store, and so never woken
    }

    fn peer(notice: PeerNotice) -> DuellistCommand {
        DuellistCommand::Peer(notice)
    }
}

/// The last message of its life.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Stop;

impl Handler<Stop> for DuellistActor {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        self.activation.release();
        ctx.stop();
    }
}
