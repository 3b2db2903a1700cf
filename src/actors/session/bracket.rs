//! A player's way into the bracket of a showtime (spec 3.2): a paid seat is what lets in. Its duels have nothing to do with
//! his seat in a room.
//!
//! That he has paid is looked up here, in SQL, as for the room of a showtime; the bracket looks again before each round.

use super::{PlayerSession, asked::Asked, seat::unavailable, showtime::too_early};
use crate::{
    actors::{
        bracket::{BracketActor, BracketCommand, BracketReply, Opening},
        duel::Party,
    },
    cluster::{AskError, BracketDoor},
    protocol::{ErrorCode, Rejection},
};
use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

impl PlayerSession {
    /// `bracket.join`, `bracket.state`: how it stands, with him in it if he joins.
    pub(super) fn bracket(&self, asked: Asked, showtime: Uuid, joins: bool, ctx: &mut Context<Self>) {
        let player = Party { player_id: self.player.id, nickname: self.player.nickname.clone() };
        let done = asked.run(ask(self.door.clone(), showtime, player, joins));
        ctx.spawn(done.into_actor(self).map(move |done, session, _| {
            let _work = asked.enter();
            match done {
                Ok(payload) => session.answer(asked.id, Ok(payload)),
                Err(rejection) => session.turn_away(asked, &rejection),
            }
        }));
    }
}

async fn ask(door: Arc<super::Door>, showtime: Uuid, player: Party, joins: bool) -> Result<Value, Rejection> {
    let found = door.rooms.bracket_door(showtime, player.player_id).await;
    let Some(found) = found.map_err(|error| unavailable(&error))? else {
        return Err(Rejection::new(ErrorCode::BracketNotFound, "no such showtime, or it has no bracket"));
    };
    if !found.paid {
        return Err(Rejection::new(ErrorCode::SeatRequired, "a paid seat of the showtime lets one in"));
    }
    let BracketDoor { title, starts_at, .. } = found;
    let command = if joins {
        too_early(&door.cluster, starts_at)?;
        BracketCommand::Join { player, opening: Opening { title, starts_at } }
    } else {
        BracketCommand::State
    };
    match door.cluster.ask::<BracketActor>(showtime, command).await {
        Ok(BracketReply::State(view)) => Ok(json!({"bracket": view})),
        Ok(BracketReply::Refused(rejection)) => Err(rejection),
        Err(AskError::NotFound) => {
            Err(Rejection::new(ErrorCode::BracketNotFound, "nobody has come into the bracket"))
        }
        Ok(BracketReply::Done) | Err(_) => Err(Rejection::try_again(500, "the bracket does not answer")),
    }
}
