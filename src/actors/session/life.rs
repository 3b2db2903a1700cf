//! The life of a session: its first look for a seat, the loss of its socket, a resume, its end.
//!
//! Its transport, the door and the hub tell it; what a client asks for is `actor`'s. Nothing here reads a frame.

use super::{
    Attachment, PlayerSession, ResumeMode,
    asked::Asked,
    messages::{Detached, ResumeSession, SessionNotice, SessionStart},
    router::Request,
};
use crate::{
    actors::room::{RoomActor, RoomCommand},
    ids::{PlayerId, SessionRef},
    protocol::{CloseCode, Push},
    roles::Role,
};
use actix::{ActorContext, AsyncContext, Context, Handler};
use rand::RngExt as _;
use serde_json::json;
use std::time::Duration;

/// Why a session ends; for the log.
#[derive(Clone, Copy, Debug)]
enum End {
    Clean,
    Replaced,
    AccountEnded,
    HandedOver,
    Expired,
    Crowded,
}

impl PlayerSession {
    /// The node stops and others go on: the player is told, and goes at a moment of his own, so that not all
    /// come to them at once.
    fn move_on(&mut self, ctx: &mut Context<Self>) {
        let in_ms = crate::chance::rng().random_range(0..=self.door.cluster.config().cluster.moving_ms);
        self.outbox.push(Push::new("session.moving", &json!({"in_ms": in_ms})));
        ctx.run_later(Duration::from_millis(in_ms), |session, _| session.close_for_restart());
    }

    fn close_for_restart(&self) {
        self.outbox.close(CloseCode::Restart, "the node restarts: reconnect and resume");
    }

    fn park(&mut self, ctx: &mut Context<Self>) {
        self.stop_searching(ctx);
        let config = self.door.cluster.config();
        let window = Duration::from_millis(config.session.resume_window_ms);
        self.tell_room(|player_id, session| RoomCommand::Detach { player_id, session });
        self.door.cluster.hub().parked(self.id);
        self.parked = Some(ctx.run_later(window, |session, ctx| session.end(End::Expired, ctx)));
    }

    fn tell_room(&self, command: impl FnOnce(PlayerId, SessionRef) -> RoomCommand) {
        if let Some(room) = self.room {
            self.door.cluster.tell::<RoomActor>(room.0, command(self.player.id, self.here()));
        }
    }

    fn end(&mut self, why: End, ctx: &mut Context<Self>) {
        tracing::debug!(session_id = %self.id, player_id = %self.player.id, ?why, "session ends");
        if !matches!(why, End::Replaced | End::HandedOver) {
            self.tell_room(|player_id, session| RoomCommand::Detach { player_id, session });
        }
        self.stop_searching(ctx);
        self.door.cluster.hub().unregister(self.id);
        self.door.cluster.depart(self.player.id, self.id);
        ctx.stop();
    }
}

impl Handler<SessionStart> for PlayerSession {
    type Result = ();
    fn handle(&mut self, _: SessionStart, ctx: &mut Self::Context) {
        self.find_seat(true, ctx);
        if self.door.cluster.is_of_many() {
            let heartbeat = Duration::from_millis(self.door.cluster.config().session.heartbeat_ms);
            ctx.run_interval(heartbeat, Self::remind_room);
        }
    }
}

impl Handler<Detached> for PlayerSession {
    type Result = ();
    fn handle(&mut self, message: Detached, ctx: &mut Self::Context) {
        if !self.outbox.detach(message.attachment) {
            return; // a newer socket has the session
        }
        if message.clean {
            self.end(End::Clean, ctx);
        } else {
            self.park(ctx);
        }
    }
}

impl Handler<ResumeSession> for PlayerSession {
    type Result = Option<Attachment>;
    fn handle(&mut self, message: ResumeSession, ctx: &mut Self::Context) -> Self::Result {
        let ResumeSession { encoding, re, last_seq } = message;
        if let Some(expiry) = self.parked.take() {
            ctx.cancel_future(expiry);
        }
        self.door.cluster.hub().unparked(self.id);
        let who = (self.id, self.player.id, self.outbox.moves());
        let answer = |mode, last| self.door.resumed_answer(re, who, mode, last);
        let (attachment, mode) = self.outbox.resume(encoding, last_seq, answer);
        let snapshot = mode == ResumeMode::Snapshot;
        if snapshot && (self.room.is_some() || self.waiting.is_some()) {
            self.outbox.await_snapshot();
        }
        self.dispatch(Asked::default(), Request::FindSeat { snapshot }, ctx);
        Some(attachment)
    }
}

impl Handler<SessionNotice> for PlayerSession {
    type Result = ();
    fn handle(&mut self, message: SessionNotice, ctx: &mut Self::Context) {
        match message {
            SessionNotice::Replaced => {
                self.outbox.push(Push::new("session.replaced", &json!({})));
                self.outbox.close(CloseCode::Replaced, "a newer session of the account is there");
                self.end(End::Replaced, ctx);
            }
            SessionNotice::SeekSeat if self.parked.is_some() => {}
            SessionNotice::SeekSeat => {
                self.dispatch(Asked::default(), Request::FindSeat { snapshot: true }, ctx)
            }
            SessionNotice::AccountEnded => {
                self.outbox.close(CloseCode::AccountEnded, "the account's sessions were ended");
                self.end(End::AccountEnded, ctx);
            }
            SessionNotice::HandedOver => self.end(End::HandedOver, ctx),
            SessionNotice::EndIfParked if self.parked.is_some() => self.end(End::Crowded, ctx),
            SessionNotice::EndIfParked => {}
            SessionNotice::NodeStops if self.door.cluster.has_another(Role::Gateway) => self.move_on(ctx),
            SessionNotice::NodeStops => self.close_for_restart(),
        }
    }
}
