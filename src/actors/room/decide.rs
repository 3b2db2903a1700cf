//! What a durable command does to a room: decided on a copy, performed by the actor once it is committed.
//!
//! Pure: time, chance and settings are arguments. On `Err` the copy is thrown away.

use super::{
    lead::playable,
    members::Way,
    messages::{Caller, RoomCommand, RoomMessage, RoomReply},
    state::{Answered, OkKind, RoomState},
};
use crate::{
    clock::UnixMs,
    cluster::PeerNotice,
    config::Config,
    game::Registry,
    ids::{NodeId, PlayerId, RoomId, SessionRef},
    protocol::{
        ErrorCode, Push, Rejection,
        messages::{CreateRoom, LogEntry, Visibility},
    },
    store::Row,
};
use serde_json::Value;
use std::{collections::VecDeque, sync::Arc};
use uuid::Uuid;

/// What a decision may look at.
pub(super) struct Cx<'a> {
    pub now: UnixMs,
    /// When this run of the node began.
    pub run_began: UnixMs,
    pub config: &'a Config,
    pub games: &'a Registry,
    /// A room's media can be had, on this node or another.
    pub media: bool,
    pub chance: Chance,
}

/// Randomness, drawn by the actor for one decision.
#[derive(Clone, Debug)]
pub(super) struct Chance {
    /// Of a new game: 64 hex digits.
    pub seed: String,
    /// Of a new room.
    pub code: String,
    /// Of a new match, bot or report.
    pub id: Uuid,
}

/// To whom a push goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum To {
    All,
    AllBut(PlayerId),
    Only(Vec<PlayerId>),
}

/// What the actor performs after the commit, in order.
#[derive(Debug)]
pub(super) enum RoomEffect {
    /// The caller's `ok`.
    Ok {
        by: Caller,
        kind: OkKind,
    },
    Push {
        to: To,
        push: Arc<Push>,
    },
    /// `room.state` to one member.
    Snapshot(PlayerId),
    /// From now on this member's pushes go to this session.
    Bind {
        player: PlayerId,
        session: SessionRef,
    },
    /// He hears no more of the room.
    Unbind(PlayerId),
    /// A game begins: its chat does too.
    GameBegins,
    /// The last effect of a room.
    Close,
}

/// What a command leads to.
#[derive(Debug)]
pub(super) struct Decision {
    pub effects: Vec<RoomEffect>,
    /// Written in the same commit as the state.
    pub rows: Vec<Row>,
    pub reply: RoomReply,
    /// Nothing to commit: perform at once.
    pub unchanged: bool,
    /// The room ends with this commit.
    pub closes: bool,
}

/// A decision in the making: the room's copy and what is to be performed.
pub(super) struct Step<'a> {
    pub room: &'a mut RoomState,
    pub cx: &'a Cx<'a>,
    pub effects: Vec<RoomEffect>,
    pub rows: Vec<Row>,
    /// How many of the rows are facts.
    pub facts: u128,
    pub closes: bool,
}

pub(super) type Refused = Rejection;

pub(super) fn refuse<T>(code: ErrorCode, why: &str) -> Result<T, Refused> {
    Err(Rejection::new(code, why))
}

impl RoomState {
    /// A new room with its creator in it.
    pub(super) fn create(
        id: RoomId,
        by: &Caller,
        wish: &CreateRoom,
        showtime: Option<Uuid>,
        cx: &Cx<'_>,
    ) -> Result<(Self, Decision), Refused> {
        let game = wish.game.clone().unwrap_or_else(|| super::DEFAULT_GAME.to_owned());
        let Some(kind) = cx.games.get(&game) else {
            return refuse(ErrorCode::InvalidSettings, "game: there is no such game");
        };
        let capacity = wish.capacity.unwrap_or(cx.config.room.capacity);
        if !(4..=12).contains(&capacity) {
            return refuse(ErrorCode::InvalidSettings, "capacity: must be 4 to 12");
        }
        let mut room = Self {
            room_id: id,
            code: cx.chance.code.clone(),
            name: room_name(wish.name.as_deref(), &by.nickname)?,
            visibility: wish.visibility.unwrap_or(Visibility::Public),
            capacity,
            settings: kind.default_settings(),
            game,
            leader: by.player_id,
            created_at: cx.now,
            members: Vec::new(),
            banned: Vec::new(),
            showtime,
            log: VecDeque::new(),
            startable: None,
            empty_since: None,
            deserted_since: None,
            run_began: cx.run_began,
            wake_no: 0,
            last_game: None,
            committed_at: cx.now,
            running: None,
        };
        let wished = wish.settings.clone().unwrap_or_default();
        room.settings = kind.merge(&room.settings, &playable(wished, true, cx.media), None)?;
        let mut step = Step::new(&mut room, cx);
        step.seat(by, false);
        step.answer(by, OkKind::Room);
        let decision = step.finish(None, RoomReply::Seated);
        Ok((room, decision))
    }

    /// Does what the command says to this copy.
    pub(super) fn decide(&mut self, command: &RoomCommand, cx: &Cx<'_>) -> Result<Decision, Refused> {
        let before = self.listing();
        let mut step = Step::new(self, cx);
        let reply = match command {
            RoomCommand::Client { by, message } => match step.repeated(by)? {
                Some(kind) => return Ok(Decision::again(by, kind)),
                None => step.client(by, message)?,
            },
            RoomCommand::Attach { player_id, session, snapshot } => {
                return Ok(step.attach(*player_id, *session, *snapshot).unwrap_or_else(Decision::not_member));
            }
            RoomCommand::Detach { player_id, session } => {
                if !step.detach(*player_id, *session) {
                    return Ok(Decision::not_member());
                }
                RoomReply::Seated
            }
            RoomCommand::Peer(PeerNotice::Resync(node)) => return Ok(step.room.resync(*node)),
            RoomCommand::Peer(notice) => {
                if !step.sessions_gone(notice) {
                    return Ok(Decision::not_member());
                }
                RoomReply::Seated
            }
            RoomCommand::Staff { by, order } => step.staff(by, order)?,
            RoomCommand::Wake { wake_no } if *wake_no != step.room.wake_no => {
                return Ok(Decision::not_member());
            }
            RoomCommand::Wake { .. } => {
                if !step.wake() {
                    return Ok(Decision::not_member());
                }
                RoomReply::Seated
            }
            // Two who have paid came at once: the other one has opened it.
            RoomCommand::Create { by, showtime: Some(showtime), .. }
                if step.room.showtime == Some(*showtime) =>
            {
                step.join(by, false, Way { by_code: true, paid: true })?
            }
            RoomCommand::Create { .. } | RoomCommand::View { .. } => {
                return refuse(ErrorCode::Internal, "not a durable command of a room that is");
            }
        };
        Ok(step.finish(Some(before), reply))
    }

    /// After an activation: those whose sessions are not here or have no socket have dropped. Windows that were
    /// open before this run of the node begin anew (spec 1.5).
    pub(super) fn activated(
        &mut self,
        cx: &Cx<'_>,
        is_attached: impl Fn(SessionRef) -> Option<bool>,
    ) -> Decision {
        let before = self.listing();
        let mut step = Step::new(self, cx);
        if step.room.run_began < cx.run_began {
            step.room.run_began = cx.run_began;
            step.game_restarted();
        }
        let sessions: Vec<_> = step.room.humans().map(|m| (m.player_id, m.session)).collect();
        for (player, session) in sessions {
            let attached = session.and_then(|session| Some((session, is_attached(session)?)));
            if let Some((session, _)) = attached {
                step.effects.push(RoomEffect::Bind { player, session });
                step.effects.push(RoomEffect::Snapshot(player)); // the last owner may have died before it told
            }
            if !attached.is_some_and(|(_, attached)| attached) {
                step.drop_connection(player);
            }
        }
        if let Some(since) = &mut step.room.deserted_since {
            *since = cx.run_began.max(*since);
        }
        step.finish(Some(before), RoomReply::Seated)
    }
}

impl RoomState {
    /// A node has missed pushes: its members get snapshots.
    fn resync(&self, node: NodeId) -> Decision {
        let there = self.humans().filter(|m| m.connected && m.session.is_some_and(|s| s.node == node));
        let snapshots = there.map(|m| RoomEffect::Snapshot(m.player_id)).collect();
        Decision::quiet(snapshots, RoomReply::Seated)
    }
}

impl Decision {
    fn again(by: &Caller, kind: OkKind) -> Self {
        Self::quiet(vec![RoomEffect::Ok { by: by.clone(), kind }], RoomReply::Seated)
    }

    pub(super) fn quiet(effects: Vec<RoomEffect>, reply: RoomReply) -> Self {
        Self { effects, rows: Vec::new(), reply, unchanged: true, closes: false }
    }

    fn not_member() -> Self {
        Self::quiet(Vec::new(), RoomReply::NotMember)
    }
}

/// A snapshot shows the room as it is after the decision: before the last of a player's it would tell him of what is
/// still to be told, and a client would take the pushes in between for old.
fn each_shown_once(mut effects: Vec<RoomEffect>) -> Vec<RoomEffect> {
    let mut shown = Vec::new();
    effects.reverse();
    effects.retain(|effect| match effect {
        RoomEffect::Snapshot(player) if shown.contains(player) => false,
        RoomEffect::Snapshot(player) => {
            shown.push(*player);
            true
        }
        _ => true,
    });
    effects.reverse();
    effects
}

impl<'a> Step<'a> {
    pub(super) fn new(room: &'a mut RoomState, cx: &'a Cx<'a>) -> Self {
        Self { room, cx, effects: Vec::new(), rows: Vec::new(), facts: 0, closes: false }
    }

    /// Closes the decision: who may start, who knows the room, and the number of the next reminder.
    pub(super) fn finish(mut self, before: Option<crate::store::Listing>, reply: RoomReply) -> Decision {
        self.tell_startable();
        self.room.wake_no += 1;
        self.room.committed_at = self.cx.now;
        if !self.closes {
            let listing = self.room.listing();
            if before.as_ref() != Some(&listing) {
                self.rows.push(Row::Listing(listing));
            }
        }
        let effects = each_shown_once(self.effects);
        Decision { effects, rows: self.rows, reply, unchanged: false, closes: self.closes }
    }

    /// The `ok` of a durable command, kept so that a repetition is answered again.
    pub(super) fn answer(&mut self, by: &Caller, kind: OkKind) {
        let keep = self.cx.config.room.answers;
        if let (Some(session), Some(request)) = (by.session, by.request)
            && let Some(member) = self.room.member_mut(by.player_id)
        {
            member.answered.push_back(Answered { session: session.id, request, kind });
            while member.answered.len() > keep {
                member.answered.pop_front();
            }
        }
        // Before the pushes that the command causes.
        let at = self.effects.iter().take_while(|e| matches!(e, RoomEffect::Bind { .. })).count();
        self.effects.insert(at, RoomEffect::Ok { by: by.clone(), kind });
    }

    /// Whether this very request was done before, and how it was answered.
    fn repeated(&self, by: &Caller) -> Result<Option<OkKind>, Refused> {
        let (Some(session), Some(request)) = (by.session, by.request) else { return Ok(None) };
        let Some(member) = self.room.member(by.player_id) else { return Ok(None) };
        let mut earlier = member.answered.iter().filter(|a| a.session == session.id);
        if let Some(done) = earlier.clone().find(|a| a.request == request) {
            return Ok(Some(done.kind));
        }
        if earlier.any(|a| a.request > request) && member.answered.len() >= self.cx.config.room.answers {
            return refuse(ErrorCode::BadMessage, "id must rise within a session");
        }
        Ok(None)
    }

    fn client(&mut self, by: &Caller, message: &RoomMessage) -> Result<RoomReply, Refused> {
        if let RoomMessage::Join { spectate, by_code, paid, .. } = message {
            let way = Way { by_code: *by_code, paid: *paid };
            return self.join(by, *spectate, way);
        }
        if self.room.member(by.player_id).is_none() {
            return Ok(RoomReply::NotMember);
        }
        match message {
            RoomMessage::Join { .. } | RoomMessage::Chat(_) | RoomMessage::State | RoomMessage::Media(_) => {}
            RoomMessage::Return => {
                self.answer(by, OkKind::Room);
                self.effects.push(RoomEffect::Snapshot(by.player_id));
                return Ok(RoomReply::Seated);
            }
            RoomMessage::Repeat => return refuse(ErrorCode::AlreadyInRoom, "you have a seat in a room"),
            RoomMessage::Leave => return self.leave(by),
            RoomMessage::Ready(ready) => self.ready(by, ready.ready)?,
            RoomMessage::Settings(patch) => self.change_settings(by, patch)?,
            RoomMessage::Kick(kick) => self.kick(by, kick)?,
            RoomMessage::Transfer(target) => self.transfer(by, target)?,
            RoomMessage::AddBot => self.add_bot(by)?,
            RoomMessage::RemoveBot(target) => self.remove_bot(by, target)?,
            RoomMessage::Start => self.start(by)?,
            RoomMessage::Rematch => self.rematch(by)?,
            RoomMessage::Mute(mute) => self.mute(by.player_id, mute)?,
            RoomMessage::Report(report) => self.may_report(by, report.player_id)?,
            RoomMessage::Game { name, payload } => return self.play(by, name, payload),
        }
        let kind = if matches!(message, RoomMessage::Start) { OkKind::Room } else { OkKind::Empty };
        self.answer(by, kind);
        Ok(RoomReply::Seated)
    }

    pub(super) fn push(&mut self, to: To, name: &'static str, payload: &Value) {
        self.effects.push(RoomEffect::Push { to, push: Push::new(name, payload) });
    }

    pub(super) fn log(&mut self, kind: &str, player_id: Option<PlayerId>) {
        let entry = LogEntry { at: self.cx.now, kind: kind.to_owned(), player_id };
        self.room.log.push_back(entry);
        while self.room.log.len() > self.cx.config.limits.log_entries {
            self.room.log.pop_front();
        }
    }
}

fn room_name(wish: Option<&str>, creator: &str) -> Result<String, Refused> {
    const LONGEST: usize = 40;
    let Some(wish) = wish else { return Ok(creator.to_owned()) };
    let name: String = wish.chars().filter(|c| !c.is_control()).collect();
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST {
        return refuse(ErrorCode::InvalidSettings, "name: must be 1 to 40 characters");
    }
    Ok(name.to_owned())
}
