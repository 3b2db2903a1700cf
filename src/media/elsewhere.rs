//! A room's media on another node (spec 7): on the room's own if that carries media, else on the least-loaded that does.
//!
//! Owns the choice and both ends of the line between them ([`crate::cluster::Line`]): commands one way, events the other, as
//! JSON. Called by the node, and by rooms through [`MediaServer`]. What is lost on the way loses the room's media, which the
//! room then begins anew, here or there.

use super::{LinkError, MediaCommand, MediaEvent, MediaEvents, MediaLink, MediaServer, Refusal};
use crate::{
    cluster::{Cluster, Line, LineEvent, OnLine},
    ids::RoomId,
    roles::Role,
};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// Of the service on media nodes.
const SERVICE: &str = "media";

/// Media wherever they are.
pub struct Anywhere {
    here: Option<Arc<dyn MediaServer>>,
    cluster: Cluster,
}

impl Anywhere {
    /// `here`: those of this node, if it has any.
    pub fn new(here: Option<Arc<dyn MediaServer>>, cluster: Cluster) -> Self {
        Self { here, cluster }
    }
}

impl MediaServer for Anywhere {
    fn link(&self, room: RoomId, events: MediaEvents) -> Box<dyn MediaLink> {
        if let Some(here) = &self.here {
            return here.link(room, events);
        }
        let line = self.cluster.open_line(Role::Media, SERVICE, room.0, heard(events));
        if line.is_none() {
            tracing::warn!(room_id = %room, "no node carries this room's media");
        }
        Box::new(Remote { line })
    }

    fn is_there(&self) -> bool {
        self.here.is_some() || self.cluster.has_another(Role::Media)
    }
}

/// A room's line to its media on another node.
struct Remote {
    line: Option<Line>,
}

impl MediaLink for Remote {
    fn tell(&self, command: MediaCommand) -> Result<(), LinkError> {
        let line = self.line.as_ref().ok_or(LinkError::Lost)?;
        line.send(packed(&command).ok_or(LinkError::Lost)?).map_err(|_| LinkError::Lost)
    }
}

/// The events of media on another node.
fn heard(events: MediaEvents) -> OnLine {
    Arc::new(move |event| match event {
        LineEvent::Said(said) => events(read(&said).unwrap_or(MediaEvent::Lost)),
        LineEvent::Lost => events(MediaEvent::Lost),
    })
}

/// Carries the media of other nodes' rooms too.
pub fn serve(cluster: &Cluster, server: Arc<dyn MediaServer>) {
    cluster.serve_lines(SERVICE, Arc::new(move |room, line| carry(server.as_ref(), room, line)));
}

/// One room of another node. It closes with the line: when that is lost, or something on this side is.
fn carry(server: &dyn MediaServer, room: Uuid, line: Line) -> OnLine {
    let line = Arc::new(Mutex::new(Some(line)));
    let back = line.clone();
    let say = move |event: &MediaEvent| {
        let mut line = back.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = packed(event).zip(line.as_ref()).is_some_and(|(event, line)| line.send(event).is_ok());
        if !sent || *event == MediaEvent::Lost {
            line.take();
        }
    };
    let events: MediaEvents = {
        let say = say.clone();
        Arc::new(move |event| say(&event))
    };
    let link = Mutex::new(Some(server.link(RoomId(room), events)));
    Arc::new(move |event| {
        let told = match event {
            LineEvent::Said(said) => tell(&link, &said, &say),
            LineEvent::Lost => Err(LinkError::Lost),
        };
        if told.is_err() {
            drop(link.lock().unwrap_or_else(PoisonError::into_inner).take());
            line.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    })
}

fn tell(
    link: &Mutex<Option<Box<dyn MediaLink>>>,
    said: &[u8],
    say: &impl Fn(&MediaEvent),
) -> Result<(), LinkError> {
    let command: MediaCommand = read(said).ok_or(LinkError::Lost)?;
    let signal = match &command {
        MediaCommand::Signal { player, signal } => Some((*player, signal.pc())),
        _ => None,
    };
    let told = match link.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
        Some(link) => link.tell(command),
        None => Err(LinkError::Lost),
    };
    match (told, signal) {
        // The room has answered him that it was taken: he hears otherwise. Whatever else is lost, all of it is.
        (Err(LinkError::Busy), Some((player, pc))) => {
            say(&MediaEvent::Refused { player, pc, reason: Refusal::Busy });
            Ok(())
        }
        (told, _) => told,
    }
}

fn packed(value: &impl Serialize) -> Option<Bytes> {
    let packed = serde_json::to_vec(value);
    packed
        .inspect_err(|error| tracing::error!(%error, "a message of a room's media could not be written"))
        .ok()
        .map(Bytes::from)
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let read = serde_json::from_slice(bytes);
    read.inspect_err(|error| tracing::warn!(%error, "a message of a room's media of another version")).ok()
}

#[cfg(test)]
mod tests;
