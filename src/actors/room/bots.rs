//! The room's side of its bots: their names, and telling them that a phase has begun.

use super::{
    actor::RoomActor,
    state::{Member, RoomState},
};
use crate::{
    actors::bot::{BotActor, PhaseBegan},
    clock::UnixMs,
    ids::PlayerId,
};
use actix::{Actor, Addr, Context};
use std::collections::HashMap;
use uuid::Uuid;

/// Bots that play in this room now.
#[derive(Default)]
pub(super) struct Bots {
    actors: HashMap<PlayerId, Addr<BotActor>>,
    /// The deadline of the phase they were told of.
    told: Option<UnixMs>,
}

const NAMES: [&str; 16] = [
    "Ada", "Basil", "Clara", "Dario", "Edith", "Felix", "Greta", "Hugo", "Iris", "Jonas", "Kira", "Leo",
    "Mina", "Nils", "Olga", "Pim",
];

/// A name that nobody in the room has.
pub(super) fn name(members: &[Member], id: Uuid) -> String {
    let start = id.as_u128() as usize % NAMES.len();
    let free = (0..NAMES.len())
        .map(|n| NAMES[(start + n) % NAMES.len()])
        .find(|name| members.iter().all(|m| !m.nickname.eq_ignore_ascii_case(name)));
    free.map_or_else(|| format!("Bot_{}", &id.simple().to_string()[26..]), str::to_owned)
}

impl RoomActor {
    /// Tells each bot of a phase that has begun, once.
    pub(super) fn drive_bots(&mut self, _: &mut Context<Self>) {
        let Some(ends_at) = self.phase_end() else {
            self.bots = Bots::default(); // their addresses go, so they stop
            return;
        };
        if self.bots.told == Some(ends_at) {
            return;
        }
        self.bots.told = Some(ends_at);
        let (cluster, room) = (self.activation.cluster.clone(), self.room_id());
        let Some(kind) = self.state.as_ref().and_then(|state| self.games.get(&state.game)).cloned() else {
            return;
        };
        for (player, nickname) in self.playing_bots() {
            let put_up = || BotActor::new(cluster.clone(), room, player, nickname, kind.clone()).start();
            let bot = self.bots.actors.entry(player).or_insert_with(put_up);
            if bot.try_send(PhaseBegan { ends_at }).is_err() {
                tracing::warn!(room_id = %self.activation.key, bot = %player, "a bot does not listen");
            }
        }
    }

    fn phase_end(&self) -> Option<UnixMs> {
        self.state.as_ref()?.running.as_ref()?.game.deadline()
    }

    fn playing_bots(&self) -> Vec<(PlayerId, String)> {
        let Some(state) = &self.state else { return Vec::new() };
        let alive = |m: &&Member| m.bot && plays(state, m.player_id);
        state.members.iter().filter(alive).map(|m| (m.player_id, m.nickname.clone())).collect()
    }
}

fn plays(state: &RoomState, player: PlayerId) -> bool {
    let flags = state.running.as_ref().and_then(|running| running.game.member_flags(player));
    flags.is_some_and(|(alive, _)| alive)
}
