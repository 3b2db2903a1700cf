//! How a match holds its two players and tells them things: through their presences, wherever those are.

use super::{
    actor::{DuelActor, Reply, Work},
    messages::{DuelCommand, Party},
    state::Side,
};
use crate::{
    actors::duellist::{DuellistActor, DuellistCommand, DuellistReply},
    ids::PlayerId,
    protocol::{
        Push,
        signal::{SignalCode, SignalError},
    },
};
use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use futures_util::future;
use std::{sync::Arc, time::Duration};

/// Both players are held for this match.
pub(super) struct Reserved {
    /// Who has a signal session now.
    pub attached: [bool; 2],
}

/// How often a message that could not be delivered is tried again.
const TELL_TRIES: u32 = 6;

impl DuelActor {
    /// Asks whether this player can be asked, and tells him. His nickname.
    pub(super) fn offer(
        &self,
        target: PlayerId,
        requester: Party,
    ) -> impl Future<Output = Result<String, SignalError>> + use<> {
        let offer = DuellistCommand::Offer { duel: self.duel(), requester };
        let offered = self.activation.cluster.ask::<DuellistActor>(target.0, offer);
        async move {
            match offered.await {
                Ok(DuellistReply::Offered(nickname)) => Ok(nickname),
                Ok(DuellistReply::Refused(error)) => Err(error),
                _ => Err(SignalError::new(SignalCode::Unavailable, "he cannot be reached: send it again")),
            }
        }
    }

    /// Holds both, or neither: who is in another match, or `None` if somebody could not be asked.
    pub(super) fn reserve(
        &self,
        players: [PlayerId; 2],
    ) -> impl Future<Output = Result<Reserved, Option<PlayerId>>> + use<> {
        let (cluster, duel) = (self.activation.cluster.clone(), self.duel());
        let held =
            players.map(|player| cluster.ask::<DuellistActor>(player.0, DuellistCommand::Hold { duel }));
        async move {
            let held = future::join_all(held).await;
            let busy = held.iter().position(|reply| matches!(reply, Ok(DuellistReply::Busy)));
            let attached: Vec<bool> = held
                .iter()
                .filter_map(|reply| match reply {
                    Ok(DuellistReply::Held { attached, .. }) => Some(*attached),
                    _ => None,
                })
                .collect();
            if let [a, b] = attached[..] {
                return Ok(Reserved { attached: [a, b] });
            }
            for player in players {
                cluster.tell::<DuellistActor>(player.0, DuellistCommand::Release { duel });
            }
            Err(busy.map(|side| players[side]))
        }
    }

    /// Tells this player, behind what he was told before. What could not be delivered is tried again; who has no
    /// session is told when he comes.
    pub(super) fn tell(&self, side: Side, pushes: Vec<Arc<Push>>, ctx: &mut Context<Self>) {
        if let Some(players) = self.player_ids() {
            self.tell_player(players[side], pushes, TELL_TRIES, ctx);
        }
    }

    fn tell_player(&self, player: PlayerId, pushes: Vec<Arc<Push>>, tries: u32, ctx: &mut Context<Self>) {
        let tell = DuellistCommand::Tell { pushes: pushes.clone() };
        let told = self.activation.cluster.ask::<DuellistActor>(player.0, tell);
        ctx.spawn(told.into_actor(self).map(move |told, duel, ctx| match told {
            Err(error) if tries > 1 => {
                tracing::debug!(duel = %duel.duel(), %player, %error, "a player could not be told");
                let pause = Duration::from_millis(duel.settings().retry_ms);
                ctx.run_later(pause, move |duel, ctx| duel.tell_player(player, pushes, tries - 1, ctx));
            }
            Err(error) => tracing::warn!(duel = %duel.duel(), %player, %error, "a player was not told"),
            Ok(_) => {}
        }));
    }

    /// The match is over: its players are free.
    pub(super) fn release_players(&self) {
        for player in self.player_ids().into_iter().flatten() {
            let over = DuellistCommand::Over { duel: self.duel() };
            self.activation.cluster.tell::<DuellistActor>(player.0, over);
        }
    }

    /// Now and then: both are in this match. A presence that has forgotten knows it again, and what this match has
    /// missed of theirs it learns.
    pub(super) fn assert_holds(&mut self, ctx: &mut Context<Self>) {
        self.activation.renew();
        if self.busy || !self.state.as_ref().is_some_and(|state| state.phase().holds()) {
            return;
        }
        for player_id in self.player_ids().into_iter().flatten() {
            let hold = DuellistCommand::Hold { duel: self.duel() };
            let held = self.activation.cluster.ask::<DuellistActor>(player_id.0, hold);
            ctx.spawn(held.into_actor(self).map(move |held, duel, ctx| {
                let command = match held {
                    Ok(DuellistReply::Busy) => DuelCommand::Taken { player_id },
                    Ok(DuellistReply::Held { attached: false, .. }) => DuelCommand::Lost { player_id },
                    Ok(DuellistReply::Held { attached: true, .. }) if duel.misses(player_id) => {
                        DuelCommand::Came { player_id }
                    }
                    _ => return,
                };
                duel.submit(Work::Command(command), Reply::default(), ctx);
            }));
        }
    }

    fn misses(&self, player: PlayerId) -> bool {
        self.state.as_ref().is_some_and(|state| state.side_of(player).is_some_and(|side| state.is_away(side)))
    }
}
