//! A bracket over real processes (spec 3.2): five with paid seats on one node of three, of which the two others die before
//! the start, play duels over `/ws/signal` until one has won.

use super::*;
use crate::duel::{Peer, connect};
use playhouse::{
    clock::{Clock as _, SystemClock},
    testkit::SocketPlayer,
};
use std::collections::BTreeSet;

const FIGHTERS: usize = 5;

struct Fighter {
    player: SocketPlayer,
    peer: Peer,
}

impl Fighter {
    async fn enter(base: &str, n: usize) -> Self {
        let guest = Guest::sign_in(base, &format!("Fighter{n}")).await.unwrap();
        let player = SocketPlayer::connect(guest.clone()).await.unwrap();
        Self { player, peer: Peer::connect(guest, None).await }
    }
}

/// The seat is his.
async fn pays(world: &World, who: &Guest, (showtime, seat): (&str, &str)) {
    let path = format!("showtimes/{showtime}/seats/{seat}/reservations");
    let held = world.post(who, &path, json!({})).await.of(201);
    let path = format!("reservations/{}/payment", held["reservation"]["id"].as_str().unwrap());
    let ask = Ask { key: Some(&who.id), ..Ask::default() };
    world.ask(&world.bases[0], who, (Method::POST, &path), ask).await.unwrap().of(200);
}

/// The next match that is on and was not played yet: its session, and who plays it.
fn next_match(bracket: &Value, played: &BTreeSet<String>) -> Option<(String, [String; 2])> {
    let pairs = bracket["rounds"].as_array()?.last()?["pairs"].as_array()?;
    pairs.iter().filter(|pair| pair["status"] == "playing").find_map(|pair| {
        let session = pair["sessionId"].as_str()?.to_owned();
        let two = [pair["players"][0].as_str()?.to_owned(), pair["players"][1].as_str()?.to_owned()];
        (!played.contains(&session)).then_some((session, two))
    })
}

/// These two have been told of their match, and play it. Who came later into the bracket wins.
async fn play(fighters: &mut Vec<Fighter>, session: &str, two: [&str; 2]) {
    let [mut one, mut other] = two.map(|id| {
        let at = fighters.iter().position(|fighter| fighter.player.guest.id == id).unwrap();
        fighters.remove(at)
    });
    for fighter in [&mut one, &mut other] {
        let wanted = |frame: &Value| {
            frame["type"] == "matchmaking.found" && frame["payload"]["sessionId"] == json!(session)
        };
        fighter.player.wait_for("his match", wanted).await.unwrap();
    }
    connect(&mut one.peer, &mut other.peer, session).await;
    let by_name = |fighter: &&Fighter| fighter.player.guest.nickname.clone();
    let winner = [&one, &other].into_iter().max_by_key(by_name).unwrap().peer.id.clone();
    for fighter in [&mut one, &mut other] {
        fighter.peer.say("report_result", json!({"sessionId": session, "winnerId": winner})).await;
    }
    for fighter in [&mut one, &mut other] {
        assert_eq!(fighter.peer.until("match_ended").await["result"]["outcome"], "agreed");
    }
    fighters.extend([one, other]);
}

#[actix::test]
async fn five_with_paid_seats_play_a_bracket_to_its_end_though_nodes_die() {
    let (redis, postgres) = (PrivateRedis::start().unwrap(), PrivatePostgres::start().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let mut settings = shared(&redis, &postgres);
    settings.push("duel.connect_ms=120000".to_owned()); // its matches are played one after another
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let mut nodes: Vec<Process> = (0..3).map(|_| Process::with(dir.path(), &settings)).collect();
    let world = World::of(&nodes.iter().collect::<Vec<_>>(), &postgres).await;
    let in_ms = |ms: i64| SystemClock.now().0 + ms;
    let wish = json!({"title": "Cup", "starts_at": in_ms(600_000), "price_points": 0, "bracket": {}});
    let of = world.showtime(wish, FIGHTERS).await;
    let showtime = json!({"showtime": of.0});
    let mut fighters = Vec::new();
    for (n, seat) in of.1.iter().enumerate() {
        let mut fighter = Fighter::enter(&world.bases[0], n).await;
        let refused = fighter.player.ask("bracket.join", showtime.clone()).await.unwrap().unwrap_err();
        assert_eq!(refused["code"], "seat_required", "nothing is paid yet");
        pays(&world, &fighter.player.guest, (&of.0, seat)).await;
        let joined = fighter.player.insist("bracket.join", showtime.clone()).await.unwrap();
        assert_eq!(joined["bracket"]["players"].as_array().map(Vec::len), Some(n + 1));
        fighters.push(fighter);
    }
    let mut stranger = SocketPlayer::enter(&world.bases[0], "Stranger").await.unwrap();
    for name in ["bracket.join", "bracket.state"] {
        let refused = stranger.ask(name, showtime.clone()).await.unwrap().unwrap_err();
        assert_eq!(refused["code"], "seat_required", "{name}");
    }
    for node in &mut nodes[1..] {
        node.kill();
    }
    // Staff let it start sooner; whoever comes in again brings word of it.
    let path = format!("showtimes/{}", of.0);
    let ask = Ask { body: Some(json!({"starts_at": in_ms(2_000)})), ..Ask::default() };
    world.ask(&world.bases[0], &world.operator, (Method::PATCH, &path), ask).await.unwrap().of(200);
    fighters[0].player.insist("bracket.join", showtime.clone()).await.unwrap();

    let (mut played, began) = (BTreeSet::new(), Instant::now());
    let over = loop {
        let bracket =
            fighters[0].player.insist("bracket.state", showtime.clone()).await.unwrap()["bracket"].clone();
        if bracket["status"] == "over" {
            break bracket;
        }
        assert!(began.elapsed() < 2 * PATIENCE, "{bracket}");
        let Some((session, [one, other])) = next_match(&bracket, &played) else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        play(&mut fighters, &session, [&one, &other]).await;
        played.insert(session);
    };
    assert_eq!(played.len(), FIGHTERS - 1, "each match has one who is out");
    for fighter in &mut fighters {
        let told = fighter.player.expect("bracket.over").await.unwrap();
        assert_eq!(told["winner"]["nickname"], "Fighter4");
        assert_eq!(told["winner"]["player_id"], over["winner"]);
    }
    let duels = "SELECT COUNT(*) FROM duels WHERE outcome = 'agreed'";
    eventually("results are kept", async || world.number(duels).await == FIGHTERS as i64 - 1).await;
    // What an event may reward: it is counted for who has won, once.
    let won = "SELECT COUNT(*) FROM activity_counters c JOIN accounts a ON a.account_id = c.account_id
               WHERE c.kind = 'bracket_won' AND c.n = 1 AND a.nickname = 'Fighter4'";
    eventually("it is counted", async || world.number(won).await == 1).await;
    assert_eq!(world.number("SELECT COUNT(*) FROM activity_counters WHERE kind = 'bracket_won'").await, 1);
}
