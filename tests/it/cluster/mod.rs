//! Three nodes as processes on a Redis and a PostgreSQL of the test's own, and what may happen to them (spec 6.3).

mod db_role;
mod faults;
mod history;
mod judge;
mod matchmaking;
mod media;
mod partitions;
mod roles;
#[cfg(feature = "load")]
mod rolling;

use crate::process::Process;
use playhouse::testkit::{PrivateCluster, PrivatePostgres, PrivateRedis, PrivateSentinel};

const NODES: usize = 3;

/// What routes between the nodes: one Redis, or a group of them that replaces its dead.
pub trait Router {
    fn start() -> Self;
    fn url(&self) -> String;
}

impl Router for PrivateRedis {
    fn start() -> Self {
        Self::start().unwrap()
    }

    fn url(&self) -> String {
        self.url()
    }
}

impl Router for PrivateSentinel {
    fn start() -> Self {
        Self::start().unwrap()
    }

    fn url(&self) -> String {
        self.url()
    }
}

impl Router for PrivateCluster {
    fn start() -> Self {
        Self::start(1).unwrap()
    }

    fn url(&self) -> String {
        self.url()
    }
}

/// Everything that can fail.
pub struct Servers<R = PrivateRedis> {
    pub redis: R,
    postgres: PrivatePostgres,
    pub nodes: Vec<Process>,
    _dir: tempfile::TempDir,
}

impl<R: Router> Servers<R> {
    /// All of them, with these settings on each node.
    pub fn start(settings: &[&str]) -> Self {
        Self::reached(settings, |_, redis, postgres| (redis.url(), postgres.url()))
    }

    /// All of them; `by` says how each node reaches Redis and PostgreSQL.
    fn reached(settings: &[&str], by: impl Fn(usize, &R, &PrivatePostgres) -> (String, String)) -> Self {
        let (redis, postgres) = (R::start(), PrivatePostgres::start().unwrap());
        let dir = tempfile::tempdir().unwrap();
        let node = |n| {
            let (redis, postgres) = by(n, &redis, &postgres);
            let urls = [format!("redis.url={redis}"), format!("database.url={postgres}")];
            let all: Vec<&str> = urls.iter().map(String::as_str).chain(settings.iter().copied()).collect();
            Process::with(dir.path(), &all)
        };
        let nodes = (0..NODES).map(node).collect();
        Self { redis, postgres, nodes, _dir: dir }
    }

    /// Where players connect; the same over restarts.
    pub fn bases(&self) -> Vec<String> {
        self.nodes.iter().map(Process::base).collect()
    }
}
