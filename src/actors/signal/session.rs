//! The signal session actor: reads frames, keeps the rate, and says again now and then that it is there.
//!
//! Its transport tells it of frames and of its end; the account's duellist that a newer one has come.

use crate::{
    actors::{
        duel::{DuelActor, DuelCommand, DuelMessage, DuelReply},
        duellist::{DuellistActor, DuellistCommand, DuellistReply, LobbyWish},
        session::{Detached, Input, Outbox, Player, SessionNotice},
    },
    cluster::{AskError, Cluster},
    ids::{DuelId, PlayerId, SessionId, SessionRef},
    limits::TokenBucket,
    protocol::{
        CloseCode, ErrorCode,
        signal::{Signal, SignalCode, SignalError},
    },
    trace::{self, Span},
};
use actix::{Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, WrapFuture};
use std::{sync::Arc, time::Duration};

/// One socket's worth of signalling.
pub struct SignalSession {
    cluster: Cluster,
    id: SessionId,
    player: Player,
    outbox: Arc<Outbox>,
    bucket: TokenBucket,
    strikes: u32,
    /// The lobby he is in, for a duellist that has forgotten.
    lobby: Option<LobbyWish>,
}

impl SignalSession {
    pub(super) fn put_up(cluster: Cluster, id: SessionId, player: Player, outbox: Arc<Outbox>) -> Addr<Self> {
        let burst = cluster.config().limits.messages_burst;
        let mailbox = cluster.config().cluster.session_mailbox;
        Self::create(|ctx| {
            ctx.set_mailbox_capacity(mailbox);
            Self { cluster, id, player, outbox, bucket: TokenBucket::full(burst), strikes: 0, lobby: None }
        })
    }

    fn here(&self) -> SessionRef {
        self.cluster.here(self.id)
    }

    fn refuse(&self, error: &SignalError) {
        self.outbox.push(error.push());
    }

    /// False if the message is one too many; past the strikes the socket is closed.
    fn within_rate(&mut self) -> bool {
        let limits = &self.cluster.config().limits;
        if self.bucket.take(limits.messages_per_s, limits.messages_burst).is_ok() {
            self.strikes = 0;
            return true;
        }
        self.strikes += 1;
        if self.strikes > limits.abuse_strikes {
            tracing::warn!(session_id = %self.id, "closed for flooding");
            self.outbox.close(CloseCode::Abuse, "too many messages");
        }
        self.refuse(&SignalError::new(SignalCode::TooMany, "too many messages"));
        false
    }

    fn dispatch(&mut self, signal: Signal, ctx: &mut Context<Self>) {
        let me = self.player.id;
        match signal {
            Signal::JoinLobby { lobby, delta } => {
                let wish = LobbyWish { lobby, delta };
                self.lobby = Some(wish.clone());
                self.to_duellist(DuellistCommand::JoinLobby { session: self.here(), wish }, None, ctx);
            }
            Signal::LeaveLobby => {
                self.lobby = None;
                self.to_duellist(DuellistCommand::LeaveLobby, None, ctx);
            }
            Signal::RequestMatch { target } => {
                self.to_duellist(DuellistCommand::Request { target }, None, ctx);
            }
            Signal::Accept { requester, session } => {
                let accept = DuelMessage::Accept { requester, crossed: false };
                self.to_request(requester, session, accept, ctx);
            }
            Signal::Decline { requester, session } => {
                self.to_request(requester, session, DuelMessage::Decline { requester }, ctx);
            }
            Signal::Cancel { target, session } => {
                self.to_duel(session, DuelMessage::Cancel { target }, ctx);
            }
            Signal::Sdp { offer: true, receiver, sdp, session } => {
                self.to_duel(session, DuelMessage::Offer { receiver, sdp }, ctx);
            }
            Signal::Sdp { offer: false, receiver, sdp, session } => {
                self.to_duel(session, DuelMessage::Answer { receiver, sdp }, ctx);
            }
            Signal::Candidate { receiver, candidate, session } => {
                self.to_duel(session, DuelMessage::Candidate { receiver, candidate }, ctx);
            }
            Signal::ReportConnection { connected, session } => {
                self.to_duel(session, DuelMessage::ReportConnection(connected), ctx);
            }
            Signal::ReportResult { winner, frames, checksum, session } => {
                self.to_duel(session, DuelMessage::ReportResult { winner, frames, checksum }, ctx);
            }
            Signal::Leave { session } => self.to_duel(session, DuelMessage::Leave, ctx),
        }
        metrics::counter!("playhouse_signal_messages_total").increment(1);
        tracing::debug!(session_id = %self.id, player_id = %me, "a signal");
    }

    fn to_duellist(&self, command: DuellistCommand, about: Option<DuelId>, ctx: &mut Context<Self>) {
        let reply = self.cluster.ask::<DuellistActor>(self.player.id.0, command);
        let work = trace::current();
        ctx.spawn(trace::within(work, reply).into_actor(self).map(move |reply, session, _| match reply {
            Ok(DuellistReply::Refused(error)) => session.refuse(&error.of(about)),
            Ok(_) => {}
            Err(error) => session.out_of_reach(error, about),
        }));
    }

    fn to_duel(&self, duel: DuelId, message: DuelMessage, ctx: &mut Context<Self>) {
        let command = DuelCommand::Client { by: self.player.id, message };
        let reply = self.cluster.ask::<DuelActor>(duel.0, command);
        let work = trace::current();
        ctx.spawn(trace::within(work, reply).into_actor(self).map(move |reply, session, _| match reply {
            Ok(DuelReply::Refused(error)) => session.refuse(&error.of(duel)),
            Ok(_) => {}
            Err(AskError::NotFound) => {
                session.refuse(&SignalError::new(SignalCode::NotFound, "no such session").of(duel));
            }
            Err(error) => session.out_of_reach(error, Some(duel)),
        }));
    }

    /// To the match of this player's open request, looked up where he does not say which it is.
    fn to_request(
        &self,
        requester: PlayerId,
        duel: Option<DuelId>,
        message: DuelMessage,
        ctx: &mut Context<Self>,
    ) {
        if let Some(duel) = duel {
            return self.to_duel(duel, message, ctx);
        }
        let find = DuellistCommand::Find { requester };
        let found = self.cluster.ask::<DuellistActor>(self.player.id.0, find);
        let work = trace::current();
        ctx.spawn(trace::within(work, found).into_actor(self).map(move |found, session, ctx| match found {
            Ok(DuellistReply::Found(Some(duel))) => session.to_duel(duel, message, ctx),
            Ok(_) => {
                session.refuse(&SignalError::new(SignalCode::NotFound, "no open request of that player"))
            }
            Err(error) => session.out_of_reach(error, None),
        }));
    }

    fn out_of_reach(&self, error: AskError, about: Option<DuelId>) {
        tracing::debug!(session_id = %self.id, %error, "out of reach");
        self.refuse(&SignalError::new(SignalCode::Unavailable, "not now: send it again").of(about));
    }

    /// Says that this is the account's session. `fresh`: the socket is new, and so replaces any other.
    fn attach(&mut self, fresh: bool, ctx: &mut Context<Self>) {
        let attach = DuellistCommand::Attach {
            session: self.here(),
            nickname: self.player.nickname.clone(),
            fresh,
            lobby: self.lobby.clone(),
        };
        let reply = self.cluster.ask::<DuellistActor>(self.player.id.0, attach);
        ctx.spawn(reply.into_actor(self).map(move |reply, session, ctx| match reply {
            Ok(DuellistReply::Replaced) => session.end_with(CloseCode::Replaced, REPLACED, ctx),
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(session_id = %session.id, %error, "a signal session could not be announced");
                let pause = Duration::from_millis(session.cluster.config().duel.retry_ms);
                if fresh {
                    ctx.run_later(pause, move |session, ctx| session.attach(fresh, ctx));
                }
            }
        }));
    }

    fn end_with(&mut self, code: CloseCode, reason: &'static str, ctx: &mut Context<Self>) {
        self.outbox.close(code, reason);
        self.end(ctx);
    }

    fn end(&mut self, ctx: &mut Context<Self>) {
        self.cluster.signals().unregister(self.id);
        let detach = DuellistCommand::Detach { session: self.here() };
        self.cluster.tell::<DuellistActor>(self.player.id.0, detach);
        ctx.stop();
    }
}

const REPLACED: &str = "a newer socket of the account is there";

impl Actor for SignalSession {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.attach(true, ctx);
        let again = Duration::from_millis(self.cluster.config().duel.assert_ms);
        ctx.run_interval(again, |session, ctx| session.attach(false, ctx));
    }
}

impl Handler<Input> for SignalSession {
    type Result = ();

    fn handle(&mut self, Input(frame): Input, ctx: &mut Self::Context) {
        let mut span = Span::begin(trace::SIGNAL_REQUEST, None);
        span.record("session_id", || self.id.to_string());
        let _work = span.enter();
        if !self.within_rate() {
            return;
        }
        let signal = match frame {
            Ok(frame) => {
                span.record("message", || frame.name.clone());
                Signal::read(self.player.id, frame, self.cluster.config())
            }
            Err(bad) => {
                let code = match bad.rejection.code {
                    ErrorCode::TooLarge => SignalCode::TooLarge,
                    _ => SignalCode::BadMessage,
                };
                Err(SignalError::new(code, bad.rejection.message))
            }
        };
        match signal {
            Ok(signal) => self.dispatch(signal, ctx),
            Err(error) => self.refuse(&error),
        }
    }
}

impl Handler<Detached> for SignalSession {
    type Result = ();

    fn handle(&mut self, message: Detached, ctx: &mut Self::Context) {
        if self.outbox.detach(message.attachment) {
            self.end(ctx);
        }
    }
}

impl Handler<SessionNotice> for SignalSession {
    type Result = ();

    fn handle(&mut self, notice: SessionNotice, ctx: &mut Self::Context) {
        match notice {
            SessionNotice::Replaced => self.end_with(CloseCode::Replaced, REPLACED, ctx),
            SessionNotice::AccountEnded => {
                self.refuse(&SignalError::new(SignalCode::NotAuthenticated, "you are signed out"));
                self.end_with(CloseCode::AccountEnded, "the account's sessions were ended", ctx);
            }
            SessionNotice::NodeStops => {
                self.refuse(&SignalError::new(SignalCode::Unavailable, "the server stops: connect again"));
                self.outbox.close(CloseCode::Restart, "the node stops: connect again");
            }
            SessionNotice::SeekSeat => self.attach(false, ctx),
            SessionNotice::HandedOver | SessionNotice::EndIfParked => {}
        }
    }
}
