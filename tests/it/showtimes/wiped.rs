//! Redis comes back empty under a queue with people in it and holds open (spec 3.1): what SQL knows goes on, the line forms
//! anew in its old order from those who wait, and who does not come back is told.

use super::*;
use futures_util::future::join_all;
use playhouse::queue::history::History;
use std::cell::RefCell;

/// Who may be inside at once.
const CAPACITY: usize = 3;
/// Who waits behind them, and polls as told.
const WAITING: usize = 6;
const SEATS: usize = 8;
const PRICE: i64 = 5;

/// What players do: they try again as long as anything is away.
struct Evening {
    world: World,
    queue: String,
    of: (String, Vec<String>),
    history: RefCell<History>,
    began: Instant,
}

impl Evening {
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap()
    }

    /// Again until there is an answer that is none of "not now", from one node or the other.
    async fn insist(&self, who: &Guest, method: Method, path: &str, pass: Option<&str>) -> (u64, Answer) {
        for base in self.world.bases.iter().cycle() {
            assert!(self.began.elapsed() < 2 * PATIENCE, "{path}: no answer");
            let sent = self.now();
            let key = path.ends_with("/payment").then_some(path);
            let ask = Ask { key, pass, ..Ask::default() };
            match self.world.ask(base, who, (method.clone(), path), ask).await {
                Ok(answer) if answer.status < 500 && answer.status != 408 => return (sent, answer),
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
        unreachable!("round and round")
    }

    async fn enter(&self, who: &Guest) -> (i64, String) {
        let path = format!("queues/{}/tickets", self.queue);
        let answer = self.insist(who, Method::POST, &path, None).await.1;
        assert!(matches!(answer.status, 200 | 201), "{}", answer.said());
        let ticket = answer.body;
        (ticket["number"].as_i64().unwrap(), ticket["ticket"].as_str().unwrap().to_owned())
    }

    async fn look(&self, who: &Guest, ticket: &str) -> (u64, Value) {
        let path = format!("queues/{}/tickets/{ticket}", self.queue);
        let (sent, answer) = self.insist(who, Method::GET, &path, None).await;
        (sent, answer.of(200))
    }

    /// Polls as told until he is in; the longest poll that he was told of.
    async fn waits(&self, who: &Guest, (number, ticket): &(i64, String)) -> (String, u64) {
        let mut longest = 0;
        loop {
            let (sent, status) = self.look(who, ticket).await;
            match status["status"].as_str().unwrap() {
                "waiting" => {
                    self.history.borrow_mut().waiting(*number, sent);
                    let pause = status["poll_after_ms"].as_u64().unwrap();
                    longest = longest.max(pause);
                    tokio::time::sleep(Duration::from_millis(pause.min(400))).await;
                }
                "admitted" => {
                    let pass = status["pass"].as_str().unwrap().to_owned();
                    self.history.borrow_mut().admitted(*number, &pass, self.now());
                    return (pass, longest);
                }
                other => panic!("number {number}: {other}"),
            }
        }
    }

    async fn hold(&self, who: &Guest, seat: usize, pass: &str) -> Answer {
        let path = format!("showtimes/{}/seats/{}/reservations", self.of.0, self.of.1[seat]);
        self.insist(who, Method::POST, &path, Some(pass)).await.1
    }

    /// The seat is his, and his pass has done its work.
    async fn pays(&self, who: &Guest, reservation: &str, pass: &str) {
        self.history.borrow_mut().ended(pass, self.now());
        let path = format!("reservations/{reservation}/payment");
        for _ in 0..2 {
            let paid = self.insist(who, Method::POST, &path, None).await.1.of(200);
            assert_eq!(paid["reservation"]["status"], "paid", "said again it is as good");
        }
    }

    async fn balance(&self, who: &Guest) -> i64 {
        self.insist(who, Method::GET, "me/wallet", None).await.1.of(200)["balance"].as_i64().unwrap()
    }

    /// From the line to a paid seat, which he waits for if another holds it. When he was let in, and his longest poll.
    async fn visits(&self, who: &Guest, ticket: &(i64, String), seat: usize) -> (u64, u64) {
        let (pass, longest) = self.waits(who, ticket).await;
        let at = self.now();
        let held = loop {
            match self.hold(who, seat, &pass).await {
                answer if answer.said() == "409 seat_taken" => {
                    tokio::time::sleep(Duration::from_millis(200)).await
                }
                answer => break answer.of(201),
            }
        };
        self.pays(who, held["reservation"]["id"].as_str().unwrap(), &pass).await;
        (at, longest)
    }
}

async fn guests(base: &str, world: &World, name: &str, n: usize) -> Vec<Guest> {
    let mut guests = Vec::new();
    for n in 0..n {
        let guest = Guest::sign_in(base, &format!("{name}{n}")).await.unwrap();
        world.top_up(&guest, 2 * PRICE).await;
        guests.push(guest);
    }
    guests
}

#[actix::test]
async fn a_redis_that_was_wiped_costs_nobody_his_seat_his_points_or_his_place() {
    let (mut redis, postgres) = (PrivateRedis::start().unwrap(), PrivatePostgres::start().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let mut settings = shared(&redis, &postgres);
    settings.extend(["showtimes.hold_ms=20000", "showtimes.expiry_poll_ms=500"].map(str::to_owned));
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let nodes: Vec<Process> = (0..2).map(|_| Process::with(dir.path(), &settings)).collect();
    let world = World::of(&nodes.iter().collect::<Vec<_>>(), &postgres).await;
    let base = world.bases[0].clone();
    // The longest poll is a third of this: 4 s.
    let wish =
        json!({"name": "Wiped", "capacity": CAPACITY, "abandon_after_ms": 12_000, "claim_ttl_ms": 60_000});
    let made = world.post(&world.operator, "queues", wish).await.of(201);
    let queue = made["queue"]["id"].as_str().unwrap().to_owned();
    let wish = json!({"title": "Wiped", "starts_at": 0, "queue": queue, "price_points": PRICE, "on_queue_down": "refuse"});
    let of = world.showtime(wish, SEATS).await;
    let inside = guests(&base, &world, "In", CAPACITY).await;
    let waiting = guests(&base, &world, "Wait", WAITING).await;
    let silent = guests(&base, &world, "Silent", 1).await.remove(0);
    let evening = Evening { world, queue, of, history: RefCell::default(), began: Instant::now() };

    // Three are in: one holds a seat and will pay, one holds one and will not, one has chosen none yet.
    let (mut passes, mut numbers) = (Vec::new(), Vec::new());
    for guest in &inside {
        let ticket = evening.enter(guest).await;
        passes.push(evening.waits(guest, &ticket).await.0);
        numbers.push(ticket);
    }
    let held = evening.hold(&inside[0], 0, &passes[0]).await.of(201);
    let held = held["reservation"]["id"].as_str().unwrap().to_owned();
    evening.hold(&inside[1], 1, &passes[1]).await.of(201);
    let silents = evening.enter(&silent).await; // he is the first who waits, and is not heard of again
    let mut tickets = Vec::new();
    for guest in &waiting {
        tickets.push(evening.enter(guest).await);
    }

    redis.restart().unwrap();
    let wiped = evening.now();
    let after = async {
        assert_eq!(evening.hold(&waiting[0], 0, &passes[0]).await.said(), "403 invalid_pass", "another's");
        assert_eq!(
            evening.hold(&inside[2], 0, &passes[2]).await.said(),
            "409 seat_taken",
            "it is held still"
        );
        evening.pays(&inside[0], &held, &passes[0]).await;
        assert_eq!(evening.balance(&inside[0]).await, PRICE, "he has paid once");
        let third = evening.hold(&inside[2], 2, &passes[2]).await.of(201); // his pass was in SQL
        let third = third["reservation"]["id"].as_str().unwrap().to_owned();
        evening.pays(&inside[2], &third, &passes[2]).await;
        assert_eq!(
            evening.hold(&inside[2], 3, &passes[2]).await.said(),
            "403 invalid_pass",
            "a pass is honoured once"
        );
        assert_eq!(evening.enter(&inside[1]).await, numbers[1], "who is in stands where he stood");
    };
    // The last wants the seat that is held and never paid.
    let seat = |n: usize| if n + 1 < WAITING { CAPACITY + n } else { 1 };
    let visits = waiting.iter().zip(&tickets).enumerate();
    let visits = join_all(visits.map(|(n, (guest, ticket))| evening.visits(guest, ticket, seat(n))));
    let ((), seen) = futures_util::future::join(after, visits).await;

    let longest = seen.iter().map(|(_, longest)| *longest).max().unwrap();
    let first = seen.iter().map(|(at, _)| *at).min().unwrap();
    println!("wiped; the next came in after {} ms, polls of up to {longest} ms", first - wiped);
    assert!(first - wiped >= 2 * longest, "nobody comes in before all could come back");
    let shown = evening.history.borrow().judge(CAPACITY);
    assert_eq!(shown.faults, [""; 0], "in their order, each once");
    assert_eq!(shown.admitted, CAPACITY + WAITING);
    let told = evening.look(&silent, &silents.1).await.1;
    assert_eq!(told["status"], "expired", "who did not come back is told");

    let world = &evening.world;
    let open = "SELECT COUNT(*) FROM reservations WHERE status = 'held'";
    eventually("the hold that nobody paid is over", async || world.number(open).await == 0).await;
    let sold = "SELECT COUNT(*) FROM reservations WHERE status = 'paid'";
    assert_eq!(world.number(sold).await, 2 + WAITING as i64);
    world.assert_the_books_are_even().await;
}
