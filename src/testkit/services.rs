//! Servers of a test's own: Redis and PostgreSQL as child processes on free ports, gone with the test.

use super::Failure;
use rand::RngExt as _;
use std::{
    fs::{File, TryLockError},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Below the ports from which systems choose for outgoing connections (32,768 on Linux): one of those may be taken by a
/// client between here and its use.
const PORTS: std::ops::Range<u16> = 24_000..32_000;

/// A port for whoever must know it before it is bound, and again after he was killed: free now, and as long as this process
/// lives no other test is given it.
pub fn free_port() -> u16 {
    let mut rng = rand::rng();
    let mut drawn = std::iter::repeat_with(|| rng.random_range(PORTS)).take(1_000);
    drawn.find(|port| is_ours(*port)).unwrap_or(0)
}

/// Takes the port's lock, which the system lets go when this process ends. Where there can be no locks it is only looked
/// whether the port is free.
fn is_ours(port: u16) -> bool {
    static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let locks = std::env::temp_dir().join("playhouse-ports");
    let lock = std::fs::create_dir_all(&locks).and_then(|()| File::create(locks.join(port.to_string())));
    if lock.as_ref().is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock))) {
        return false;
    }
    let is_free = TcpListener::bind(("127.0.0.1", port)).is_ok();
    if let Ok(lock) = lock
        && is_free
    {
        HELD.lock().unwrap_or_else(PoisonError::into_inner).push(lock);
    }
    is_free
}

pub(super) fn wait_for(port: u16, what: &str) -> Result<(), Failure> {
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if began.elapsed() > PATIENCE {
            return Err(format!("{what} does not listen on {port}").into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

pub(super) fn signal(child: &Child, name: &str) {
    let mut kill = Command::new("kill");
    let _ = kill.args([name, &child.id().to_string()]).stderr(Stdio::null()).status(); // gone already is as good
}

/// Keeps nothing on disk: a restart is a wipe.
pub struct PrivateRedis {
    port: u16,
    child: Child,
}

impl PrivateRedis {
    /// Starts one.
    ///
    /// # Errors
    /// There is no `redis-server`, or it does not come up.
    pub fn start() -> Result<Self, Failure> {
        let port = free_port();
        let redis = Self { port, child: Self::spawn(port)? };
        wait_for(port, "redis-server")?;
        Ok(redis)
    }

    fn spawn(port: u16) -> Result<Child, Failure> {
        let mut redis = Command::new("redis-server");
        redis.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        let child = redis.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        child.map_err(|error| format!("redis-server: {error}").into())
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// For `redis.url`.
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// The same through another port: a [`Proxy`](super::Proxy)'s.
    pub fn url_at(&self, port: u16) -> String {
        format!("redis://127.0.0.1:{port}")
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// SIGKILL, and nothing of it is left.
    pub fn kill(&mut self) {
        let _ = self.child.kill(); // gone already is as good
        let _ = self.child.wait();
    }

    /// Empty again on the same port.
    ///
    /// # Errors
    /// It does not come up.
    pub fn restart(&mut self) -> Result<(), Failure> {
        self.kill();
        self.child = Self::spawn(self.port)?;
        wait_for(self.port, "redis-server")
    }

    /// SIGSTOP: it holds its connections and answers nobody.
    pub fn pause(&self) {
        signal(&self.child, "-STOP");
    }

    /// SIGCONT.
    pub fn resume(&self) {
        signal(&self.child, "-CONT");
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        self.resume();
        self.kill();
    }
}

/// A cluster of one database, in a folder of its own.
pub struct PrivatePostgres {
    port: u16,
    bin: PathBuf,
    dir: TempDir,
    child: Child,
    options: &'static [&'static str],
}

impl PrivatePostgres {
    /// Makes and starts one that does not wait for its disk, as tests may.
    ///
    /// # Errors
    /// There is no PostgreSQL, or it does not come up.
    pub fn start() -> Result<Self, Failure> {
        Self::with(&["-c", "fsync=off"])
    }

    /// One that syncs every commit to its disk, to be measured.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn durable() -> Result<Self, Failure> {
        Self::with(&[])
    }

    fn with(options: &'static [&'static str]) -> Result<Self, Failure> {
        let bin = Self::find().ok_or("PostgreSQL is not installed")?;
        let dir = tempfile::tempdir()?;
        if is_root() {
            std::os::unix::fs::chown(dir.path(), Some(uid("postgres")?), None)?;
        }
        let data = dir.path().join("data");
        let made = as_postgres(&bin.join("initdb"))
            .args(["-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C", "-D"])
            .arg(&data)
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .output()?;
        if !made.status.success() {
            return Err(format!("initdb: {}", String::from_utf8_lossy(&made.stderr)).into());
        }
        Self::run(bin, dir, options)
    }

    /// A replica of it, which follows by streaming and can be read from.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn standby(&self) -> Result<Self, Failure> {
        let dir = tempfile::tempdir()?;
        if is_root() {
            std::os::unix::fs::chown(dir.path(), Some(uid("postgres")?), None)?;
        }
        let copied = as_postgres(&self.bin.join("pg_basebackup"))
            .args([
                "-h",
                "127.0.0.1",
                "-U",
                "postgres",
                "-p",
                &self.port.to_string(),
                "-R",
                "-c",
                "fast",
                "-D",
            ])
            .arg(dir.path().join("data"))
            .current_dir(dir.path())
            .output()?;
        if !copied.status.success() {
            return Err(format!("pg_basebackup: {}", String::from_utf8_lossy(&copied.stderr)).into());
        }
        Self::run(self.bin.clone(), dir, self.options)
    }

    fn run(bin: PathBuf, dir: TempDir, options: &'static [&'static str]) -> Result<Self, Failure> {
        let port = free_port();
        let child = Self::spawn(&bin, &dir, port, options)?;
        let postgres = Self { port, bin, dir, child, options };
        postgres.wait()?;
        Ok(postgres)
    }

    /// Debian keeps the server's programs out of the path.
    fn find() -> Option<PathBuf> {
        let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = versions
            .map(|version| version.path().join("bin"))
            .filter(|bin| bin.join("initdb").exists())
            .collect();
        found.sort();
        found.pop()
    }

    fn spawn(bin: &Path, dir: &TempDir, port: u16, options: &[&str]) -> Result<Child, Failure> {
        let mut postgres = as_postgres(&bin.join("postgres"));
        postgres.arg("-D").arg(dir.path().join("data")).args(["-p", &port.to_string(), "-h", "127.0.0.1"]);
        postgres.arg("-k").arg(dir.path()).args(["-c", "max_connections=200"]).args(options);
        let child = postgres.current_dir(dir.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        child.map_err(|error| format!("postgres: {error}").into())
    }

    /// It listens before it answers.
    fn wait(&self) -> Result<(), Failure> {
        let began = Instant::now();
        loop {
            let mut ready = Command::new(self.bin.join("pg_isready"));
            ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            if ready.status()?.success() {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                return Err("postgres does not answer".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its process, the parent of those that serve connections.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// For `database.url`.
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// The same through another port: a [`Proxy`](super::Proxy)'s.
    pub fn url_at(&self, port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/postgres")
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// SIGKILL of the server and its backends; what was committed is kept.
    ///
    /// # Errors
    /// It does not come up again.
    pub fn restart(&mut self) -> Result<(), Failure> {
        self.stop();
        self.child = Self::spawn(&self.bin, &self.dir, self.port, self.options)?;
        self.wait()
    }

    /// Stops at once: clients are cut off, nothing is flushed.
    pub fn stop(&mut self) {
        signal(&self.child, "-QUIT");
        let _ = self.child.wait(); // gone already is as good
    }

    /// SIGSTOP of the server and all its backends: connections are open, nobody answers.
    pub fn pause(&self) {
        self.all("-STOP");
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.all("-CONT");
    }

    fn all(&self, name: &str) {
        let parent = self.child.id().to_string();
        let _ = Command::new("pkill").args([name, "-P", &parent]).status(); // there may be no backend
        signal(&self.child, name);
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        self.resume();
        self.stop();
    }
}

fn is_root() -> bool {
    uid_of("-u", None) == Some(0)
}

fn uid(user: &str) -> Result<u32, Failure> {
    uid_of("-u", Some(user)).ok_or_else(|| format!("there is no user {user}").into())
}

fn uid_of(which: &str, user: Option<&str>) -> Option<u32> {
    let out = Command::new("id").arg(which).args(user).output().ok()?;
    String::from_utf8(out.stdout).ok()?.trim().parse().ok()
}

/// PostgreSQL refuses to run as root.
fn as_postgres(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once() {
        let mut ports: Vec<u16> = (0..500).map(|_| free_port()).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 500);
        assert!(ports.iter().all(|port| PORTS.contains(port)));
    }
}
