//! The server under load: one that runs already, or a child of ours on free ports.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::time::{Instant, sleep};

use crate::procfs::{self, Process};

/// A debug build on a busy machine takes some seconds to open its database.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a child may drain before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(50);
const LOG_TAIL_LINES: usize = 12;

/// What is spoken on the sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Proto {
    /// The wire protocol of spec 1 in JSON.
    Json,
    /// Bare text frames, as `benches/bare_fanout.rs` speaks them.
    Raw,
}

/// A server and how to reach it.
pub struct Target {
    /// What it is called in the report.
    pub name: String,
    /// What it speaks.
    pub proto: Proto,
    /// `http://host:port` of the players' listener of each node.
    pub urls: Vec<String>,
    /// `http://host:port` of the admin listener, if there is one.
    pub admin: Option<String>,
    /// Its process, where it runs on this machine.
    pub pid: Option<u32>,
    /// One client for all REST calls.
    pub http: reqwest::Client,
    child: Option<Spawned>,
}

struct Spawned {
    child: Child,
    dir: PathBuf,
    program: PathBuf,
    /// As it was started.
    arguments: Vec<String>,
}

impl Target {
    /// A server that somebody else has started, of one node or many.
    pub fn running(urls: &[String], admin: Option<&str>, pid: Option<u32>, proto: Proto) -> Self {
        let trim = |url: &str| url.trim_end_matches('/').to_owned();
        Self {
            name: if proto == Proto::Raw { "bare floor" } else { "playhouse" }.to_owned(),
            proto,
            urls: urls.iter().map(|url| trim(url)).collect(),
            admin: admin.map(trim),
            pid,
            http: reqwest::Client::new(),
            child: None,
        }
    }

    /// Starts `program` as a child with settings for a load test and waits until it is ready.
    /// `settings` are `section.field=value`; `extra` arguments follow as they are, and win.
    pub async fn spawn(program: &Path, proto: Proto, settings: &[&str], extra: &[String]) -> Result<Self> {
        let (listen, admin) = (free_address()?, free_address()?);
        let dir = fresh_dir()?;
        let mut command = Command::new(program);
        let mut arguments = match proto {
            Proto::Raw => vec!["--serve".to_owned(), "--listen".to_owned(), listen.clone()],
            Proto::Json => arguments(&listen, &admin, &dir, settings),
        };
        arguments.extend(extra.iter().cloned());
        command.args(&arguments);
        let log = File::create(dir.join("server.log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("start {}", program.display()))?;
        let admin = (proto == Proto::Json).then(|| format!("http://{admin}"));
        let mut target =
            Self::running(&[format!("http://{listen}")], admin.as_deref(), Some(child.id()), proto);
        target.child = Some(Spawned { child, dir, program: program.to_owned(), arguments });
        target.await_ready().await?;
        Ok(target)
    }

    /// Makes an ADMIN of a server that we have started: name and password. `None`: it is somebody else's.
    pub fn make_admin(&self) -> Result<Option<(String, String)>> {
        let Some(spawned) = &self.child else { return Ok(None) };
        let (name, password) = ("load", "a password for a load test");
        let mut command = Command::new(&spawned.program);
        command.args(&spawned.arguments).args(["admin", "create", name]);
        let made = command.env("PLAYHOUSE_ADMIN_PASSWORD", password).output()?;
        ensure!(made.status.success(), "admin create: {}", String::from_utf8_lossy(&made.stderr));
        Ok(Some((name.to_owned(), password.to_owned())))
    }

    /// The players' listener of the node for this place: players are spread over all.
    pub fn url(&self, place: usize) -> &str {
        self.urls.get(place % self.urls.len().max(1)).map_or("", String::as_str)
    }

    /// `host:port` of the first node's players' listener.
    pub fn authority(&self) -> &str {
        authority(self.url(0))
    }

    /// `host:port` of the players' listeners of all nodes.
    pub fn authorities(&self) -> Arc<[String]> {
        self.urls.iter().map(|url| authority(url).to_owned()).collect()
    }

    /// The server's process figures; zeros where it is not on this machine.
    pub fn process(&self) -> Process {
        self.pid.and_then(|pid| procfs::process(pid).ok()).unwrap_or_default()
    }

    async fn await_ready(&mut self) -> Result<()> {
        let probe =
            self.admin.as_ref().map_or_else(|| self.url(0).to_owned(), |admin| format!("{admin}/readyz"));
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if let Ok(answer) = self.http.get(&probe).send().await {
                // A 404 comes from a server without that page, which listens all the same.
                if answer.status().is_success() || answer.status().is_client_error() {
                    return Ok(());
                }
            }
            self.ensure_alive()?;
            ensure!(Instant::now() < deadline, "the server was not ready in time\n{}", self.log_tail());
            sleep(POLL).await;
        }
    }

    /// Fails, with the end of the log, if our child has died.
    pub fn ensure_alive(&mut self) -> Result<()> {
        let tail = self.log_tail();
        if let Some(spawned) = &mut self.child
            && let Some(status) = spawned.child.try_wait()?
        {
            bail!("the server ended: {status}\n{tail}");
        }
        Ok(())
    }

    fn log_tail(&self) -> String {
        let Some(spawned) = &self.child else { return String::new() };
        let log = std::fs::read_to_string(spawned.dir.join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }

    /// Asks our child to end, waits for its drain, and removes its data. Nothing to do for others.
    pub async fn stop(mut self) -> Result<()> {
        let Some(mut spawned) = self.child.take() else { return Ok(()) };
        let asked = Command::new("kill").args(["-TERM", &spawned.child.id().to_string()]).status()?;
        let deadline = Instant::now() + STOP_LIMIT;
        while asked.success() && Instant::now() < deadline {
            if spawned.child.try_wait()?.is_some() {
                return Ok(());
            }
            sleep(POLL).await;
        }
        Ok(()) // dropping `spawned` kills
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        // Errors here mean that it has ended already or that the system cleans up for us.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn arguments(listen: &str, admin: &str, dir: &Path, settings: &[&str]) -> Vec<String> {
    let own = [
        format!("server.listen={listen}"),
        format!("admin.listen={admin}"),
        format!("data.dir={}", dir.join("data").display()),
        "media.enabled=false".to_owned(),
        "limits.guests_per_minute=1000000".to_owned(),
    ];
    let settings = settings.iter().map(|setting| (*setting).to_owned());
    own.into_iter().chain(settings).flat_map(|setting| ["--set".to_owned(), setting]).collect()
}

fn authority(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest)
}

fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

fn fresh_dir() -> Result<PathBuf> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("playhouse-load-{}-{number}", std::process::id()));
    std::fs::create_dir_all(dir.join("data"))?;
    Ok(dir)
}
