//! The node as a part of its world: listeners, database, cluster, logs. A table alone, see `table`.

use super::{
    kinds::{LogFormat, TlsVersion},
    table::sections,
};
use crate::roles::Role;
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

sections! {
    /// The listener for players, pages and the REST API.
    Server {
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080)), "address", "where players connect; port 0 picks a free one";
        allowed_origins: Vec<String> = Vec::new(), "origins", "browsers' Origins that may open /ws besides the server's own";
        trusted_proxies: Vec<IpAddr> = Vec::new(), "addresses", "proxies whose X-Forwarded-For is believed";
        workers: usize = 0, "threads", "arbiters that carry sockets and actors; 0 is one a core";
        tcp_backlog: u32 = 4096, "connections", "sockets the kernel may hold before accept: a reconnect storm after a restart";
        max_connections: usize = 50_000, "connections", "sockets the node holds at most, and HTTP connections a worker; more are told to try again";
        drain_ms: u64 = 5_000, "ms", "longest graceful stop on SIGTERM";
        slow_client_ms: u64 = 5_000, "ms", "how long a client may take to send the head of a request";
        disconnect_ms: u64 = 1_000, "ms", "how long a connection may take to close";
        start_ms: u64 = 10_000, "ms", "longest start of the workers";
    }
    /// The listener for packets over TCP (spec 5.1).
    Tcp {
        listen: Option<SocketAddr> = None, "address", "where clients that speak packets connect, under TLS where there is a certificate; none is no such listener";
        guests: bool = true, "bool", "whether an empty token makes a guest, as often as limits.guests_per_minute allows";
        connect_ms: u64 = 5_000, "ms", "how long a client may take to its SessionConnectReq";
        packet_ms: u64 = 10_000, "ms", "how long a packet may take from its first byte to its last (spec 5.1)";
        refusals: usize = 256, "connections", "connections over server.max_connections that are told so at once; more are closed without a word";
    }
    /// TLS of server.listen and tcp.listen; the operators' listener has none.
    Tls {
        cert: Option<PathBuf> = None, "file", "certificate chain (PEM), leaf first; none is no TLS";
        key: Option<PathBuf> = None, "file", "its private key (PEM)";
        min_version: TlsVersion = TlsVersion::V1_3, "1.3|1.2", "oldest version that is spoken";
        handshake_ms: u64 = 5_000, "ms", "longest handshake";
        reload_ms: u64 = 5_000, "ms", "how often the files are looked at: new ones are used without a restart";
        hsts_s: u64 = 0, "s", "Strict-Transport-Security: how long browsers insist on TLS for this host, all its ports; 0 says nothing";
    }
    /// Who was connected when (spec 5.2).
    SessionLogSection {
        queue: usize = 16_384, "rows", "connects and disconnects that wait for the database; more are dropped and counted";
        batch: usize = 256, "rows", "rows written in one transaction at most";
        linger_ms: u64 = 200, "ms", "how long a row waits for others to go with it";
        retry_ms: u64 = 1_000, "ms", "pause before a database that is away is asked again";
        retention_days: u32 = 30, "days", "how long connections are remembered, with the addresses they came from";
        sweep_ms: u64 = 60_000, "ms", "how often what a crash left open is closed and what is too old is deleted";
    }
    /// The listener for operators: never on the public address.
    Admin {
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 9090)), "address", "where /healthz, /readyz and /metrics are served";
        tidy_ms: u64 = 5_000, "ms", "how often what was measured goes into its distribution: until then each measurement takes memory, asked for or not";
    }
    /// Where embedded data lies.
    Data {
        dir: PathBuf = PathBuf::from("./data"), "folder", "SQLite file of a node without database.url";
    }
    /// The SQL database.
    Database {
        url: Option<String> = None, "URL", "sqlite:// or postgres://; none is playhouse.db in data.dir";
        commit_batch: usize = 256, "commits", "entities written in one transaction at most (group commit)";
        commit_queue: usize = 4_096, "commits", "commits waiting for the writer; more are refused with try_again";
        timeout_ms: u64 = 2_000, "ms", "longest wait of a durable command for the database (spec 6.3)";
        clock_check_ms: u64 = 30_000, "ms", "how often the node's clock is compared with the database's (spec 1.5)";
        clock_warn_ms: u64 = 250, "ms", "a clock that is off by more is warned of";
        clock_fail_ms: u64 = 1_000, "ms", "a node whose clock is off by more is not ready";
        readers: u32 = 4, "connections", "read pool, and that of each replica";
        cache_kib: u32 = 512, "KiB", "SQLite: pages that each connection keeps at most; the system caches the file as well";
        replicas: Vec<String> = Vec::new(), "URLs", "postgres:// of read replicas: lists, histories and exports are read there, where a row may come a moment late";
        replica_check_ms: u64 = 1_000, "ms", "how often a replica is asked how far behind it is";
        replica_lag_ms: u64 = 5_000, "ms", "a replica that is further behind is not read from";
        slow_ms: u64 = 250, "ms", "a statement that took longer is logged with its text";
        busy_timeout_ms: u64 = 5_000, "ms", "SQLite's wait for another process's lock";
    }
    /// The role db: nodes without it ask those that have it for everything in the database.
    DbRole {
        asks: usize = 4_096, "questions", "questions of a node without the role db that wait for answers at once; more are refused with try_again";
        served: usize = 1_024, "questions", "questions of other nodes that a db node works on at once; more are refused, and go to another db node";
        ask_timeout_ms: u64 = 5_000, "ms", "longest wait for the answer of a db node; a batch of commits waits for database.timeout_ms and again_ms";
        again_ms: u64 = 1_000, "ms", "a question that may be asked twice goes to another db node when the first is silent for so long";
        silent_ms: u64 = 5_000, "ms", "a db node that has not answered is asked after all others for so long; as long as cluster.lease_ms";
        batches: usize = 4, "batches", "batches of commits of a node that are on their way to db nodes at once";
        message_bytes: usize = 8_388_608, "bytes", "longest question, answer or batch of commits between nodes; one that is longer is an error, a batch is divided. Well under Redis's client-output-buffer-limit for pubsub";
        start_ms: u64 = 60_000, "ms", "how long a node without the role db waits at its start for one that has it";
        look_ms: u64 = 200, "ms", "how often it looks meanwhile";
    }
    /// Redis or Valkey: with it the node is one of many.
    Redis {
        url: Option<String> = None, "URL", "redis://host:port of the cluster's Redis, redis+sentinel://host:port,…/master or redis+cluster://host:port,…; none is a node alone";
        prefix: String = "playhouse".to_owned(), "text", "before every key and channel: clusters may share a Redis";
        timeout_ms: u64 = 1_000, "ms", "longest wait for an answer of Redis";
        bus_queue: usize = 65_536, "messages", "messages to and from other nodes that may wait; more are lost and healed";
        bus_batch: usize = 512, "messages", "messages to other nodes in one round trip at most";
        look_ms: u64 = 1_000, "ms", "how often it is looked whether a connection still leads to the right server: a cut cable says nothing";
        dial_pause_ms: u64 = 100, "ms", "between two tries to connect";
        probe_ms: u64 = 200, "ms", "how often the bus tries whether Redis is back";
        forgotten_s: u64 = 86_400, "s", "a claim or a player's session that nobody renews is forgotten after this: what a dead node has left behind";
    }
    /// Who this node is.
    NodeSection {
        id: Option<String> = None, "name", "stable name of the node in logs, traces and the console, over its restarts; none is an id of this run";
        address: Option<String> = None, "address", "where players reach this node, as the console shows it; none is server.listen";
        roles: Vec<Role> = Role::ALL.to_vec(), "roles", "what the node is for: gateway takes players, game holds rooms, media carries their video, queue holds queues, worker works on claims and facts, db has the database; all, unless there are other nodes for the rest";
    }
    /// Entities: activation, passivation, supervision.
    ClusterSection {
        ask_timeout_ms: u64 = 5_000, "ms", "deadline of an ask between actors";
        activation_queue: usize = 256, "messages", "messages that wait for an entity to activate; more are refused";
        mailbox: usize = 8_192, "messages", "mailbox of an entity: a burst of a full room times its rate limit, with room to spare";
        session_mailbox: usize = 256, "messages", "mailbox of a session: its burst of 40 and the room's notices";
        durable_queue: usize = 64, "commands", "durable commands that wait behind a commit of their entity (spec 6.2)";
        passivate_ms: u64 = 60_000, "ms", "an entity that nobody uses is put away after this";
        reminder_poll_ms: u64 = 1_000, "ms", "how often the sweeper looks for overdue entities that nobody holds";
        reminder_batch: u32 = 256, "entities", "overdue entities woken by one sweep";
        beat_ms: u64 = 1_000, "ms", "how often a node renews its lease (spec 6.2)";
        hand_over_ms: u64 = 500, "ms", "how long a resume waits for the node that held the session; then a snapshot (spec 6.1)";
        moving_ms: u64 = 2_000, "ms", "players of a node that stops leave it within this, each at a moment of his own";
        lease_ms: u64 = 5_000, "ms", "a node whose lease was not renewed for so long counts as dead (spec 6.2)";
        close_load: u64 = 16, "entities", "and an eighth: so much less must another node have to do before an entity goes there and not to the node that asks";
        crash_pause_ms: u64 = 100, "ms", "wait before a crashed entity is put up again, so that a poisoned state does not spin";
        lines: usize = 10_000, "lines", "lines to other nodes at most, one for each room whose media are on another; more are refused";
        dead_owners: u32 = 4, "owners", "owners that are found dead before a placement is given up";
        fresh_ms: u64 = 50, "ms", "a list of nodes that is no older need not be brought anew";
        remembered: usize = 65_536, "entities", "entities on other nodes that are remembered; then all are forgotten and looked up anew";
        moves: u32 = 3, "moves", "how often an ask is sent on to another owner";
        watchdog_ms: u64 = 5_000, "ms", "a thread that has not yielded for this long aborts the process; time in which it got no CPU does not count; 0 is off";
    }
    /// Logs.
    Log {
        format: LogFormat = LogFormat::Auto, "auto|pretty|json", "auto is pretty on a terminal, else json";
        filter: String = "info".into(), "filter", "tracing filter; RUST_LOG wins";
    }
    /// Export of traces to OpenTelemetry.
    Telemetry {
        otlp_endpoint: Option<String> = None, "URL", "http://host:port of a collector that takes OTLP over HTTP; none exports nothing";
        sample_ratio: f64 = 1.0, "0 to 1", "how many of the traces are exported; all of a trace or nothing";
        service_name: String = "playhouse".into(), "text", "service.name of what is exported; service.instance.id is node.id";
        queue_spans: usize = 8_192, "spans", "spans that wait for the collector at most; more are dropped";
        batch_spans: usize = 512, "spans", "spans in one request to the collector at most";
        batch_ms: u64 = 5_000, "ms", "how often spans are sent that do not fill a batch";
        timeout_ms: u64 = 3_000, "ms", "longest wait for the collector, at the stop too";
        warn_ms: u64 = 60_000, "ms", "a collector that is away is warned of once in so long";
    }
}
