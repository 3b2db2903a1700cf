//! A player's tickets: what a session asks of queues. Its seat in a room has nothing to do with it.

use super::{PlayerSession, asked::Asked};
use crate::{
    ids::QueueId,
    protocol::{ErrorCode, Rejection},
    queue::Refusal,
};
use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use serde_json::json;

/// What one is told to wait for a queue that does not answer.
const RETRY_MS: u64 = 1_000;

impl PlayerSession {
    /// Takes a ticket, or gives it back.
    pub(super) fn queue(&self, asked: Asked, queue: QueueId, enters: bool, ctx: &mut Context<Self>) {
        let Some(queues) = self.door.queues.clone() else {
            return self.turn_away(asked, &rejection(Refusal::NoQueue));
        };
        let (account, session) = (self.player.id, self.id);
        let done = asked.run(async move {
            if enters {
                let ticket = queues.enter_session(queue, account, session).await?;
                return Ok(serde_json::to_value(&ticket).unwrap_or_default());
            }
            queues.leave_as(queue, account).await.map(|()| json!({}))
        });
        ctx.spawn(done.into_actor(self).map(move |done, session, _| {
            let _work = asked.enter();
            match done {
                Ok(payload) => session.answer(asked.id, Ok(payload)),
                Err(refusal) => session.turn_away(asked, &rejection(refusal)),
            }
        }));
    }
}

fn rejection(refusal: Refusal) -> Rejection {
    let code = match refusal {
        Refusal::NoQueue => ErrorCode::QueueNotFound,
        Refusal::Draining => ErrorCode::QueueDraining,
        Refusal::SoldOut => ErrorCode::SoldOut,
        Refusal::Unavailable => ErrorCode::QueueUnavailable,
    };
    let retry_after_ms = code.may_retry().then_some(RETRY_MS);
    Rejection { code, message: refusal.to_string(), retry_after_ms }
}
