//! The table of spec 3.3, row by row, with the queue in a process of its own (`node.roles`): alive, killed, frozen, slow,
//! and back again.

use super::*;
use playhouse::testkit::SocketPlayer;

/// Longest that a refusal may take while the queue is away: its own limits, with room for a busy machine.
const REFUSED_WITHIN: Duration = Duration::from_secs(3);

pub(super) struct House {
    pub world: World,
    /// Players, rooms and reservations: everything but the queue.
    front: Process,
    queue: Process,
    _servers: (PrivateRedis, PrivatePostgres, tempfile::TempDir),
}

/// One showtime for each policy, behind one queue.
struct Show {
    queue: String,
    bypass: (String, Vec<String>),
    refuse: (String, Vec<String>),
}

impl House {
    pub async fn open() -> Self {
        let (redis, postgres) = (PrivateRedis::start().unwrap(), PrivatePostgres::start().unwrap());
        let dir = tempfile::tempdir().unwrap();
        let shared = shared(&redis, &postgres);
        let settings =
            |roles: &'static str| -> Vec<&str> { shared.iter().map(String::as_str).chain([roles]).collect() };
        let queue = Process::with(dir.path(), &settings(r#"node.roles=["queue","db"]"#));
        let log = dir.path().join("front.log");
        let roles = settings(r#"node.roles=["gateway","game","worker","db"]"#);
        let front = Process::logging(dir.path(), &roles, &log);
        let world = World::of(&[&front], &postgres).await;
        Self { world, front, queue, _servers: (redis, postgres, dir) }
    }

    async fn show(&self) -> Show {
        let wish = json!({"name": "Final", "capacity": 10, "claim_ttl_ms": 600_000});
        let made = self.world.post(&self.world.operator, "queues", wish).await.of(201);
        let queue = made["queue"]["id"].as_str().unwrap().to_owned();
        let mut made = Vec::new();
        for policy in ["bypass", "refuse"] {
            let wish = json!({"title": policy, "starts_at": 0, "queue": queue, "price_points": 5,
                              "on_queue_down": policy, "room": {"capacity": 4}});
            made.push(self.world.showtime(wish, 12).await);
        }
        let refuse = made.pop().unwrap();
        Show { queue, bypass: made.pop().unwrap(), refuse }
    }

    pub async fn enter(&self, who: &Guest, queue: &str) -> Answer {
        self.world.post(who, &format!("queues/{queue}/tickets"), json!({})).await
    }

    /// Waits in the line until there is a pass.
    pub async fn pass(&self, who: &Guest, queue: &str) -> String {
        let path = format!("queues/{queue}/tickets");
        let ticket = self.enter(who, queue).await;
        assert!(matches!(ticket.status, 200 | 201), "{}", ticket.said());
        let path = format!("{path}/{}", ticket.body["ticket"].as_str().unwrap());
        let mut pass = None;
        eventually("admitted", async || {
            let word = self.world.get(who, &path).await;
            pass = word.body["pass"].as_str().map(str::to_owned);
            pass.is_some()
        })
        .await;
        pass.unwrap()
    }

    /// Asks for a seat of a showtime.
    pub async fn hold(
        &self,
        who: &Guest,
        of: &(String, Vec<String>),
        seat: usize,
        pass: Option<&str>,
    ) -> Answer {
        let path = format!("showtimes/{}/seats/{}/reservations", of.0, of.1[seat]);
        let began = Instant::now();
        let ask = Ask { pass, ..Ask::default() };
        let answer = self.world.ask(&self.world.bases[0], who, (Method::POST, &path), ask).await.unwrap();
        assert!(began.elapsed() < REFUSED_WITHIN, "it took {:?}", began.elapsed());
        answer
    }

    /// The queue answers again: who has no pass is told to get one.
    async fn back(&self, who: &Guest, show: &Show) -> Duration {
        eventually("the queue is back", async || {
            self.hold(who, &show.refuse, 11, None).await.said() == "403 pass_required"
        })
        .await
    }

    async fn metric(&self, name: &str) -> f64 {
        let text =
            reqwest::get(format!("{}/metrics", self.front.admin())).await.unwrap().text().await.unwrap();
        let line = text.lines().find(|line| line.starts_with(name));
        line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }
}

/// Rows 3 and 4, both policies: `n` is a seat that is free.
async fn the_queue_is_away(house: &House, show: &Show, (ann, bob): (&Guest, &Guest), pass: &str, n: usize) {
    for of in [&show.bypass, &show.refuse] {
        let refused = house.hold(ann, of, n, Some(pass)).await;
        assert_eq!(refused.said(), "503 queue_unavailable");
        assert!(refused.retry_after.is_some_and(|s| s >= 1), "Retry-After");
        let forged = house.hold(ann, of, n, Some("nonsense")).await;
        assert_eq!(forged.said(), "503 queue_unavailable", "nobody can say what it is");
    }
    assert_eq!(house.hold(bob, &show.bypass, n, None).await.said(), "201");
    let refused = house.hold(bob, &show.refuse, n, None).await;
    assert_eq!((refused.said().as_str(), refused.retry_after.is_some()), ("503 queue_unavailable", true));
}

#[actix::test]
async fn the_table_of_the_spec_with_a_queue_that_dies_freezes_and_comes_back() {
    let mut house = House::open().await;
    let show = house.show().await;
    let ann = Guest::sign_in(&house.front.base(), "Ann").await.unwrap();
    let bob = Guest::sign_in(&house.front.base(), "Bob").await.unwrap();
    house.world.top_up(&ann, 100).await;
    let pass = house.pass(&ann, &show.queue).await;

    // Alive: rows 1, 2 and 5.
    let held = house.hold(&ann, &show.bypass, 0, Some(&pass)).await.of(201);
    let held = held["reservation"]["id"].as_str().unwrap().to_owned();
    assert_eq!(house.hold(&ann, &show.refuse, 0, Some(&pass)).await.said(), "201");
    for of in [&show.bypass, &show.refuse] {
        assert_eq!(house.hold(&bob, of, 0, Some("nonsense")).await.said(), "403 invalid_pass");
        assert_eq!(house.hold(&bob, of, 1, Some(&pass)).await.said(), "403 invalid_pass", "another's");
        assert_eq!(house.hold(&bob, of, 1, None).await.said(), "403 pass_required");
    }

    house.queue.kill();
    the_queue_is_away(&house, &show, (&ann, &bob), &pass, 2).await;
    let path = format!("reservations/{held}/payment");
    let ask = Ask { key: Some("pay"), ..Ask::default() };
    let paid = house.world.ask(&house.front.base(), &ann, (Method::POST, &path), ask).await.unwrap();
    assert_eq!(
        paid.of(200)["reservation"]["status"],
        "paid",
        "what was won under a pass is paid without the queue"
    );
    house.queue.restart();
    println!("killed: back after {:?}", house.back(&bob, &show).await);
    // The pass has done its work, as soon as the queue hears of it.
    let told = eventually("the pass ends", async || {
        house.hold(&ann, &show.refuse, 11, Some(&pass)).await.said() == "403 invalid_pass"
            || house.number_of_passes("completed").await == 1
    });
    println!("the queue heard of the payment after {:?}", told.await);

    let pass = house.pass(&ann, &show.queue).await;
    house.queue.signal("-STOP");
    the_queue_is_away(&house, &show, (&ann, &bob), &pass, 3).await;
    house.queue.signal("-CONT");
    println!("frozen: back after {:?}", house.back(&bob, &show).await);
    assert_eq!(
        house.hold(&ann, &show.refuse, 4, Some(&pass)).await.said(),
        "201",
        "the pass is as good as before"
    );

    // Slow, and yet in time.
    house.queue.signal("-STOP");
    let hold = house.hold(&ann, &show.refuse, 5, Some(&pass));
    let wakes = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        house.queue.signal("-CONT");
    };
    assert_eq!(futures_util::future::join(hold, wakes).await.0.said(), "201");

    assert_eq!(house.metric(r#"playhouse_queue_gate_total{result="bypass"}"#).await, 2.0, "counted");
    let log = std::fs::read_to_string(house._servers.2.path().join("front.log")).unwrap();
    assert_eq!(log.matches("a player without a pass was let by").count(), 2, "and logged");
    house.world.assert_the_books_are_even().await;
}

impl House {
    async fn number_of_passes(&self, outcome: &str) -> i64 {
        let sql = "SELECT COUNT(*) FROM queue_passes WHERE outcome = $1";
        sqlx::query_scalar(sql).bind(outcome).fetch_one(&self.world.pool).await.unwrap()
    }
}

#[actix::test]
async fn when_every_seat_is_sold_the_queue_is_told_and_a_paid_seat_opens_the_room() {
    let house = House::open().await;
    let wish = json!({"name": "Small", "capacity": 1, "sold_out": "dismiss"});
    let made = house.world.post(&house.world.operator, "queues", wish).await.of(201);
    let queue = made["queue"]["id"].as_str().unwrap().to_owned();
    let wish = json!({"title": "Small", "starts_at": 0, "queue": queue, "price_points": 0, "room": {}});
    let of = house.world.showtime(wish, 1).await;
    let mut ann = SocketPlayer::enter(&house.front.base(), "Ann").await.unwrap();
    let mut bob = SocketPlayer::enter(&house.front.base(), "Bob").await.unwrap();
    let pass = house.pass(&ann.guest, &queue).await;
    let ticket = house.world.post(&bob.guest, &format!("queues/{queue}/tickets"), json!({})).await;
    let ticket = ticket.body["ticket"].as_str().unwrap().to_owned();
    let held = house.hold(&ann.guest, &of, 0, Some(&pass)).await.of(201);
    let path = format!("reservations/{}/payment", held["reservation"]["id"].as_str().unwrap());
    let ask = Ask { key: Some("pay"), ..Ask::default() };
    house.world.ask(&house.front.base(), &ann.guest, (Method::POST, &path), ask).await.unwrap().of(200);
    for status in ["held", "paid"] {
        let told = ann.expect("reservation.changed").await.unwrap();
        assert_eq!(told["reservation"]["status"], status);
    }
    let path = format!("queues/{queue}/tickets/{ticket}");
    eventually("the line is dismissed", async || {
        house.world.get(&bob.guest, &path).await.body["status"] == "sold_out"
    })
    .await;
    let wish = json!({"showtime": of.0});
    let refused = bob.ask("room.join", wish.clone()).await.unwrap().unwrap_err();
    assert_eq!(refused["code"], "seat_required", "{refused}");
    let room = ann.insist("room.join", wish).await.unwrap();
    assert_eq!(room["room"]["name"], "Small");
}
