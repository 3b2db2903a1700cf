//! Lines between nodes: what one node does for an entity that is on another, for as long as both want it (spec 7: the media
//! of a room on a node of their own).
//!
//! A line goes from this node to a service of another. What is said on it arrives in order and once, or the line is lost,
//! and both ends learn of it: parts are numbered, ends tell each other every `cluster.beat_ms` how many there were, and
//! one that hears nothing for `cluster.lease_ms` has ended. Called by whoever offers a service and whoever needs one.
//! Never waits, stores nothing and never opens a lost line again.

use super::{Cluster, Inner, bus::Body, peers::lock};
use crate::{ids::NodeId, roles::Role};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};
use tokio::time::Instant;
use uuid::Uuid;

/// What an end of a line hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineEvent {
    /// The other end has said this.
    Said(Bytes),
    /// The line is no more; nothing comes after this.
    Lost,
}

/// Takes what an end hears, in order. It is called where the bus is read and must not block.
pub type OnLine = Arc<dyn Fn(LineEvent) + Send + Sync>;

/// Begins to serve the entity of this key over a line.
pub type LineService = Arc<dyn Fn(Uuid, Line) -> OnLine + Send + Sync>;

/// It was not sent: the line is lost, or the bus takes nothing now, and then the line is lost too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the line to another node is lost")]
pub struct LineLost;

/// An end of a line. Dropped, the line closes.
pub struct Line {
    cluster: Weak<Inner>,
    id: Uuid,
}

/// What goes over it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Part {
    /// It begins, to this service, for this entity.
    Open { service: String, key: Uuid },
    /// The `n`th thing that the sender says, from 1.
    Said { n: u64, said: Bytes },
    /// The sender has said so many.
    Beat { n: u64 },
    /// It ends.
    Close,
}

/// All lines that end on this node.
#[derive(Default)]
pub(super) struct Lines {
    ends: Mutex<HashMap<Uuid, End>>,
    services: Mutex<HashMap<&'static str, LineService>>,
}

struct End {
    node: NodeId,
    said: u64,
    heard: u64,
    heard_at: Instant,
    on: OnLine,
}

impl End {
    fn new(node: NodeId, on: OnLine) -> Self {
        Self { node, said: 0, heard: 0, heard_at: Instant::now(), on }
    }
}

impl Line {
    /// Says something to the other end.
    ///
    /// # Errors
    /// It was not sent, and the line is lost: this end is not told once more.
    pub fn send(&self, said: Bytes) -> Result<(), LineLost> {
        let cluster = self.cluster.upgrade().map(Cluster).ok_or(LineLost)?;
        let sent = {
            let mut ends = lock(&cluster.0.lines.ends); // held for the bus too: parts leave in order
            let end = ends.get_mut(&self.id).ok_or(LineLost)?;
            end.said += 1;
            cluster.post(end.node, self.id, Part::Said { n: end.said, said })
        };
        if sent {
            return Ok(());
        }
        cluster.hang_up(self.id);
        Err(LineLost)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(cluster) = self.cluster.upgrade() {
            Cluster(cluster).hang_up(self.id);
        }
    }
}

impl Cluster {
    /// From now on other nodes may open lines to this service.
    pub fn serve_lines(&self, service: &'static str, serve: LineService) {
        lock(&self.0.lines.services).insert(service, serve);
    }

    /// Opens a line to this service on the least-loaded other node of this role. `None`: there is none, or the bus is away.
    pub fn open_line(&self, role: Role, service: &'static str, key: Uuid, on: OnLine) -> Option<Line> {
        let node = self.peers()?.candidate(role).filter(|node| *node != self.me())?;
        let id = Uuid::now_v7();
        lock(&self.0.lines.ends).insert(id, End::new(node, on));
        let line = Line { cluster: Arc::downgrade(&self.0), id };
        self.post(node, id, Part::Open { service: service.to_owned(), key }).then_some(line)
    }

    fn post(&self, node: NodeId, line: Uuid, part: Part) -> bool {
        self.peers().is_some_and(|peers| peers.send(node, None, &Body::Line { line, part }))
    }

    /// What came over a line.
    pub(super) fn on_line(&self, from: NodeId, line: Uuid, part: Part) {
        match part {
            Part::Open { service, key } => self.begin_line(from, line, &service, key),
            Part::Said { n, said } => match self.hear(from, line, |heard| n == heard + 1, n) {
                Some(on) => on(LineEvent::Said(said)),
                None => self.line_lost(from, line),
            },
            Part::Beat { n } => {
                if self.hear(from, line, |heard| n == heard, n).is_none() {
                    self.line_lost(from, line);
                }
            }
            Part::Close => {
                if let Some(end) = self.take_end(line, from) {
                    (end.on)(LineEvent::Lost);
                }
            }
        }
    }

    fn begin_line(&self, from: NodeId, id: Uuid, service: &str, key: Uuid) {
        let service = lock(&self.0.lines.services).get(service).cloned();
        let room = lock(&self.0.lines.ends).len() < self.config().cluster.lines;
        let Some(service) = service.filter(|_| room) else {
            tracing::warn!(%from, %key, room, "a line that another node opens is refused");
            self.post(from, id, Part::Close);
            return;
        };
        let on = service(key, Line { cluster: Arc::downgrade(&self.0), id });
        lock(&self.0.lines.ends).insert(id, End::new(from, on));
    }

    /// The other end lives, and this is the next of what it says: who takes it. `None` if something is missing.
    fn hear(&self, from: NodeId, line: Uuid, is_next: impl Fn(u64) -> bool, n: u64) -> Option<OnLine> {
        let mut ends = lock(&self.0.lines.ends);
        let end = ends.get_mut(&line).filter(|end| end.node == from && is_next(end.heard))?;
        (end.heard, end.heard_at) = (n, Instant::now());
        Some(end.on.clone())
    }

    /// Something of it is missing, or it is none of ours: both ends learn that it is no more.
    fn line_lost(&self, from: NodeId, line: Uuid) {
        let end = self.take_end(line, from);
        self.post(from, line, Part::Close);
        if let Some(end) = end {
            metrics::counter!("playhouse_lines_lost_total").increment(1);
            (end.on)(LineEvent::Lost);
        }
    }

    fn take_end(&self, line: Uuid, node: NodeId) -> Option<End> {
        let mut ends = lock(&self.0.lines.ends);
        if ends.get(&line).is_some_and(|end| end.node == node) { ends.remove(&line) } else { None }
    }

    /// This end wants it no more.
    fn hang_up(&self, line: Uuid) {
        let end = lock(&self.0.lines.ends).remove(&line); // dropped after the lock: it may hold others
        if let Some(end) = end {
            self.post(end.node, line, Part::Close);
        }
    }

    /// Ends tell each other that they live and how much they have said; those that hear nothing any more have ended.
    pub(super) fn beat_lines(&self) {
        let lease = Duration::from_millis(self.config().cluster.lease_ms);
        let silent = {
            let ends = lock(&self.0.lines.ends);
            for (id, end) in ends.iter() {
                self.post(end.node, *id, Part::Beat { n: end.said });
            }
            let silent = ends.iter().filter(|(_, end)| end.heard_at.elapsed() > lease);
            silent.map(|(id, end)| (*id, end.node)).collect::<Vec<_>>()
        };
        silent.into_iter().for_each(|(line, node)| self.line_lost(node, line));
    }

    /// A node is gone, and the lines to it.
    pub(super) fn lines_lost(&self, node: NodeId) {
        let theirs: Vec<_> = {
            let ends = lock(&self.0.lines.ends);
            ends.iter().filter(|(_, end)| end.node == node).map(|(id, _)| *id).collect()
        };
        theirs.into_iter().for_each(|line| self.line_lost(node, line));
    }

    /// How many lines end here.
    pub fn lines(&self) -> usize {
        lock(&self.0.lines.ends).len()
    }
}
