//! The `playhouse` binary: settings, a node, a signal, a graceful stop; and the operator's subcommands.

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use playhouse::{
    clock::SystemClock, config::Config, game::Registry, node::Node, operator, store::Store, telemetry,
};
use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

/// A game backend whose rooms survive their server.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// Settings file (TOML).
    #[arg(long, global = true, env = "PLAYHOUSE_CONFIG")]
    config: Option<PathBuf>,
    /// One setting: section.field=value. Wins over the file and the environment.
    #[arg(long = "set", global = true, value_name = "SECTION.FIELD=VALUE")]
    sets: Vec<String>,
    /// What the node is for, as node.roles: --roles gateway,game is a node for players and rooms, which asks nodes with the
    /// role db for what is in the database.
    #[arg(long, global = true, value_delimiter = ',', value_name = "ROLE,…")]
    roles: Vec<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

impl Cli {
    /// `--set`s, and what `--roles` says in their words.
    fn settings(&self) -> Vec<String> {
        let mut sets = self.sets.clone();
        if !self.roles.is_empty() {
            let roles: Vec<String> = self.roles.iter().map(|role| format!("{role:?}")).collect();
            sets.push(format!("node.roles=[{}]", roles.join(",")));
        }
        sets
    }
}

#[derive(Subcommand)]
enum Command {
    /// Runs a node (the default).
    Serve,
    /// Prints every setting with its value, unit and meaning.
    Config,
    /// Brings the database up to date and exits.
    Migrate,
    /// Asks the node of these settings on this machine whether it is alive: for images that hold nothing else.
    Health,
    /// What is done on the machine itself: the first ADMIN, new signing keys.
    Admin {
        #[command(subcommand)]
        command: AdminCommand,
    },
    /// Plays the stored log of a match again and checks that every effect is the same.
    Replay {
        /// What `GET /api/v1/matches/{id}` answered.
        file: PathBuf,
    },
}

#[derive(Subcommand)]
enum AdminCommand {
    /// Makes an ADMIN. The password is asked for, or read from PLAYHOUSE_ADMIN_PASSWORD or standard input.
    Create {
        /// The name to sign in with.
        name: String,
    },
    /// Adds a signing key; nobody is signed out, nodes notice by themselves.
    RotateKeys,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let config = Config::load(cli.config.as_deref(), &cli.settings())?;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => {
            telemetry::init_logs(&config);
            actix::System::new().block_on(serve(config))
        }
        Command::Config => {
            print!("{}", config.describe());
            Ok(())
        }
        Command::Migrate => actix::System::new().block_on(migrate(config)),
        Command::Admin { command } => actix::System::new().block_on(admin(config, command)),
        Command::Health => health(config.admin.listen),
        Command::Replay { file } => replay(&file),
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let node = Node::start(config, Registry::standard()).await?;
    println!("Playhouse is up.");
    println!("  play        {}://{}/", node.scheme(), node.address);
    if let Some(tcp) = node.tcp_address {
        println!("  packets     {}://{tcp}", if node.scheme() == "https" { "tls" } else { "tcp" });
    }
    println!("  health      http://{}/readyz", node.admin_address);
    println!("  metrics     http://{}/metrics", node.admin_address);
    println!("Press Ctrl-C to stop: rooms are kept, and players resume when the node is back.");
    wait_for_signal(&node).await?;
    node.stop().await;
    Ok(())
}

/// Until one ends the node. Where there is a certificate, SIGHUP does not, but has it looked at.
async fn wait_for_signal(node: &Node) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
            _ = hang_up.recv() => node.reload_certificate(),
        }
    }
}

async fn migrate(config: Config) -> anyhow::Result<()> {
    let store = Store::open(&config, Arc::new(SystemClock)).await?;
    store.close().await;
    println!("The database is up to date.");
    Ok(())
}

async fn admin(config: Config, command: AdminCommand) -> anyhow::Result<()> {
    match command {
        AdminCommand::Create { name } => {
            let admin = operator::create_admin(config, &name, &operator::read_password()?).await?;
            println!("{name} is an ADMIN: account {}.", admin.id);
        }
        AdminCommand::RotateKeys => {
            let settle_s = config.auth.key_settle_s;
            let kid = operator::rotate_keys(config).await?;
            println!("Key {kid} was added; it signs in {settle_s} s. Tokens of the one before stay good.");
        }
    }
    Ok(())
}

/// `GET /healthz`: an error, and so a non-zero exit, unless the answer is 200.
fn health(mut admin: SocketAddr) -> anyhow::Result<()> {
    const LONGEST: Duration = Duration::from_secs(2);
    if admin.ip().is_unspecified() {
        admin.set_ip(if admin.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    let mut socket =
        TcpStream::connect_timeout(&admin, LONGEST).with_context(|| format!("nobody listens on {admin}"))?;
    socket.set_read_timeout(Some(LONGEST))?;
    socket.write_all(
        format!("GET /healthz HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut status = [0; 12];
    socket.read_exact(&mut status).with_context(|| format!("{admin} does not answer"))?;
    anyhow::ensure!(status.ends_with(b" 200"), "{admin} answers {}", String::from_utf8_lossy(&status));
    Ok(())
}

fn replay(file: &std::path::Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let recording: playhouse::game::replay::Recording =
        serde_json::from_str(&text).context("this is not the log of a match")?;
    println!("{}", recording.timeline());
    let report = recording.verify(&Registry::standard())?;
    println!("{report}");
    Ok(())
}
