//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::target::Proto;

/// Virtual players over real sockets: puts a Playhouse server under load, checks what it answers,
/// and reports figures.
#[derive(Parser)]
#[command(version)]
pub struct Cli {
    /// What the players do.
    #[command(subcommand)]
    pub scenario: Scenario,
}

/// The scenarios.
#[derive(Subcommand)]
pub enum Scenario {
    /// Whole games of Mafia, eight players each, every phase, checking the protocol as they go.
    Mafia(MafiaArgs),
    /// Chat in rooms of eight: latency from the send to each receipt, losses, doubles, order.
    Fanout(FanoutArgs),
    /// Silent connections in rooms of eight: the server's memory for each.
    Idle(IdleArgs),
    /// Small requests over WebSocket with many in flight: answers a second.
    Requests(AskArgs),
    /// Connect, join, say something, leave, close, over and over: cycles a second.
    Churn(ChurnArgs),
    /// Clients over TCP (tcp.listen) that ping: latency of the pongs.
    Packets(PacketsArgs),
    /// One member of a flooded room stops reading: what it costs the others, and the server.
    SlowReader(SlowArgs),
    /// Duels: what a lobby costs as it grows, or how fast matches are set up.
    Duel(DuelArgs),
    /// A crowd at an admission queue: order, capacity and double admissions are checked.
    Queue(QueueArgs),
    /// Games, chat, coming and going, duels and packets at once, round after round: does anything grow?
    Soak(SoakArgs),
    /// Playhouse against the bare floor, in turns on one machine, as ratios.
    Compare(CompareArgs),
}

/// Which server, and where the report goes.
#[derive(Args, Clone)]
pub struct Common {
    /// The players' listener of a running server. Given once for each node, `mafia` spreads its players over them,
    /// and whoever loses his node goes on at another.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_delimiter = ',')]
    pub url: Vec<String>,
    /// Its admin listener, for /metrics.
    #[arg(long, default_value = "http://127.0.0.1:9090")]
    pub admin: String,
    /// Its process, for CPU and memory.
    #[arg(long)]
    pub pid: Option<u32>,
    /// Start this server instead, on free ports with a fresh data directory, and stop it at the end.
    #[arg(long, value_name = "PROGRAM")]
    pub spawn: Option<PathBuf>,
    #[command(flatten)]
    pub output: Output,
    /// More arguments for the server that is started: -- --set limits.frame_bytes=1024
    #[arg(last = true, value_name = "SERVER ARGUMENTS")]
    pub server_args: Vec<String>,
}

/// Where the report goes.
#[derive(Args, Clone)]
pub struct Output {
    /// Write all figures to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a page with charts to this file.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Fail if a goal is missed, and not only if something was lost.
    #[arg(long)]
    pub strict: bool,
}

/// `mafia`.
#[derive(Args)]
pub struct MafiaArgs {
    /// Games at the same time.
    #[arg(long, default_value_t = 10)]
    pub games: usize,
    /// Games one after the other at each table.
    #[arg(long, default_value_t = 1)]
    pub rounds: usize,
    /// Length of every timed phase; the server takes no less than 1,000.
    #[arg(long, default_value_t = 1000)]
    pub phase_ms: u64,
    #[command(flatten)]
    pub common: Common,
}

/// `fanout`.
#[derive(Args, Clone)]
pub struct FanoutShape {
    /// Rooms of eight.
    #[arg(long, default_value_t = 125)]
    pub rooms: usize,
    /// Messages a second in all rooms together; each is delivered eight times.
    #[arg(long, default_value_t = 2500.0)]
    pub rate: f64,
    /// Measured time of each step.
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// Time before it that does not count.
    #[arg(long, default_value_t = 2)]
    pub warm_up: u64,
    /// Length of each message's text.
    #[arg(long, default_value_t = crate::stamp::TEXT_BYTES)]
    pub text_bytes: usize,
}

impl FanoutShape {
    /// Measured time of each step.
    pub fn run(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// Time before it.
    pub fn warm_up(&self) -> Duration {
        Duration::from_secs(self.warm_up)
    }
}

/// `fanout`.
#[derive(Args)]
pub struct FanoutArgs {
    #[command(flatten)]
    pub shape: FanoutShape,
    /// Raise the rate from --rate on until p99 reaches 50 ms.
    #[arg(long)]
    pub ramp: bool,
    /// What the server speaks; raw is for benches/bare_fanout.rs.
    #[arg(long, value_enum, default_value = "json")]
    pub proto: Proto,
    #[command(flatten)]
    pub common: Common,
}

/// `duel`.
#[derive(Args)]
pub struct DuelArgs {
    /// Which of the two.
    #[arg(value_enum)]
    pub what: DuelWhat,
    /// Players in the lobby, one size after the other.
    #[arg(long, value_delimiter = ',', default_values_t = [50, 125, 250, 500])]
    pub sizes: Vec<usize>,
    /// Joins and leaves a second.
    #[arg(long, default_value_t = 50.0)]
    pub rate: f64,
    /// Pairs that set up matches at the same time.
    #[arg(long, default_value_t = 50)]
    pub pairs: usize,
    /// Measured time, of each lobby too.
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    #[command(flatten)]
    pub common: Common,
}

/// What of duels is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DuelWhat {
    /// Players who come and go under the eyes of many.
    Lobby,
    /// Pairs from the request to `match_started`.
    Setups,
}

/// `idle`.
#[derive(Args)]
pub struct IdleArgs {
    /// Connections, seated in rooms of eight.
    #[arg(long, default_value_t = 1000)]
    pub connections: usize,
    /// How long they stay silent.
    #[arg(long, default_value_t = 20)]
    pub seconds: u64,
    /// What the server speaks.
    #[arg(long, value_enum, default_value = "json")]
    pub proto: Proto,
    #[command(flatten)]
    pub common: Common,
}

/// `requests`.
#[derive(Args)]
pub struct AskArgs {
    /// Clients, each with a socket.
    #[arg(long, default_value_t = 250)]
    pub clients: usize,
    /// Requests that are not answered, of all of them together.
    #[arg(long, default_value_t = 1000)]
    pub in_flight: usize,
    /// Measured time.
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    #[command(flatten)]
    pub common: Common,
}

/// `churn`.
#[derive(Args)]
pub struct ChurnArgs {
    /// Players who come and go at the same time.
    #[arg(long, default_value_t = 64)]
    pub players: usize,
    /// Measured time.
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// What the server speaks.
    #[arg(long, value_enum, default_value = "json")]
    pub proto: Proto,
    #[command(flatten)]
    pub common: Common,
}

/// `packets`.
#[derive(Args)]
pub struct PacketsArgs {
    /// The server's tcp.listen; with --spawn the server listens there.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7777")]
    pub tcp: String,
    /// Clients at the same time.
    #[arg(long, default_value_t = 1000)]
    pub clients: usize,
    /// Pings a second of each.
    #[arg(long, default_value_t = 1.0)]
    pub rate: f64,
    /// Measured time.
    #[arg(long, default_value_t = 20)]
    pub seconds: u64,
    #[command(flatten)]
    pub common: Common,
}

/// `queue`.
#[derive(Args)]
pub struct QueueArgs {
    /// How many come.
    #[arg(long, default_value_t = 500)]
    pub people: usize,
    /// And within which time, in seconds.
    #[arg(long, default_value_t = 5)]
    pub within_s: u64,
    /// Places of the queue.
    #[arg(long, default_value_t = 50)]
    pub capacity: usize,
    /// Seats that are sold to those inside, for points; when they are sold the line is sent home. 500 at most.
    #[arg(long, default_value_t = 0)]
    pub seats: usize,
    /// Admissions a second at most.
    #[arg(long)]
    pub rate_per_s: Option<f64>,
    /// How long one stays inside, in ms; half of it more or less.
    #[arg(long, default_value_t = 200)]
    pub stay_ms: u64,
    /// Sockets open at once at most, of players and of REST calls.
    #[arg(long, default_value_t = 400)]
    pub sockets: usize,
    /// Of the sockets that players may have (half of them), how many they take, in percent.
    #[arg(long, default_value_t = 50)]
    pub sockets_percent: usize,
    /// Who does what when is drawn from it.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// An ADMIN of a server that runs already, who makes the queue; his password is in PLAYHOUSE_ADMIN_PASSWORD.
    #[arg(long)]
    pub admin_name: Option<String>,
    #[command(flatten)]
    pub common: Common,
}

/// `slow-reader`.
#[derive(Args)]
pub struct SlowArgs {
    /// Rooms of eight; the first one is flooded.
    #[arg(long, default_value_t = 4)]
    pub rooms: usize,
    /// Messages a second; nine of ten go to the flooded room.
    #[arg(long, default_value_t = 2500.0)]
    pub rate: f64,
    /// Length of each message's text.
    #[arg(long, default_value_t = 450)]
    pub text_bytes: usize,
    /// Length of each flood.
    #[arg(long, default_value_t = 8)]
    pub seconds: u64,
    /// Floods with the slow reader, and as many without.
    #[arg(long, default_value_t = 5)]
    pub runs: usize,
    /// What the server speaks.
    #[arg(long, value_enum, default_value = "json")]
    pub proto: Proto,
    #[command(flatten)]
    pub common: Common,
}

/// `soak`.
#[derive(Args)]
pub struct SoakArgs {
    /// How long, in minutes.
    #[arg(long, default_value_t = 60.0)]
    pub minutes: f64,
    /// Length of a round, in seconds; a game that takes longer makes it longer.
    #[arg(long, default_value_t = 60)]
    pub round_s: u64,
    /// Games of Mafia with eight players, one after the other at each table.
    #[arg(long, default_value_t = 10)]
    pub games: usize,
    /// Rooms of eight that chat.
    #[arg(long, default_value_t = 40)]
    pub rooms: usize,
    /// Their messages a second, together; each is delivered eight times.
    #[arg(long, default_value_t = 1_000.0)]
    pub rate: f64,
    /// Players who come and go.
    #[arg(long, default_value_t = 4)]
    pub visitors: usize,
    /// Pairs that set up one duel after the other.
    #[arg(long, default_value_t = 1)]
    pub pairs: usize,
    /// Clients over TCP that ping once a second.
    #[arg(long, default_value_t = 200)]
    pub clients: usize,
    /// The server's tcp.listen; with --spawn the server listens there.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7777")]
    pub tcp: String,
    #[command(flatten)]
    pub common: Common,
}

/// `compare`.
#[derive(Args)]
pub struct CompareArgs {
    /// The release build of playhouse.
    #[arg(long)]
    pub playhouse: PathBuf,
    /// The release build of the floor; `cargo bench --bench bare_fanout -- --path` prints where it is.
    #[arg(long)]
    pub floor: PathBuf,
    /// Runs of each, in turns; the median counts.
    #[arg(long, default_value_t = 5)]
    pub runs: usize,
    /// Searches for the highest rate of each, in turns; they take most of the time.
    #[arg(long, default_value_t = 1)]
    pub ramps: usize,
    /// Measured time of each of their steps.
    #[arg(long, default_value_t = 4)]
    pub ramp_seconds: u64,
    /// Messages a second of their first step.
    #[arg(long, default_value_t = 10_000.0)]
    pub ramp_from: f64,
    #[command(flatten)]
    pub shape: FanoutShape,
    #[command(flatten)]
    pub output: Output,
    /// More arguments for playhouse.
    #[arg(last = true, value_name = "SERVER ARGUMENTS")]
    pub server_args: Vec<String>,
}
