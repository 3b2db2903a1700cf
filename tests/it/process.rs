//! A node as a process of its own, to be killed.

use playhouse::testkit::free_port;
use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Where one of our binaries is: as built with this test, or, for figures of a release, in `PLAYHOUSE_BINARIES`.
pub fn binary(name: &str) -> PathBuf {
    match std::env::var_os("PLAYHOUSE_BINARIES") {
        Some(dir) => Path::new(&dir).join(name),
        None if name == "playhouse-load" => env!("CARGO_BIN_EXE_playhouse-load").into(),
        None => env!("CARGO_BIN_EXE_playhouse").into(),
    }
}

/// A node as a process of its own, on ports that stay the same over its restarts.
pub struct Process {
    child: Child,
    dir: std::path::PathBuf,
    ports: (u16, u16),
    /// `section.field=value`, over those that all have.
    settings: Vec<String>,
    /// Where its log goes, if not to the test's own.
    log: Option<PathBuf>,
}

impl Process {
    pub fn start(dir: &Path) -> Self {
        Self::with(dir, &[])
    }

    pub fn with(dir: &Path, settings: &[&str]) -> Self {
        Self::start_as(dir, settings, None)
    }

    /// With its log in a file of its own, as the settings say and not as the test's environment does.
    pub fn logging(dir: &Path, settings: &[&str], log: &Path) -> Self {
        Self::start_as(dir, settings, Some(log))
    }

    fn start_as(dir: &Path, settings: &[&str], log: Option<&Path>) -> Self {
        let ports = (free_port(), free_port());
        let settings: Vec<_> = settings.iter().map(|set| (*set).to_owned()).collect();
        let child = spawn(dir, ports, &settings, log);
        Self { child, dir: dir.to_owned(), ports, settings, log: log.map(Path::to_owned) }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn admin(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.1)
    }

    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.0)
    }

    /// No goodbye, no flush: SIGKILL, then the same binary on the same data.
    pub fn kill_and_restart(&mut self) {
        self.kill();
        self.child = spawn(&self.dir, self.ports, &self.settings, self.log.as_deref());
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The status of one of the operators' addresses.
    pub async fn probe(&self, path: &str) -> u16 {
        reqwest::get(format!("{}/{path}", self.admin())).await.unwrap().status().as_u16()
    }

    /// A signal by name.
    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.pid().to_string()]).status().unwrap().success());
    }

    /// SIGTERM, without holding up those who use the node meanwhile.
    pub async fn terminate_gently(&mut self) -> std::process::ExitStatus {
        self.signal("-TERM");
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// SIGTERM, and how it ended.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        self.signal("-TERM");
        self.child.wait().unwrap()
    }

    pub fn restart(&mut self) {
        self.child = spawn(&self.dir, self.ports, &self.settings, self.log.as_deref());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns once the node says that it is up.
fn spawn(dir: &Path, ports: (u16, u16), settings: &[String], log: Option<&Path>) -> Child {
    let mut command = Command::new(binary("playhouse"));
    if let Some(log) = log {
        let log = File::options().create(true).append(true).open(log).unwrap();
        command.stderr(log).env_remove("RUST_LOG");
    }
    let mut child = command
        .arg("--set")
        .arg(format!("server.listen=127.0.0.1:{}", ports.0))
        .arg("--set")
        .arg(format!("admin.listen=127.0.0.1:{}", ports.1))
        .arg("--set")
        .arg(format!("data.dir={}", dir.display()))
        .args(["--set", "limits.guests_per_minute=100000", "--set", "limits.messages_per_s=1000"])
        .args([
            "--set",
            "limits.messages_burst=1000",
            "--set",
            "log.filter=warn",
            "--set",
            "media.enabled=false",
        ])
        .args(settings.iter().flat_map(|set| ["--set", set.as_str()]))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("Playhouse is up") {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "the node did not start");
    }
    std::thread::spawn(move || out.lines().for_each(drop)); // so that it never blocks on its output
    child
}
