//! The room actor: takes commands, lets the state decide, commits, then performs (design rules 1 and 2).
//!
//! Volatile commands (chat, views) run on committed state at once. A durable one is decided on a copy, which
//! becomes the state when the store has it; durable ones behind it wait in order (`committing`).

use super::{
    bots::Bots,
    chat::ChatLog,
    committing::{Committing, Work},
    decide::{Chance, Cx, Decision, RoomEffect, To},
    media::RoomMedia,
    messages::{Caller, RoomCommand, RoomMessage, RoomReply, StaffOrder},
    reply::Reply,
    sinks::Sinks,
    state::{OkKind, RoomState},
};
use crate::{
    actors::session::Mutes,
    clock::UnixMs,
    cluster::{Activation, Entity, Envelope, Factory, PeerNotice},
    game::Registry,
    ids::{PlayerId, RoomId},
    media::MediaServer,
    protocol::{Answer, ErrorCode, Push, Rejection},
    store::Row,
};
use actix::{Actor, AsyncContext, Context, Handler, SpawnHandle};
use rand::RngExt;
use serde_json::json;
use std::sync::Arc;
use tokio::time::Instant;

/// A room of the cluster.
pub struct RoomActor {
    pub(super) activation: Activation<Self>,
    pub(super) games: Registry,
    /// As committed; `None` until the first commit of a new room.
    pub(super) state: Option<RoomState>,
    pub(super) committing: Committing,
    pub(super) chat: ChatLog,
    pub(super) sinks: Sinks,
    pub(super) bots: Bots,
    pub(super) media: RoomMedia,
    pub(super) timer: Option<(UnixMs, SpawnHandle)>,
    pub(super) used_at: Instant,
}

impl RoomActor {
    /// Makes rooms that play these games, with video and voice if this node has them.
    pub fn factory(games: Registry, media: Option<Arc<dyn MediaServer>>, mutes: Mutes) -> Factory<Self> {
        Arc::new(move |activation| {
            let state = match activation.epoch {
                0 => None,
                _ => Some(RoomState::restore(&activation.state, &games)?),
            };
            Ok(Self {
                activation,
                games: games.clone(),
                media: RoomMedia::new(media.clone(), mutes.clone(), state.is_some()),
                state,
                committing: Committing::default(),
                chat: ChatLog::default(),
                sinks: Sinks::default(),
                bots: Bots::default(),
                timer: None,
                used_at: Instant::now(),
            })
        })
    }

    pub(super) fn room_id(&self) -> RoomId {
        RoomId(self.activation.key)
    }

    /// Decides with this room's time, settings and a fresh draw of chance.
    pub(super) fn with_cx<T>(&self, decide: impl FnOnce(&Cx<'_>) -> T) -> T {
        let cx = Cx {
            now: self.activation.cluster.clock().now(),
            run_began: self.activation.began,
            config: self.activation.cluster.config(),
            games: &self.games,
            media: self.media.is_there(),
            chance: draw(),
        };
        decide(&cx)
    }

    /// Commands that change nothing durable.
    fn volatile(&mut self, command: &RoomCommand) -> Option<RoomReply> {
        match command {
            RoomCommand::Client { by, message: RoomMessage::Chat(chat) } => Some(self.say(by, &chat.text)),
            RoomCommand::Client { by, message: RoomMessage::State } => Some(self.show(by)),
            RoomCommand::Client { by, message: RoomMessage::Media(signal) } => Some(self.signal(by, signal)),
            RoomCommand::Staff { by, order: StaffOrder::Watch } => {
                let shown = self.state.as_ref()?.shown_to(by, &self.chat);
                Some(shown.map_or_else(RoomReply::Refused, RoomReply::Watched))
            }
            RoomCommand::View { player_id } => {
                let state = self.state.as_ref()?;
                Some(RoomReply::View(state.game_view(*player_id)))
            }
            _ => None,
        }
    }

    fn say(&mut self, by: &Caller, text: &str) -> RoomReply {
        let Some(state) = self.state.as_ref().filter(|s| s.member(by.player_id).is_some()) else {
            return RoomReply::NotMember;
        };
        let cluster = &self.activation.cluster;
        match self.chat.send(state, &cluster.config().limits, by.player_id, text, cluster.clock().now()) {
            Ok((message, audience)) => {
                self.answer(by, Ok(OkKind::Empty));
                self.push(&To::Only(audience), &Push::new("chat.message", &message));
                RoomReply::Seated
            }
            Err(rejection) => self.refuse(by, rejection),
        }
    }

    fn show(&mut self, by: &Caller) -> RoomReply {
        if self.state.as_ref().is_none_or(|s| s.member(by.player_id).is_none()) {
            return RoomReply::NotMember;
        }
        self.answer(by, Ok(OkKind::Empty));
        self.snapshot(by.player_id);
        RoomReply::Seated
    }

    /// The caller's answer, straight into his outbox.
    pub(super) fn answer(&self, by: &Caller, result: Result<OkKind, &Rejection>) {
        let Some(session) = by.session else { return };
        let answer = match result {
            Ok(_) if by.request.is_none() => return,
            Ok(OkKind::Empty) => Answer::ok(by.request, &json!({})),
            Ok(OkKind::Room) => {
                let room = self.state.as_ref().map(RoomState::view);
                Answer::ok(by.request, &json!({"room": room}))
            }
            Err(rejection) => {
                metrics::counter!("playhouse_refusals_total", "code" => rejection.code.wire()).increment(1);
                Answer::error(by.request, rejection)
            }
        };
        self.activation.cluster.answer(session, answer);
    }

    pub(super) fn refuse(&self, by: &Caller, rejection: Rejection) -> RoomReply {
        tracing::debug!(room_id = %self.room_id(), session_id = ?by.session, player_id = %by.player_id, %rejection, "refused");
        self.answer(by, Err(&rejection));
        RoomReply::Refused(rejection)
    }

    pub(super) fn snapshot(&mut self, player: PlayerId) {
        let Some(state) = &self.state else { return };
        let media = self.media_view(player);
        let push = Push::new("room.state", &state.snapshot(player, &self.chat, media.as_ref()));
        self.push(&To::Only(vec![player]), &push);
        self.tell_with_snapshot(player);
    }

    /// To the sessions here at once, to each other node in one parcel.
    pub(super) fn push(&mut self, to: &To, push: &Arc<Push>) {
        self.sinks.push(&self.activation, to, push);
    }

    /// Members whose sessions were taken for gone may be there after all: a node that was cut off is back, or was
    /// not known yet where the room was put up.
    pub(super) fn seek_missing(&self) {
        let missing = self.state.iter().flat_map(RoomState::humans).filter(|m| !m.connected);
        for session in missing.filter_map(|m| m.session) {
            self.activation.cluster.seek(session);
        }
    }

    fn bind_all(&mut self) {
        let humans = self.state.iter().flat_map(RoomState::humans);
        let sessions: Vec<_> = humans.filter_map(|m| Some((m.player_id, m.session?))).collect();
        for (player, session) in sessions {
            self.sinks.bind(&self.activation.cluster, player, session);
        }
    }

    /// The one place where a room touches the world.
    pub(super) fn perform(&mut self, effects: Vec<RoomEffect>) {
        for effect in effects {
            match effect {
                RoomEffect::Ok { by, kind } => self.answer(&by, Ok(kind)),
                RoomEffect::Push { to, push } => self.push(&to, &push),
                RoomEffect::Snapshot(player) => self.snapshot(player),
                RoomEffect::Bind { player, session } => {
                    self.sinks.bind(&self.activation.cluster, player, session);
                }
                RoomEffect::Unbind(player) => {
                    self.sinks.unbind(player);
                    self.chat.forget(player);
                }
                RoomEffect::GameBegins => self.chat.begin_game(),
                RoomEffect::Close => {
                    self.sinks = Sinks::default();
                    self.media.close();
                }
            }
        }
    }

    /// Decides what the work does to a copy of this state of the room.
    pub(super) fn decide(
        &self,
        state: Option<&RoomState>,
        work: &Work,
    ) -> Result<(RoomState, Decision), Rejection> {
        self.with_cx(|cx| match (work, state) {
            (Work::Command(RoomCommand::Create { by, room, showtime }), None) => {
                RoomState::create(self.room_id(), by, room, *showtime, cx)
            }
            (_, None) => Err(Rejection::new(ErrorCode::RoomNotFound, "no such room")),
            (Work::Activated, Some(state)) => {
                let mut copy = state.clone();
                let cluster = &self.activation.cluster;
                let decision = copy.activated(cx, |session| cluster.is_attached(session));
                Ok((copy, decision))
            }
            (Work::Command(command), Some(state)) => {
                let mut copy = state.clone();
                let mut decision = copy.decide(command, cx)?;
                if let RoomCommand::Client { by, message: RoomMessage::Report(report) } = command {
                    decision.rows.push(self.report(state, by, report, cx));
                }
                Ok((copy, decision))
            }
        })
    }

    /// A report, with the server's own log of what was said and done.
    fn report(
        &self,
        state: &RoomState,
        by: &Caller,
        report: &crate::protocol::messages::ReportPlayer,
        cx: &Cx<'_>,
    ) -> Row {
        const LONGEST: usize = 500;
        let log = Some(json!(state.log));
        Row::Report {
            id: cx.chance.id,
            room: self.room_id(),
            by: by.player_id,
            about: report.player_id,
            reason: report.reason.chars().take(LONGEST).collect(),
            log: json!({"chat": self.chat.evidence(), "room": log}),
            at: cx.now,
        }
    }
}

/// A fresh draw of chance from the system's generator.
fn draw() -> Chance {
    /// No I, L, O, 0, 1: codes are read aloud and typed.
    const LETTERS: &[u8] = b"ABCDEFGHJKMNPQRSTUVWXYZ";
    const CODE: usize = 6;
    let mut rng = crate::chance::rng();
    let seed: [u8; 32] = rng.random();
    Chance {
        seed: seed.iter().map(|byte| format!("{byte:02x}")).collect(),
        code: (0..CODE).map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())])).collect(),
        id: crate::chance::uuid(),
    }
}

impl Actor for RoomActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let cluster = self.activation.cluster.clone();
        let rest = std::time::Duration::from_millis(cluster.config().cluster.passivate_ms.max(2) / 2);
        ctx.run_interval(rest, |room, ctx| room.rest(ctx));
        self.media.watch_mutes(ctx);
        if self.state.is_some() {
            self.bind_all(); // what is volatile does not wait for the first commit
            self.submit(Work::Activated, Reply::default(), ctx);
        }
    }
}

impl Handler<Envelope<Self>> for RoomActor {
    type Result = ();

    fn handle(&mut self, Envelope { command, reply, trace }: Envelope<Self>, ctx: &mut Self::Context) {
        self.used_at = Instant::now();
        let reply = Reply::of(reply, trace, self.room_id(), &command);
        let _work = reply.enter();
        tracing::debug!(room_id = %self.room_id(), command = command.label(), "a command");
        match command {
            RoomCommand::Peer(PeerNotice::Drain) => return self.drain(ctx),
            RoomCommand::Peer(PeerNotice::Evicted(_)) => return self.evicted(ctx),
            _ => {}
        }
        match self.volatile(&command) {
            Some(done) => reply.give(done),
            None => self.submit(Work::Command(command), reply, ctx),
        }
        self.mend_media(ctx);
    }
}

impl Entity for RoomActor {
    const KIND: &'static str = "room";
    type Command = RoomCommand;
    type Reply = RoomReply;

    fn creates(command: &RoomCommand) -> bool {
        matches!(command, RoomCommand::Create { .. })
    }

    fn wake(wake_no: i64) -> RoomCommand {
        RoomCommand::Wake { wake_no }
    }

    fn peer(notice: PeerNotice) -> RoomCommand {
        RoomCommand::Peer(notice)
    }
}
