//! Ratings, leaderboards, disputes and ICE servers over REST.

use super::*;
use crate::{
    clock::Clock as _,
    config::{RatingSection, Secret},
    liveops::{DuelFinished, DuelOutcome, DuelReport, Fact},
    store::RatingRules,
};

/// A duel of these, told by its fact and handled.
async fn finished(kit: &Kit, players: [PlayerId; 2], outcome: DuelOutcome, winner: Option<PlayerId>) -> Uuid {
    let reports = players.map(|player_id| {
        let says = if outcome == DuelOutcome::Disputed { Some(player_id) } else { winner };
        DuelReport { player_id, winner: says, frames: Some(5_400), checksum: Some("a1".into()) }
    });
    let duel =
        DuelFinished { session_id: Uuid::now_v7(), players, winner, outcome, reports: reports.to_vec() };
    let fact: Fact = duel.fact(kit.clock.now());
    kit.store.add_facts(std::slice::from_ref(&fact)).await.expect("added");
    let rules = RatingRules::of(&RatingSection::default());
    kit.store.duel_finished(&duel, (fact.id, fact.at), &rules, kit.clock.now()).await.expect("handled");
    duel.session_id
}

#[actix::test]
async fn ratings_and_the_leaderboard_tell_who_is_strong_and_how_sure_that_is() {
    let kit = Kit::unlimited().await;
    let (ann, bob, cid) = (kit.guest("ann").await, kit.guest("bob").await, kit.guest("cid").await);
    for [winner, loser] in [[ann.id, bob.id], [ann.id, cid.id], [bob.id, cid.id]] {
        finished(&kit, [winner, loser], DuelOutcome::Agreed, Some(winner)).await;
    }
    let (status, body) = kit.ask(ann.sends(get("/api/v1/me/ratings"))).await;
    assert_eq!((status, body["ratings"][0]["mode"].as_str()), (200, Some("duel")));
    assert_eq!((&body["ratings"][0]["games"], &body["ratings"][0]["provisional"]), (&json!(2), &json!(true)));
    let (_, of_ann) = kit.ask(bob.sends(get(&format!("/api/v1/players/{}/ratings", ann.id)))).await;
    assert_eq!(of_ann, body);
    let unknown = format!("/api/v1/players/{}/ratings", PlayerId::new());
    assert_problem(kit.ask(bob.sends(get(&unknown))).await, 404, "not_found");

    let mut seen = Vec::new();
    let mut path = "/api/v1/leaderboards/duel?limit=1".to_owned();
    loop {
        let (status, page) = kit.ask(cid.sends(get(&path))).await;
        assert_eq!(status, 200, "{page}");
        let line = &page["items"][0];
        seen.push((
            line["rank"].as_u64(),
            line["nickname"].as_str().map(str::to_owned),
            line["wins"].as_i64(),
        ));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/leaderboards/duel?limit=1&cursor={cursor}");
    }
    let line = |rank, name: &str, wins| (Some(rank), Some(name.to_owned()), Some(wins));
    assert_eq!(seen, [line(1, "ann", 2), line(2, "bob", 1), line(3, "cid", 0)]);
    let (_, nobody) = kit.ask(cid.sends(get("/api/v1/leaderboards/mafia"))).await;
    assert_eq!(nobody, json!({"items": [], "next_cursor": null}));
    assert_problem(kit.ask(cid.sends(get("/api/v1/leaderboards/chess"))).await, 404, "not_found");
    let bad = "/api/v1/leaderboards/duel?cursor=WzFd";
    assert_problem(kit.ask(cid.sends(get(bad))).await, 400, "invalid_cursor");
}

#[actix::test]
async fn a_dispute_is_listed_decided_once_audited_and_rated() {
    let kit = Kit::unlimited().await;
    let (ann, bob, staff) =
        (kit.guest("ann").await, kit.guest("bob").await, kit.made_staff("staff", "ADMIN").await);
    let id = finished(&kit, [ann.id, bob.id], DuelOutcome::Disputed, None).await;
    finished(&kit, [ann.id, bob.id], DuelOutcome::Agreed, None).await;
    let (_, page) = kit.ask(staff.sends(get("/api/v1/admin/duels?outcome=disputed&status=open"))).await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{page}");
    assert_eq!(
        (&page["items"][0]["session_id"], &page["items"][0]["nickname_b"]),
        (&json!(id), &json!("bob"))
    );
    let path = format!("/api/v1/admin/duels/{id}/resolve");
    let decide = |verdict: &str, winner: Option<PlayerId>, note: &str| {
        post(&path, json!({"verdict": verdict, "winner": winner, "note": note}))
    };
    let stranger = decide("won", Some(PlayerId::new()), "x");
    for bad in
        [decide("won", None, "x"), decide("draw", Some(ann.id), "x"), decide("draw", None, " "), stranger]
    {
        assert_problem(kit.ask(staff.sends(bad)).await, 422, "invalid_field");
    }
    assert_eq!(kit.ask(staff.sends(decide("won", Some(ann.id), "saw it"))).await.0, 204);
    assert_problem(kit.ask(staff.sends(decide("void", None, "again"))).await, 404, "not_found");
    let (_, one) = kit.ask(staff.sends(get(&format!("/api/v1/admin/duels/{id}")))).await;
    assert_eq!((&one["duel"]["verdict"], &one["duel"]["winner"]), (&json!("won"), &json!(ann.id)));
    let (_, ratings) = kit.ask(ann.sends(get("/api/v1/me/ratings"))).await;
    assert_eq!((&ratings["ratings"][0]["games"], &ratings["ratings"][0]["wins"]), (&json!(2), &json!(1)));
    let (_, audit) = kit.ask(staff.sends(get(&format!("/api/v1/admin/audit?target=duel/{id}")))).await;
    assert_eq!(
        (&audit["items"][0]["action"], audit["items"].as_array().map(Vec::len)),
        (&json!("duel.resolved"), Some(1))
    );
}

#[actix::test]
async fn ice_servers_are_for_those_who_have_somebody_to_reach() {
    let kit = Kit::with(|config| {
        config.turn.urls = vec!["stun:a:3478".into(), "turn:a:3478?transport=udp".into()];
        config.turn.secret = Some(Secret("north".into()));
        config.turn.asks_per_minute = 3.0;
    })
    .await;
    let ann = kit.guest("ann").await;
    let path = "/api/v1/ice-servers";
    assert_problem(kit.ask(ann.sends(get(path))).await, 409, "not_present");
    let seat = "INSERT INTO seats (account_id, room_id) VALUES ($1, $2)";
    crate::store::write!(kit.store.db(), pool => {
        sqlx::query(seat).bind(ann.id.0).bind(Uuid::now_v7()).execute(pool).await.expect("sits");
    });
    let (status, body) = kit.ask(ann.sends(get(path))).await;
    assert_eq!((status, &body["ttl"], &body["iceTransportPolicy"]), (200, &json!(600), &json!("all")));
    assert_eq!(body["iceServers"][0], json!({"urls": ["stun:a:3478"]}));
    let turn = &body["iceServers"][1];
    let ends = kit.clock.now().0 / 1_000 + 600;
    assert_eq!(turn["username"], json!(format!("{ends}:{}", ann.id)));
    assert!(turn["credential"].as_str().is_some_and(|credential| credential.len() == 28), "{turn}");
    let request = ann.sends(get(path)).to_request();
    let response = call_service(&kit.app().await, request).await;
    assert_eq!(header_of(&response, header::CACHE_CONTROL), "no-store");
    assert_problem(kit.ask(ann.sends(get(path))).await, 429, "rate_limited");
    let bob = kit.guest("bob").await;
    assert_problem(kit.ask(bob.sends(get(path))).await, 409, "not_present");
}

#[actix::test]
async fn pages_are_told_to_use_relays_alone_where_addresses_are_hidden() {
    let kit = Kit::with(|config| config.duel.relay_only = true).await;
    let ann = kit.guest("ann").await;
    let seat = "INSERT INTO seats (account_id, room_id) VALUES ($1, $2)";
    crate::store::write!(kit.store.db(), pool => {
        sqlx::query(seat).bind(ann.id.0).bind(Uuid::now_v7()).execute(pool).await.expect("sits");
    });
    let (_, body) = kit.ask(ann.sends(get("/api/v1/ice-servers"))).await;
    assert_eq!(body, json!({"iceServers": [], "ttl": 600, "iceTransportPolicy": "relay"}));
}
