//! Accounts, what they did and what they get for it. A table alone, see `table`.

use super::{kinds::Secret, table::sections};

sections! {
    /// The activity stream: facts on their way to those who act on them.
    Activity {
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
    /// What staff do to players.
    Moderation {
        poll_ms: u64 = 1_000, "ms", "how often a node reads who is muted: a mute holds everywhere within this";
        reason_chars: usize = 500, "characters", "longest reason or note of staff, of a ban too";
        shown: u32 = 50, "rows", "reports, sign-ins and bans, the latest of each, that are shown with a player";
        watch_again_ms: u64 = 600_000, "ms", "who keeps looking into the same game is noted in the audit log once in so long";
        watches: usize = 1_024, "looks", "looks that a node remembers for it; one that is forgotten is noted again";
        watched_entries: u32 = 300, "entries", "newest entries of a live game's log that are shown to staff";
    }
    /// Bounds on what a client may do or hold (spec 1.1).
    Limits {
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
    /// Identity: tokens and tickets.
    Auth {
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
    Idempotency {
        key_chars: usize = 128, "characters", "longest key";
        ttl_s: u64 = 86_400, "s", "how long a key gives the same answer";
        lease_ms: u64 = 5_000, "ms", "a request that has not been answered for so long may be served anew: its node may have died";
        wait_ms: u64 = 10_000, "ms", "how long a repetition waits for the first; longer than the lease";
        poll_ms: u64 = 50, "ms", "it looks first after this, and then half as often each time";
        poll_max_ms: u64 = 1_000, "ms", "but no more seldom: a crowd that waits must not keep the database from what it waits for";
        sweep_ms: u64 = 60_000, "ms", "how often expired keys are forgotten";
    }
    /// Events, their rewards and claims on them (spec 2.2).
    Rewards {
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
}
