//! Dead letters for staff, and facts of trusted game servers.

use super::*;
use crate::{
    liveops::{Fact, groups::COUNTERS},
    store::Failed,
};
use actix_web::web::{self, Data};

impl Kit {
    /// Somebody with this role, signed in.
    pub(super) async fn made_staff(&self, nickname: &str, role: &'static str) -> Guest {
        let guest = self.guest(nickname).await;
        let sql = "UPDATE accounts SET role = $2 WHERE account_id = $1";
        crate::store::write!(self.store.db(), pool => {
            sqlx::query(sql).bind(guest.id.0).bind(role).execute(pool).await.expect("updates");
        });
        let refresh = post("/api/v1/sessions/refresh", json!({"refresh_token": guest.refresh}));
        let access = self.ask(refresh).await.1["tokens"]["access_token"].as_str().expect("token").to_owned();
        Guest { access, ..guest }
    }

    /// The id of a dead letter.
    async fn letter(&self, account: PlayerId) -> String {
        let fact = Fact::new("level_up", Some(account), self.state.clock.now(), json!({"level": 3}));
        self.store.add_facts(std::slice::from_ref(&fact)).await.expect("added");
        let (now, policy) = (self.state.clock.now(), &self.state.config.activity);
        for _ in 0..policy.tries {
            let failed = self.store.fact_failed((COUNTERS, fact.id), "it is poisoned", now, policy).await;
            assert!(matches!(failed, Ok(Failed::Again(_) | Failed::Dead)));
        }
        let letters = self.store.dead_letters(&Default::default(), 1).await.expect("reads");
        letters[0].id.to_string()
    }

    /// `POST /activity`, as for a service whose token was good.
    async fn tell(&self, facts: Value) -> (u16, Value) {
        let route = web::post().to(super::super::activity::post);
        let app = App::new().app_data(Data::new(self.state.clone())).route("/activity", route);
        let request = post("/activity", json!({"facts": facts})).to_request();
        let response = call_service(&init_service(app).await, request).await;
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&read_body(response).await).unwrap_or_default())
    }

    async fn waiting(&self) -> i64 {
        self.store.activity_lag().await.expect("reads").0.first().map_or(0, |lag| lag.facts)
    }
}

fn at(id: &str) -> String {
    format!("/api/v1/admin/dead-letters/{id}")
}

fn delete(path: &str) -> TestRequest {
    TestRequest::delete().uri(path)
}

#[actix::test]
async fn staff_look_at_dead_letters_and_retry_or_drop_them() {
    let kit = Kit::new().await;
    let (ann, operator) = (kit.guest("Ann").await, kit.made_staff("Olga", "OPERATOR").await);
    let (first, second) = (kit.letter(ann.id).await, kit.letter(ann.id).await);
    let (status, list) = kit.ask(operator.sends(get("/api/v1/admin/dead-letters?limit=1"))).await;
    assert_eq!((status, &list["items"][0]["id"]), (200, &json!(second)), "the newest first");
    let cursor = list["next_cursor"].as_str().expect("one more").to_owned();
    let next = format!("/api/v1/admin/dead-letters?limit=1&group=counters&kind=level_up&cursor={cursor}");
    let (_, list) = kit.ask(operator.sends(get(&next))).await;
    let row = &list["items"][0];
    assert_eq!((&row["id"], &row["group"], &row["tries"]), (&json!(first), &json!("counters"), &json!(5)));
    assert_eq!((&row["error"], &list["next_cursor"]), (&json!("it is poisoned"), &Value::Null));
    let (_, none) = kit.ask(operator.sends(get("/api/v1/admin/dead-letters?kind=game_won"))).await;
    assert_eq!(none["items"], json!([]));

    let (status, whole) = kit.ask(operator.sends(get(&at(&first)))).await;
    assert_eq!((status, &whole["body"], &whole["account"]), (200, &json!({"level": 3}), &json!(ann.id)));
    assert!(whole["raw"].as_str().expect("text").starts_with("c301"), "{whole}");

    let before = kit.waiting().await;
    assert_eq!(kit.ask(operator.sends(post(&format!("{}/retry", at(&first)), json!({})))).await.0, 204);
    assert_eq!(kit.waiting().await, before + 1);
    assert_eq!(kit.ask(operator.sends(delete(&at(&second)))).await.0, 204);
    assert_eq!(kit.waiting().await, before + 1, "a dropped one goes nowhere");
    for gone in [&first, &second] {
        assert_problem(kit.ask(operator.sends(get(&at(gone)))).await, 404, "not_found");
        let retry = post(&format!("{}/retry", at(gone)), json!({}));
        assert_problem(kit.ask(operator.sends(retry)).await, 404, "not_found");
        assert_problem(kit.ask(operator.sends(delete(&at(gone)))).await, 404, "not_found");
    }

    let auditor = kit.made_staff("Eve", "AUDITOR").await;
    let (_, log) = kit.ask(auditor.sends(get(&format!("/api/v1/admin/audit?actor={}", operator.id)))).await;
    let entries = log["items"].as_array().expect("entries");
    let actions: Vec<&Value> = entries.iter().map(|entry| &entry["action"]).collect();
    assert_eq!(actions, ["dead_letter.dropped", "dead_letter.retried"]);
    assert_eq!(entries[1]["target"], json!(format!("dead_letter/{first}")));
    assert_eq!(entries[1]["detail"]["error"], "it is poisoned");
}

#[actix::test]
async fn who_may_see_dead_letters_may_not_always_end_them() {
    let kit = Kit::new().await;
    let player = kit.guest("Ann").await;
    let letter = kit.letter(player.id).await;
    let auditor = kit.made_staff("Eve", "AUDITOR").await;
    for path in ["/api/v1/admin/dead-letters", &at(&letter)] {
        assert_eq!(kit.ask(auditor.sends(get(path))).await.0, 200);
        assert_problem(kit.ask(player.sends(get(path))).await, 403, "forbidden");
        assert_problem(kit.ask(get(path)).await, 401, "unauthorized");
    }
    for who in [&player, &auditor] {
        let retry = post(&format!("{}/retry", at(&letter)), json!({}));
        assert_problem(kit.ask(who.sends(retry)).await, 403, "forbidden");
        assert_problem(kit.ask(who.sends(delete(&at(&letter)))).await, 403, "forbidden");
    }
    assert_eq!(kit.ask(auditor.sends(get(&at(&letter)))).await.0, 200, "it is still there");
}

#[actix::test]
async fn a_game_server_tells_facts_and_may_repeat_itself() {
    let kit = Kit::new().await;
    let (ann, before) = (PlayerId::new(), kit.waiting().await);
    let quest =
        json!({"id": Uuid::now_v7(), "kind": "quest_completed", "account": ann, "body": {"quest": "q1"}});
    let level =
        json!({"id": Uuid::now_v7(), "kind": "level_up", "account": ann, "at": 5, "body": {"level": 2}});
    let used = json!({"id": Uuid::now_v7(), "kind": "item_used", "account": ann,
                      "body": {"kind": "item", "name": "lantern"}});
    for _ in 0..3 {
        assert_eq!(kit.tell(json!([quest, level, used])).await, (202, json!({"accepted": 3})));
    }
    assert_eq!(kit.waiting().await, before + 3);
}

#[actix::test]
async fn of_facts_that_are_not_good_none_is_taken() {
    let kit = Kit::new().await;
    let good =
        json!({"id": Uuid::now_v7(), "kind": "level_up", "account": PlayerId::new(), "body": {"level": 2}});
    let before = kit.waiting().await;
    let now = kit.state.clock.now().0;
    for (field, value) in [
        ("kind", json!("game_won")), // ours to tell
        ("kind", json!("item_granted")),
        ("kind", json!("nonsense")),
        ("at", json!(now + 1)),
        ("at", json!(-1)),
        ("body", json!({})),
        ("body", json!({"level": "two"})),
        ("body", json!({"level": 2, "more": 1})),
        ("body", json!([])),
    ] {
        let mut bad = good.clone();
        bad[field] = value.clone();
        let (status, problem) = kit.tell(json!([good, bad])).await;
        assert_eq!((status, &problem["code"]), (400, &json!("invalid_fact")), "{field} {value}");
        let detail = problem["detail"].as_str().expect("text");
        assert!(detail.starts_with(&format!("facts[1].{field}: ")), "{detail}");
    }
    assert_eq!(kit.tell(json!([])).await.0, 400);
    assert_eq!(kit.tell(json!(vec![good; 101])).await.0, 400);
    assert_eq!(kit.waiting().await, before);
}
