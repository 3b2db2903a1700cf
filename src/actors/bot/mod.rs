//! Bots: players without a socket, who play by the same messages as people (spec 1.2).
//!
//! A bot is started by its room, is told when a phase begins, thinks for a moment, asks the room for its own
//! view and sends what the game's `bot_move` makes of it. It knows nothing a person in its seat would not.

use crate::{
    actors::room::{Caller, RoomActor, RoomCommand, RoomMessage, RoomReply},
    clock::UnixMs,
    cluster::Cluster,
    game::{BotMove, GameKind},
    ids::{PlayerId, RoomId},
    protocol::messages::SendChat,
};
use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{sync::Arc, time::Duration};

/// How often a bot looks at the table in a phase: to act, and to think again.
const LOOKS: u64 = 3;

/// A phase has begun.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct PhaseBegan {
    /// When it ends at the latest.
    pub ends_at: UnixMs,
}

/// One bot in one game.
pub struct BotActor {
    cluster: Cluster,
    room: RoomId,
    me: Caller,
    kind: Arc<dyn GameKind>,
    rng: ChaCha8Rng,
}

impl BotActor {
    /// A bot in this seat.
    pub fn new(
        cluster: Cluster,
        room: RoomId,
        player_id: PlayerId,
        nickname: String,
        kind: Arc<dyn GameKind>,
    ) -> Self {
        let me = Caller { player_id, nickname, session: None, request: None };
        Self { cluster, room, me, kind, rng: ChaCha8Rng::from_rng(&mut crate::chance::rng()) }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        let view = RoomCommand::View { player_id: self.me.player_id };
        let asked = self.cluster.ask::<RoomActor>(self.room.0, view);
        ctx.spawn(asked.into_actor(self).map(|reply, bot, ctx| {
            if let Ok(RoomReply::View(view)) = reply
                && let Some(wish) = bot.kind.bot_move(&view, bot.me.player_id, &mut bot.rng)
            {
                bot.act(wish, ctx);
            }
        }));
    }

    /// Sends the move. A refusal is no matter: the table has moved on, and the next look sees it.
    fn act(&self, BotMove { name, payload }: BotMove, ctx: &mut Context<Self>) {
        let message = match payload.get("text").and_then(|text| text.as_str()) {
            Some(text) if name == "chat.send" => RoomMessage::Chat(SendChat { text: text.to_owned() }),
            _ => RoomMessage::Game { name: name.to_owned(), payload },
        };
        let command = RoomCommand::Client { by: self.me.clone(), message };
        let asked = self.cluster.ask::<RoomActor>(self.room.0, command);
        ctx.spawn(asked.into_actor(self).map(|reply, bot, _| {
            if let Err(error) = reply {
                tracing::debug!(room_id = %bot.room, %error, "a bot's move was not heard");
            }
        }));
    }
}

impl Actor for BotActor {
    type Context = Context<Self>;
}

impl Handler<PhaseBegan> for BotActor {
    type Result = ();

    fn handle(&mut self, phase: PhaseBegan, ctx: &mut Self::Context) {
        let left = phase.ends_at.until(self.cluster.clock().now()).as_millis() as u64;
        let longest = self.cluster.config().room.bot_think_ms.min(left / 2).max(1);
        for look in 1..=LOOKS {
            // The first look within the thinking time, the later ones towards the middle of the phase.
            let from = longest * (look - 1) / LOOKS;
            let wait = self.rng.random_range(from..=longest * look / LOOKS).max(1);
            ctx.run_later(Duration::from_millis(wait), |bot, ctx| bot.look(ctx));
        }
    }
}
