//! What staff can do over REST, who may, and what it leaves in the audit log.

use super::{
    guard::Access,
    routes,
    tests::{Guest, Kit, assert_problem, get, post},
};
use crate::{
    actors::room::{Caller, RoomActor, RoomCommand, RoomMessage, RoomReply},
    auth::Role,
    clock::UnixMs,
    ids::{PlayerId, RoomId},
    protocol::messages::{CreateRoom, Visibility},
    store::{Commit, Fence, Row, SessionLogRow},
};
use actix_web::{http::Method, test::TestRequest};
use serde_json::{Value, json};
use uuid::Uuid;

impl Kit {
    /// Somebody of the staff.
    async fn of_staff(&self, nickname: &str, role: Role) -> Guest {
        let guest = self.guest(nickname).await;
        let sql = "UPDATE accounts SET role = $1 WHERE account_id = $2";
        crate::store::write!(self.store.db(), pool => {
            sqlx::query(sql).bind(role.as_str()).bind(guest.id.0).execute(pool).await.expect("updates");
        });
        let refresh = post("/api/v1/sessions/refresh", json!({"refresh_token": guest.refresh}));
        let tokens = self.ask(refresh).await.1["tokens"].clone();
        let access = tokens["access_token"].as_str().expect("token").to_owned();
        Guest { access, ..guest }
    }

    async fn told(&self, room: RoomId, command: RoomCommand) -> RoomReply {
        self.state.cluster.ask::<RoomActor>(room.0, command).await.expect("the room answers")
    }

    /// A private room of this leader with seven bots, its game begun.
    async fn game(&self, leader: PlayerId) -> RoomId {
        let (room, by) = (RoomId::new(), caller(leader));
        let wish = CreateRoom { visibility: Some(Visibility::Private), ..CreateRoom::default() };
        self.told(room, RoomCommand::Create { by: by.clone(), room: Box::new(wish), showtime: None }).await;
        let bots = std::iter::repeat_n(RoomMessage::AddBot, 7); // so many that one who goes ends no game
        for message in bots.chain([RoomMessage::Start]) {
            let reply = self.told(room, RoomCommand::Client { by: by.clone(), message }).await;
            assert!(matches!(reply, RoomReply::Seated), "{reply:?}");
        }
        room
    }

    /// Actions in the audit log, newest first.
    async fn audit_log(&self, admin: &Guest) -> Vec<Value> {
        let (status, page) = self.ask(admin.sends(get("/api/v1/admin/audit"))).await;
        assert_eq!(status, 200, "{page}");
        page["items"].as_array().expect("items").clone()
    }

    async fn report(&self, room: RoomId, by: PlayerId, about: PlayerId) -> Uuid {
        let (id, at) = (Uuid::now_v7(), UnixMs(1_000));
        let row = Row::Report { id, room, by, about, reason: "rude".into(), log: json!({"chat": []}), at };
        let (kind, key, state) = ("room", Uuid::now_v7(), Some(Vec::new()));
        let fence = Fence::Create;
        let commit = Commit { kind, key, fence, state, next_wake_at: None, wake_no: 0, rows: vec![row] };
        self.store.commit(commit).await.expect("committed");
        id
    }
}

fn caller(player_id: PlayerId) -> Caller {
    Caller { player_id, nickname: "Leader".into(), session: None, request: None }
}

#[actix::test]
async fn staff_see_private_rooms_and_look_into_them_with_a_trace() {
    let kit = Kit::new().await;
    let (player, admin) = (kit.guest("Ann").await, kit.of_staff("Ada", Role::Admin).await);
    let room = kit.game(player.id).await;
    let (_, rooms) = kit.ask(admin.sends(get("/api/v1/admin/rooms?status=playing"))).await;
    assert_eq!(
        (&rooms["items"][0]["room_id"], &rooms["items"][0]["visibility"]),
        (&json!(room), &json!("private"))
    );
    let code = rooms["items"][0]["code"].as_str().expect("code").to_lowercase();
    let (_, found) = kit.ask(admin.sends(get(&format!("/api/v1/admin/rooms?search={code}")))).await;
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1));
    let (_, none) = kit.ask(admin.sends(get("/api/v1/admin/rooms?search=%25"))).await;
    assert_eq!(none["items"], json!([]), "a per cent sign is itself");
    for nul in ["rooms?search=%00", "rooms?status=%00&game=%00", "players?search=%00", "audit?target=%00"] {
        assert_eq!(kit.ask(admin.sends(get(&format!("/api/v1/admin/{nul}")))).await.0, 200, "{nul}");
    }
    let (status, shown) = kit.ask(admin.sends(get(&format!("/api/v1/admin/rooms/{room}")))).await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(shown["room"]["members"].as_array().map(Vec::len), Some(8));
    assert!(shown["events"][0]["effects"].to_string().contains("game.role"), "secrets too");
    let log = kit.audit_log(&admin).await;
    assert_eq!((&log[0]["action"], &log[0]["actor"]), (&json!("room.watched"), &json!(admin.id)));
    assert_eq!(log[0]["detail"]["match_id"], shown["match_id"]);
}

#[actix::test]
async fn who_follows_a_game_is_noted_once_for_a_while_and_each_who_does() {
    let kit = Kit::new().await;
    let (player, admin) = (kit.guest("Ann").await, kit.of_staff("Ada", Role::Admin).await);
    let operator = kit.of_staff("Olga", Role::Operator).await;
    let room = kit.game(player.id).await;
    let looks = async |who: &Guest| {
        kit.state.identity.poll().await.expect("polled"); // or staff would be refused
        assert_eq!(kit.ask(who.sends(get(&format!("/api/v1/admin/rooms/{room}")))).await.0, 200);
        let log = kit.audit_log(&admin).await;
        let of = |id| log.iter().filter(|e| e["action"] == "room.watched" && e["actor"] == json!(id)).count();
        (of(admin.id), of(operator.id))
    };
    for _ in 0..3 {
        assert_eq!(looks(&admin).await, (1, 0));
    }
    assert_eq!(looks(&operator).await, (1, 1), "another is noted too");
    kit.clock.advance_s(599);
    assert_eq!(looks(&admin).await, (1, 1));
    kit.clock.advance_s(1);
    assert_eq!(looks(&admin).await, (2, 1), "and he who stays, again");
}

#[actix::test]
async fn the_list_of_mutes_comes_in_pages_newest_first() {
    let kit = Kit::unlimited().await;
    let operator = kit.of_staff("Olga", Role::Operator).await;
    let mut expected = Vec::new();
    for name in ["Ann", "Bea", "Cat", "Dan", "Eve"] {
        let player = kit.guest(name).await;
        let path = format!("/api/v1/admin/players/{}/mute", player.id);
        let minutes = (name == "Ann").then_some(1);
        let body = json!({"reason": "insults", "minutes": minutes});
        assert_eq!(kit.ask(operator.sends(post(&path, body))).await.0, 200);
        expected.insert(0, (json!(player.id), json!(name)));
        kit.clock.advance_s(i64::from(name != "Cat")); // two of them at the same moment
    }
    let list =
        async |page: &str| kit.ask(operator.sends(get(&format!("/api/v1/admin/mutes?{page}")))).await.1;
    let whom = |page: &Value| -> Vec<(Value, Value)> {
        let items = page["items"].as_array().expect("items").iter();
        items.map(|item| (item["account_id"].clone(), item["nickname"].clone())).collect()
    };
    let whole = whom(&list("").await);
    assert_eq!(whole.len(), 5);
    assert!(expected.iter().all(|one| whole.contains(one)), "{whole:?}");
    assert_eq!((&whole[0], &whole[3..]), (&expected[0], &expected[3..]), "newest first");
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = list(&format!("limit=2{cursor}")).await;
        seen.extend(whom(&page));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, whole, "page by page the same");
    assert_problem(kit.ask(operator.sends(get("/api/v1/admin/mutes?cursor=x"))).await, 400, "invalid_cursor");
    kit.clock.advance_s(60);
    kit.state.identity.poll().await.expect("polled"); // or staff would be refused
    assert_eq!(whom(&list("").await).len(), 4, "one has ended");
}

#[actix::test]
async fn who_plays_in_a_room_has_no_powers_over_it() {
    let kit = Kit::new().await;
    let (playing, admin) =
        (kit.of_staff("Olga", Role::Operator).await, kit.of_staff("Ada", Role::Admin).await);
    let room = kit.game(playing.id).await;
    let at = |what: &str| format!("/api/v1/admin/rooms/{room}{what}");
    assert_problem(kit.ask(playing.sends(get(&at("")))).await, 403, "not_allowed");
    assert_problem(
        kit.ask(playing.sends(post(&at("/end"), json!({"reason": "bored"})))).await,
        403,
        "not_allowed",
    );
    let kick = json!({"player_id": playing.id, "reason": "rude"});
    assert_eq!(kit.ask(admin.sends(post(&at("/kick"), kick))).await.0, 204);
    assert_problem(kit.ask(playing.sends(get(&at("")))).await, 403, "not_allowed");
    assert_eq!(kit.audit_log(&admin).await.len(), 1, "the kick alone");
}

#[actix::test]
async fn a_kick_and_an_end_are_done_and_in_the_log() {
    let kit = Kit::new().await;
    let (player, operator) = (kit.guest("Ann").await, kit.of_staff("Olga", Role::Operator).await);
    let admin = kit.of_staff("Ada", Role::Admin).await;
    let room = kit.game(player.id).await;
    let at = |what: &str| format!("/api/v1/admin/rooms/{room}{what}");
    let kick = |who: PlayerId| json!({"player_id": who, "ban": true, "reason": " rude "});
    assert_problem(
        kit.ask(operator.sends(post(&at("/kick"), kick(PlayerId::new())))).await,
        409,
        "not_in_room",
    );
    assert_eq!(kit.ask(operator.sends(post(&at("/kick"), kick(player.id)))).await.0, 204);
    assert_eq!(kit.store.seat_of(player.id).await.expect("reads"), None, "he may go elsewhere");
    let (_, shown) = kit.ask(operator.sends(get(&at("")))).await;
    assert_eq!(shown["banned"], json!([player.id]));
    let refused = kit.ask(operator.sends(post(&at("/end"), json!({"reason": " "})))).await;
    assert!(refused.1["detail"].as_str().is_some_and(|detail| detail.starts_with("reason:")));
    assert_problem(refused, 422, "invalid_field");
    assert_eq!(kit.ask(operator.sends(post(&at("/end"), json!({"reason": "empty"})))).await.0, 204);
    assert_problem(kit.ask(operator.sends(get(&at("")))).await, 404, "not_found");
    let log = kit.audit_log(&admin).await;
    let actions: Vec<_> = log.iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions, ["room.ended", "room.watched", "room.kicked"]);
    assert_eq!((&log[2]["role"], &log[2]["detail"]["reason"]), (&json!("OPERATOR"), &json!("rude")));
}

#[actix::test]
async fn an_auditor_changes_nothing_and_a_player_sees_nothing() {
    let kit = Kit::new().await;
    let (player, auditor) = (kit.guest("Ann").await, kit.of_staff("Eve", Role::Auditor).await);
    let rows: Vec<_> =
        routes::table().into_iter().filter(|row| row.path.starts_with("/api/v1/admin/")).collect();
    assert!(rows.len() > 10);
    for row in rows {
        let path = row.path.replace("{id}", &Uuid::nil().to_string());
        let request = || TestRequest::default().method(row.method.clone()).uri(&path);
        assert!(matches!(row.access, Access::Roles(_)), "{path} is open");
        assert_problem(kit.ask(player.sends(request())).await, 403, "forbidden");
        let (status, answer) = kit.ask(auditor.sends(request())).await;
        let expected: &[u16] = if row.method == Method::GET { &[200, 404] } else { &[403] };
        assert!(expected.contains(&status), "{} {path}: {status} {answer}", row.method);
    }
}

#[actix::test]
async fn a_report_is_read_by_who_has_no_part_in_it_and_closed_once() {
    let kit = Kit::new().await;
    let (ann, bob) = (kit.guest("Ann").await, kit.guest("Bob").await);
    let (operator, admin) =
        (kit.of_staff("Olga", Role::Operator).await, kit.of_staff("Ada", Role::Admin).await);
    let room = kit.game(operator.id).await;
    let id = kit.report(room, ann.id, bob.id).await;
    let at = |what: &str| format!("/api/v1/admin/reports{what}");
    let (_, open) = kit.ask(operator.sends(get(&at("?status=open")))).await;
    assert_eq!(
        (&open["items"][0]["by_nickname"], &open["items"][0]["about_nickname"]),
        (&json!("Ann"), &json!("Bob"))
    );
    assert_problem(kit.ask(operator.sends(get(&at(&format!("/{id}"))))).await, 403, "not_allowed");
    assert_eq!(kit.ask(admin.sends(get(&at(&format!("/{id}"))))).await.1["log"], json!({"chat": []}));
    let note = || post(&at(&format!("/{id}/resolve")), json!({"note": "warned"}));
    assert_eq!(kit.ask(operator.sends(note())).await.0, 204);
    assert_problem(kit.ask(admin.sends(note())).await, 404, "not_found");
    assert_eq!(kit.ask(admin.sends(get(&at("?status=open")))).await.1["items"], json!([]));
    let (_, closed) = kit.ask(admin.sends(get(&at(&format!("?status=resolved&about={}", bob.id))))).await;
    assert_eq!(
        (&closed["items"][0]["note"], &closed["items"][0]["resolved_by"]),
        (&json!("warned"), &json!(operator.id))
    );
    let actions: Vec<_> = kit.audit_log(&admin).await.iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions, ["report.resolved", "report.read"]);
}

#[actix::test]
async fn a_player_is_found_silenced_and_heard_again() {
    let kit = Kit::new().await;
    let (ann, operator) = (kit.guest("Ann_100").await, kit.of_staff("Olga", Role::Operator).await);
    let find = async |text: &str| {
        let (_, page) = kit.ask(operator.sends(get(&format!("/api/v1/admin/players?search={text}")))).await;
        page["items"].as_array().expect("items").iter().map(|item| item["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(find("nn_1").await, [json!(ann.id)]);
    assert_eq!(find(&ann.id.to_string()).await, [json!(ann.id)]);
    assert_eq!(find("n%251").await, Vec::<Value>::new());
    let file = format!("/api/v1/admin/players/{}", ann.id);
    let mute = |body: Value| operator.sends(post(&format!("{file}/mute"), body));
    assert_problem(kit.ask(mute(json!({"reason": ""}))).await, 422, "invalid_field");
    let (status, muted) = kit.ask(mute(json!({"reason": "insults", "minutes": 10}))).await;
    assert_eq!((status, &muted["reason"]), (200, &json!("insults")));
    assert_eq!(muted["ends_at"], json!(muted["at"].as_i64().expect("ms") + 600_000));
    assert_eq!(kit.ask(operator.sends(get(&file))).await.1["mute"], muted);
    kit.clock.advance_s(600);
    kit.state.identity.poll().await.expect("polled"); // or staff would be refused
    assert_eq!(kit.ask(operator.sends(get(&file))).await.1["mute"], Value::Null, "its time is over");
    let lift = || operator.sends(TestRequest::delete().uri(&format!("{file}/mute")));
    assert_eq!(kit.ask(lift()).await.0, 204);
    assert_problem(kit.ask(lift()).await, 404, "not_found");
    let nobody = format!("/api/v1/admin/players/{}/mute", Uuid::now_v7());
    assert_problem(kit.ask(operator.sends(post(&nobody, json!({"reason": "x"})))).await, 404, "not_found");
}

#[actix::test]
async fn a_wrong_method_is_told_which_ones_there_are() {
    let kit = Kit::new().await;
    let app = kit.app().await;
    let request = TestRequest::delete().uri("/api/v1/me/nickname").to_request();
    let response = actix_web::test::call_service(&app, request).await;
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers().get("allow").map(|v| v.as_bytes()), Some(&b"GET, PUT"[..]));
}

#[actix::test]
async fn staff_see_a_node_by_its_name_its_address_and_what_it_is_for() {
    let kit = Kit::with(|config| {
        config.node.id = Some("north".to_owned());
        config.node.address = Some("https://north.example.org".to_owned());
    })
    .await;
    let auditor = kit.of_staff("Aud", Role::Auditor).await;
    let (status, nodes) = kit.ask(auditor.sends(get("/api/v1/admin/nodes"))).await;
    assert_eq!(status, 200, "{nodes}");
    let node = &nodes["items"][0];
    assert_eq!((&node["name"], &node["address"]), (&json!("north"), &json!("https://north.example.org")));
    // A test's node carries no media: it has no port for them.
    assert_eq!(node["roles"], json!(["gateway", "game", "queue", "worker", "db"]));
}

#[actix::test]
async fn staff_read_who_was_connected_and_players_do_not() {
    let kit = Kit::new().await;
    let (ann, staff) = (kit.guest("Ann").await, kit.of_staff("Ada", Role::Auditor).await);
    let row = |n: i64, ended: bool| SessionLogRow {
        id: Uuid::from_u128((n as u128) << 80),
        session_id: Uuid::now_v7(),
        account_id: ann.id.0,
        transport: if n % 2 == 0 { "ws" } else { "tcp" }.into(),
        address: Some("10.0.0.1".into()),
        node: Uuid::now_v7(),
        node_name: None,
        connected_at: n,
        disconnected_at: ended.then_some(n + 5),
        reason: ended.then(|| "lost".into()),
        bytes_in: 1,
        bytes_out: 2,
        messages_in: 3,
        messages_out: 4,
    };
    let rows: Vec<_> = (1..=25).map(|n| row(n, n != 25)).collect();
    kit.store.log_sessions(&rows).await.expect("written");
    let log = |query: String| format!("/api/v1/admin/session-log{query}");
    let (_, page) = kit.ask(staff.sends(get(&log(format!("?account={}", ann.id))))).await;
    let first = &page["items"][0];
    assert_eq!((&first["connected_at"], &first["disconnected_at"]), (&json!(25), &Value::Null), "{page}");
    assert_eq!((&first["transport"], &first["address"]), (&json!("tcp"), &json!("10.0.0.1")));
    assert_eq!(page["items"].as_array().map(Vec::len), Some(20));
    let cursor = page["next_cursor"].as_str().expect("a second page");
    let (_, page) = kit.ask(staff.sends(get(&log(format!("?cursor={cursor}"))))).await;
    assert_eq!((&page["items"].as_array().map(Vec::len), &page["next_cursor"]), (&Some(5), &Value::Null));
    let (_, page) = kit.ask(staff.sends(get(&log("?open=true&transport=tcp".into())))).await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{page}");
    let (status, _) = kit.ask(staff.sends(get(&log("?transport=carrier-pigeon".into())))).await;
    assert_eq!(status, 400);
    let (status, _) = kit.ask(ann.sends(get(&log(String::new())))).await;
    assert_eq!(status, 403);
}
