//! What was played, as those who played it and staff see it.

use super::*;

#[actix::test]
async fn a_finished_match_is_shown_to_its_players_alone() {
    let kit = Kit::new().await;
    let (ann, bob) = (kit.guest("Ann").await, kit.guest("Bob").await);
    let (over, running) = (play(&kit.store, &[ann.id], true).await, play(&kit.store, &[ann.id], false).await);
    let of = |id: &dyn std::fmt::Display| get(&format!("/api/v1/matches/{id}"));
    let (status, body) = kit.ask(ann.sends(of(&over))).await;
    assert_eq!(status, 200);
    assert_eq!(
        (&body["winner"], &body["seed"], &body["entries"][0]["n"]),
        (&json!("citizens"), &json!("00"), &json!(0))
    );
    assert_problem(kit.ask(bob.sends(of(&over))).await, 404, "not_found");
    assert_problem(kit.ask(ann.sends(of(&running))).await, 404, "not_found");
    assert_problem(kit.ask(ann.sends(of(&MatchId::new()))).await, 404, "not_found");
    assert_problem(kit.ask(ann.sends(of(&"nonsense"))).await, 404, "not_found");
}

#[actix::test]
async fn staff_may_see_a_match_they_did_not_play() {
    let kit = Kit::new().await;
    let (ann, auditor) = (kit.guest("Ann").await, kit.guest("Eve").await);
    let over = play(&kit.store, &[ann.id], true).await;
    let sql = "UPDATE accounts SET role = 'AUDITOR' WHERE account_id = $1";
    crate::store::write!(kit.store.db(), pool => {
        sqlx::query(sql).bind(auditor.id.0).execute(pool).await.expect("updates");
    });
    let refresh = post("/api/v1/sessions/refresh", json!({"refresh_token": auditor.refresh}));
    let access = kit.ask(refresh).await.1["tokens"]["access_token"].as_str().expect("token").to_owned();
    let auditor = Guest { access, ..auditor };
    assert_eq!(kit.ask(auditor.sends(get(&format!("/api/v1/matches/{over}")))).await.0, 200);
}

#[actix::test]
async fn a_players_matches_are_listed() {
    let kit = Kit::new().await;
    let ann = kit.guest("Ann").await;
    let over = play(&kit.store, &[ann.id], true).await;
    let (status, body) = kit.ask(ann.sends(get("/api/v1/me/matches?limit=5"))).await;
    assert_eq!((status, body["items"].as_array().map(Vec::len)), (200, Some(1)));
    assert_eq!(body["items"][0]["match_id"], json!(over));
    assert_eq!(body["next_cursor"], Value::Null, "there is no second page");
    let mut played = vec![json!(over)];
    for _ in 0..4 {
        played.insert(0, json!(play(&kit.store, &[ann.id], true).await));
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page = kit.ask(ann.sends(get(&format!("/api/v1/me/matches?limit=2{cursor}")))).await.1;
        let items = page["items"].as_array().expect("items").clone();
        seen.extend(items.into_iter().map(|mut item| item["match_id"].take()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, played, "page by page, newest first, each once");
    assert_problem(kit.ask(ann.sends(get("/api/v1/me/matches?limit=many"))).await, 400, "bad_request");
}
