//! Requests (spec 4.1, 4.3): one player asks another.
//!
//! Two that cross must become one match, on whichever nodes they were made. So of two players the presence of the one
//! with the lesser id decides, and it tells the match of the second request itself: behind the first, in order.

use super::{
    actor::{Answer, DuellistActor, give, refused},
    messages::{DuellistCommand, DuellistReply},
    state::Asked,
};
use crate::{
    actors::duel::{DuelActor, DuelCommand, DuelMessage, DuelReply, Party},
    cluster::AskError,
    ids::{DuelId, PlayerId},
    protocol::signal::SignalCode,
};
use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};

impl DuellistActor {
    /// He asks another.
    pub(super) fn request(&mut self, target: PlayerId, answer: Answer, ctx: &mut Context<Self>) {
        if self.state.session.is_none() {
            return give(answer, refused(SignalCode::Unavailable, "not attached yet: ask again"));
        }
        if let Err(error) = self.state.may_ask(self.now(), self.settings()) {
            return give(answer, DuellistReply::Refused(error));
        }
        let (requester, duel) = (self.state.party(), DuelId::new());
        if self.state.me < target {
            return self.pair(requester, target, duel, answer, ctx);
        }
        let (now, settings) = (self.now(), self.settings().clone());
        self.state.asks(duel, target, now, &settings);
        let pair = DuellistCommand::Pair { duel, requester };
        let paired = self.activation.cluster.ask::<Self>(target.0, pair);
        ctx.spawn(paired.into_actor(self).map(move |paired, duellist, _| {
            if paired != Ok(DuellistReply::Done) {
                duellist.state.open.remove(&duel);
            }
            give(
                answer,
                match paired {
                    Ok(DuellistReply::Crossed) => DuellistReply::Done,
                    Ok(reply) => reply,
                    Err(error) => {
                        tracing::debug!(%error, player_id = %target, "a presence did not answer");
                        refused(SignalCode::Unavailable, "he cannot be reached: ask again")
                    }
                },
            );
        }));
    }

    /// Decides what a request between this player and another comes to: a new match, or the acceptance of one.
    pub(super) fn pair(
        &mut self,
        requester: Party,
        target: PlayerId,
        duel: DuelId,
        answer: Answer,
        ctx: &mut Context<Self>,
    ) {
        let mine = requester.player_id == self.state.me;
        let (now, settings) = (self.now(), self.settings().clone());
        let asked = self.state.pair(requester.player_id, target).and_then(|asked| match asked {
            Asked::New if !mine => self.state.can_be_asked(now, &settings).map(|()| asked),
            _ => Ok(asked),
        });
        match asked {
            Err(error) => give(answer, DuellistReply::Refused(error)),
            Ok(Asked::Crosses(duel)) => {
                let other = if mine { target } else { self.state.me };
                let accept = DuelMessage::Accept { requester: other, crossed: true };
                let command = DuelCommand::Client { by: requester.player_id, message: accept };
                let done = if mine { DuellistReply::Done } else { DuellistReply::Crossed };
                self.ask_duel(duel, command, answer, done, ctx);
            }
            Ok(Asked::New) => {
                if mine {
                    self.state.asks(duel, target, now, &settings);
                } else {
                    self.state.is_asked(duel, requester.clone(), false, now, &settings);
                }
                let command = DuelCommand::Request { requester, target };
                self.ask_duel(duel, command, answer, DuellistReply::Done, ctx);
            }
        }
    }

    /// What the match says of it goes to whoever asked; a request that it refuses is not open.
    fn ask_duel(
        &mut self,
        duel: DuelId,
        command: DuelCommand,
        answer: Answer,
        done: DuellistReply,
        ctx: &mut Context<Self>,
    ) {
        let begins = matches!(command, DuelCommand::Request { .. });
        let asked = self.activation.cluster.ask::<DuelActor>(duel.0, command);
        ctx.spawn(asked.into_actor(self).map(move |asked, duellist, _| {
            let reply = match asked {
                Ok(DuelReply::Done | DuelReply::Stands(_)) => done,
                Ok(DuelReply::Refused(error)) => {
                    if begins {
                        duellist.state.open.remove(&duel);
                    }
                    DuellistReply::Refused(error)
                }
                Ok(DuelReply::Busy(_)) => refused(SignalCode::NotAllowed, "not allowed from state in_match"),
                Err(AskError::NotFound) => {
                    duellist.state.open.remove(&duel);
                    refused(SignalCode::NotFound, "no such session")
                }
                Err(error) => {
                    tracing::debug!(%error, %duel, "a match did not answer");
                    refused(SignalCode::Unavailable, "not now: ask again")
                }
            };
            give(answer, reply);
        }));
    }
}
