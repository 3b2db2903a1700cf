//! A hundred players who do what they should and what they should not, at random: no transition that the spec does not
//! have, no word of a match to anybody else, no forged id let through, no crash (spec 4, figure 4 of its issue).
//!
//! `PLAYHOUSE_SIGNAL_SEQUENCES=10000` runs all of it; a run of the suite does fewer. `PLAYHOUSE_SEED` draws others.

use super::Peer;
use crate::node::{Here, start};
use playhouse::testkit::Guest;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

const CLIENTS: usize = 100;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// What anybody may have overheard.
#[derive(Default)]
struct Gossip {
    players: Vec<String>,
    sessions: Vec<String>,
    sequences: u64,
}

struct Actor {
    peer: Peer,
    rng: ChaCha8Rng,
    gossip: Rc<RefCell<Gossip>>,
    seen: usize,
    n: usize,
}

impl Actor {
    fn someone(&mut self) -> String {
        let gossip = self.gossip.borrow();
        gossip.players[self.rng.random_range(0..gossip.players.len())].clone()
    }

    /// Mostly his own id.
    fn me(&mut self) -> String {
        if self.rng.random_bool(0.85) { self.peer.id.clone() } else { self.someone() }
    }

    fn session(&mut self) -> String {
        let gossip = self.gossip.borrow();
        match gossip.sessions.len() {
            0 => uuid::Uuid::now_v7().to_string(),
            _ if self.rng.random_bool(0.05) => uuid::Uuid::now_v7().to_string(),
            len => gossip.sessions[self.rng.random_range(len.saturating_sub(60)..len)].clone(),
        }
    }

    /// Anything, to anybody, under any name.
    async fn mischief(&mut self) {
        let (me, other, session) = (self.me(), self.someone(), self.session());
        self.n += 1;
        let sdp = format!("{} {}", self.peer.id, self.n);
        let (name, payload) = match self.rng.random_range(0..14) {
            0 => ("join_lobby", json!({"playerId": me, "delta": self.rng.random_bool(0.5)})),
            1 => ("request_match", json!({"requesterId": me, "targetId": other})),
            2 => ("accept_match", json!({"accepterId": me, "requesterId": other})),
            3 => ("accept_match", json!({"accepterId": me, "requesterId": other, "sessionId": session})),
            4 => ("decline_match", json!({"declinerId": me, "requesterId": other, "sessionId": session})),
            5 => {
                ("cancel_match_request", json!({"requesterId": me, "targetId": other, "sessionId": session}))
            }
            6 => (
                "send_sdp_offer",
                json!({"senderId": me, "receiverId": other, "sdp": sdp, "sessionId": session}),
            ),
            7 => (
                "send_sdp_answer",
                json!({"senderId": me, "receiverId": other, "sdp": sdp, "sessionId": session}),
            ),
            8 => (
                "send_ice_candidate",
                json!({"senderId": me, "receiverId": other, "candidate": {"candidate": sdp}, "sessionId": session}),
            ),
            9 => ("report_connection", json!({"sessionId": session, "state": "connected"})),
            10 => ("report_connection", json!({"sessionId": session, "state": "failed"})),
            11 => ("report_result", json!({"sessionId": session, "winnerId": other})),
            12 => ("leave_match", json!({"sessionId": session})),
            _ => ("leave_lobby", json!({"playerId": 7})),
        };
        self.peer.say(name, payload).await;
    }

    /// What a page would do, mostly.
    async fn react(&mut self, frame: Value) {
        if frame["type"] == "match_request_sent" {
            let session = frame["payload"]["sessionId"].as_str().unwrap().to_owned();
            self.gossip.borrow_mut().sessions.push(session);
        }
        if self.rng.random_bool(0.08) {
            return self.mischief().await;
        }
        let payload = &frame["payload"];
        let text = |field: &str| payload[field].as_str().unwrap_or_default().to_owned();
        let (session, me) = (text("sessionId"), self.peer.id.clone());
        self.n += 1;
        let sdp = format!("{me} {}", self.n);
        match frame["type"].as_str().unwrap_or_default() {
            "match_request_received" if self.rng.random_bool(0.8) => {
                self.peer.accept(&text("requesterId"), &session).await;
            }
            "match_request_received" => {
                let decline = json!({"declinerId": me, "requesterId": text("requesterId")});
                self.peer.say("decline_match", decline).await;
            }
            "match_request_accepted" if text("requesterId") == me => {
                let other = text("accepterId");
                let early = json!({"senderId": me, "receiverId": other, "candidate": {"candidate": sdp}, "sessionId": session});
                self.peer.say("send_ice_candidate", early).await;
                self.peer.sdp("offer", &other, &sdp, &session).await;
            }
            "sdp_offer_received" => {
                self.peer.sdp("answer", &text("senderId"), &sdp, &session).await;
                self.peer.reports("connected", &session).await;
            }
            "sdp_answer_received" => self.peer.reports("connected", &session).await,
            "match_started" => {
                let winner = if self.rng.random_bool(0.5) { json!(me) } else { json!(null) };
                self.peer.say("report_result", json!({"sessionId": session, "winnerId": winner})).await;
            }
            _ => {}
        }
    }

    async fn hear(&mut self, longest: Duration) {
        let heard = tokio::time::timeout(longest, self.peer.receive()).await;
        assert_ne!(heard, Ok(false), "closed with {:?}", self.peer.closed);
        while self.seen < self.peer.transcript.len() {
            let frame = self.peer.transcript[self.seen].clone();
            self.seen += 1;
            self.react(frame).await;
        }
    }

    /// One sequence: he asks somebody, and then this and that.
    async fn sequence(&mut self) {
        let (me, other) = (self.peer.id.clone(), self.someone());
        self.peer.say("join_lobby", json!({"playerId": me, "delta": true})).await;
        self.peer.say("request_match", json!({"requesterId": me, "targetId": other})).await;
        for _ in 0..self.rng.random_range(2..10) {
            if self.rng.random_bool(0.25) {
                self.mischief().await;
            }
            self.hear(Duration::from_millis(150)).await; // a debug build keeps up with so much
        }
    }

    async fn run(mut self, sequences: u64) -> Peer {
        loop {
            {
                let mut gossip = self.gossip.borrow_mut();
                if gossip.sequences >= sequences {
                    break;
                }
                gossip.sequences += 1;
            }
            self.sequence().await;
        }
        // What the others still want of him.
        let end = tokio::time::Instant::now() + Duration::from_secs(2);
        while tokio::time::Instant::now() < end {
            self.hear(Duration::from_millis(50)).await;
        }
        self.peer
    }
}

/// Where a message puts a session in the eyes of whom it is sent to. `None`: it says nothing of that.
fn place(name: &str) -> Option<u8> {
    Some(match name {
        "match_request_sent" | "match_request_received" => 0,
        "match_request_accepted" => 1,
        "sdp_offer_received" | "sdp_answer_received" | "ice_candidate_received" => 2,
        "match_started" => 3,
        "match_ended" | "match_failed" | "match_request_declined" | "match_request_cancelled" => 4,
        _ => return None,
    })
}

/// Holds what every player was sent against the rules.
fn judge(peers: &[Peer]) -> BTreeMap<&'static str, usize> {
    let mut members: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for peer in peers {
        for frame in peer.transcript.iter().filter(|frame| frame["type"] == "match_request_sent") {
            let text = |field: &str| frame["payload"][field].as_str().unwrap().to_owned();
            let both = [peer.id.clone(), text("targetId")].into();
            assert!(members.insert(text("sessionId"), both).is_none(), "two requests of one id");
        }
    }
    let mut counts = BTreeMap::new();
    for peer in peers {
        let mut places: BTreeMap<&str, u8> = BTreeMap::new();
        for frame in &peer.transcript {
            let (name, payload) = (frame["type"].as_str().unwrap(), &frame["payload"]);
            if name == "error" {
                assert_ne!(payload["code"], 500, "{frame}");
                *counts.entry("errors").or_default() += 1;
                continue;
            }
            let Some(next) = place(name) else { continue };
            let session = payload["sessionId"].as_str().unwrap();
            let both = members.get(session).unwrap_or_else(|| panic!("of no request: {frame}"));
            assert!(both.contains(&peer.id), "to a stranger: {frame}");
            if let Some(sender) = payload["senderId"].as_str() {
                assert!(both.contains(sender) && sender != peer.id, "from a stranger: {frame}");
                let content = payload["sdp"].as_str().or(payload["candidate"]["candidate"].as_str()).unwrap();
                assert!(content.starts_with(sender), "under a forged id: {frame}");
            }
            let place = places.entry(session).or_insert(next);
            let legal =
                next >= *place && *place < 4 || *place == next && next < 3 || *place == 3 && next == 2;
            assert!(legal || *place == next && next == 0, "{place} -> {next}: {frame}");
            *place = next.max(*place);
            if next == 3 {
                *counts.entry("started").or_default() += 1;
            }
            if next == 4 {
                *counts.entry("over").or_default() += 1;
            }
        }
    }
    counts.insert("sessions", members.len());
    counts
}

/// Entities that went without a word. A commit that the disk keeps waiting would be one: not so here.
async fn crashes(here: &Here) -> Vec<String> {
    let metrics = reqwest::get(format!("http://{}/metrics", here.node.admin_address)).await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let counters = metrics.lines().filter(|line| line.starts_with("playhouse_entity_crashes_total"));
    counters.filter(|line| !line.ends_with(" 0")).map(str::to_owned).collect()
}

#[actix::test]
async fn a_hundred_players_at_random_break_no_rule() {
    let sequences = setting("PLAYHOUSE_SIGNAL_SEQUENCES", 600);
    let seed = setting("PLAYHOUSE_SEED", rand::rng().next_u64());
    println!("PLAYHOUSE_SEED={seed} PLAYHOUSE_SIGNAL_SEQUENCES={sequences}");
    let here = start(|config| {
        (config.limits.messages_per_s, config.limits.messages_burst) = (1e6, 1e6);
        (config.duel.answer_ms, config.duel.connect_ms, config.duel.report_ms) = (4_000, 8_000, 500);
        config.server.workers = 2;
        (config.database.timeout_ms, config.cluster.ask_timeout_ms) = (60_000, 60_000);
    })
    .await;
    let gossip = Rc::new(RefCell::new(Gossip::default()));
    let mut actors = Vec::new();
    for n in 0..CLIENTS {
        let guest = Guest::sign_in(&here.base, &format!("Random{n}")).await.unwrap();
        let protocol = if n % 2 == 0 { None } else { super::PACKED };
        let peer = Peer::connect(guest, protocol).await;
        gossip.borrow_mut().players.push(peer.id.clone());
        let rng = ChaCha8Rng::seed_from_u64(seed.wrapping_add(n as u64));
        actors.push(Actor { peer, rng, gossip: gossip.clone(), seen: 0, n: 0 });
    }
    let running: Vec<_> = actors.into_iter().map(|actor| actix::spawn(actor.run(sequences))).collect();
    let mut peers = Vec::new();
    for actor in running {
        peers.push(actor.await.unwrap());
    }
    // Left alone, every session ends.
    tokio::time::sleep(Duration::from_millis(12_500)).await;
    for peer in &mut peers {
        peer.have_come("").await;
    }
    let counts = judge(&peers);
    println!("{counts:?}");
    assert!(
        counts["sessions"] as u64 > (sequences / 10).min(100) && counts.contains_key("started"),
        "{counts:?}"
    );
    assert_eq!(crashes(&here).await, [""; 0]);
    // And nobody has stayed in a match.
    for pair in peers.chunks_mut(2) {
        let [ann, bob] = pair else { unreachable!() };
        for peer in [&mut *ann, &mut *bob] {
            if peer.transcript.iter().any(|frame| frame["type"] == "match_started") {
                for session in unfinished(peer) {
                    peer.say("leave_match", json!({"sessionId": session})).await;
                }
            }
            peer.join("main").await;
        }
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    for peer in &mut peers {
        peer.have_come("").await;
        peer.forget();
    }
    for pair in peers.chunks_mut(2) {
        let [ann, bob] = pair else { unreachable!() };
        super::accepted(ann, bob).await;
    }
}

/// Matches that have started for him and are not over.
fn unfinished(peer: &Peer) -> BTreeSet<String> {
    let of = |name: &str| -> BTreeSet<String> {
        let such = peer.transcript.iter().filter(|frame| frame["type"] == name);
        such.map(|frame| frame["payload"]["sessionId"].as_str().unwrap().to_owned()).collect()
    };
    of("match_started").difference(&of("match_ended")).cloned().collect()
}
