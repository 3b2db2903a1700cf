//! Players without browsers: real connections to a real port, made of the same crate, for tests and benchmarks.
//!
//! Owns a [`MediaStage`]: a media server, one room on it, and players who publish and receive by themselves. Never in a
//! release build.

mod camera;
mod end;
mod foreign;

pub use camera::{Camera, SIZES};
pub use end::{End, Received};
pub use foreign::Ends;

use super::{
    ClientSignal, MediaCommand, MediaEvent, MediaLink, MediaServer as _, Pc, PcState, PeerState, Policy,
    RoomStats, Server, ServerSignal, Stream, Track, codec::Codec, engine::Engine,
};
use crate::{
    config,
    game::MediaKind,
    ids::{PlayerId, RoomId},
};
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::mpsc;

/// Bytes of a synthetic packet of sound, and of pictures.
pub const PACKET_BYTES: (usize, usize) = (80, 1_000);

/// Where players are.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A player.
pub struct Synthetic {
    /// Who.
    pub id: PlayerId,
    /// He sends on this.
    pub publishing: Mutex<Option<Arc<End>>>,
    /// He receives on this.
    pub receiving: Mutex<Option<Arc<End>>>,
    ssrcs: [u32; 2],
    codecs: &'static [Codec],
    sent: [AtomicU64; 2],
    streams: Mutex<Vec<(Track, u32)>>,
    /// He has said that he threw this connection away, and has no echo yet.
    awaits: [AtomicBool; 2],
    /// Offers he has had.
    pub offers: AtomicU64,
    /// The lines of the last one.
    pub lines: AtomicU64,
}

/// What a room's media has said.
#[derive(Default)]
pub struct Heard {
    /// Of each player.
    pub states: HashMap<PlayerId, PeerState>,
    /// Who spoke and ceased to, in order.
    pub speaking: Vec<(PlayerId, bool)>,
    /// Everything that was refused or reset.
    pub others: Vec<MediaEvent>,
    stats: Vec<RoomStats>,
}

/// A server, one room, its players.
pub struct MediaStage {
    /// The node's media.
    pub server: Arc<Server>,
    /// The room.
    pub link: Arc<Mutex<Box<dyn MediaLink>>>,
    /// Who is in it.
    pub players: Arc<Mutex<Vec<Arc<Synthetic>>>>,
    /// What it said.
    pub heard: Arc<Mutex<Heard>>,
    engine: Engine,
}

impl MediaStage {
    /// On a free port, with these settings. Must run in an actix system.
    pub async fn open(config: config::Media) -> anyhow::Result<Self> {
        let server = Server::start(&config::Media { udp_port: 0, ..config }).await?;
        let (events, heard) = mpsc::unbounded_channel();
        let link = server.link(RoomId::new(), Arc::new(move |event| drop(events.send(event))));
        let stage = Self {
            server,
            link: Arc::new(Mutex::new(link)),
            players: Arc::default(),
            heard: Arc::default(),
            engine: Engine::new(Duration::from_secs(5), Duration::from_secs(10))?,
        };
        stage.tell(MediaCommand::Open { policy: Policy::default() });
        let (link, players) = (stage.link.clone(), stage.players.clone());
        tokio::spawn(follow(heard, link, players, stage.heard.clone(), stage.engine.clone()));
        Ok(stage)
    }

    /// Tells the room's media something.
    pub fn tell(&self, command: MediaCommand) {
        if let Err(error) = lock(&self.link).tell(command) {
            tracing::warn!(%error, "a command was lost");
        }
    }

    /// Everybody receives everybody.
    pub fn all_to_all(&self) {
        let ids: Vec<_> = lock(&self.players).iter().map(|player| player.id).collect();
        self.allow(&ids, &ids);
    }

    /// These receive those, and nobody else anything.
    pub fn allow(&self, from: &[PlayerId], to: &[PlayerId]) {
        let of = |from: &PlayerId, kind| Stream { from: *from, kind, to: to.to_vec() };
        let streams =
            from.iter().flat_map(|from| [of(from, MediaKind::Audio), of(from, MediaKind::Video)]).collect();
        self.tell(MediaCommand::SetPolicy { policy: Policy { streams } });
    }

    /// A player comes; he receives, and sends if he `publishes`. Of pictures he knows VP8 alone.
    pub async fn join(&self, publishes: bool) -> anyhow::Result<Arc<Synthetic>> {
        self.join_with(publishes, false).await
    }

    /// The same; he knows H.264 too if `h264`.
    pub async fn join_with(&self, publishes: bool, h264: bool) -> anyhow::Result<Arc<Synthetic>> {
        let player = Arc::new(Synthetic {
            id: PlayerId::new(),
            publishing: Mutex::default(),
            receiving: Mutex::default(),
            ssrcs: [rand::random::<u32>().max(1), rand::random::<u32>().max(1)],
            codecs: Codec::all(h264),
            sent: Default::default(),
            streams: Mutex::default(),
            awaits: Default::default(),
            offers: AtomicU64::new(0),
            lines: AtomicU64::new(0),
        });
        lock(&self.players).push(player.clone());
        self.tell(MediaCommand::Join { player: player.id });
        self.signal(
            &player,
            ClientSignal::State { pc: Pc::Sub, state: PcState::Ready, audio: None, video: None },
        );
        if publishes {
            self.publish(&player).await?;
        }
        Ok(player)
    }

    /// He begins to publish, on a fresh connection.
    pub async fn publish(&self, player: &Arc<Synthetic>) -> anyhow::Result<()> {
        let end = End::open(&self.engine, Pc::Pub, HERE, player.codecs).await?;
        end.add("sound", RtpCodecKind::Audio, player.ssrcs[0])?;
        end.add("pictures", RtpCodecKind::Video, player.ssrcs[1])?;
        let sdp = end.offer(false)?;
        *lock(&player.publishing) = Some(end);
        self.signal(player, ClientSignal::Offer { sdp });
        Ok(())
    }

    /// His page says this.
    pub fn signal(&self, player: &Synthetic, signal: ClientSignal) {
        if let ClientSignal::Reset { pc } = &signal {
            player.awaits[*pc as usize].store(true, Relaxed);
        }
        self.tell(MediaCommand::Signal { player: player.id, signal });
    }

    /// He goes; his sockets close.
    pub fn leave(&self, player: &Synthetic) {
        lock(&self.players).retain(|other| other.id != player.id);
        self.tell(MediaCommand::Leave { player: player.id });
        player.close();
    }

    /// What the room's media has done.
    pub async fn stats(&self) -> RoomStats {
        let before = lock(&self.heard).stats.len();
        self.tell(MediaCommand::Stats);
        until("the room's figures", || lock(&self.heard).stats.len() > before).await;
        lock(&self.heard).stats.last().copied().unwrap_or_default()
    }

    /// Every publisher's streams reach every receiver's page. Packets flow meanwhile.
    pub async fn until_all_receive(&self) {
        let players = lock(&self.players).clone();
        until("everybody receives everybody", || {
            players.iter().for_each(|player| player.send_both(None));
            let senders = || players.iter().filter(|from| lock(&from.publishing).is_some());
            players.iter().all(|to| {
                let others = senders().filter(|from| from.id != to.id);
                others.into_iter().all(|from| to.received(from.id, MediaKind::Video).packets > 0)
            })
        })
        .await;
    }
}

impl Synthetic {
    /// Sends a packet of this kind; with a loudness if it is sound.
    pub fn send(&self, kind: MediaKind, level: Option<u8>) {
        self.send_number(kind, self.leave_out(kind), level);
    }

    /// A number of this stream that is not sent, for now.
    pub fn leave_out(&self, kind: MediaKind) -> u64 {
        self.sent[usize::from(kind == MediaKind::Video)].fetch_add(1, Relaxed)
    }

    /// Sends the packet of this number.
    pub fn send_number(&self, kind: MediaKind, number: u64, level: Option<u8>) {
        let (n, kind, bytes) = match kind {
            MediaKind::Audio => (0, RtpCodecKind::Audio, PACKET_BYTES.0),
            MediaKind::Video => (1, RtpCodecKind::Video, PACKET_BYTES.1),
        };
        let end = lock(&self.publishing).clone();
        if let Some(end) = end {
            end.send(self.ssrcs[n], kind, number, bytes, level);
        }
    }

    /// Sends a packet of each kind.
    pub fn send_both(&self, level: Option<u8>) {
        self.send(MediaKind::Audio, level);
        self.send(MediaKind::Video, None);
    }

    /// What he has received of this player's stream.
    pub fn received(&self, from: PlayerId, kind: MediaKind) -> Received {
        let streams = lock(&self.streams);
        let stream = streams.iter().find(|(track, _)| track.player_id == from && track.kind == kind);
        let end = lock(&self.receiving);
        stream.zip(end.as_ref()).map(|((_, ssrc), end)| end.received(*ssrc)).unwrap_or_default()
    }

    /// Both his ends close.
    pub fn close(&self) {
        for end in [&self.publishing, &self.receiving] {
            if let Some(end) = lock(end).take() {
                end.close();
            }
        }
    }

    async fn answer(&self, engine: &Engine, sdp: &str, tracks: &[Track]) -> anyhow::Result<String> {
        let existing = lock(&self.receiving).clone();
        let end = match existing {
            Some(end) => end,
            None => End::open(engine, Pc::Sub, HERE, self.codecs).await?,
        };
        *lock(&self.receiving) = Some(end.clone());
        *lock(&self.streams) = end::streams(sdp, tracks);
        self.offers.fetch_add(1, Relaxed);
        self.lines.store(sdp.matches("\r\nm=").count() as u64, Relaxed);
        end.answer(sdp)
    }
}

/// Plays the pages: answers what is offered, notes the rest.
async fn follow(
    mut events: mpsc::UnboundedReceiver<MediaEvent>,
    link: Arc<Mutex<Box<dyn MediaLink>>>,
    players: Arc<Mutex<Vec<Arc<Synthetic>>>>,
    heard: Arc<Mutex<Heard>>,
    engine: Engine,
) {
    while let Some(event) = events.recv().await {
        match event {
            MediaEvent::Signal { player, signal } => {
                let Some(him) = lock(&players).iter().find(|other| other.id == player).cloned() else {
                    continue;
                };
                match signal {
                    ServerSignal::Reset { pc } if him.awaits[pc as usize].swap(false, Relaxed) => {}
                    ServerSignal::Offer { .. } if him.awaits[Pc::Sub as usize].load(Relaxed) => {}
                    ServerSignal::Answer { .. } if him.awaits[Pc::Pub as usize].load(Relaxed) => {}
                    ServerSignal::Offer { sdp, tracks } => match him.answer(&engine, &sdp, &tracks).await {
                        Ok(sdp) => {
                            let signal = ClientSignal::Answer { sdp };
                            lock(&link).tell(MediaCommand::Signal { player, signal }).ok();
                        }
                        Err(error) => tracing::warn!(%error, "an offer was not understood"),
                    },
                    ServerSignal::Answer { sdp } => {
                        if let Some(Err(error)) = lock(&him.publishing).as_ref().map(|end| end.accept(&sdp)) {
                            tracing::warn!(%error, "an answer was not understood");
                        }
                    }
                    signal => lock(&heard).others.push(MediaEvent::Signal { player, signal }),
                }
            }
            MediaEvent::State { player, state } => drop(lock(&heard).states.insert(player, state)),
            MediaEvent::Speaking { player, speaking } => lock(&heard).speaking.push((player, speaking)),
            MediaEvent::Stats { stats } => lock(&heard).stats.push(stats),
            other => lock(&heard).others.push(other),
        }
    }
}

/// Waits until it is so, for real: packets cross real sockets. Panics, naming what it waited for, after 20 s.
pub async fn until(what: &str, mut so: impl FnMut() -> bool) {
    const LONGEST: Duration = Duration::from_secs(20);
    const STEP: Duration = Duration::from_millis(20);
    let wait = async {
        while !so() {
            tokio::time::sleep(STEP).await;
        }
    };
    assert!(tokio::time::timeout(LONGEST, wait).await.is_ok(), "waited in vain: {what}");
}

/// Locks, whatever happened to others who held it.
pub fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
