//! What forwarding costs beside Janus's videoroom: the same synthetic players, packets and rates, in turns in one run.
//!
//! Needs Debian's package `janus`. All players live on the main thread, whose time is not counted; of Playhouse the media
//! threads are, of Janus the whole process, kernel time included on both sides. Each figure stands for nothing unless all
//! packets came: how many did is in the table, and fewer than 99 of 100 fail the run.
//!
//! | variable | default | |
//! | --- | --- | --- |
//! | `MEDIA_PUBLISHERS`, `MEDIA_RECEIVERS` | 10, 10 | who sends pictures, who receives them all |
//! | `MEDIA_KBPS` | 500 | of each publisher |
//! | `MEDIA_SECONDS` | 5 | measured, each side, each round |
//! | `MEDIA_ROUNDS` | 5 | |
//! | `MEDIA_SIDES` | all | the first so many sides only: 1 is Playhouse alone, to profile it |

#[path = "support/janus.rs"]
mod janus;
#[path = "support/mod.rs"]
#[allow(clippy::unwrap_used)]
mod support;

use janus::Janus;
use playhouse::{
    config,
    game::MediaKind,
    media::synthetic::{End, Ends, MediaStage, PACKET_BYTES, Synthetic, until},
};
use rtc::{peer_connection::state::RTCPeerConnectionState, rtp_transceiver::rtp_sender::RtpCodecKind};
use std::{
    cell::Cell,
    fs,
    net::{IpAddr, Ipv4Addr, UdpSocket},
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};
use support::median;

const BITS: f64 = 8.0;

fn main() -> anyhow::Result<()> {
    actix::System::new().block_on(measure())
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

struct Load {
    publishers: u64,
    receivers: u64,
    kbps: u64,
    length: Duration,
}

/// A server under load, with its players.
trait Side {
    fn name(&self) -> &str;
    /// This publisher sends one packet.
    fn send(&self, publisher: usize);
    /// Packets of pictures that all receivers have, and numbers they miss.
    fn received(&self) -> (u64, u64);
    /// What the server has used.
    fn cpu(&self) -> anyhow::Result<Duration>;
}

/// What one round of one side has shown.
struct Round {
    cpu_a_gbit: f64,
    /// Of a core, in percent.
    a_hundred_streams: f64,
    arrived: f64,
    lost: u64,
}

async fn measure() -> anyhow::Result<()> {
    let load = Load {
        publishers: setting("MEDIA_PUBLISHERS", 10),
        receivers: setting("MEDIA_RECEIVERS", 10),
        kbps: setting("MEDIA_KBPS", 500),
        length: Duration::from_secs(setting("MEDIA_SECONDS", 5)),
    };
    let shown = setting("MEDIA_SIDES", 3);
    let mut sides: Vec<Box<dyn Side>> = vec![Box::new(Ours::open(&load).await?)];
    if shown > 1 {
        sides.push(Box::new(Theirs::open("janus, 1 loop", Some(1), &load).await?));
    }
    if shown > 2 {
        sides.push(Box::new(Theirs::open("janus, default", None, &load).await?));
    }
    let mut rounds: Vec<Vec<Round>> = sides.iter().map(|_| Vec::new()).collect();
    for _ in 0..setting("MEDIA_ROUNDS", 5) {
        for (side, rounds) in sides.iter().zip(&mut rounds) {
            rounds.push(round(side.as_ref(), &load).await?);
        }
    }
    report(&sides, &rounds, &load);
    let worst = rounds.iter().flatten().map(|round| round.arrived).fold(1.0, f64::min);
    anyhow::ensure!(worst > 0.99, "packets were lost: {worst:.4} came, so the figures say nothing");
    Ok(())
}

/// Publishers take turns, each evenly: real ones do not send all at once.
async fn round(side: &dyn Side, load: &Load) -> anyhow::Result<Round> {
    const DRAIN: Duration = Duration::from_millis(300);
    let a_second = load.kbps as f64 * 1_000.0 / BITS / PACKET_BYTES.1 as f64 * load.publishers as f64;
    let (before, had, start) = (side.cpu()?, side.received(), Instant::now());
    let mut sent = 0_u64;
    while start.elapsed() < load.length {
        let due = (start.elapsed().as_secs_f64() * a_second) as u64;
        while sent < due {
            side.send((sent % load.publishers) as usize);
            sent += 1;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(DRAIN).await;
    let (cpu, have, wall) = (side.cpu()? - before, side.received(), start.elapsed());
    let (packets, cpu) = (have.0 - had.0, cpu.as_secs_f64());
    let gbit = packets as f64 * PACKET_BYTES.1 as f64 * BITS / 1e9;
    let streams = (load.publishers * load.receivers) as f64;
    let round = Round {
        cpu_a_gbit: cpu / gbit,
        a_hundred_streams: cpu / wall.as_secs_f64() * 100.0 / streams * 100.0,
        arrived: packets as f64 / (sent * load.receivers) as f64,
        lost: have.1 - had.1,
    };
    println!(
        "{:<16} {sent} sent, {packets} arrived, {:.3} CPU-s a Gbit, {:.2} us a packet",
        side.name(),
        round.cpu_a_gbit,
        cpu * 1e6 / packets as f64
    );
    Ok(round)
}

fn report(sides: &[Box<dyn Side>], rounds: &[Vec<Round>], load: &Load) {
    let of = |n: usize, what: fn(&Round) -> f64| median(rounds[n].iter().map(what).collect());
    println!("\n{} x {} streams of {} kbit/s, medians", load.publishers, load.receivers, load.kbps);
    println!("| server | CPU-s a Gbit | % of a core, 100 streams | came | missed | Playhouse is |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (n, side) in sides.iter().enumerate() {
        let ratios = rounds[0].iter().zip(&rounds[n]).map(|(us, it)| us.cpu_a_gbit / it.cpu_a_gbit);
        println!(
            "| {} | {:.3} | {:.1} | {:.2} % | {} | {:.2}x |",
            side.name(),
            of(n, |round| round.cpu_a_gbit),
            of(n, |round| round.a_hundred_streams),
            of(n, |round| round.arrived) * 100.0,
            rounds[n].iter().map(|round| round.lost).sum::<u64>(),
            median(ratios.collect()),
        );
    }
}

/// Playhouse, with one media thread.
struct Ours {
    stage: MediaStage,
    sending: Vec<Arc<Synthetic>>,
    watching: Vec<Arc<Synthetic>>,
}

impl Ours {
    async fn open(load: &Load) -> anyhow::Result<Self> {
        let config = config::Media { threads: 1, publishers: 64, peer_kbps: 20_000, ..Default::default() };
        let stage = MediaStage::open(config).await?;
        let (mut sending, mut watching) = (Vec::new(), Vec::new());
        for _ in 0..load.publishers {
            sending.push(stage.join(true).await?);
        }
        for _ in 0..load.receivers {
            watching.push(stage.join(false).await?);
        }
        let ids = |of: &[Arc<Synthetic>]| of.iter().map(|player| player.id).collect::<Vec<_>>();
        stage.allow(&ids(&sending), &ids(&watching));
        let side = Self { stage, sending, watching };
        until("all receivers see all senders", || {
            side.sending.iter().for_each(|player| player.send(MediaKind::Video, None));
            let sees = |to: &Synthetic, from: &Synthetic| to.received(from.id, MediaKind::Video).packets > 0;
            side.watching.iter().all(|to| side.sending.iter().all(|from| sees(to, from)))
        })
        .await;
        Ok(side)
    }
}

impl Side for Ours {
    fn name(&self) -> &str {
        "playhouse"
    }

    fn send(&self, publisher: usize) {
        self.sending[publisher].send(MediaKind::Video, None);
    }

    fn received(&self) -> (u64, u64) {
        let ends = self
            .watching
            .iter()
            .filter_map(|player| player.receiving.lock().unwrap_or_else(PoisonError::into_inner).clone());
        total(ends)
    }

    fn cpu(&self) -> anyhow::Result<Duration> {
        threads_cpu(std::process::id(), true)
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        self.stage.server.stop();
    }
}

/// Janus, with the same ends.
struct Theirs {
    name: &'static str,
    janus: Janus,
    sending: Vec<(Arc<End>, u32, Cell<u64>)>,
    watching: Vec<Arc<End>>,
}

impl Theirs {
    async fn open(name: &'static str, loops: Option<u64>, load: &Load) -> anyhow::Result<Self> {
        let ip = address()?;
        let (mut janus, ends) = (Janus::start(ip, loops).await?, Ends::new(ip)?);
        let (mut sending, mut watching) = (Vec::new(), Vec::new());
        let feeds: Vec<u64> = (1..=load.publishers).collect();
        for feed in &feeds {
            let ssrc = *feed as u32 * 10;
            let (end, offer) = ends.publisher(ssrc, ssrc + 1).await?;
            end.accept(&janus.publish(*feed, &offer).await?)?;
            sending.push((end, ssrc + 1, Cell::new(0)));
        }
        let connected = |end: &End| end.state() == RTCPeerConnectionState::Connected;
        until("janus hears all senders", || sending.iter().all(|(end, ..)| connected(end))).await;
        for _ in 0..load.receivers {
            let (handle, offer) = janus.subscribe(&feeds).await?;
            let (end, answer) = ends.receiver(&offer).await?;
            janus.begin(handle, &answer).await?;
            watching.push(end);
        }
        let side = Self { name, janus, sending, watching };
        until("all receivers of janus see all senders", || {
            (0..side.sending.len()).for_each(|publisher| side.send(publisher));
            side.watching.iter().all(|end| end.streams() == feeds.len())
        })
        .await;
        Ok(side)
    }
}

impl Side for Theirs {
    fn name(&self) -> &str {
        self.name
    }

    fn send(&self, publisher: usize) {
        let (end, ssrc, sent) = &self.sending[publisher];
        end.send(*ssrc, RtpCodecKind::Video, sent.get(), PACKET_BYTES.1, None);
        sent.set(sent.get() + 1);
    }

    fn received(&self) -> (u64, u64) {
        total(self.watching.iter().cloned())
    }

    fn cpu(&self) -> anyhow::Result<Duration> {
        threads_cpu(self.janus.pid(), false)
    }
}

/// An address of this machine that is not loopback, for Janus's ICE takes none that is: packets stay on the machine.
fn address() -> anyhow::Result<IpAddr> {
    const ANYWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(198, 51, 100, 1), 9);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(ANYWHERE)?;
    Ok(socket.local_addr()?.ip())
}

fn total(ends: impl Iterator<Item = Arc<End>>) -> (u64, u64) {
    ends.map(|end| end.received_in_all()).fold((0, 0), |sum, more| (sum.0 + more.0, sum.1 + more.1))
}

/// Time that a process's threads have run, in user space and in the kernel; without the main one if that is so said.
fn threads_cpu(pid: u32, but_main: bool) -> anyhow::Result<Duration> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let task = task?;
        if but_main && task.file_name().to_string_lossy() == pid.to_string() {
            continue;
        }
        let ran = fs::read_to_string(task.path().join("schedstat"))?;
        sum += ran.split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0_u64);
    }
    Ok(Duration::from_nanos(sum))
}
