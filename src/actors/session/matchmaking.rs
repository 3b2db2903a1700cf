//! Looking for others to play with (spec 4.6): the session asks a matchmaker on and on, until it has found somebody.
//!
//! A question waits there for its answer. If none comes, the matchmaker's node may have died: the next question puts the
//! matchmaker up again, and says since when the player waits.

use super::{PlayerSession, asked::Asked, router::Request};
use crate::{
    actors::matchmaker::{self, MatchmakerActor, MatchmakerCommand, MatchmakerReply, Ticket},
    clock::UnixMs,
    cluster::AskError,
    protocol::{
        ErrorCode, Push, Rejection,
        matchmaking::{EnterMatchmaking, MatchFound, MatchMode},
    },
};
use actix::{ActorFutureExt, AsyncContext, Context, SpawnHandle, WrapFuture};
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

/// A search that is on.
pub(super) struct Search {
    id: Uuid,
    mode: MatchMode,
    region: String,
    since: UnixMs,
    /// The question, or the pause before the next.
    asking: Option<SpawnHandle>,
}

impl Search {
    fn key(&self) -> Uuid {
        matchmaker::key_of(self.mode, &self.region)
    }
}

impl PlayerSession {
    pub(super) fn enter_matchmaking(
        &mut self,
        asked: Asked,
        enter: EnterMatchmaking,
        ctx: &mut Context<Self>,
    ) {
        let region = match self.region(enter.region) {
            Ok(region) => region,
            Err(rejection) => return self.turn_away(asked, &rejection),
        };
        if enter.mode == MatchMode::Mafia && self.room.is_some() {
            let seated = Rejection::new(ErrorCode::AlreadyInRoom, "you have a seat in a room");
            return self.turn_away(asked, &seated);
        }
        let same = |search: &&Search| search.mode == enter.mode && search.region == region;
        let since = match self.search.as_ref().filter(same) {
            Some(search) => search.since,
            None => {
                self.stop_searching(ctx);
                let (id, since) = (crate::chance::uuid(), self.door.cluster.clock().now());
                let (mode, region) = (enter.mode, region.clone());
                self.search = Some(Search { id, mode, region, since, asking: None });
                self.ask_matchmaker(ctx);
                since
            }
        };
        self.answer(asked.id, Ok(json!({"mode": enter.mode, "region": region, "since": since})));
    }

    /// Of whom one meets nobody else.
    fn region(&self, region: Option<String>) -> Result<String, Rejection> {
        let region = region.unwrap_or_default();
        let longest = self.door.cluster.config().matchmaking.region_chars;
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if region.len() <= longest && region.chars().all(fits) {
            return Ok(region);
        }
        let why = format!("payload.region: at most {longest} lower-case letters, digits and hyphens");
        Err(Rejection::new(ErrorCode::BadMessage, why))
    }

    pub(super) fn leave_matchmaking(&mut self, asked: Asked, ctx: &mut Context<Self>) {
        self.stop_searching(ctx);
        self.answer(asked.id, Ok(json!({})));
    }

    /// Who has sat down does not look for a room.
    pub(super) fn has_sat_down(&mut self, ctx: &mut Context<Self>) {
        if self.room.is_some() && self.search.as_ref().is_some_and(|search| search.mode == MatchMode::Mafia) {
            self.stop_searching(ctx);
        }
    }

    /// He looks no more: he said so, or is gone.
    pub(super) fn stop_searching(&mut self, ctx: &mut Context<Self>) {
        let Some(mut search) = self.search.take() else { return };
        if let Some(asking) = search.asking.take() {
            ctx.cancel_future(asking);
        }
        let leave = MatchmakerCommand::Leave { player_id: self.player.id, search: search.id };
        self.door.cluster.tell::<MatchmakerActor>(search.key(), leave);
    }

    fn ask_matchmaker(&mut self, ctx: &mut Context<Self>) {
        let (session, cluster) = (self.here(), self.door.cluster.clone());
        let Some(search) = &self.search else { return };
        let (id, key, mode) = (search.id, search.key(), search.mode);
        let ticket = Ticket {
            player_id: self.player.id,
            nickname: self.player.nickname.clone(),
            session,
            search: id,
            since: search.since,
        };
        let asked = async move {
            let enter = || MatchmakerCommand::Enter(ticket.clone());
            match cluster.ask::<MatchmakerActor>(key, enter()).await {
                Err(AskError::NotFound) => {
                    cluster.ask::<MatchmakerActor>(key, MatchmakerCommand::Open { mode }).await?;
                    cluster.ask::<MatchmakerActor>(key, enter()).await
                }
                replied => replied,
            }
        };
        let replied = asked.into_actor(self).map(move |reply, session, ctx| session.replied(id, reply, ctx));
        let asking = ctx.spawn(replied);
        if let Some(search) = &mut self.search {
            search.asking = Some(asking);
        }
    }

    fn replied(&mut self, id: Uuid, reply: Result<MatchmakerReply, AskError>, ctx: &mut Context<Self>) {
        let Some(search) = self.search.as_mut().filter(|search| search.id == id) else { return };
        search.asking = None;
        match reply {
            Ok(MatchmakerReply::Found(found)) => self.found(&found, ctx),
            Ok(MatchmakerReply::Waiting) => self.ask_matchmaker(ctx),
            Ok(MatchmakerReply::Full | MatchmakerReply::Done) | Err(_) => {
                let pause = Duration::from_millis(self.door.cluster.config().matchmaking.retry_ms);
                let again = ctx.run_later(pause, move |session, ctx| {
                    if session.search.as_ref().is_some_and(|search| search.id == id) {
                        session.ask_matchmaker(ctx);
                    }
                });
                search.asking = Some(again);
            }
        }
    }

    /// Told once: a push is in the resume ring, and the search is over. The leader of a new room has his seat already.
    fn found(&mut self, found: &MatchFound, ctx: &mut Context<Self>) {
        self.search = None;
        self.outbox.push(Push::new("matchmaking.found", found));
        if found.room_id.is_some() {
            self.dispatch(Asked::default(), Request::FindSeat { snapshot: true }, ctx);
        }
    }
}
