//! The session actor: performs what the router read.
//!
//! It is told of frames by its transport and asks rooms through the cluster. Rooms answer their callers' outboxes
//! themselves, so that an answer precedes the pushes it causes. How a session begins and ends is in `life`.

use super::{
    Door, Outbox, Player,
    asked::Asked,
    matchmaking::Search,
    messages::Input,
    router::{self, Request},
    seat::{Seat, SeatChange, attach_to_seat, unavailable},
};
use crate::{
    actors::room::{Caller, RoomActor, RoomCommand, RoomMessage, RoomReply},
    cluster::AskError,
    ids::{RoomId, SessionId, SessionRef},
    limits::TokenBucket,
    protocol::{Answer, CloseCode, ErrorCode, Rejection, messages::ListRooms},
};
use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, SpawnHandle, WrapFuture};
use futures_util::future::LocalBoxFuture;
use serde_json::json;
use std::{collections::VecDeque, sync::Arc, time::Duration};

/// After so long a room that was out of reach is sought again.
const SEEK_AGAIN: Duration = Duration::from_secs(1);

/// Who a player is while he plays, whichever socket he is on.
pub struct PlayerSession {
    pub(super) door: Arc<Door>,
    pub(super) id: SessionId,
    pub(super) player: Player,
    pub(super) outbox: Arc<Outbox>,
    /// The room he is believed to be in; the room itself knows.
    pub(super) room: Option<RoomId>,
    /// He has no seat, as far as is known for certain: it was looked up or given back, and nothing was tried since.
    seatless: bool,
    /// His seat could not be looked up, or its room not be told: it is tried again.
    out_of_reach: bool,
    /// When it is tried again.
    seek_again: Option<SpawnHandle>,
    /// While his seat is being looked up or changed, what he sends waits here in order.
    pub(super) waiting: Option<VecDeque<(Asked, Request)>>,
    /// While he looks for others to play with.
    pub(super) search: Option<Search>,
    bucket: TokenBucket,
    strikes: u32,
    pub(super) parked: Option<SpawnHandle>,
}

impl PlayerSession {
    pub(super) fn put_up(door: Arc<Door>, id: SessionId, player: Player, outbox: Arc<Outbox>) -> Addr<Self> {
        let burst = door.cluster.config().limits.messages_burst;
        let mailbox = door.cluster.config().cluster.session_mailbox;
        Self::create(|ctx| {
            ctx.set_mailbox_capacity(mailbox);
            Self {
                door,
                id,
                player,
                outbox,
                room: None,
                seatless: false,
                out_of_reach: false,
                seek_again: None,
                waiting: Some(VecDeque::new()),
                search: None,
                bucket: TokenBucket::full(burst),
                strikes: 0,
                parked: None,
            }
        })
    }

    /// This session as rooms know it.
    pub(super) fn here(&self) -> SessionRef {
        SessionRef { moves: self.outbox.moves(), ..self.door.cluster.here(self.id) }
    }

    pub(super) fn answer(&self, re: Option<u32>, result: Result<serde_json::Value, Rejection>) {
        match result {
            Ok(payload) if re.is_some() => self.outbox.answer(Answer::ok(re, &payload)),
            Ok(_) => {}
            Err(rejection) => self.refuse(re, &rejection),
        }
    }

    /// Refusals go out even where no answer was asked for: a client that errs should learn of it.
    fn refuse(&self, re: Option<u32>, rejection: &Rejection) {
        metrics::counter!("playhouse_refusals_total", "code" => rejection.code.wire()).increment(1);
        self.outbox.answer(Answer::error(re, rejection));
    }

    /// As [`refuse`](Self::refuse), and the request ends with it.
    pub(super) fn turn_away(&self, mut asked: Asked, rejection: &Rejection) {
        asked.refused(rejection.code.wire());
        self.refuse(asked.id, rejection);
    }

    fn caller(&self, request: Option<u32>) -> Caller {
        Caller {
            player_id: self.player.id,
            nickname: self.player.nickname.clone(),
            session: Some(self.here()),
            request,
        }
    }

    /// False if the message is one too many; past the strikes the socket is closed.
    fn within_rate(&mut self, re: Option<u32>) -> bool {
        let limits = &self.door.cluster.config().limits;
        match self.bucket.take(limits.messages_per_s, limits.messages_burst) {
            Ok(()) => {
                self.strikes = 0;
                true
            }
            Err(wait_ms) => {
                self.strikes += 1;
                if self.strikes > limits.abuse_strikes {
                    tracing::warn!(session_id = %self.id, "closed for flooding");
                    self.outbox.close(CloseCode::Abuse, "too many messages");
                }
                let mut rejection = Rejection::new(ErrorCode::RateLimited, "too many messages");
                rejection.retry_after_ms = Some(wait_ms);
                self.refuse(re, &rejection);
                false
            }
        }
    }

    pub(super) fn dispatch(&mut self, asked: Asked, request: Request, ctx: &mut Context<Self>) {
        let _work = asked.enter();
        if let Request::Ping(ping) = request {
            let now = self.door.cluster.clock().now();
            let pong = json!({"client_time": ping.client_time, "server_time": now});
            return self.outbox.answer(Answer::named(asked.id, "pong", &pong));
        }
        if let Request::EnterQueue(wanted) | Request::LeaveQueue(wanted) = &request {
            let enters = matches!(request, Request::EnterQueue(_));
            return self.queue(asked, wanted.queue, enters, ctx); // whatever becomes of his seat
        }
        if let Request::JoinBracket(of) | Request::BracketState(of) = &request {
            let joins = matches!(request, Request::JoinBracket(_));
            return self.bracket(asked, of.showtime, joins, ctx);
        }
        if let Some(waiting) = &mut self.waiting {
            if let Request::FindSeat { snapshot } = request {
                return seek_once(waiting, snapshot);
            }
            if waiting.len() >= self.door.cluster.config().cluster.durable_queue {
                let busy = Rejection::try_again(100, "earlier messages are still being done");
                return self.turn_away(asked, &busy);
            }
            return waiting.push_back((asked, request));
        }
        match request {
            Request::Ping(_)
            | Request::EnterQueue(_)
            | Request::LeaveQueue(_)
            | Request::JoinBracket(_)
            | Request::BracketState(_) => {}
            Request::List(list) => self.list(asked, list, ctx),
            Request::Create(room) => self.change_seat(asked, ctx, move |seat| Box::pin(seat.create(room))),
            Request::Join(join) => self.change_seat(asked, ctx, move |seat| Box::pin(seat.join(join))),
            Request::QuickJoin => self.change_seat(asked, ctx, |seat| Box::pin(seat.quick_join())),
            Request::EnterMatchmaking(enter) => self.enter_matchmaking(asked, enter, ctx),
            Request::LeaveMatchmaking => self.leave_matchmaking(asked, ctx),
            Request::Room(message) => match self.may_send(&message) {
                Ok(()) => self.forward(asked, message, ctx),
                Err(rejection) => self.turn_away(asked, &rejection),
            },
            Request::FindSeat { snapshot } => self.find_seat(snapshot, ctx),
        }
    }

    fn list(&self, asked: Asked, list: ListRooms, ctx: &mut Context<Self>) {
        let limit = list.limit.unwrap_or(20).clamp(1, 100);
        let status = list.status.map(|status| status.wire());
        let rooms = asked.run(self.door.rooms.list_rooms(status, list.cursor, limit));
        ctx.spawn(rooms.into_actor(self).map(move |result, session, _| {
            let _work = asked.enter();
            let answer = match result {
                Ok((rooms, next_cursor)) => Ok(json!({"rooms": rooms, "next_cursor": next_cursor})),
                Err(error) => Err(unavailable(&error)),
            };
            session.answer(asked.id, answer);
        }));
    }

    /// Who is silenced does not chat. Reports keep a log each, so there are few of them.
    fn may_send(&self, message: &RoomMessage) -> Result<(), Rejection> {
        match message {
            RoomMessage::Report(_) => {}
            RoomMessage::Chat(_) => {
                return self.door.mutes.may_chat(self.player.id, self.door.cluster.clock().now());
            }
            _ => return Ok(()),
        }
        self.door.reports.take(self.player.id).map_err(|wait_ms| {
            let mut rejection = Rejection::new(ErrorCode::RateLimited, "too many reports");
            rejection.retry_after_ms = Some(wait_ms);
            rejection
        })
    }

    fn forward(&mut self, asked: Asked, message: RoomMessage, ctx: &mut Context<Self>) {
        let Some(room) = self.room else {
            if self.out_of_reach {
                let unknown = Rejection::try_again(500, "your seat cannot be looked up now");
                return self.turn_away(asked, &unknown);
            }
            return self.turn_away(asked, &not_in_room());
        };
        let command = RoomCommand::Client { by: self.caller(asked.id), message };
        let reply = asked.run(self.door.cluster.ask::<RoomActor>(room.0, command));
        ctx.spawn(
            reply.into_actor(self).map(move |reply, session, _| session.room_replied(asked, room, reply)),
        );
    }

    fn room_replied(&mut self, mut asked: Asked, room: RoomId, reply: Result<RoomReply, AskError>) {
        let _work = asked.enter();
        match reply {
            Ok(RoomReply::Left) => {
                self.left(room);
                self.seatless = self.room.is_none();
            }
            Ok(RoomReply::NotMember) => {
                self.left(room);
                self.turn_away(asked, &not_in_room());
            }
            Ok(RoomReply::Refused(rejection)) => asked.refused(rejection.code.wire()), // the room has said so
            Ok(_) => {}
            Err(AskError::NotFound) => {
                self.left(room);
                self.turn_away(asked, &Rejection::new(ErrorCode::RoomClosed, "the room has closed"));
            }
            Err(error) => {
                tracing::warn!(session_id = %self.id, room_id = %room, %error, "a room did not answer");
                self.turn_away(asked, &Rejection::try_again(500, "the room does not answer"));
            }
        }
    }

    fn left(&mut self, room: RoomId) {
        if self.room == Some(room) {
            self.room = None;
        }
    }

    /// Runs what changes or looks up his seat; what he sends meanwhile waits in order.
    fn change_seat<F>(&mut self, asked: Asked, ctx: &mut Context<Self>, act: F)
    where
        F: FnOnce(SeatChange) -> LocalBoxFuture<'static, Result<Option<RoomId>, Rejection>>,
    {
        self.waiting.get_or_insert_default();
        let seat = SeatChange {
            door: self.door.clone(),
            caller: self.caller(asked.id),
            address: self.player.address,
            room: self.room,
            seatless: std::mem::take(&mut self.seatless),
        };
        ctx.spawn(asked.run(act(seat)).into_actor(self).map(move |result, session, ctx| {
            let _work = asked.enter();
            match result {
                Ok(room) => {
                    session.room = room;
                    session.has_sat_down(ctx);
                }
                Err(rejection) => session.turn_away(asked, &rejection),
            }
            session.go_on(ctx);
        }));
    }

    /// Does what has waited, until something makes the rest wait again.
    fn go_on(&mut self, ctx: &mut Context<Self>) {
        let mut waiting = self.waiting.take().unwrap_or_default();
        while let Some((asked, request)) = waiting.pop_front() {
            self.dispatch(asked, request, ctx);
            if let Some(again) = &mut self.waiting {
                again.append(&mut waiting);
            }
        }
    }

    /// Looks his seat up and goes to it, so that the room knows this session.
    pub(super) fn find_seat(&mut self, snapshot: bool, ctx: &mut Context<Self>) {
        self.waiting.get_or_insert_default();
        let (door, player, here, known) = (self.door.clone(), self.player.id, self.here(), self.room);
        let found = async move { attach_to_seat(&door, player, here, known, snapshot).await };
        ctx.spawn(found.into_actor(self).map(move |seat, session, ctx| {
            match seat {
                Seat::Found(room) => {
                    (session.room, session.out_of_reach, session.seatless) = (room, false, room.is_none());
                }
                Seat::OutOfReach(room) => {
                    (session.room, session.out_of_reach) = (room, true);
                    session.seek_later(ctx);
                }
                Seat::Elsewhere(known) => session.is_wanted_here(known, ctx),
            }
            if session.room.is_none() {
                session.outbox.no_snapshot();
            }
            session.go_on(ctx);
        }));
    }

    /// The room knows of a later place. Whoever still has the player's socket in a while is right: he came back before
    /// he had learned of the other place. Without a socket this is what he has left behind.
    fn is_wanted_here(&mut self, known: SessionRef, ctx: &mut Context<Self>) {
        self.out_of_reach = true;
        ctx.run_later(SEEK_AGAIN, move |session, ctx| {
            if !session.outbox.is_attached() {
                (session.room, session.out_of_reach) = (None, false);
                return;
            }
            if known.id == session.id {
                session.outbox.has_moved(known.moves + 1);
            }
            session.dispatch(Asked::default(), Request::FindSeat { snapshot: true }, ctx);
        });
    }

    /// Among many nodes a room may have taken another place of the session for the right one: each heartbeat it is
    /// told anew, which changes nothing where it knows.
    pub(super) fn remind_room(&mut self, ctx: &mut Context<Self>) {
        if self.room.is_some()
            && self.waiting.is_none()
            && self.outbox.is_attached()
            && self.door.cluster.has_others()
        {
            self.dispatch(Asked::default(), Request::FindSeat { snapshot: false }, ctx);
        }
    }

    /// One timer, however often the seat was out of reach.
    fn seek_later(&mut self, ctx: &mut Context<Self>) {
        let timer = ctx.run_later(SEEK_AGAIN, |session, ctx| {
            session.seek_again = None;
            session.dispatch(Asked::default(), Request::FindSeat { snapshot: true }, ctx);
        });
        if let Some(earlier) = self.seek_again.replace(timer) {
            ctx.cancel_future(earlier);
        }
    }
}

/// Puts a look-up of the seat behind what waits, unless one is there: then that one will do.
fn seek_once(waiting: &mut VecDeque<(Asked, Request)>, snapshot: bool) {
    for (_, request) in &mut *waiting {
        if let Request::FindSeat { snapshot: wanted } = request {
            *wanted |= snapshot;
            return;
        }
    }
    waiting.push_back((Asked::default(), Request::FindSeat { snapshot }));
}

fn not_in_room() -> Rejection {
    Rejection::new(ErrorCode::NotInRoom, "you have no seat in a room")
}

impl Actor for PlayerSession {
    type Context = Context<Self>;
}

impl Handler<Input> for PlayerSession {
    type Result = ();
    fn handle(&mut self, Input(frame): Input, ctx: &mut Self::Context) {
        let (re, message) = match &frame {
            Ok(frame) => (frame.id, Some(frame.name.as_str())),
            Err(bad) => (bad.id, None),
        };
        let mut asked = Asked::by_client(self.id, re, message);
        if let Some(id) = re {
            self.outbox.asked(id);
        }
        let _work = asked.enter();
        tracing::debug!(session_id = %self.id, name = message, "a request");
        if !self.within_rate(re) {
            return asked.refused(ErrorCode::RateLimited.wire());
        }
        metrics::counter!("playhouse_commands_total").increment(1);
        match frame.map_err(|bad| bad.rejection).and_then(router::read) {
            Ok(request) => self.dispatch(asked, request, ctx),
            Err(rejection) => self.turn_away(asked, &rejection),
        }
    }
}
