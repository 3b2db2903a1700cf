//! Media by script: what rooms told it is kept, and it answers as a forwarding server would, without a packet.

use crate::{
    game::MediaKind,
    ids::{PlayerId, RoomId},
    media::{
        ClientSignal, LinkError, MediaCommand, MediaEvent, MediaEvents, MediaLink, MediaServer, MediaState,
        Pc, PcState, PeerState, Policy, ServerSignal, Track,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The media of a [`Stage`](super::Stage) whose settings have `media.enabled`; cheap to clone.
#[derive(Clone, Default)]
pub struct ScriptedMedia(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    rooms: BTreeMap<RoomId, Room>,
    fault: Option<LinkError>,
    opened: u64,
}

struct Room {
    events: MediaEvents,
    /// Which link it is: a dropped one closes nothing but its own.
    link: u64,
    told: Vec<MediaCommand>,
    policy: Policy,
    people: BTreeSet<PlayerId>,
    publishers: BTreeSet<PlayerId>,
    receivers: BTreeSet<PlayerId>,
}

struct Line {
    room: RoomId,
    link: u64,
    media: ScriptedMedia,
}

impl ScriptedMedia {
    fn lock(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on no command is taken, for this reason; `None` ends it.
    pub fn fail(&self, fault: Option<LinkError>) {
        self.lock().fault = fault;
    }

    /// Rooms whose media were ever opened.
    pub fn opened(&self) -> u64 {
        self.lock().opened
    }

    /// What the room told its present media; empty where there are none.
    pub fn told(&self, room: RoomId) -> Vec<MediaCommand> {
        self.lock().rooms.get(&room).map(|room| room.told.clone()).unwrap_or_default()
    }

    /// The rules that hold; `None` without media.
    pub fn policy(&self, room: RoomId) -> Option<Policy> {
        self.lock().rooms.get(&room).map(|room| room.policy.clone())
    }

    /// Whether `to` is sent this stream of `from` now.
    pub fn forwards(&self, room: RoomId, from: PlayerId, kind: MediaKind, to: PlayerId) -> bool {
        let policy = self.policy(room).unwrap_or_default();
        policy.streams.iter().any(|s| s.from == from && s.kind == kind && s.to.contains(&to))
    }

    /// Something happens in the room's media.
    pub fn happens(&self, room: RoomId, event: MediaEvent) {
        let events = self.lock().rooms.get(&room).map(|room| room.events.clone());
        if let Some(events) = events {
            events(event);
        }
    }
}

impl MediaServer for ScriptedMedia {
    fn link(&self, room: RoomId, events: MediaEvents) -> Box<dyn MediaLink> {
        let mut script = self.lock();
        script.opened += 1;
        let link = script.opened;
        let (told, policy) = (Vec::new(), Policy::default());
        let (people, publishers, receivers) = Default::default();
        script.rooms.insert(room, Room { events, link, told, policy, people, publishers, receivers });
        Box::new(Line { room, link, media: self.clone() })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let mut script = self.media.lock();
        if script.rooms.get(&self.room).is_some_and(|room| room.link == self.link) {
            script.rooms.remove(&self.room);
        }
    }
}

impl MediaLink for Line {
    fn tell(&self, command: MediaCommand) -> Result<(), LinkError> {
        let mut script = self.media.lock();
        if let Some(fault) = script.fault {
            return Err(fault);
        }
        let room = script.rooms.get_mut(&self.room).filter(|room| room.link == self.link);
        let room = room.ok_or(LinkError::Lost)?;
        room.told.push(command.clone());
        let (said, events) = (room.hear(command), room.events.clone());
        drop(script);
        said.into_iter().for_each(|event| events(event));
        Ok(())
    }
}

impl Room {
    /// What a forwarding server does and says.
    fn hear(&mut self, command: MediaCommand) -> Vec<MediaEvent> {
        match command {
            MediaCommand::Open { policy } | MediaCommand::SetPolicy { policy } => {
                self.policy = policy;
                self.all_speak()
            }
            MediaCommand::Join { player } => {
                self.gone(player);
                self.people.insert(player);
                Vec::new()
            }
            MediaCommand::Leave { player } => {
                self.gone(player);
                Vec::new()
            }
            MediaCommand::Signal { player, signal } if self.people.contains(&player) => {
                self.signal(player, &signal)
            }
            MediaCommand::Signal { .. } | MediaCommand::Close | MediaCommand::Stats => Vec::new(),
        }
    }

    fn gone(&mut self, player: PlayerId) {
        for set in [&mut self.people, &mut self.publishers, &mut self.receivers] {
            set.remove(&player);
        }
    }

    fn all_speak(&self) -> Vec<MediaEvent> {
        let sound = self.policy.streams.iter().filter(|s| s.kind == MediaKind::Audio);
        sound.map(|s| MediaEvent::Speaking { player: s.from, speaking: true }).collect()
    }

    fn signal(&mut self, player: PlayerId, signal: &ClientSignal) -> Vec<MediaEvent> {
        match signal {
            ClientSignal::Offer { .. } => {
                self.publishers.insert(player);
                let answer = ServerSignal::Answer { sdp: "v=0 answer".into() };
                let state = PeerState { state: MediaState::Connected, audio: true, video: true };
                let mut said =
                    vec![MediaEvent::Signal { player, signal: answer }, MediaEvent::State { player, state }];
                said.extend(self.receivers.iter().map(|to| self.offer(*to)));
                said
            }
            ClientSignal::State { pc: Pc::Sub, state: PcState::Ready, .. } => {
                self.receivers.insert(player);
                vec![self.offer(player)]
            }
            ClientSignal::Reset { pc } => {
                let echo = MediaEvent::Signal { player, signal: ServerSignal::Reset { pc: *pc } };
                if *pc == Pc::Pub {
                    self.publishers.remove(&player);
                    return vec![echo];
                }
                self.receivers.insert(player);
                vec![echo, self.offer(player)]
            }
            ClientSignal::Answer { .. } | ClientSignal::State { .. } => Vec::new(),
        }
    }

    fn offer(&self, to: PlayerId) -> MediaEvent {
        let others = self.publishers.iter().filter(|id| **id != to);
        let kinds = others.flat_map(|id| [(*id, MediaKind::Audio), (*id, MediaKind::Video)]);
        let track = |(n, (player_id, kind)): (usize, _)| Track { mid: n.to_string(), player_id, kind };
        let tracks = kinds.enumerate().map(track).collect();
        MediaEvent::Signal { player: to, signal: ServerSignal::Offer { sdp: "v=0 offer".into(), tracks } }
    }
}
