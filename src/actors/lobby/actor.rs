//! The lobby actor: one shard. Gathers what changes, and sends it when it is due.

use super::{
    messages::{LobbyCommand, LobbyReply},
    state::LobbyState,
};
use crate::{
    clock::UnixMs,
    cluster::{Activation, Entity, Envelope, Factory, PeerNotice, Post},
    ids::SessionRef,
    protocol::{
        Push,
        signal::pushes::{LobbyDelta, LobbyJoined, LobbyUpdate},
    },
};
use actix::{Actor, ActorContext, AsyncContext, Context, Handler, SpawnHandle};
use sha2::{Digest, Sha256};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use uuid::Uuid;

/// A shard of a lobby.
pub struct LobbyActor {
    activation: Activation<Self>,
    state: LobbyState,
    /// Its name and its number, as the first to join called it.
    name: String,
    shard: u64,
    post: Post,
    timer: Option<(UnixMs, SpawnHandle)>,
    used_at: Instant,
    stopping: bool,
}

/// The key of this shard of the lobby of this name.
pub fn lobby_key(name: &str, shard: u64) -> Uuid {
    let digest = Sha256::new().chain_update(shard.to_be_bytes()).chain_update(name).finalize();
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    Uuid::from_bytes(key)
}

impl LobbyActor {
    /// Makes lobbies.
    pub fn factory() -> Factory<Self> {
        Arc::new(|activation| {
            Ok(Self {
                activation,
                state: LobbyState::default(),
                name: String::new(),
                shard: 0,
                post: Post::default(),
                timer: None,
                used_at: Instant::now(),
                stopping: false,
            })
        })
    }

    fn now(&self) -> UnixMs {
        self.activation.cluster.clock().now()
    }

    fn push(&mut self, to: Vec<SessionRef>, push: &Arc<Push>) {
        let gone = self.post.push(&self.activation, to.into_iter(), push);
        if !gone.is_empty() {
            let me = self.activation.cluster.me();
            self.state.drop_sessions(|session| session.node == me && gone.contains(&session.id));
        }
    }

    fn flush(&mut self, ctx: &mut Context<Self>) {
        let cluster = self.activation.cluster.clone();
        let flush = self.state.flush(self.now(), &cluster.config().lobby);
        if !flush.delta.is_empty() {
            metrics::counter!("playhouse_lobby_sent_total", "kind" => "delta")
                .increment(flush.delta.len() as u64);
            let (joined, left, changed, version) = (flush.joined, flush.left, flush.changed, flush.version);
            self.push(flush.delta, &LobbyDelta { joined, left, changed, version }.push());
        }
        if !(flush.based.is_empty() && flush.snapshot.is_empty()) {
            let count = flush.based.len() + flush.snapshot.len();
            metrics::counter!("playhouse_lobby_sent_total", "kind" => "snapshot").increment(count as u64);
            let joined = LobbyJoined { lobby: self.name.clone(), version: flush.version, shard: self.shard };
            let everybody = LobbyUpdate { players: self.state.snapshot() };
            let everybody = Push::droppable(LobbyUpdate::NAME, &everybody);
            if !flush.based.is_empty() {
                self.push(flush.based.clone(), &joined.push());
            }
            self.push([flush.based, flush.snapshot].concat(), &everybody);
        }
        self.schedule(ctx);
    }

    /// Sends at once what is due, and has a timer for what will be.
    fn schedule(&mut self, ctx: &mut Context<Self>) {
        let due = self.state.due(&self.activation.cluster.config().lobby);
        if self.timer.as_ref().map(|(at, _)| *at) == due {
            return;
        }
        if let Some((_, timer)) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let Some(at) = due else { return };
        let timer = ctx.run_later(at.until(self.now()), |lobby, ctx| {
            lobby.timer = None;
            lobby.flush(ctx);
        });
        self.timer = Some((at, timer));
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        self.activation.renew();
        let idle = Duration::from_millis(self.activation.cluster.config().cluster.passivate_ms);
        if self.state.len() == 0 && self.used_at.elapsed() >= idle && !self.stopping {
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
            PeerNotice::NodeLost(node) => self.state.drop_sessions(|session| session.node == node),
            PeerNotice::SessionGone(gone) => self.state.drop_sessions(|session| session == gone),
            PeerNotice::Resync(node) => self.state.resync(node),
            PeerNotice::Drain => self.leave(ctx),
            PeerNotice::Evicted(_) => {
                self.activation.fenced();
                self.stopping = true;
                ctx.stop();
            }
        }
    }
}

impl Actor for LobbyActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let again = Duration::from_millis(self.activation.cluster.config().duel.assert_ms);
        ctx.run_interval(again, |lobby, ctx| lobby.tick(ctx));
    }
}

impl Handler<Envelope<Self>> for LobbyActor {
    type Result = ();

    fn handle(&mut self, Envelope { command, reply, .. }: Envelope<Self>, ctx: &mut Self::Context) {
        self.used_at = Instant::now();
        let done = match command {
            LobbyCommand::Join { player, status, session, lobby, shard, delta } => {
                let config = self.activation.cluster.config().clone();
                (self.name, self.shard) = (lobby, shard);
                match self.state.join(player, status, session, delta, &config.lobby) {
                    true => LobbyReply::Joined,
                    false => LobbyReply::Full,
                }
            }
            LobbyCommand::Here { player, status, session, .. } => {
                match self.state.is_here(player.player_id, status, session) {
                    true => LobbyReply::Joined,
                    false => LobbyReply::Unknown,
                }
            }
            LobbyCommand::Leave { player_id } => {
                self.state.leave(player_id);
                LobbyReply::Done
            }
            LobbyCommand::Status { player_id, status } => {
                self.state.status(player_id, status);
                LobbyReply::Done
            }
            LobbyCommand::Peer(notice) => {
                self.peer(notice, ctx);
                LobbyReply::Done
            }
        };
        if let Some(reply) = reply {
            let _ = reply.send(Ok(done)); // he may have gone
        }
        self.schedule(ctx);
    }
}

impl Entity for LobbyActor {
    const KIND: &'static str = "lobby";
    type Command = LobbyCommand;
    type Reply = LobbyReply;

    /// It lives in memory alone, and the first to join makes it.
    fn creates(command: &LobbyCommand) -> bool {
        matches!(command, LobbyCommand::Join { .. })
    }

    fn wake(_: i64) -> LobbyCommand {
        LobbyCommand::Peer(PeerNotice::Drain) // it is never in the store, and so never woken
    }

    fn peer(notice: PeerNotice) -> LobbyCommand {
        LobbyCommand::Peer(notice)
    }
}

/// The last message of its life.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Stop;

impl Handler<Stop> for LobbyActor {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        self.activation.release();
        ctx.stop();
    }
}
