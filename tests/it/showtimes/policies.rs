//! What becomes of the line when every seat is sold, by the queue's policy, over REST (spec 3.1): kept, dismissed, opened
//! again, and changed while it runs.

use super::{queue_down::House, *};

/// A queue with one place and this policy, before a showtime with one seat, which its first buys while two wait.
struct Sold {
    queue: String,
    of: (String, Vec<String>),
    /// Their tickets, in their order.
    waiting: Vec<(Guest, String)>,
}

impl Sold {
    async fn out(house: &House, policy: &str) -> Self {
        let (world, base) = (&house.world, &house.world.bases[0]);
        let wish = json!({"name": policy, "capacity": 1, "sold_out": policy});
        let made = world.post(&world.operator, "queues", wish).await.of(201);
        assert_eq!(
            (&made["queue"]["sold_out"], &made["queue"]["sold_out_at"]),
            (&json!(policy), &Value::Null)
        );
        let queue = made["queue"]["id"].as_str().unwrap().to_owned();
        let wish = json!({"title": policy, "starts_at": 0, "queue": queue, "price_points": 0});
        let of = world.showtime(wish, 1).await;
        let first = Guest::sign_in(base, &format!("First{policy}")).await.unwrap();
        let pass = house.pass(&first, &queue).await;
        let mut waiting = Vec::new();
        for n in 0..2 {
            let who = Guest::sign_in(base, &format!("Next{n}{policy}")).await.unwrap();
            let ticket = house.enter(&who, &queue).await.of(201)["ticket"].as_str().unwrap().to_owned();
            waiting.push((who, ticket));
        }
        let held = house.hold(&first, &of, 0, Some(&pass)).await.of(201);
        let path = format!("reservations/{}/payment", held["reservation"]["id"].as_str().unwrap());
        let ask = Ask { key: Some(&first.id), ..Ask::default() };
        world.ask(base, &first, (Method::POST, &path), ask).await.unwrap().of(200);
        let sold = Self { queue, of, waiting };
        eventually("the queue is told", async || sold.shown(house).await["sold_out_at"].is_i64()).await;
        sold
    }

    async fn shown(&self, house: &House) -> Value {
        let path = format!("queues/{}", self.queue);
        house.world.get(&house.world.operator, &path).await.of(200)["queue"].clone()
    }

    async fn status(&self, house: &House, n: usize) -> Value {
        let (who, ticket) = &self.waiting[n];
        house.world.get(who, &format!("queues/{}/tickets/{ticket}", self.queue)).await.of(200)
    }

    async fn change(&self, house: &House, change: Value) -> Answer {
        let (path, ask) = (format!("queues/{}", self.queue), Ask { body: Some(change), ..Ask::default() });
        let world = &house.world;
        world.ask(&world.bases[0], &world.operator, (Method::PATCH, &path), ask).await.unwrap()
    }
}

#[actix::test]
async fn a_line_behind_a_sold_out_house_is_dismissed_or_kept_as_its_policy_says() {
    let house = House::open().await;
    let late = Guest::sign_in(&house.world.bases[0], "Late").await.unwrap();

    let dismissed = Sold::out(&house, "dismiss").await;
    for n in 0..2 {
        let told = async || dismissed.status(&house, n).await["status"] == "sold_out";
        eventually("who waits is told", told).await;
    }
    assert_eq!(dismissed.shown(&house).await["waiting"], 0);
    assert_eq!(
        house.enter(&late, &dismissed.queue).await.said(),
        "409 sold_out",
        "nobody new waits for nothing"
    );

    let kept = Sold::out(&house, "keep").await;
    eventually("the next comes in", async || kept.status(&house, 0).await["status"] == "admitted").await;
    let pass = kept.status(&house, 0).await["pass"].as_str().unwrap().to_owned();
    let refused = house.hold(&kept.waiting[0].0, &kept.of, 0, Some(&pass)).await;
    assert_eq!(refused.said(), "409 seat_taken", "a seat may come back, this one has not");
    assert_eq!(kept.status(&house, 1).await["status"], "waiting");
    assert_eq!(house.enter(&late, &kept.queue).await.status, 201, "who likes may wait");

    // Opened again: a night was added, say. Who was dismissed stays so, and may come again.
    let opened = dismissed.change(&house, json!({"state": "open"})).await.of(200);
    assert_eq!(opened["queue"]["sold_out_at"], Value::Null);
    house.pass(&late, &dismissed.queue).await;
    assert_eq!(dismissed.status(&house, 1).await["status"], "sold_out");
    let again = house.enter(&dismissed.waiting[1].0, &dismissed.queue).await.of(201);
    assert_ne!(again["ticket"], json!(dismissed.waiting[1].1));

    // Another policy while it is sold out: from now on nobody new is taken, and who waits keeps his place.
    kept.change(&house, json!({"sold_out": "dismiss"})).await.of(200);
    let stranger = Guest::sign_in(&house.world.bases[0], "Stranger").await.unwrap();
    let refused = async || house.enter(&stranger, &kept.queue).await.said() == "409 sold_out";
    eventually("the policy holds at once", refused).await;
    assert_eq!(kept.status(&house, 1).await["status"], "waiting");
    assert_eq!(kept.change(&house, json!({"sold_out": "burn"})).await.status, 422);
    house.world.assert_the_books_are_even().await;
}
