//! What forwarding costs: CPU-seconds of the media threads per forwarded gigabit, and in percent of a core per 100
//! streams of 500 kbit/s.
//!
//! Synthetic players send over real sockets and real DTLS-SRTP; they live on the main thread, whose time is not counted.
//!
//! | variable | default | |
//! | --- | --- | --- |
//! | `MEDIA_PUBLISHERS`, `MEDIA_RECEIVERS` | 10, 10 | who sends pictures, who receives them all |
//! | `MEDIA_KBPS` | 500 | of each publisher |
//! | `MEDIA_SECONDS` | 10 | measured |
//! | `MEDIA_THREADS` | 1 | that forward |
//! | `MEDIA_SOAK_MINUTES` | none | instead: 12 players who all send and receive; fails if memory grows in the second half or anything is left when all have gone |

use playhouse::{
    config,
    game::MediaKind,
    media::synthetic::{MediaStage, PACKET_BYTES, Synthetic, until},
};
use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

fn main() -> anyhow::Result<()> {
    actix::System::new().block_on(async {
        match setting("MEDIA_SOAK_MINUTES") {
            Some(minutes) => soak(Duration::from_secs(minutes * 60)).await,
            None => measure().await,
        }
    })
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn stage_config() -> config::Media {
    let threads = setting("MEDIA_THREADS").unwrap_or(1) as usize;
    config::Media { threads, publishers: 64, peer_kbps: 20_000, ..config::Media::default() }
}

async fn room(senders: u64, receivers: u64) -> anyhow::Result<(MediaStage, Vec<Arc<Synthetic>>)> {
    let stage = MediaStage::open(stage_config()).await?;
    let mut players = Vec::new();
    for n in 0..senders + receivers {
        players.push(stage.join(n < senders).await?);
    }
    Ok((stage, players))
}

async fn measure() -> anyhow::Result<()> {
    let (publishers, receivers) =
        (setting("MEDIA_PUBLISHERS").unwrap_or(10), setting("MEDIA_RECEIVERS").unwrap_or(10));
    let (kbps, seconds) = (setting("MEDIA_KBPS").unwrap_or(500), setting("MEDIA_SECONDS").unwrap_or(10));
    let (stage, players) = room(publishers, receivers).await?;
    let (sending, watching) = players.split_at(publishers as usize);
    let ids = |of: &[Arc<Synthetic>]| of.iter().map(|player| player.id).collect::<Vec<_>>();
    stage.allow(&ids(sending), &ids(watching));
    until("all receivers see all senders", || {
        sending.iter().for_each(|player| player.send_both(None));
        let sees =
            |to: &Synthetic| sending.iter().all(|from| to.received(from.id, MediaKind::Video).packets > 0);
        watching.iter().all(|to| sees(to))
    })
    .await;

    let before = (stage.stats().await, media_cpu()?, Instant::now());
    send(sending, kbps, Duration::from_secs(seconds)).await;
    let (after, cpu, wall) = (stage.stats().await, media_cpu()? - before.1, before.2.elapsed());
    let packets = after.packets_out - before.0.packets_out;
    let gbit = (after.bytes_out - before.0.bytes_out) as f64 * 8.0 / 1e9;
    let streams = (publishers * receivers) as f64;
    let received: u64 = watching
        .iter()
        .flat_map(|to| sending.iter().map(|from| to.received(from.id, MediaKind::Video).packets))
        .sum();
    println!("streams                   {streams} of {kbps} kbit/s, {wall:.1?}");
    println!(
        "forwarded                 {packets} packets, {gbit:.3} Gbit ({received} received since the start)"
    );
    println!("queue full, over rate     {}, {}", after.queue_full, after.over_rate);
    println!("CPU of the media threads  {cpu:.3?}");
    println!("CPU-seconds per Gbit      {:.3}", cpu.as_secs_f64() / gbit);
    println!("microseconds per packet   {:.2}", cpu.as_secs_f64() * 1e6 / packets as f64);
    let percent = cpu.as_secs_f64() / wall.as_secs_f64() * 100.0;
    println!("% of a core, 100 streams  {:.2}", percent / streams * 100.0);
    stage.server.stop();
    Ok(())
}

/// Each sends pictures of so many kbit/s, evenly.
async fn send(players: &[Arc<Synthetic>], kbps: u64, length: Duration) {
    const BITS: f64 = 8.0;
    let every = Duration::from_secs_f64(PACKET_BYTES.1 as f64 * BITS / (kbps as f64 * 1_000.0));
    let mut tick = tokio::time::interval(every);
    let end = Instant::now() + length;
    while Instant::now() < end {
        tick.tick().await;
        players.iter().for_each(|player| player.send(MediaKind::Video, None));
    }
}

/// Time that threads other than the main one have run.
fn media_cpu() -> anyhow::Result<Duration> {
    let main = std::process::id().to_string();
    let mut sum = 0;
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?;
        if task.file_name().to_string_lossy() != main {
            let ran = fs::read_to_string(task.path().join("schedstat"))?;
            sum += ran.split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0_u64);
        }
    }
    Ok(Duration::from_nanos(sum))
}

/// Twelve who all send and receive, for long.
async fn soak(length: Duration) -> anyhow::Result<()> {
    const PLAYERS: u64 = 12;
    const KBPS: u64 = 300;
    const SLICES: u32 = 20;
    const GROWTH_KIB: u64 = 4_096;
    let sockets = open_files()?;
    let (stage, players) = room(PLAYERS, 0).await?;
    stage.all_to_all();
    stage.until_all_receive().await;
    let mut memory = Vec::new();
    for _ in 0..SLICES {
        send(&players, KBPS, length / SLICES).await;
        memory.push(resident_kib()?);
        println!("{} KiB, {:?}", memory[memory.len() - 1], stage.stats().await);
    }
    players.iter().for_each(|player| stage.leave(player));
    until("all connections are closed", || stage.server.counts() == (0, 0)).await;
    let (half, last) = (memory[memory.len() / 2], memory[memory.len() - 1]);
    println!("half way {half} KiB, at the end {last} KiB");
    anyhow::ensure!(last <= half + GROWTH_KIB, "memory grows");
    stage.server.stop();
    drop(stage);
    until("all sockets are closed", || open_files().is_ok_and(|now| now <= sockets + 8)).await;
    Ok(())
}

fn open_files() -> anyhow::Result<usize> {
    Ok(fs::read_dir("/proc/self/fd")?.count())
}

fn resident_kib() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    Ok(line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0))
}
