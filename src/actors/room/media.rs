//! A room's line to its video and voice (spec 7): opened, kept under the rules, begun anew when it is lost.
//!
//! Owns the link to the media port. Called by the actor around the effects of every decision: first the media learn who
//! may hear whom, then the members learn why. Never lets the game wait or fail: what the media do not take is counted,
//! and if it was a rule, they are thrown away with all connections and begun anew. What is said over the line is in
//! `signals`.

use super::{
    actor::RoomActor,
    decide::{RoomEffect, To},
    hearing::Hearing,
    signals::FromMedia,
};
use crate::{
    actors::session::Mutes,
    ids::{PlayerId, RoomId, SessionId},
    media::{
        LinkError, MediaCommand, MediaEvents, MediaLink, MediaServer, MediaState, Pc, PeerState, Policy, turn,
    },
    protocol::{
        Push,
        media::{Allowed, MediaView, Reset, StateOf},
    },
};
use actix::{Addr, AsyncContext, Context, StreamHandler};
use futures_util::stream;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// A room's media, as the room knows them. Volatile.
#[derive(Default)]
pub(super) struct RoomMedia {
    server: Option<Arc<dyn MediaServer>>,
    /// Whom moderators have silenced.
    mutes: Mutes,
    pub open: Option<Open>,
    /// Links so far: events of an earlier one are ignored.
    pub links: u64,
    /// There may be connections of before, to media that are no more.
    pub begun: bool,
    /// They have ended by a fault, and are begun anew in a moment.
    pub lost: bool,
    /// What each member was last told.
    pub allowed: BTreeMap<PlayerId, Allowed>,
    pub states: BTreeMap<PlayerId, PeerState>,
    /// Who has not begun anew since his connections are no more: he is told with each `room.state`.
    pub stale: BTreeSet<PlayerId>,
}

/// Media that run.
pub(super) struct Open {
    link: Box<dyn MediaLink>,
    /// As last told.
    pub policy: Policy,
    people: BTreeMap<PlayerId, Option<SessionId>>,
    /// To whom an offer is open.
    pub offered: BTreeSet<PlayerId>,
    /// Something was lost on the way between room and media: nobody knows any more what was said.
    broken: Arc<AtomicBool>,
}

/// Moderators have silenced somebody, somewhere, or let him speak again.
struct Silenced;

/// What members are told once the effects are performed.
#[derive(Default)]
pub(super) struct News {
    /// What each was last told of whom he hears and sees.
    before: BTreeMap<PlayerId, Allowed>,
    /// These are new to the media, or have none any more: they are shown how it is now.
    shown: BTreeSet<PlayerId>,
}

impl RoomMedia {
    pub(super) fn new(server: Option<Arc<dyn MediaServer>>, mutes: Mutes, restored: bool) -> Self {
        Self { server, mutes, begun: restored, ..Self::default() }
    }

    /// The room is told whenever moderators have silenced others than before.
    pub(super) fn watch_mutes(&self, ctx: &mut Context<RoomActor>) {
        if self.server.is_some() {
            ctx.add_stream(stream::unfold(self.mutes.changes(), |mut changes| async {
                changes.changed().await.ok()?;
                Some((Silenced, changes))
            }));
        }
    }

    /// The room has ended.
    pub(super) fn close(&mut self) {
        *self = Self::default();
    }

    /// Whether any could be begun now, here or on another node.
    pub(super) fn is_there(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.is_there())
    }

    /// Hands a command over. What is not taken is counted.
    pub(super) fn tell(&self, command: MediaCommand) -> Result<(), LinkError> {
        let told = self.open.as_ref().map_or(Err(LinkError::Lost), |open| open.link.tell(command));
        if let Err(error) = told {
            let why = if error == LinkError::Busy { "busy" } else { "lost" };
            metrics::counter!("playhouse_media_commands_dropped_total", "why" => why).increment(1);
        }
        told
    }

    fn begin(&mut self, room: RoomId, addr: Addr<RoomActor>, policy: &Policy) -> Result<(), LinkError> {
        let Some(server) = &self.server else { return Err(LinkError::Lost) };
        self.links += 1;
        let broken = Arc::new(AtomicBool::new(false));
        let link = server.link(room, events_to(addr, self.links, broken.clone()));
        let (policy, people, offered) = (policy.clone(), BTreeMap::new(), BTreeSet::new());
        self.open = Some(Open { link, policy: policy.clone(), people, offered, broken });
        self.tell(MediaCommand::Open { policy })
    }

    /// The rules first, then who goes, then who comes: those are returned.
    fn follow(&mut self, hearing: &Hearing) -> Result<BTreeSet<PlayerId>, LinkError> {
        let Some(open) = &mut self.open else { return Err(LinkError::Lost) };
        let before = std::mem::replace(&mut open.people, hearing.people.clone());
        let stays = |id: &PlayerId| before.get(id) == hearing.people.get(id);
        let gone: Vec<PlayerId> =
            before.keys().copied().filter(|id| !hearing.people.contains_key(id)).collect();
        let come: BTreeSet<PlayerId> = hearing.people.keys().copied().filter(|id| !stays(id)).collect();
        open.offered.retain(stays);
        if open.policy != hearing.policy {
            open.policy = hearing.policy.clone();
            self.tell(MediaCommand::SetPolicy { policy: hearing.policy.clone() })?;
        }
        for player in gone {
            self.states.remove(&player);
            self.tell(MediaCommand::Leave { player })?;
        }
        for player in &come {
            self.tell(MediaCommand::Join { player: *player })?;
        }
        Ok(come)
    }

    /// The room does not know any more what its media know.
    pub(super) fn doubt(&self) {
        if let Some(open) = &self.open {
            open.broken.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn is_in_doubt(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.broken.load(Ordering::Relaxed))
    }
}

/// Into the room's mailbox, from the media's threads.
fn events_to(room: Addr<RoomActor>, link: u64, broken: Arc<AtomicBool>) -> MediaEvents {
    Arc::new(move |event| {
        if room.try_send(FromMedia { link, event }).is_err() {
            metrics::counter!("playhouse_media_events_dropped_total").increment(1);
            broken.store(true, Ordering::Relaxed);
        }
    })
}

impl RoomActor {
    /// Tells the media what the room has become. To be called before members are told.
    pub(super) fn tune_media(&mut self, ctx: &mut Context<Self>) -> News {
        let wanted = self.media.lost || self.media.open.is_some() || self.media.is_there();
        let state = self.state.as_ref().filter(|_| wanted && self.media.server.is_some());
        let (mutes, now) = (self.media.mutes.clone(), self.activation.cluster.clock().now());
        let is_silenced = |player| mutes.silences(player, now);
        let Some(hearing) = state.and_then(|state| state.hearing(&self.games, is_silenced)) else {
            self.media.lost = false;
            (self.media.states, self.media.allowed) = (BTreeMap::new(), BTreeMap::new());
            let were = self.media.open.take().into_iter().flat_map(|open| open.people.into_keys());
            return News { shown: were.collect(), ..News::default() };
        };
        let before = std::mem::replace(&mut self.media.allowed, hearing.allowed.clone());
        if self.media.lost {
            return News { before, ..News::default() };
        }
        let (begins, room) = (self.media.open.is_none(), self.room_id());
        let begun = if begins { self.media.begin(room, ctx.address(), &hearing.policy) } else { Ok(()) };
        let Ok(shown) = begun.and_then(|()| self.media.follow(&hearing)) else {
            self.lose_media(ctx);
            return News { before, ..News::default() };
        };
        if begins && std::mem::replace(&mut self.media.begun, true) {
            self.media.stale = hearing.allowed.into_keys().collect();
        }
        News { before, shown }
    }

    /// Tells each what has changed for him, but for those who were `shown` it all.
    pub(super) fn tell_of_media(&mut self, news: News, shown: &BTreeSet<PlayerId>) {
        for player in news.shown.difference(shown) {
            self.snapshot(*player);
        }
        let told = |player: &PlayerId| news.shown.contains(player) || shown.contains(player);
        let changed =
            self.media.allowed.iter().filter(|(id, now)| !told(id) && news.before.get(id) != Some(now));
        let changed: Vec<_> = changed.map(|(id, now)| (*id, Push::new("media.allowed", now))).collect();
        for (player, push) in changed {
            self.push(&To::Only(vec![player]), &push);
        }
    }

    /// What belongs to a `room.state` that this member is sent: what he may receive, and whether his connections of
    /// before are no more.
    pub(super) fn tell_with_snapshot(&mut self, player: PlayerId) {
        let to = To::Only(vec![player]);
        if let Some(allowed) = self.media.allowed.get(&player) {
            let push = Push::new("media.allowed", allowed);
            self.push(&to, &push);
        }
        if self.media.stale.contains(&player) {
            for pc in [Pc::Pub, Pc::Sub] {
                self.push(&to, &Push::new("media.reset", &Reset { pc }));
            }
        }
    }

    /// The media are gone, or out of step: they close with all connections, and are begun anew in a moment.
    pub(super) fn lose_media(&mut self, ctx: &mut Context<Self>) {
        metrics::counter!("playhouse_media_lost_total").increment(1);
        tracing::warn!(room_id = %self.room_id(), "the room's media are lost; they are begun anew");
        (self.media.open, self.media.lost, self.media.begun) = (None, true, true);
        let failed = PeerState { state: MediaState::Failed, audio: false, video: false };
        let were = self.media.states.iter_mut().filter(|(_, state)| state.state != MediaState::Off);
        let told: Vec<PlayerId> = were.map(|(id, state)| (*id, *state = failed).0).collect();
        for player_id in told {
            self.push(&To::All, &Push::new("media.state", &StateOf { player_id, state: failed }));
        }
        self.begin_anew_later(ctx);
    }

    /// Once there are any to begin: the node that carried them may have been the last.
    fn begin_anew_later(&self, ctx: &mut Context<Self>) {
        let pause = Duration::from_millis(self.activation.cluster.config().room.retry_ms);
        ctx.run_later(pause, |room, ctx| {
            if !room.media.lost {
                return;
            }
            if !room.media.is_there() {
                return room.begin_anew_later(ctx);
            }
            room.media.lost = false;
            let news = room.tune_media(ctx);
            room.tell_of_media(news, &BTreeSet::new());
        });
    }

    /// `MEDIA` of this member's `room.state`.
    pub(super) fn media_view(&self, player: PlayerId) -> Option<MediaView> {
        if self.media.open.is_none() && !self.media.lost {
            return None;
        }
        let cluster = &self.activation.cluster;
        let ice_servers = turn::ice_servers(&cluster.config().turn, player, cluster.clock().now());
        Some(MediaView { ice_servers, states: self.media.states.clone() })
    }
}

impl StreamHandler<Silenced> for RoomActor {
    fn handle(&mut self, _: Silenced, ctx: &mut Self::Context) {
        if self.media.open.is_some() {
            let news = self.tune_media(ctx);
            self.tell_of_media(news, &BTreeSet::new());
        }
    }

    /// There are no moderators any more: the node ends.
    fn finished(&mut self, _: &mut Self::Context) {}
}

/// Who is shown everything by these effects.
pub(super) fn shown_by(effects: &[RoomEffect]) -> BTreeSet<PlayerId> {
    let shown = |effect: &RoomEffect| match effect {
        RoomEffect::Snapshot(player) => Some(*player),
        _ => None,
    };
    effects.iter().filter_map(shown).collect()
}
