//! Redis in its two forms of many: a master with a replica that sentinels watch, and a Redis Cluster.
//!
//! Child processes on free ports, gone with the test. Fail-over is set to be fast, not careful.

use super::{
    Failure,
    services::{free_port, signal, wait_for},
};
use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long a group may take to find itself.
const PATIENCE: Duration = Duration::from_secs(30);
/// So many ports are tried.
const TRIES: usize = 4;
/// By then a server has ended that could not have its ports.
const SETTLE: Duration = Duration::from_millis(200);
/// After this a server that does not answer counts as dead.
const DEAD_AFTER_MS: &str = "1000";
/// User and password of every server in these groups.
const LOGIN: (&str, &str) = ("playhouse", "p@ss/word");
/// As they stand in a URL.
const LOGIN_IN_URL: &str = "playhouse:p%40ss%2Fword";
const SENTINEL_PASSWORD: &str = "sesame";
const SHARDS: usize = 3;

/// One `redis-server` of a group; killed when dropped.
struct Server {
    port: u16,
    child: Child,
}

impl Server {
    /// On a port that is free. One of a cluster takes a second one, 10,000 above, which somebody's connection may have
    /// just now: then it ends, and another is tried.
    fn start(dir: &Path, args: &[&str]) -> Result<Self, Failure> {
        for _ in 1..TRIES {
            let mut server = Self::spawn(dir, args)?;
            std::thread::sleep(SETTLE);
            if server.child.try_wait()?.is_none() {
                wait_for(server.port, "redis-server")?;
                return Ok(server);
            }
        }
        let server = Self::spawn(dir, args)?;
        wait_for(server.port, "redis-server")?;
        Ok(server)
    }

    fn spawn(dir: &Path, args: &[&str]) -> Result<Self, Failure> {
        let port = free_port();
        let mut redis = Command::new("redis-server");
        redis.args(args).args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"]).arg(dir);
        let child = redis.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.map_err(|error| format!("redis-server: {error}"))?;
        Ok(Self { port, child })
    }

    /// One that keeps data, with a login. Who logs in with the password alone is the default user: servers among themselves.
    fn with_login(dir: &Path, args: &[&str]) -> Result<Self, Failure> {
        let password = format!(">{}", LOGIN.1);
        let mut all =
            vec!["--save", "", "--appendonly", "no", "--requirepass", LOGIN.1, "--masterauth", LOGIN.1];
        all.extend(["--user", LOGIN.0, "on", &password, "~*", "&*", "+@all"]);
        all.extend(args);
        Self::start(dir, &all)
    }

    fn kill(&mut self) {
        signal(&self.child, "-CONT");
        let _ = self.child.kill(); // gone already is as good
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What `redis-cli` answers.
fn ask(port: u16, password: &str, command: &[&str]) -> Result<String, Failure> {
    let mut cli = Command::new("redis-cli");
    cli.args(["-p", &port.to_string(), "--no-auth-warning", "-a", password]).args(command);
    let out = cli.stdin(Stdio::null()).output().map_err(|error| format!("redis-cli: {error}"))?;
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

fn until(what: &str, mut holds: impl FnMut() -> Result<bool, Failure>) -> Result<(), Failure> {
    let began = Instant::now();
    while !holds()? {
        if began.elapsed() > PATIENCE {
            return Err(format!("{what} takes too long").into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// A master `mymaster`, one replica and three sentinels, all with passwords.
pub struct PrivateSentinel {
    servers: Vec<Server>,
    sentinels: Vec<Server>,
    _dir: TempDir,
}

impl PrivateSentinel {
    /// Starts them; ready when the sentinels know each other and the replica.
    ///
    /// # Errors
    /// There is no `redis-server` or `redis-cli`, or they do not find each other.
    pub fn start() -> Result<Self, Failure> {
        let dir = tempfile::tempdir()?;
        let fast = ["--repl-diskless-sync-delay", "0"];
        let master = Server::with_login(dir.path(), &fast)?;
        let of = master.port.to_string();
        let replica =
            Server::with_login(dir.path(), &[&fast[..], &["--replicaof", "127.0.0.1", &of]].concat())?;
        let sentinels = (0..3).map(|n| Self::sentinel(dir.path(), n, master.port));
        let sentinels = sentinels.collect::<Result<Vec<_>, _>>()?;
        let group = Self { servers: vec![master, replica], sentinels, _dir: dir };
        until("the sentinels", || {
            for sentinel in &group.sentinels {
                let told = ask(sentinel.port, SENTINEL_PASSWORD, &["SENTINEL", "MASTER", "mymaster"])?;
                let told: Vec<&str> = told.lines().collect();
                let says = |name, value| told.windows(2).any(|pair| pair == [name, value]);
                if !(says("num-slaves", "1") && says("num-other-sentinels", "2") && says("flags", "master")) {
                    return Ok(false);
                }
            }
            Ok(ask(group.servers[0].port, LOGIN.1, &["INFO", "replication"])?.contains("state=online"))
        })?;
        Ok(group)
    }

    fn sentinel(dir: &Path, n: usize, master: u16) -> Result<Server, Failure> {
        let file = dir.join(format!("sentinel-{n}.conf"));
        let lines = [
            format!("sentinel monitor mymaster 127.0.0.1 {master} 2"),
            format!("sentinel auth-pass mymaster {}", LOGIN.1),
            format!("sentinel down-after-milliseconds mymaster {DEAD_AFTER_MS}"),
            "sentinel failover-timeout mymaster 3000".to_owned(),
            format!("requirepass {SENTINEL_PASSWORD}"),
            format!("sentinel sentinel-pass {SENTINEL_PASSWORD}"),
        ];
        std::fs::write(&file, lines.join("\n"))?;
        let file = file.to_string_lossy();
        Server::start(dir, &[&file, "--sentinel"])
    }

    /// For `redis.url`.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.sentinels.iter().map(|one| format!("127.0.0.1:{}", one.port)).collect();
        let hosts = hosts.join(",");
        format!("redis+sentinel://{LOGIN_IN_URL}@{hosts}/mymaster?sentinel_password={SENTINEL_PASSWORD}")
    }

    /// SIGKILL of the first master: its replica takes over within seconds.
    pub fn kill_master(&mut self) {
        self.servers[0].kill();
    }

    /// SIGSTOP of the first master: it holds its connections and answers nobody, and is demoted.
    pub fn pause_master(&self) {
        signal(&self.servers[0].child, "-STOP");
    }

    /// The replica is the master and the first master its replica, as after a fail-over; but nobody is disconnected, so who
    /// writes to the first one hears `READONLY`.
    ///
    /// # Errors
    /// There is no `redis-cli`.
    pub fn swap(&self) -> Result<(), Failure> {
        let [old, new] = [0, 1].map(|at| self.servers[at].port);
        let to = new.to_string();
        ask(new, LOGIN.1, &["REPLICAOF", "NO", "ONE"])?;
        for sentinel in &self.sentinels {
            let tell = |command: &[&str]| ask(sentinel.port, SENTINEL_PASSWORD, command);
            tell(&["SENTINEL", "REMOVE", "mymaster"])?;
            tell(&["SENTINEL", "MONITOR", "mymaster", "127.0.0.1", &to, "2"])?;
            tell(&["SENTINEL", "SET", "mymaster", "auth-pass", LOGIN.1])?;
        }
        ask(old, LOGIN.1, &["REPLICAOF", "127.0.0.1", &to]).map(drop)
    }
}

/// Three masters of a Redis Cluster, with a replica each if wanted.
pub struct PrivateCluster {
    servers: Vec<Server>,
    _dir: TempDir,
}

impl PrivateCluster {
    /// Starts them; ready when every node sees every slot.
    ///
    /// # Errors
    /// There is no `redis-server` or `redis-cli`, or they do not find each other.
    pub fn start(replicas: usize) -> Result<Self, Failure> {
        let dir = tempfile::tempdir()?;
        let mut servers = Vec::new();
        for n in 0..SHARDS * (1 + replicas) {
            let home = dir.path().join(n.to_string());
            std::fs::create_dir(&home)?;
            let bus = free_port().to_string(); // the port + 10,000 may not exist
            let args = ["--cluster-enabled", "yes", "--cluster-node-timeout", DEAD_AFTER_MS];
            let more = ["--cluster-port", &bus, "--repl-diskless-sync-delay", "0"];
            servers.push(Server::with_login(&home, &[&args[..], &more[..]].concat())?);
        }
        let group = Self { servers, _dir: dir };
        let hosts: Vec<String> = group.servers.iter().map(|one| format!("127.0.0.1:{}", one.port)).collect();
        let copies = replicas.to_string();
        let mut create = vec!["--cluster", "create"];
        create.extend(hosts.iter().map(String::as_str));
        create.extend(["--cluster-replicas", &copies, "--cluster-yes"]);
        let made = ask(group.servers[0].port, LOGIN.1, &create)?;
        let all = group.servers.len();
        until(&format!("the Redis Cluster ({made})"), || {
            for server in &group.servers {
                let info = ask(server.port, LOGIN.1, &["CLUSTER", "INFO"])?;
                let nodes = ask(server.port, LOGIN.1, &["CLUSTER", "NODES"])?;
                let slaves = nodes.lines().filter(|line| line.contains("slave")).count();
                let known = nodes.lines().count();
                if !info.contains("cluster_state:ok") || known != all || slaves != all - SHARDS {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        Ok(group)
    }

    /// For `redis.url`: two of the nodes, which name the others.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts = self.servers.iter().take(2).map(|one| format!("127.0.0.1:{}", one.port));
        format!("redis+cluster://{LOGIN_IN_URL}@{}", hosts.collect::<Vec<_>>().join(","))
    }

    /// Which master has the slot of a key or channel.
    ///
    /// # Errors
    /// There is no `redis-cli`, or no master has it.
    pub fn master_of(&self, key: &str) -> Result<usize, Failure> {
        let slot = ask(self.servers[0].port, LOGIN.1, &["CLUSTER", "KEYSLOT", key])?;
        let slot: u32 = slot.trim().parse()?;
        let nodes = ask(self.servers[0].port, LOGIN.1, &["CLUSTER", "NODES"])?;
        let has = |range: &str| {
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            matches!((from.parse(), to.parse()), (Ok(from), Ok(to)) if (from..=to).contains(&slot))
        };
        let owner =
            nodes.lines().find(|line| line.split(' ').skip(8).any(has)).ok_or("nobody has the slot")?;
        let at = self.servers.iter().position(|one| owner.contains(&format!(":{}@", one.port)));
        at.ok_or_else(|| "a stranger has the slot".into())
    }

    /// SIGKILL: with a replica its slots are served again within seconds.
    pub fn kill(&mut self, at: usize) {
        self.servers[at].kill();
    }

    /// SIGSTOP: it holds its connections and answers nobody.
    pub fn pause(&self, at: usize) {
        signal(&self.servers[at].child, "-STOP");
    }

    /// Begins to move the slot of a key to another master: keys that are not there yet are answered with `ASK`.
    ///
    /// # Errors
    /// There is no `redis-cli`.
    pub fn begin_to_move(&self, key: &str) -> Result<(), Failure> {
        let from = self.master_of(key)?;
        let to = (0..SHARDS).find(|at| *at != from).unwrap_or(from);
        let slot = ask(self.servers[0].port, LOGIN.1, &["CLUSTER", "KEYSLOT", key])?;
        let id = |at: usize| ask(self.servers[at].port, LOGIN.1, &["CLUSTER", "MYID"]);
        for (at, state, other) in [(to, "IMPORTING", id(from)?), (from, "MIGRATING", id(to)?)] {
            let set = ["CLUSTER", "SETSLOT", slot.trim(), state, other.trim()];
            let said = ask(self.servers[at].port, LOGIN.1, &set)?;
            if said.trim() != "OK" {
                return Err(format!("SETSLOT: {said}").into());
            }
        }
        Ok(())
    }
}
