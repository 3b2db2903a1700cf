//! Media on this node: its port, its threads, a room's actor for each link.
//!
//! Owns the threads that carry packets, which are nobody else's: a burst of video delays no game. All of a room is on one
//! of them. Called by the node, and by rooms through [`MediaServer`].

use super::{
    LinkError, MediaCommand, MediaEvents, MediaLink, MediaServer,
    engine::Engine,
    mux::Mux,
    room::{Desk, MediaRoom, Shared, Told},
};
use crate::{config, ids::RoomId};
use actix::{Actor as _, Addr, Arbiter, ArbiterHandle, prelude::SendError};
use anyhow::Context as _;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};
use tokio::sync::oneshot;

/// How often metrics are brought up to date.
const OBSERVED_EVERY: Duration = Duration::from_secs(1);

/// Media on this node.
pub struct Server {
    shared: Shared,
    threads: Vec<ArbiterHandle>,
    arbiters: Mutex<Vec<Arbiter>>,
}

impl Server {
    /// Opens the port and starts the threads. Must run in an actix system.
    pub async fn start(config: &config::Media) -> anyhow::Result<Arc<Self>> {
        let arbiters: Vec<_> = (0..threads(config)).map(|_| Arbiter::new()).collect();
        let threads: Vec<_> = arbiters.iter().map(Arbiter::handle).collect();
        let (opened, port) = oneshot::channel();
        let settings = config.clone();
        let first = threads.first().context("no thread for media")?;
        first.spawn_fn(move || drop(actix::spawn(carry(settings, opened))));
        let address = SocketAddr::new(config.public_address, config.udp_port);
        let mux = port.await?.with_context(|| format!("cannot listen on UDP {address}"))?;
        let ms = Duration::from_millis;
        let engine = Engine::new(ms(config.disconnected_ms), ms(config.failed_ms))?;
        let shared = Shared { mux, engine, config: Arc::new(config.clone()), alive: Arc::default() };
        tracing::info!(address = %shared.mux.public(), threads = threads.len(), "media is up");
        Ok(Arc::new(Self { shared, threads, arbiters: Mutex::new(arbiters) }))
    }

    /// Where players' packets go.
    pub fn address(&self) -> SocketAddr {
        self.shared.mux.public()
    }

    /// Open connections, and addresses they have proved.
    pub fn counts(&self) -> (usize, usize) {
        self.shared.mux.counts()
    }

    /// Connections in memory: as many as are open, unless something holds one that is closed.
    pub fn alive(&self) -> usize {
        self.shared.alive.load(Ordering::Relaxed)
    }

    /// Runs this on the thread of a room, before anything else that it will do.
    #[cfg(test)]
    pub(super) fn on_thread_of(&self, room: RoomId, task: impl FnOnce() + Send + 'static) {
        self.thread_of(room).spawn_fn(task);
    }

    /// What rooms share, to make a connection without one.
    #[cfg(test)]
    pub(super) fn shared(&self) -> Shared {
        self.shared.clone()
    }

    /// Ends the threads, and with them all rooms' media and the port.
    pub fn stop(&self) {
        for arbiter in lock(&self.arbiters).drain(..) {
            arbiter.stop();
        }
    }

    fn thread_of(&self, room: RoomId) -> &ArbiterHandle {
        let key = room.0.as_u128();
        let spread = (key ^ (key >> 64)) as usize;
        &self.threads[spread % self.threads.len()]
    }
}

impl MediaServer for Server {
    fn link(&self, room: RoomId, events: MediaEvents) -> Box<dyn MediaLink> {
        let desk = Arc::new(Desk::default());
        let (shared, theirs) = (self.shared.clone(), desk.clone());
        let room = MediaRoom::start_in_arbiter(self.thread_of(room), move |_| {
            MediaRoom::new(shared, theirs, events)
        });
        Box::new(Link { room, desk })
    }
}

/// A room's line to its actor.
struct Link {
    room: Addr<MediaRoom>,
    desk: Arc<Desk>,
}

impl MediaLink for Link {
    fn tell(&self, command: MediaCommand) -> Result<(), LinkError> {
        match command {
            // Policies are never lost: the newest lies on the desk, and any message makes the actor look there.
            MediaCommand::SetPolicy { policy } => {
                *lock(&self.desk.policy) = Some(policy);
                self.room.try_send(Told(None)).or_else(|error| match error {
                    SendError::Full(_) => Ok(()),
                    SendError::Closed(_) => Err(LinkError::Lost),
                })
            }
            command => {
                if matches!(command, MediaCommand::Open { .. }) {
                    lock(&self.desk.policy).take();
                }
                self.room.try_send(Told(Some(command))).map_err(|error| match error {
                    SendError::Full(_) => LinkError::Busy,
                    SendError::Closed(_) => LinkError::Lost,
                })
            }
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.desk.abandoned.store(true, Ordering::Release);
        // If the mailbox is full, the actor sees it at its next tick.
        self.room.try_send(Told(Some(MediaCommand::Close))).ok();
    }
}

/// Opens the port and reads it, on the thread that calls.
async fn carry(config: config::Media, opened: oneshot::Sender<std::io::Result<Arc<Mux>>>) {
    let mux = match Mux::open(&config) {
        Ok(mux) => mux,
        Err(error) => return drop(opened.send(Err(error))),
    };
    if opened.send(Ok(mux.clone())).is_err() {
        return;
    }
    let observed = mux.clone();
    actix::spawn(async move {
        loop {
            observed.observe();
            tokio::time::sleep(OBSERVED_EVERY).await;
        }
    });
    mux.serve().await;
}

fn threads(config: &config::Media) -> usize {
    match config.threads {
        0 => std::thread::available_parallelism().map_or(1, |cores| usize::from(cores).div_ceil(2)),
        threads => threads,
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
