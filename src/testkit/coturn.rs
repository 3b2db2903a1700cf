//! A coturn of a test's own: our configuration of `deploy/`, on free ports of this machine.

use super::{Failure, free_port, services::wait_for};
use std::{
    path::Path,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// What its credentials are signed with.
const SECRET: &str = "a secret of the test's own";
/// Ports for relays: as many as the configuration has.
const RELAYS: u16 = 41;

/// A TURN server on 127.0.0.1, over UDP and TCP.
pub struct PrivateCoturn {
    port: u16,
    child: Child,
    settings: Vec<(String, String)>,
    _dir: TempDir,
}

impl PrivateCoturn {
    /// Starts one whose peers may be on this machine: all else is as deployed.
    ///
    /// # Errors
    /// There is no `turnserver`, or it does not come up.
    pub fn start() -> Result<Self, Failure> {
        Self::with(true)
    }

    /// One that denies this machine's own addresses too, as in production.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn strict() -> Result<Self, Failure> {
        Self::with(false)
    }

    fn with(loopback_peers: bool) -> Result<Self, Failure> {
        let deployed = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/coturn/turnserver.conf");
        let deployed = std::fs::read_to_string(deployed)?;
        let (port, first) = (free_port(), relay_ports());
        let ours = ["listening-port", "min-port", "max-port"];
        let is_kept = |line: &&str| {
            let name = line.split('=').next().unwrap_or_default();
            let loopback = line.starts_with("denied-peer-ip=127.") || line.starts_with("denied-peer-ip=::1");
            let is_ours = ours.contains(&name) || (loopback_peers && loopback);
            !is_ours
        };
        let mut lines: Vec<String> = deployed.lines().filter(is_kept).map(str::to_owned).collect();
        let settings = lines.iter().filter_map(|line| line.split_once('='));
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        lines.extend([
            format!("listening-port={port}"),
            format!("min-port={first}"),
            format!("max-port={}", first + RELAYS - 1),
            "listening-ip=127.0.0.1".to_owned(),
            "relay-ip=127.0.0.1".to_owned(),
            format!("static-auth-secret={SECRET}"),
        ]);
        if loopback_peers {
            lines.push("allow-loopback-peers".to_owned());
        }
        let dir = tempfile::tempdir()?;
        lines.push(format!("pidfile={}", dir.path().join("pid").display()));
        let file = dir.path().join("turnserver.conf");
        std::fs::write(&file, lines.join("\n"))?;
        let mut coturn = Command::new("turnserver");
        coturn.arg("-c").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = coturn.spawn().map_err(|error| format!("turnserver (Debian: coturn): {error}"))?;
        let started = Self { port, child, settings, _dir: dir };
        wait_for(port, "coturn")?;
        Ok(started)
    }

    /// For `turn.secret`.
    pub fn secret(&self) -> &'static str {
        SECRET
    }

    /// For `turn.urls`: over UDP, then over TCP.
    pub fn urls(&self) -> Vec<String> {
        ["udp", "tcp"].iter().map(|way| format!("turn:127.0.0.1:{}?transport={way}", self.port)).collect()
    }

    /// What the configuration says of this, as often as it does.
    pub fn settings(&self, name: &str) -> Vec<&str> {
        let all = self.settings.iter().filter(|(other, _)| other == name);
        all.map(|(_, value)| value.as_str()).collect()
    }
}

impl Drop for PrivateCoturn {
    fn drop(&mut self) {
        let _ = self.child.kill(); // gone already is as good
        let _ = self.child.wait();
    }
}

/// The first of a row of ports below those that the system gives to others.
fn relay_ports() -> u16 {
    12_000 + (free_port() % 200) * RELAYS
}
