//! Every setting: name, type, default, unit and reason, in one table (spec 8.3, design rule 8).
//!
//! Values come from a file (`--config`), then `PLAYHOUSE_<SECTION>__<FIELD>`, then `--set section.field=value`;
//! later wins. An unknown or ill-typed one stops the start with its name. `playhouse config` prints the table.

mod load;

pub use load::ConfigError;

use crate::roles::Role;
use serde::{Deserialize, Serialize};
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

/// Settings whose values are not printed.
const SECRETS: [&str; 3] = ["auth.key_secret", "auth.oidc_client_secret", "turn.secret"];

/// One row of `playhouse config`.
pub struct Setting {
    /// `section.field`.
    pub name: String,
    /// Unit, or the kind of value.
    pub unit: &'static str,
    /// What it means and why it has its default.
    pub meaning: &'static str,
}

macro_rules! sections {
    ($($(#[$sdoc:meta])* $section:ident: $Type:ident { $($field:ident: $ty:ty = $default:expr, $unit:literal, $meaning:literal;)* })*) => {
        $(
            $(#[$sdoc])*
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields, default)]
            pub struct $Type { $(#[doc = $meaning] #[doc = concat!("(", $unit, ")")] pub $field: $ty,)* }

            impl Default for $Type {
                fn default() -> Self {
                    Self { $($field: $default,)* }
                }
            }
        )*

        /// All settings of a node.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Config { $($(#[$sdoc])* pub $section: $Type,)* }

        impl Config {
            /// The table behind `playhouse config`, in order.
            pub fn settings() -> Vec<Setting> {
                vec![$($(Setting {
                    name: concat!(stringify!($section), ".", stringify!($field)).to_owned(),
                    unit: $unit,
                    meaning: $meaning,
                },)*)*]
            }
        }
    };
}

sections! {
    /// The activity stream: facts on their way to those who act on them.
    activity: Activity {
        batch: usize = 256, "facts", "facts that are claimed, sent and handled together at most";
        queue: usize = 4_096, "facts", "facts that are on their way to a group at most; the others wait in the outbox";
        poll_ms: u64 = 500, "ms", "how often a node looks for facts that others wrote or that are due again";
        post_facts: usize = 100, "facts", "facts that another server may post in one request";
        linger_ms: u64 = 20, "ms", "how long a fact of this node waits for others to go with it: a sync to disk serves them all";
        resend_ms: u64 = 30_000, "ms", "a fact that was sent and not confirmed for so long is sent again: a transport may lose it";
        takeover_ms: u64 = 15_000, "ms", "what a node took from Redis and did not finish for so long another node takes";
        handle_ms: u64 = 10_000, "ms", "longest time to handle a batch, or a fact alone; then it has failed";
        tries: u32 = 5, "tries", "a fact that failed so often is a dead letter (spec 2.3)";
        retry_ms: u64 = 1_000, "ms", "pause after the first failed try; it doubles with each";
        retry_most_ms: u64 = 60_000, "ms", "and its longest";
        stream_entries: usize = 100_000, "facts", "facts that the stream in Redis holds at most; the oldest go, and are sent again if nobody confirmed them";
        dedupe_ms: u64 = 86_400_000, "ms", "how long it is known that a fact was handled: one that is posted again within it changes nothing";
        counters_days: u32 = 400, "days", "how long what accounts did is counted: the longest event that looks back";
        observe_ms: u64 = 5_000, "ms", "how often lag and dead letters are measured";
        sweep_ms: u64 = 600_000, "ms", "how often what is too old is deleted";
    }
    /// The listener for players, pages and the REST API.
    server: Server {
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080)), "address", "where players connect; port 0 picks a free one";
        allowed_origins: Vec<String> = Vec::new(), "origins", "browsers' Origins that may open /ws besides the server's own";
        trusted_proxies: Vec<std::net::IpAddr> = Vec::new(), "addresses", "proxies whose X-Forwarded-For is believed";
        workers: usize = 0, "threads", "arbiters that carry sockets and actors; 0 is one a core";
        tcp_backlog: u32 = 4096, "connections", "sockets the kernel may hold before accept: a reconnect storm after a restart";
        max_connections: usize = 50_000, "connections", "sockets the node holds at most, and HTTP connections a worker; more are told to try again";
        drain_ms: u64 = 5_000, "ms", "longest graceful stop on SIGTERM";
        slow_client_ms: u64 = 5_000, "ms", "how long a client may take to send the head of a request";
        disconnect_ms: u64 = 1_000, "ms", "how long a connection may take to close";
        start_ms: u64 = 10_000, "ms", "longest start of the workers";
    }
    /// The listener for packets over TCP (spec 5.1).
    tcp: Tcp {
        listen: Option<SocketAddr> = None, "address", "where clients that speak packets connect, under TLS where there is a certificate; none is no such listener";
        guests: bool = true, "bool", "whether an empty token makes a guest, as often as limits.guests_per_minute allows";
        connect_ms: u64 = 5_000, "ms", "how long a client may take to its SessionConnectReq";
        packet_ms: u64 = 10_000, "ms", "how long a packet may take from its first byte to its last (spec 5.1)";
        refusals: usize = 256, "connections", "connections over server.max_connections that are told so at once; more are closed without a word";
    }
    /// TLS of server.listen and tcp.listen; the operators' listener has none.
    tls: Tls {
        cert: Option<PathBuf> = None, "file", "certificate chain (PEM), leaf first; none is no TLS";
        key: Option<PathBuf> = None, "file", "its private key (PEM)";
        min_version: TlsVersion = TlsVersion::V1_3, "1.3|1.2", "oldest version that is spoken";
        handshake_ms: u64 = 5_000, "ms", "longest handshake";
        reload_ms: u64 = 5_000, "ms", "how often the files are looked at: new ones are used without a restart";
        hsts_s: u64 = 0, "s", "Strict-Transport-Security: how long browsers insist on TLS for this host, all its ports; 0 says nothing";
    }
    /// Who was connected when (spec 5.2).
    session_log: SessionLogSection {
        queue: usize = 16_384, "rows", "connects and disconnects that wait for the database; more are dropped and counted";
        batch: usize = 256, "rows", "rows written in one transaction at most";
        linger_ms: u64 = 200, "ms", "how long a row waits for others to go with it";
        retry_ms: u64 = 1_000, "ms", "pause before a database that is away is asked again";
        retention_days: u32 = 30, "days", "how long connections are remembered, with the addresses they came from";
        sweep_ms: u64 = 60_000, "ms", "how often what a crash left open is closed and what is too old is deleted";
    }
    /// The listener for operators: never on the public address.
    admin: Admin {
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 9090)), "address", "where /healthz, /readyz and /metrics are served";
    }
    /// Where embedded data lies.
    data: Data {
        dir: PathBuf = PathBuf::from("./data"), "folder", "SQLite file of a node without database.url";
    }
    /// The SQL database.
    database: Database {
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
    db: DbRole {
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
    redis: Redis {
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
    node: NodeSection {
        id: Option<String> = None, "name", "stable name of the node in logs, traces and the console, over its restarts; none is an id of this run";
        address: Option<String> = None, "address", "where players reach this node, as the console shows it; none is server.listen";
        roles: Vec<Role> = Role::ALL.to_vec(), "roles", "what the node is for: gateway takes players, game holds rooms, media carries their video, queue holds queues, worker works on claims and facts, db has the database; all, unless there are other nodes for the rest";
    }
    /// Entities: activation, passivation, supervision.
    cluster: ClusterSection {
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
        watchdog_ms: u64 = 5_000, "ms", "a thread that has not yielded for this long aborts the process; 0 is off";
    }
    /// What staff do to players.
    moderation: Moderation {
        poll_ms: u64 = 1_000, "ms", "how often a node reads who is muted: a mute holds everywhere within this";
        reason_chars: usize = 500, "characters", "longest reason or note of staff, of a ban too";
        shown: u32 = 50, "rows", "reports, sign-ins and bans, the latest of each, that are shown with a player";
        watch_again_ms: u64 = 600_000, "ms", "who keeps looking into the same game is noted in the audit log once in so long";
        watches: usize = 1_024, "looks", "looks that a node remembers for it; one that is forgotten is noted again";
        watched_entries: u32 = 300, "entries", "newest entries of a live game's log that are shown to staff";
    }
    /// Bounds on what a client may do or hold (spec 1.1).
    limits: Limits {
        frame_bytes: usize = 65_536, "bytes", "largest frame from a client (then close 1009)";
        nesting: usize = 16, "levels", "deepest nesting of a message";
        messages_per_s: f64 = 20.0, "messages/s", "sustained rate of a session (then rate_limited, then close 1008)";
        messages_burst: f64 = 40.0, "messages", "burst of a session";
        abuse_strikes: u32 = 40, "messages", "refused messages in a row before the socket is closed with 1008";
        chat_per_s: f64 = 1.0, "messages/s", "sustained chat rate of a player (5 in 5 s)";
        chat_burst: f64 = 5.0, "messages", "chat burst of a player";
        chat_chars: usize = 500, "characters", "longest chat message";
        chat_history: usize = 50, "messages", "newest messages of a channel in a snapshot";
        chat_history_bytes: usize = 16_384, "bytes", "and their size at most";
        backlog_soft_bytes: usize = 65_536, "bytes", "past this droppable pushes to a slow socket are coalesced to their latest";
        backlog_hard_bytes: usize = 262_144, "bytes", "past this the socket is closed with 1013";
        gather_ms: u64 = 1, "ms", "while sockets get several messages at a time, how long a thread gathers before it writes; 0: not at all";
        open_requests: usize = 1_024, "requests", "requests of a socket that wait for their answers; of more the oldest gets none, and is asked again";
        slow_grace_ms: u64 = 3_000, "ms", "how long a socket closed with 1013 may take to read it before it is cut off";
        ring_frames: usize = 256, "pushes", "pushes kept for an exact resume";
        ring_bytes: usize = 65_536, "bytes", "and their size at most";
        resume_wait_ms: u64 = 5_000, "ms", "how long a resume=1 socket may wait with its session.resume";
        parked_sessions: usize = 20_000, "sessions", "sessions without a socket a node keeps; the oldest is ended first";
        reports_per_min: f64 = 5.0, "reports a minute", "reports of players by one account; each keeps a log";
        join_failures_per_min: f64 = 10.0, "joins/min", "failed joins of an account, and of an address (guessing codes)";
        guests_per_minute: f64 = 60.0, "accounts/min", "guest accounts made from one address";
        body_bytes: usize = 65_536, "bytes", "largest REST request body";
        log_entries: usize = 20, "entries", "public happenings in ROOM.log";
        nickname_min: usize = 2, "characters", "shortest nickname";
        nickname_max: usize = 16, "characters", "longest nickname";
    }
    /// Sessions and rooms.
    session: SessionSection {
        heartbeat_ms: u64 = 20_000, "ms", "WebSocket ping interval; a peer silent for 2.5 of them is dropped";
        resume_window_ms: u64 = 60_000, "ms", "how long a session outlives its socket";
    }
    /// Rooms and their games.
    room: RoomSection {
        capacity: usize = 8, "players", "capacity of a room that names none";
        empty_close_ms: u64 = 30_000, "ms", "a room closes this long after its last human left";
        muted: usize = 64, "players", "whom a member does not want to hear; more, and the oldest is heard again";
        look_again_ms: u64 = 600_000, "ms", "a room that nobody holds is looked at after this: a node may have died with everybody in it";
        leader_grace_ms: u64 = 15_000, "ms", "a leader who drops keeps the lead this long";
        drop_grace_ms: u64 = 10_000, "ms", "a dropped voter counts as connected this long";
        spectators: usize = 32, "members", "spectators a room holds at most";
        bots: usize = 11, "bots", "bots a room holds at most: one seat is a person's";
        answers: usize = 8, "answers", "last answers kept a member, so that a repeated command is answered, not applied, again";
        retry_ms: u64 = 1_000, "ms", "wait before a deadline's failed commit is tried again";
        decide_together: usize = 32, "commands", "durable commands of a room that wait and are committed at once, at most; 1: each alone";
        bot_think_ms: u64 = 4_000, "ms", "longest a bot thinks before a move; never over half of what the phase has left";
    }
    /// Identity: tokens and tickets.
    auth: Auth {
        access_ttl_s: u64 = 900, "s", "life of an access token";
        refresh_ttl_s: u64 = 2_592_000, "s", "life of a refresh token";
        refresh_grace_s: u64 = 30, "s", "a rotated refresh token still answers with the same successor (two tabs, a lost answer)";
        ticket_ttl_s: u64 = 30, "s", "life of a WebSocket ticket";
        issuer: String = "playhouse".into(), "text", "iss of tokens";
        audience: String = "playhouse".into(), "text", "aud of tokens";
        argon2_lanes: u32 = 1, "lanes", "argon2id p of new passwords: OWASP's first choice of parameters";
        argon2_memory_kib: u32 = 19_456, "KiB", "argon2id m of new passwords, held by each password thread";
        argon2_passes: u32 = 2, "passes", "argon2id t of new passwords";
        epoch_deaf_s: u64 = 30, "s", "a node that could hear of no ban or role change for so long refuses staff";
        epoch_look_back_s: u64 = 30, "s", "how far back a poll of SQL reads again: commits become visible out of order, clocks differ";
        epoch_poll_ms: u64 = 1_000, "ms", "how often SQL is asked for bans, role changes, ended sign-ins and new keys";
        key_secret: Option<Secret> = None, "text", "32 characters or more that encrypt signing keys and secrets in the database; the same on each node";
        key_settle_s: u64 = 60, "s", "a new signing key is shown for so long before it signs: nodes and services that keep our keys see it first";
        log_in_first_wait_ms: u64 = 1_000, "ms", "wait after the first failed log-in that is not free; doubles with each";
        log_in_forget_s: u64 = 3_600, "s", "failed log-ins are forgotten after so long without one";
        log_in_free: u32 = 5, "log-ins", "failed log-ins of a user name without a wait";
        log_in_free_address: u32 = 30, "log-ins", "failed log-ins of an address without a wait: many may share one";
        log_in_max_wait_ms: u64 = 300_000, "ms", "longest wait: somebody else's guesses lock nobody out for long";
        name_retention_s: u64 = 2_592_000, "s", "how long the names of a deleted account stay taken";
        oidc_answer_bytes: usize = 262_144, "bytes", "largest answer of the provider that is read";
        oidc_attempt_s: u64 = 600, "s", "how long one may take at the provider";
        oidc_client_id: Option<String> = None, "text", "what the provider calls us";
        oidc_client_secret: Option<Secret> = None, "text", "what the provider knows us by; none is a public client, which PKCE protects";
        oidc_issuer: Option<String> = None, "URL", "OpenID Connect provider through which players may sign in; none is none";
        oidc_keep_s: u64 = 3_600, "s", "how long the provider's addresses and keys are kept; a key that is not known is asked for at once";
        oidc_name: Option<String> = None, "text", "what the page calls the provider; none is the host of its URL";
        oidc_redirect_url: Option<String> = None, "URL", "the player's page, to which the provider sends players back: https://host/";
        oidc_timeout_ms: u64 = 5_000, "ms", "longest wait for the provider";
        password_max: usize = 128, "characters", "longest password";
        password_min: usize = 10, "characters", "shortest password";
        password_queue: usize = 64, "passwords", "passwords that wait to be checked; more are refused with try_again";
        password_threads: usize = 0, "threads", "threads that check passwords, with little priority; 0 is one for two cores";
        profile_cache: usize = 10_000, "accounts", "accounts whose GET /me is answered from memory";
        profile_cache_ms: u64 = 1_000, "ms", "and for how long: what another node changed is seen then, if its word is lost";
        service_name_chars: usize = 64, "characters", "longest name of a service's token";
        token_cache: usize = 65_536, "tokens", "access tokens whose signature need not be checked again; 0 is none";
        username_max: usize = 32, "characters", "longest user name";
        username_min: usize = 3, "characters", "shortest user name";
    }
    /// Repeated requests under one `Idempotency-Key` (spec 2.2).
    idempotency: Idempotency {
        key_chars: usize = 128, "characters", "longest key";
        ttl_s: u64 = 86_400, "s", "how long a key gives the same answer";
        lease_ms: u64 = 5_000, "ms", "a request that has not been answered for so long may be served anew: its node may have died";
        wait_ms: u64 = 10_000, "ms", "how long a repetition waits for the first; longer than the lease";
        poll_ms: u64 = 50, "ms", "it looks first after this, and then half as often each time";
        poll_max_ms: u64 = 1_000, "ms", "but no more seldom: a crowd that waits must not keep the database from what it waits for";
        sweep_ms: u64 = 60_000, "ms", "how often expired keys are forgotten";
    }
    /// Video and voice.
    media: Media {
        enabled: bool = true, "bool", "whether rooms may have video and voice; without it games are full text games";
        udp_port: u16 = 47_100, "port", "the one UDP port of all connections; 0 picks a free one";
        public_address: IpAddr = IpAddr::from([127, 0, 0, 1]), "address", "where players reach the UDP port: the node's own address, or the one that is forwarded to it";
        sdp_bytes: usize = 16_384, "bytes", "longest session description";
        sdp_sections: usize = 8, "lines", "media lines in an offer at most";
        layers: usize = 3, "layers", "layers of simulcast that a player may send of his picture; 1 has none";
        h264: bool = true, "bool", "whether the pictures of a room are H.264 while all in it can send and receive that; else VP8";
        codec_calm_ms: u64 = 5_000, "ms", "a room whose pictures fell back to VP8 comes back to H.264 when all have been able for so long; twice as long after each fall, up to 64 times";
        full_pictures: usize = 2, "pictures", "who is sent more pictures than this shows them small";
        small_pixels: u32 = 150_000, "pixels", "and gets no layer with more pixels than this, if there is another";
        small_kbps: u32 = 600, "kbit/s", "whom everybody shows small is not asked to send less";
        publishers: usize = 12, "players", "who may send in a room";
        peer_kbps: u32 = 2_000, "kbit/s", "what a player may send in all; browsers are told, what is over by a quarter is dropped";
        least_kbps: u32 = 100, "kbit/s", "a sender of pictures is never asked to send less, however slow a receiver";
        full_link_ms: u64 = 10_000, "ms", "a receiver's link that was full is taken for full for so long";
        bound_ms: u64 = 1_000, "ms", "how often senders are told how much they may send";
        key_frame_ms: u64 = 500, "ms", "between two requests for a key frame of one picture";
        speech_dbov: u8 = 45, "-dBov", "this loud is speech (RFC 6464: 0 is loudest, 127 silence)";
        speech_hysteresis_db: u8 = 10, "dB", "so much quieter than speech is silence";
        speech_attack_ms: u64 = 60, "ms", "loud for so long begins to speak";
        speech_hold_ms: u64 = 600, "ms", "quiet for so long has ceased to speak";
        tick_ms: u64 = 200, "ms", "how often a room looks who fell silent and who did not answer";
        answer_ms: u64 = 15_000, "ms", "an offer that is not answered for so long has failed";
        disconnected_ms: u64 = 5_000, "ms", "a connection that hears nothing for so long is disconnected";
        failed_ms: u64 = 10_000, "ms", "and has failed so much later";
        threads: usize = 0, "threads", "threads that carry media; 0 is one for two cores";
        commands: usize = 256, "commands", "commands that wait for a room's media at most; more are refused";
        inbox_packets: usize = 512, "packets", "packets from a player that wait for his connection; more are lost";
        stale_ms: u64 = 500, "ms", "a packet of sound or pictures that waits in the inbox for longer is lost: a node that cannot keep up loses packets, and is not late by seconds with all";
        queue_packets: usize = 512, "packets", "packets to a player that wait for his connection; more are lost";
        socket_bytes: usize = 4_194_304, "bytes", "send and receive buffer of the UDP port; the kernel may give less (net.core.rmem_max)";
        addresses: usize = 8, "addresses", "addresses of one connection at once";
        addresses_ever: usize = 32, "addresses", "addresses that one connection may prove between two ICE restarts";
        address_ttl_ms: u64 = 30_000, "ms", "an address that has not proved itself (signed STUN) for so long is forgotten";
    }
    /// Duels: matches between two players' own machines (spec 4).
    duel: DuelSection {
        answer_ms: u64 = 30_000, "ms", "a request that is not answered for so long has expired (spec 4.3)";
        connect_ms: u64 = 20_000, "ms", "and a match that is not connected so long after its acceptance has failed";
        return_ms: u64 = 5_000, "ms", "who loses his socket before the connection has so long to come back";
        gone_ms: u64 = 60_000, "ms", "a connected match whose players have both been without a socket for so long is over";
        report_ms: u64 = 30_000, "ms", "after the first report of a result, how long the other's is waited for";
        longest_ms: u64 = 3_600_000, "ms", "longest match: nobody stays in one for ever";
        ended_ms: u64 = 30_000, "ms", "how long it is known how a match ended: what comes late is told why it is refused";
        hold_ms: u64 = 15_000, "ms", "a player is in a match for so long after it last said so; longer than cluster.lease_ms";
        look_ms: u64 = 8_000, "ms", "a match that is not connected is looked for by all nodes after this: its own may have died with everybody in it; longer than cluster.lease_ms";
        assert_ms: u64 = 5_000, "ms", "how often matches, players and lobbies are told again what they should know: their node may have died";
        retry_ms: u64 = 500, "ms", "wait before a message to a player that was not delivered, or a failed commit, is tried again";
        requests: usize = 8, "requests", "open requests of a player, and to him; more are refused with 429";
        waiting: usize = 64, "messages", "messages to a match that wait for its commit; more are refused with 503";
        sdp_bytes: usize = 16_384, "bytes", "longest session description; longer is refused with 413";
        candidates: usize = 64, "candidates", "ICE candidates of a player that are kept until the connection; more are refused with 429";
        candidate_bytes: usize = 2_048, "bytes", "longest ICE candidate; longer is refused with 413";
        relay_only: bool = false, "bool", "hides players' addresses from each other: pages are told to use the TURN relays alone, and candidates that are none are not passed on";
        checksum_chars: usize = 128, "characters", "longest checksum in a report";
    }
    /// Lobbies: who is there to duel with (spec 4.4).
    lobby: LobbySection {
        capacity: usize = 500, "players", "players in a shard of a lobby; then the next one opens";
        shards: u64 = 64, "shards", "shards of a lobby; when the last is full, 503";
        name_chars: usize = 32, "characters", "longest name of a lobby";
        debounce_ms: u64 = 100, "ms", "least time between two updates to a connection";
        updates_per_s: usize = 4, "updates/s", "snapshots to a connection in a second at most";
        crowd: usize = 100, "players", "a lobby of more is a crowd";
        crowd_ms: u64 = 1_000, "ms", "least time between two snapshots of a crowd to a connection";
    }
    /// STUN and TURN servers that players are told of (spec 4.5).
    turn: Turn {
        urls: Vec<String> = Vec::new(), "URLs", "stun:, turn: and turns: servers in the order in which browsers try them";
        secret: Option<Secret> = None, "text", "coturn's static-auth-secret: with it each player gets credentials of his own for turn: and turns:";
        ttl_s: u64 = 600, "s", "how long such credentials open a relay";
        asks_per_minute: f64 = 10.0, "requests/min", "questions of one account for the servers and new credentials";
    }
    /// Events, their rewards and claims on them (spec 2.2).
    rewards: Rewards {
        description_chars: usize = 4_000, "characters", "longest description of an event";
        title_chars: usize = 120, "characters", "longest title of an event";
        name_chars: usize = 64, "characters", "longest name of a reward";
        condition_depth: usize = 5, "levels", "deepest nesting of a condition";
        condition_terms: usize = 32, "terms", "terms of a condition at most";
        preview_accounts: u32 = 2_000, "accounts", "accounts that a preview of a condition looks at";
        workers: usize = 4, "workers", "claims that a node works on at once; under the connections of its pool";
        batch: u32 = 4, "claims", "claims a worker takes at once";
        poll_ms: u64 = 250, "ms", "how often an idle worker looks for claims of other nodes";
        lease_ms: u64 = 5_000, "ms", "a claim that has not moved for so long is taken by another worker";
        answer_ms: u64 = 2_000, "ms", "how long a claim's request waits for its end before it is answered with 202";
        grant_asks: u32 = 2, "tries", "how often a worker asks a database again that is away, before the stream brings the grant back later";
        grant_ask_ms: u64 = 100, "ms", "and after what pause";
        deadline_ms: u64 = 25_000, "ms", "a claim that is not granted by then is compensated";
        tries: i64 = 5, "tries", "a claim whose grant cannot be asked for so often is compensated; the grant itself is tried activity.tries times";
        export_page: u32 = 500, "rows", "rows of a CSV export that are read, and in memory, at once";
        export_rows: u32 = 100_000, "rows", "rows of a CSV export at most; one that would be longer is refused, not cut off";
    }
    /// Ratings (Glicko-2; spec 4.6).
    rating: RatingSection {
        start: f64 = 1_500.0, "points", "a newcomer's rating: the middle of the scale";
        start_deviation: f64 = 350.0, "points", "and how unsure it is; nobody is less sure, however long he was away";
        start_volatility: f64 = 0.06, "number", "how much a newcomer's strength is taken to change; Glickman's";
        tau: f64 = 0.5, "number", "how much volatility itself may change, 0.3 to 1.2; Glickman's";
        least_deviation: f64 = 45.0, "points", "nobody is known better: who plays much can still rise and fall";
        provisional_deviation: f64 = 110.0, "points", "a rating that is less sure is called provisional";
        period_h: f64 = 120.0, "h", "a rating period: who was sure within 60 is within 110 after a year without a game";
    }
    /// Matchmaking (spec 4.6).
    matchmaking: Matchmaking {
        window_start: f64 = 100.0, "points", "how far apart the ratings of two may be who have just come";
        window_per_s: f64 = 20.0, "points/s", "and how much farther with each second of waiting";
        window_most: f64 = 2_000.0, "points", "but never farther";
        round_ms: u64 = 250, "ms", "how often it is looked who fits whom";
        groups_per_round: usize = 256, "matches", "matches that are made at once at most";
        pool: usize = 10_000, "players", "players who wait in a mode and region at most; more are told to try again";
        hold_ms: u64 = 3_000, "ms", "how long a session's question waits for a match before it is asked again; shorter than cluster.ask_timeout_ms";
        grace_ms: u64 = 3_000, "ms", "who has not asked again for so long is gone";
        retry_ms: u64 = 500, "ms", "pause before a session asks a matchmaker again that was not there, or a match is asked for again";
        busy_ms: u64 = 3_000, "ms", "who is in another match is left out for so long";
        remember_ms: u64 = 30_000, "ms", "how long a match is known to those whom word of it did not reach";
        region_chars: usize = 32, "characters", "longest name of a region";
        mafia_players: usize = 6, "players", "who are brought together for a game of Mafia";
        mafia_least: usize = 4, "players", "fewer will do after a while";
        mafia_patience_ms: u64 = 20_000, "ms", "and this is how long";
    }
    /// Showtimes: seats, holds, payment (spec 3.2).
    showtimes: Showtimes {
        hold_ms: u64 = 300_000, "ms", "how long a seat is held for who has won it (spec 3.2: 5 min)";
        holds: u32 = 16, "seats", "seats that an account may hold at once: nobody keeps a house from all others for nothing";
        expiry_poll_ms: u64 = 1_000, "ms", "how often a node looks for holds whose time is over";
        expiry_batch: u32 = 256, "holds", "holds that are released in one transaction at most";
        title_chars: usize = 120, "characters", "longest title of a showtime";
        label_chars: usize = 24, "characters", "longest label of a seat";
        labels: usize = 500, "seats", "seats that are added in one request at most";
        seats: u32 = 5_000, "seats", "seats of a showtime at most";
        changed_within_ms: u64 = 60_000, "ms", "how far back a list of the seats that have changed goes at most";
        doors_ms: u64 = 900_000, "ms", "how long before its start the room of a showtime opens to those who have paid";
        queue_retry_ms: u64 = 2_000, "ms", "what Retry-After says when a queue did not answer";
        queue_give_up_ms: u64 = 3_600_000, "ms", "a queue that does not answer for so long is not told any more that a seat is paid: its pass has ended by itself";
        top_up_points: i64 = 1_000_000, "points", "points that staff may give an account at once at most";
    }
    /// Brackets of showtimes: duels of all who have a paid seat.
    brackets: Brackets {
        players: usize = 64, "players", "players of a bracket at most: six rounds; more are refused with room_full";
        waiting: usize = 256, "joins", "joins that wait for a bracket's commit; more are told to try again";
        look_ms: u64 = 1_000, "ms", "how often a bracket looks how its matches go; much shorter than duel.ended_ms, within which a match says how it ended";
        show_ms: u64 = 120_000, "ms", "a match that a player did not come to is made again until then; after it he has lost it";
        round_ms: u64 = 1_800_000, "ms", "longest round: a match that has no winner by then is the better seed's";
        verdict_ms: u64 = 600_000, "ms", "how long a result that its players do not agree on waits for staff before the match is played again";
        missing_ms: u64 = 30_000, "ms", "a match that is gone, and of whose result nobody has heard for so long, has none";
        revive_ms: u64 = 15_000, "ms", "a bracket that runs is looked for by all nodes after this: its own may have died; longer than cluster.lease_ms";
        retry_ms: u64 = 500, "ms", "wait before a commit or a look-up that failed is tried again";
        keep_ms: u64 = 86_400_000, "ms", "how long it is known how a bracket ended";
    }
    /// Admission queues (spec 3.1).
    queue: Queue {
        tick_ms: u64 = 1_000, "ms", "how often a queue looks for passes that are over and places that are free, besides at every release";
        verify_ms: u64 = 500, "ms", "how long a pass may take to be verified; then the queue is unavailable (spec 3.3)";
        ping_ms: u64 = 300, "ms", "how long a queue may take to answer the health ping; then it is down (spec 3.3)";
        look_places: usize = 256, "tickets", "tickets of a queue that are looked for in one question to its line at most; the others wait for the next";
        ask_ms: u64 = 2_000, "ms", "how long a ticket or a poll may take on the way through a node without the role queue";
        block: i64 = 1_000, "numbers", "numbers that a line in Redis may give out before SQL is told of more";
        poll_least_ms: u64 = 1_000, "ms", "poll_after_ms of those who are next";
        poll_most_ms: u64 = 10_000, "ms", "and of those far away; after a loss of the line nobody is admitted for twice as long";
        poll_share: u64 = 10, "parts", "poll_after_ms is this part of the expected wait";
        poll_ahead_us: u64 = 2_000, "µs", "and, while no rate is measured, so much for each who is ahead";
        pace_ms: u64 = 60_000, "ms", "the rate of admissions is measured over so long: a change counts for two thirds after it";
        settings_ms: u64 = 1_000, "ms", "how long a node polls by settings that it has read";
        drop_batch: usize = 1_000, "players", "who has abandoned the line is dropped in batches of so many";
        admit_batch: usize = 500, "players", "players admitted in one commit at most";
        idle_ms: u64 = 60_000, "ms", "a queue in which nobody waits is put away after this";
        stale_ms: u64 = 3_000, "ms", "a line in which nobody was admitted or looked after for so long has lost its actor: a poll wakes it";
        left_ms: u64 = 600_000, "ms", "how long who has left is told so; later his ticket has expired";
        keep_ended_ms: u64 = 86_400_000, "ms", "how long an ended pass stays in SQL";
        sweep_ms: u64 = 600_000, "ms", "how often what is too old is deleted";
        push_ms: u64 = 1_000, "ms", "how often a node looks after the players who wait on its sockets";
        push_batch: usize = 500, "players", "of whom one question to the line names so many at most";
        push_most: usize = 5_000, "players", "and so many are looked after at once at most; the others a moment later";
        name_chars: usize = 120, "characters", "longest name of a queue";
        capacity: i64 = 100, "places", "capacity of a queue that names none";
        capacity_most: i64 = 100_000, "places", "largest capacity";
        rate_most: f64 = 100_000.0, "players/s", "largest rate";
        claim_ttl_ms: i64 = 60_000, "ms", "claim_ttl of a queue that names none: within it a pass must be used first";
        pass_ttl_ms: i64 = 600_000, "ms", "pass_ttl of a queue that names none: so long a pass is good after its first use";
        abandon_after_ms: i64 = 60_000, "ms", "abandon_after of a queue that names none: who was not heard of for so long is dropped";
        ttl_most_ms: i64 = 86_400_000, "ms", "the longest of these times";
    }
    /// Logs.
    log: Log {
        format: LogFormat = LogFormat::Auto, "auto|pretty|json", "auto is pretty on a terminal, else json";
        filter: String = "info".into(), "filter", "tracing filter; RUST_LOG wins";
    }
    /// Export of traces to OpenTelemetry.
    telemetry: Telemetry {
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

/// A setting that nobody prints.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(set)")
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "toml::Value")]
pub enum TlsVersion {
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    V1_3,
    /// TLS 1.2.
    #[serde(rename = "1.2")]
    V1_2,
}

/// From the environment and `--set` it comes as a number.
impl TryFrom<toml::Value> for TlsVersion {
    type Error = &'static str;
    fn try_from(value: toml::Value) -> Result<Self, Self::Error> {
        match value.to_string().trim_matches('"') {
            "1.3" => Ok(Self::V1_3),
            "1.2" => Ok(Self::V1_2),
            _ => Err("1.3 or 1.2"),
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, else JSON.
    Auto,
    /// For eyes.
    Pretty,
    /// For machines.
    Json,
}

#[cfg(test)]
mod tests;
