//! What is played: sessions, rooms, media, duels, matchmaking. A table alone, see `table`.

use super::{kinds::Secret, table::sections};
use std::net::IpAddr;

sections! {
    /// Sessions and rooms.
    SessionSection {
        heartbeat_ms: u64 = 20_000, "ms", "WebSocket ping interval; a peer silent for 2.5 of them is dropped";
        resume_window_ms: u64 = 60_000, "ms", "how long a session outlives its socket";
    }
    /// Rooms and their games.
    RoomSection {
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
    /// Video and voice.
    Media {
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
    DuelSection {
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
    LobbySection {
        capacity: usize = 500, "players", "players in a shard of a lobby; then the next one opens";
        shards: u64 = 64, "shards", "shards of a lobby; when the last is full, 503";
        name_chars: usize = 32, "characters", "longest name of a lobby";
        debounce_ms: u64 = 100, "ms", "least time between two updates to a connection";
        updates_per_s: usize = 4, "updates/s", "snapshots to a connection in a second at most";
        crowd: usize = 100, "players", "a lobby of more is a crowd";
        crowd_ms: u64 = 1_000, "ms", "least time between two snapshots of a crowd to a connection";
    }
    /// STUN and TURN servers that players are told of (spec 4.5).
    Turn {
        urls: Vec<String> = Vec::new(), "URLs", "stun:, turn: and turns: servers in the order in which browsers try them";
        secret: Option<Secret> = None, "text", "coturn's static-auth-secret: with it each player gets credentials of his own for turn: and turns:";
        ttl_s: u64 = 600, "s", "how long such credentials open a relay";
        asks_per_minute: f64 = 10.0, "requests/min", "questions of one account for the servers and new credentials";
    }
    /// Ratings (Glicko-2; spec 4.6).
    RatingSection {
        start: f64 = 1_500.0, "points", "a newcomer's rating: the middle of the scale";
        start_deviation: f64 = 350.0, "points", "and how unsure it is; nobody is less sure, however long he was away";
        start_volatility: f64 = 0.06, "number", "how much a newcomer's strength is taken to change; Glickman's";
        tau: f64 = 0.5, "number", "how much volatility itself may change, 0.3 to 1.2; Glickman's";
        least_deviation: f64 = 45.0, "points", "nobody is known better: who plays much can still rise and fall";
        provisional_deviation: f64 = 110.0, "points", "a rating that is less sure is called provisional";
        period_h: f64 = 120.0, "h", "a rating period: who was sure within 60 is within 110 after a year without a game";
    }
    /// Matchmaking (spec 4.6).
    Matchmaking {
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
}
