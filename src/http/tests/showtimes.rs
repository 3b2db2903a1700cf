//! Showtimes, seats, reservations and points from staff as clients meet them.

use super::*;

const STARTS: i64 = 1_700_000_600_000;

impl Kit {
    async fn gives(&self, who: &Guest, request: TestRequest, expected: u16) -> Value {
        let (status, body) = self.ask(who.sends(request)).await;
        assert_eq!(status, expected, "{body}");
        body
    }
}

fn id_of(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

/// A showtime at this price with the seat A1, by their ids.
pub(in crate::http) async fn made(kit: &Kit, operator: &Guest, price: i64) -> (String, String) {
    let new = json!({"title": "Final", "starts_at": STARTS, "price_points": price});
    let showtime = id_of(&kit.gives(operator, post("/api/v1/showtimes", new), 201).await["showtime"]);
    let seats = post(&format!("/api/v1/showtimes/{showtime}/seats"), json!({"labels": ["A1"]}));
    let seat = id_of(&kit.gives(operator, seats, 201).await["items"][0]);
    (showtime, seat)
}

/// This seat, held by somebody: the reservation's id.
pub(in crate::http) async fn held(kit: &Kit, who: &Guest, showtime: &str, seat: &str) -> String {
    id_of(&kit.gives(who, hold(showtime, seat), 201).await["reservation"])
}

fn hold(showtime: &str, seat: &str) -> TestRequest {
    TestRequest::post().uri(&format!("/api/v1/showtimes/{showtime}/seats/{seat}/reservations"))
}

fn pay(reservation: &str, key: &str) -> TestRequest {
    let path = format!("/api/v1/reservations/{reservation}/payment");
    TestRequest::post().uri(&path).insert_header(("Idempotency-Key", key))
}

fn top_up(account: PlayerId, key: &str, amount: i64) -> TestRequest {
    let body = json!({"amount": amount, "reason": "a gift"});
    post(&format!("/api/v1/admin/accounts/{account}/wallet/top-ups"), body)
        .insert_header(("Idempotency-Key", key))
}

#[actix::test]
async fn a_showtime_is_made_changed_and_listed() {
    let kit = Kit::new().await;
    let (operator, ann) = (kit.made_staff("Olga", "OPERATOR").await, kit.guest("Ann").await);
    let new = json!({"title": "Final", "starts_at": STARTS, "price_points": 30, "on_queue_down": "refuse"});
    let first = kit.gives(&operator, post("/api/v1/showtimes", new), 201).await["showtime"].clone();
    let now = &first["created_at"];
    let expected = json!({"id": first["id"], "title": "Final", "starts_at": STARTS, "queue": null,
                          "price_points": 30, "on_queue_down": "refuse", "room": null, "bracket": null,
                          "created_at": now, "updated_at": now});
    assert_eq!(first, expected);
    let sooner = json!({"title": "Semi-final", "starts_at": STARTS - 5, "price_points": 0});
    let sooner = kit.gives(&operator, post("/api/v1/showtimes", sooner), 201).await["showtime"].clone();
    assert_eq!(sooner["on_queue_down"], "bypass");
    let page = kit.gives(&ann, get("/api/v1/showtimes?limit=1"), 200).await;
    assert_eq!(page["items"], json!([sooner]));
    let next = format!("/api/v1/showtimes?limit=1&cursor={}", page["next_cursor"].as_str().expect("more"));
    assert_eq!(kit.gives(&ann, get(&next), 200).await, json!({"items": [first], "next_cursor": null}));
    let from = format!("/api/v1/showtimes?from={STARTS}");
    assert_eq!(kit.gives(&ann, get(&from), 200).await["items"], json!([first]));
    let path = format!("/api/v1/showtimes/{}", id_of(&first));
    let change = |body| TestRequest::patch().uri(&path).set_json(body);
    kit.clock.advance_s(1);
    let changed = kit.gives(&operator, change(json!({"title": "The final", "price_points": 40})), 200).await;
    let changed = &changed["showtime"];
    assert_eq!((&changed["title"], &changed["price_points"]), (&json!("The final"), &json!(40)));
    assert_eq!((&changed["starts_at"], &changed["on_queue_down"]), (&json!(STARTS), &json!("refuse")));
    assert_eq!(kit.gives(&ann, get(&path), 200).await["showtime"], *changed);
    for wrong in [
        json!({"title": " "}),
        json!({"price_points": -1}),
        json!({"price_points": 9_007_199_254_740_992_i64}),
        json!({"starts_at": -1}),
        json!({"room": {"capacity": 13}}),
        json!({"queue": Uuid::nil()}),
    ] {
        assert_problem(kit.ask(operator.sends(change(wrong))).await, 422, "invalid_field");
    }
    let room = json!({"capacity": 6, "settings": {"media": false}});
    let changed = kit.gives(&operator, change(json!({"room": room})), 200).await;
    assert_eq!(changed["showtime"]["room"], room);
    let bracket = json!({"bracket": {"mode": "single_elimination"}});
    assert_problem(kit.ask(operator.sends(change(bracket.clone()))).await, 422, "invalid_field");
    let both = json!({"title": "x", "starts_at": STARTS, "price_points": 0, "room": {}, "bracket": {}});
    assert_problem(kit.ask(operator.sends(post("/api/v1/showtimes", both))).await, 422, "invalid_field");
    let instead = json!({"room": null, "bracket": {}});
    let changed = kit.gives(&operator, change(instead), 200).await;
    assert_eq!(
        (&changed["showtime"]["room"], &changed["showtime"]["bracket"]),
        (&Value::Null, &bracket["bracket"])
    );
    assert_problem(kit.ask(operator.sends(change(json!({"room": {}})))).await, 422, "invalid_field");
    for wrong in [
        json!({"on_queue_down": "wait"}),
        json!({"id": "x"}),
        json!({"queue": "x"}),
        json!({"bracket": {"mode": "league"}}),
    ] {
        assert_problem(kit.ask(operator.sends(change(wrong))).await, 400, "bad_request");
    }
    let auditor = kit.made_staff("Eve", "AUDITOR").await;
    let audit = kit.gives(&auditor, get("/api/v1/admin/audit"), 200).await;
    let actions: Vec<_> = audit["items"].as_array().expect("items").iter().map(|it| &it["action"]).collect();
    let changed = ["showtime.changed"; 3];
    assert_eq!(actions, [&changed[..], &["showtime.created"; 2]].concat());
}

#[actix::test]
async fn seats_are_added_all_or_none_and_listed_in_order() {
    let kit = Kit::with(|config| (config.showtimes.labels, config.showtimes.seats) = (3, 5)).await;
    let operator = kit.made_staff("Olga", "OPERATOR").await;
    let (showtime, seat) = made(&kit, &operator, 0).await;
    let path = format!("/api/v1/showtimes/{showtime}/seats");
    let add = |labels: Value| operator.sends(post(&path, json!({"labels": labels})));
    assert_problem(kit.ask(add(json!(["B1", "A1"]))).await, 409, "label_taken");
    for wrong in [json!([]), json!(["B1", "B1"]), json!(["a", "b", "c", "d"]), json!([""]), json!(["a\nb"])] {
        assert_problem(kit.ask(add(wrong)).await, 422, "invalid_field");
    }
    let (status, added) = kit.ask(add(json!(["C3", "B2", "나1"]))).await;
    assert_eq!(status, 201, "{added}");
    assert_problem(kit.ask(add(json!(["D1", "D2"]))).await, 409, "too_many_seats");
    let all = kit.gives(&operator, get(&path), 200).await;
    let labels: Vec<_> = all["items"].as_array().expect("items").iter().map(|it| &it["label"]).collect();
    assert_eq!(labels, ["A1", "C3", "B2", "나1"], "in the order in which they came");
    let first = json!({"id": seat, "showtime": showtime, "label": "A1", "status": "free"});
    assert_eq!(all["items"][0], first);
    let nobody = format!("/api/v1/showtimes/{}/seats", Uuid::nil());
    assert_problem(kit.ask(operator.sends(get(&nobody))).await, 404, "not_found");
}

#[actix::test]
async fn a_seat_is_held_paid_and_shown() {
    let kit = Kit::new().await;
    let operator = kit.made_staff("Olga", "OPERATOR").await;
    let (ann, bob) = (kit.guest("Ann").await, kit.guest("Bob").await);
    let (showtime, seat) = made(&kit, &operator, 30).await;
    let reservation = kit.gives(&ann, hold(&showtime, &seat), 201).await["reservation"].clone();
    let now = reservation["created_at"].as_i64().expect("a time");
    let expected = json!({"id": reservation["id"], "account": ann.id, "showtime": showtime, "seat": seat,
                          "status": "held", "price_points": 30, "hold_expires_at": now + 300_000,
                          "created_at": now, "updated_at": now});
    assert_eq!(reservation, expected);
    let id = id_of(&reservation);
    for who in [&ann, &bob] {
        assert_problem(kit.ask(who.sends(hold(&showtime, &seat))).await, 409, "seat_taken");
    }
    assert_problem(kit.ask(ann.sends(hold(&showtime, &Uuid::nil().to_string()))).await, 404, "not_found");
    let keyless = TestRequest::post().uri(&format!("/api/v1/reservations/{id}/payment"));
    assert_problem(kit.ask(ann.sends(keyless)).await, 400, "idempotency_key_required");
    assert_problem(kit.ask(ann.sends(pay(&id, "poor"))).await, 402, "insufficient_points");
    assert_eq!(kit.gives(&operator, top_up(ann.id, "gift", 50), 201).await, json!({"balance": 50}));
    let paid = kit.gives(&ann, pay(&id, "rich"), 200).await;
    assert_eq!(paid["reservation"]["status"], "paid");
    assert_eq!(kit.gives(&ann, pay(&id, "rich"), 200).await, paid, "the same key, the same answer");
    assert_problem(kit.ask(ann.sends(pay(&id, "again"))).await, 409, "already_paid");
    assert_eq!(kit.gives(&ann, get("/api/v1/me/wallet"), 200).await, json!({"balance": 20}));
    let ledger = kit.gives(&ann, get("/api/v1/me/wallet/ledger"), 200).await;
    let entries: Vec<_> =
        ledger["items"].as_array().expect("items").iter().map(|it| (&it["amount"], &it["reason"])).collect();
    assert_eq!(entries, [(&json!(-30), &json!("seat")), (&json!(50), &json!("top_up"))]);
    assert_eq!(ledger["items"][0]["ref"], json!(id));
    assert_problem(
        kit.ask(ann.sends(TestRequest::delete().uri(&format!("/api/v1/reservations/{id}")))).await,
        409,
        "already_paid",
    );
    let mine = kit.gives(&ann, get("/api/v1/me/reservations"), 200).await;
    assert_eq!(mine["items"], json!([paid["reservation"]]));
    let staffs = format!("/api/v1/admin/reservations?account={}&status=paid", ann.id);
    assert_eq!(kit.gives(&operator, get(&staffs), 200).await, mine);
    let seats = format!("/api/v1/showtimes/{showtime}/seats?changed_within_ms=1000");
    assert_eq!(kit.gives(&bob, get(&seats), 200).await["items"][0]["status"], "sold");
    kit.clock.advance_s(2);
    assert_eq!(kit.gives(&bob, get(&seats), 200).await["items"], json!([]));
}

#[actix::test]
async fn a_hold_ends_by_itself_or_is_given_back() {
    let kit = Kit::new().await;
    let operator = kit.made_staff("Olga", "OPERATOR").await;
    let (ann, bob) = (kit.guest("Ann").await, kit.guest("Bob").await);
    let (showtime, seat) = made(&kit, &operator, 1).await;
    let keyed = || hold(&showtime, &seat).insert_header(("Idempotency-Key", "k"));
    let id = id_of(&kit.gives(&ann, keyed(), 201).await["reservation"]);
    assert_eq!(id_of(&kit.gives(&ann, keyed(), 201).await["reservation"]), id, "a lost answer comes again");
    let give_back = || TestRequest::delete().uri(&format!("/api/v1/reservations/{id}"));
    for _ in 0..2 {
        assert_eq!(kit.ask(ann.sends(give_back())).await.0, 204);
    }
    assert_problem(kit.ask(ann.sends(pay(&id, "late"))).await, 410, "hold_expired");
    let id = held(&kit, &bob, &showtime, &seat).await;
    kit.clock.advance_s(300);
    assert_problem(kit.ask(bob.sends(pay(&id, "late"))).await, 410, "hold_expired");
    assert_eq!(kit.state.showtimes.release_overdue().await.expect("looks"), 1);
    let mine = kit.gives(&bob, get("/api/v1/me/reservations"), 200).await;
    assert_eq!(mine["items"][0]["status"], "expired");
    held(&kit, &ann, &showtime, &seat).await;
}

#[actix::test]
async fn staff_give_points_once_for_a_key_and_it_is_audited() {
    let kit = Kit::new().await;
    let (operator, ann) = (kit.made_staff("Olga", "OPERATOR").await, kit.guest("Ann").await);
    for _ in 0..3 {
        let given = kit.gives(&operator, top_up(ann.id, "one", 5), 201).await;
        assert_eq!(given, json!({"balance": 5}));
    }
    assert_eq!(kit.gives(&operator, top_up(ann.id, "two", 5), 201).await, json!({"balance": 10}));
    assert_problem(kit.ask(operator.sends(top_up(ann.id, "two", 6))).await, 422, "idempotency_key_reused");
    for amount in [0, -5, 1_000_001] {
        assert_problem(
            kit.ask(operator.sends(top_up(ann.id, &format!("bad{amount}"), amount))).await,
            422,
            "invalid_field",
        );
    }
    assert_problem(kit.ask(operator.sends(top_up(PlayerId::new(), "x", 5))).await, 404, "not_found");
    let auditor = kit.made_staff("Eve", "AUDITOR").await;
    let audit = kit.gives(&auditor, get("/api/v1/admin/audit"), 200).await;
    let items = audit["items"].as_array().expect("items");
    assert_eq!(items.len(), 2, "{audit}");
    assert_eq!((&items[0]["action"], &items[0]["detail"]["amount"]), (&json!("wallet.topped_up"), &json!(5)));
    assert_eq!(items[0]["target"], json!(format!("account/{}", ann.id)));
}
