//! Holds, payments, their end and the gate, on SQLite or PostgreSQL. Time is set by hand; the races are real ones on
//! the database.

use super::{gate::PassVerdict, *};
use crate::{
    auth::{Role, tests::SetClock},
    clock::{Clock as _, UnixMs},
    store::{AuditEntry, Saved, SeatsAdded, Transfer, Wallet, read, write},
};
use futures_util::future::{FutureExt, join_all};
use serde_json::json;
use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

mod gates;
mod races;

/// A queue that answers as it is told.
pub(super) struct ScriptedQueue {
    answers: Mutex<PassVerdict>,
    completed: Mutex<Vec<Uuid>>,
    sold_out: AtomicUsize,
    asked: AtomicUsize,
}

impl Default for ScriptedQueue {
    fn default() -> Self {
        let (answers, completed) = (Mutex::new(PassVerdict::Unavailable), Mutex::default());
        Self { answers, completed, sold_out: AtomicUsize::new(0), asked: AtomicUsize::new(0) }
    }
}

impl ScriptedQueue {
    fn answers(&self, verdict: PassVerdict) {
        *self.answers.lock().expect("no panic") = verdict;
    }

    fn answer(&self) -> BoxFuture<'_, PassVerdict> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let verdict = *self.answers.lock().expect("no panic");
        async move { verdict }.boxed()
    }
}

impl QueuePort for ScriptedQueue {
    fn verify<'a>(&'a self, _: QueueId, _: &'a str) -> BoxFuture<'a, PassVerdict> {
        self.answer()
    }

    fn alive(&self, _: QueueId) -> BoxFuture<'_, bool> {
        self.answer().map(|verdict| verdict != PassVerdict::Unavailable).boxed()
    }

    fn complete(&self, queue: QueueId, pass: Uuid) -> BoxFuture<'_, bool> {
        let answer = self.alive(queue);
        async move {
            let heard = answer.await;
            if heard {
                self.completed.lock().expect("no panic").push(pass);
            }
            heard
        }
        .boxed()
    }

    fn sold_out(&self, queue: QueueId) -> BoxFuture<'_, bool> {
        let answer = self.alive(queue);
        async move {
            let heard = answer.await;
            self.sold_out.fetch_add(usize::from(heard), Ordering::Relaxed);
            heard
        }
        .boxed()
    }
}

/// Remembers what it was to tell.
#[derive(Default)]
pub(super) struct Told(Mutex<Vec<PlayerId>>);

impl Announce for Told {
    fn tell(&self, player: PlayerId, _: Arc<Push>) {
        self.0.lock().expect("no panic").push(player);
    }
}

pub(super) struct Kit {
    store: Store,
    clock: Arc<SetClock>,
    queue: Arc<ScriptedQueue>,
    told: Arc<Told>,
    showtimes: Showtimes,
    _dir: tempfile::TempDir,
}

impl Kit {
    async fn new() -> Self {
        Self::with(|_| ()).await
    }

    async fn with(change: impl FnOnce(&mut config::Showtimes)) -> Self {
        let dir = tempfile::tempdir().expect("tempdir");
        let mut config = crate::testkit::test_config(dir.path()).await;
        change(&mut config.showtimes);
        let clock = SetClock::new();
        let store = Store::open(&config, clock.clone()).await.expect("store");
        let (queue, told) = (Arc::new(ScriptedQueue::default()), Arc::new(Told::default()));
        let settings = config.showtimes.clone();
        let showtimes = Showtimes::new(store.clone(), settings, clock.clone(), queue.clone(), told.clone());
        Self { store, clock, queue, told, showtimes, _dir: dir }
    }

    fn entry(&self) -> AuditEntry {
        AuditEntry::new(self.clock.now(), (None, Role::Operator), "test", "test".to_owned(), json!({}))
    }

    /// An account with so many points.
    async fn player(&self, points: i64) -> PlayerId {
        let id = PlayerId::new();
        let name = id.0.simple().to_string();
        let sql =
            "INSERT INTO accounts (account_id, nickname, nickname_key, nickname_look, guest, role, epoch,
                   created_at) VALUES ($1, $2, $2, $2, $3, 'USER', 0, 0)";
        write!(self.store.db(), pool => {
            sqlx::query(sql).bind(id.0).bind(&name).bind(true).execute(pool).await.expect("an account");
        });
        if points > 0 {
            self.store.top_up(id, points, Uuid::now_v7(), &self.entry()).await.expect("points");
        }
        id
    }

    /// A showtime at this price and so many seats of it.
    async fn showtime(
        &self,
        price: i64,
        seats: usize,
        queue: Option<(Uuid, &str)>,
    ) -> (ShowtimeRow, Vec<Uuid>) {
        let now = self.clock.now().0;
        let row = ShowtimeRow {
            showtime_id: Uuid::now_v7(),
            title: "Final".to_owned(),
            starts_at: now,
            queue: queue.map(|(queue, _)| queue),
            price_points: price,
            on_queue_down: queue.map_or("bypass", |(_, policy)| policy).to_owned(),
            room: None,
            room_id: None,
            bracket: None,
            created_at: now,
            updated_at: now,
        };
        let made = self.store.create_showtime(&row, &self.entry()).await.expect("writes");
        assert_eq!(made, Saved::Done(row.clone()));
        let seats: Vec<(Uuid, String)> = (0..seats).map(|n| (Uuid::now_v7(), format!("A{n}"))).collect();
        let entry = self.entry();
        let added = self.store.add_seats(row.showtime_id, &seats, 5_000, self.clock.now(), &entry);
        assert_eq!(added.await.expect("writes"), SeatsAdded::Done);
        (row, seats.into_iter().map(|(id, _)| id).collect())
    }

    async fn hold(&self, who: PlayerId, of: &ShowtimeRow, seat: Uuid) -> Result<ReservationRow, NotHeld> {
        self.showtimes.reserve(Uuid::now_v7(), who, (of, seat), None).await
    }

    async fn number(&self, sql: &'static str) -> i64 {
        read!(self.store.db(), pool => sqlx::query_scalar(sql).fetch_one(pool).await.expect("a number"))
    }

    /// Whatever has happened: no seat is two people's, and the books are even.
    async fn assert_the_books_are_even(&self) {
        for (sql, what) in [
            ("SELECT COUNT(*) FROM (SELECT seat_id FROM reservations WHERE status IN ('held', 'paid')
              GROUP BY seat_id HAVING COUNT(*) > 1) AS doubled", "a seat that two have"),
            ("SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM ledger_entries", "points from nowhere"),
            ("SELECT COUNT(*) FROM wallets w WHERE w.balance < 0 OR w.balance <> (SELECT
              CAST(COALESCE(SUM(e.amount), 0) AS BIGINT) FROM ledger_entries e WHERE e.wallet_id = w.account_id)",
             "a balance that is not its entries"),
            ("SELECT COUNT(*) FROM reservations r WHERE r.status = 'paid' AND r.price_points > 0 AND NOT EXISTS
              (SELECT 1 FROM ledger l WHERE l.reason = 'seat' AND l.ref = r.reservation_id
               AND l.debit = r.account_id AND l.amount = r.price_points)", "a seat that nobody paid for"),
            ("SELECT COUNT(*) FROM ledger l WHERE l.reason = 'seat' AND NOT EXISTS
              (SELECT 1 FROM reservations r WHERE r.reservation_id = l.ref AND r.status = 'paid')",
             "points for no seat"),
        ] {
            assert_eq!(self.number(sql).await, 0, "{what}");
        }
    }
}

#[actix::test]
async fn a_hold_is_paid_once_and_then_stays() {
    let kit = Kit::new().await;
    let (of, seats) = kit.showtime(30, 2, None).await;
    let ann = kit.player(50).await;
    let held = kit.hold(ann, &of, seats[0]).await.expect("free");
    assert_eq!((held.status.as_str(), held.price_points), ("held", 30));
    assert_eq!(held.hold_expires_at, kit.clock.now().0 + 300_000, "five minutes");
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    let paid = kit.showtimes.pay(held.reservation_id, ann, first).await.expect("pays");
    assert!(matches!(&paid, Paid::Done(row) if row.status == "paid"), "{paid:?}");
    let again = kit.showtimes.pay(held.reservation_id, ann, first).await.expect("pays");
    assert!(matches!(again, Paid::Repeated(_)), "the same payment");
    assert_eq!(kit.showtimes.pay(held.reservation_id, ann, second).await.expect("pays"), Paid::Before);
    assert_eq!(kit.store.balance(ann).await.expect("reads"), 20);
    let other = kit.hold(ann, &of, seats[1]).await.expect("free");
    let short = kit.showtimes.pay(other.reservation_id, ann, Uuid::now_v7()).await.expect("pays");
    assert_eq!(short, Paid::Short);
    let now = kit.store.reservation(other.reservation_id).await.expect("reads").expect("there");
    assert_eq!(now, other, "what was refused left no trace");
    kit.clock.advance_s(301);
    assert_eq!(kit.showtimes.release_overdue().await.expect("looks"), 1, "the hold, and not what is paid");
    let late = kit.showtimes.pay(other.reservation_id, ann, Uuid::now_v7()).await.expect("pays");
    assert_eq!(late, Paid::Over);
    assert_eq!(kit.showtimes.give_back(held.reservation_id, ann).await.expect("asks"), GivenBack::Paid);
    assert_eq!(kit.told.0.lock().expect("no panic").len(), 4, "held, paid, held, expired: each was pushed");
    kit.assert_the_books_are_even().await;
}

#[actix::test]
async fn a_hold_costs_what_it_did_when_it_was_won() {
    let kit = Kit::new().await;
    let (of, seats) = kit.showtime(10, 2, None).await;
    let ann = kit.player(100).await;
    let held = kit.hold(ann, &of, seats[0]).await.expect("free");
    let change = crate::store::ShowtimeChange { price_points: Some(60), ..Default::default() };
    let changed = kit.store.change_showtime(of.showtime_id, &change, kit.clock.now(), &kit.entry()).await;
    let Ok(Saved::Done(changed)) = changed else { panic!("{changed:?}") };
    let dear = kit.hold(ann, &changed, seats[1]).await.expect("free");
    assert_eq!((held.price_points, dear.price_points), (10, 60));
    for hold in [held, dear] {
        let paid = kit.showtimes.pay(hold.reservation_id, ann, Uuid::now_v7()).await.expect("pays");
        assert!(matches!(paid, Paid::Done(_)), "{paid:?}");
    }
    assert_eq!(kit.store.balance(ann).await.expect("reads"), 30);
}

#[actix::test]
async fn what_is_anothers_is_not_there() {
    let kit = Kit::new().await;
    let (of, seats) = kit.showtime(0, 1, None).await;
    let (ann, bob) = (kit.player(0).await, kit.player(9).await);
    let held = kit.hold(ann, &of, seats[0]).await.expect("free").reservation_id;
    assert_eq!(kit.showtimes.pay(held, bob, Uuid::now_v7()).await.expect("pays"), Paid::Missing);
    assert_eq!(kit.showtimes.give_back(held, bob).await.expect("asks"), GivenBack::Missing);
    assert!(matches!(kit.hold(bob, &of, Uuid::now_v7()).await, Err(NotHeld::Missing)));
    assert!(matches!(kit.hold(PlayerId::new(), &of, seats[0]).await, Err(NotHeld::Closed)), "no account");
    let free = kit.showtimes.pay(held, ann, Uuid::now_v7()).await.expect("pays");
    assert!(matches!(free, Paid::Done(_)), "a seat may cost nothing: {free:?}");
    assert_eq!(kit.number("SELECT COUNT(*) FROM ledger WHERE reason = 'seat'").await, 0);
}

#[actix::test]
async fn a_seat_is_free_again_when_its_hold_is_given_back_or_over() {
    let kit = Kit::new().await;
    let (of, seats) = kit.showtime(1, 1, None).await;
    let (ann, bob, cat) = (kit.player(0).await, kit.player(0).await, kit.player(0).await);
    let held = kit.hold(ann, &of, seats[0]).await.expect("free");
    assert!(matches!(kit.hold(bob, &of, seats[0]).await, Err(NotHeld::Taken)));
    let given = kit.showtimes.give_back(held.reservation_id, ann).await.expect("gives");
    assert!(matches!(given, GivenBack::Done(_)));
    assert_eq!(kit.showtimes.give_back(held.reservation_id, ann).await.expect("asks"), GivenBack::Before);
    kit.hold(bob, &of, seats[0]).await.expect("free again");
    kit.clock.advance_s(300);
    kit.hold(cat, &of, seats[0]).await.expect("it is over, though nobody has looked yet");
    assert_eq!(kit.showtimes.release_overdue().await.expect("looks"), 0, "it was released on the way");
    let seats = kit.store.seats(of.showtime_id, None, None, 9).await.expect("reads");
    assert_eq!(seats[0].taken.as_deref(), Some("held"));
}

#[actix::test]
async fn a_seat_list_can_say_what_has_changed() {
    let kit = Kit::new().await;
    let (of, seats) = kit.showtime(0, 3, None).await;
    let ann = kit.player(0).await;
    kit.clock.advance_s(60);
    let changed = async || {
        let since = Some(UnixMs(kit.clock.now().0 - 10_000));
        kit.store.seats(of.showtime_id, since, None, 9).await.expect("reads")
    };
    assert_eq!(changed().await, []);
    let held = kit.hold(ann, &of, seats[1]).await.expect("free").reservation_id;
    assert_eq!(changed().await.iter().map(|seat| seat.seat_id).collect::<Vec<_>>(), [seats[1]]);
    kit.showtimes.pay(held, ann, Uuid::now_v7()).await.expect("pays");
    assert_eq!(changed().await[0].taken.as_deref(), Some("paid"));
    kit.clock.advance_s(11);
    assert_eq!(changed().await, []);
    let all = kit.store.seats(of.showtime_id, None, Some(seats[0]), 9).await.expect("reads");
    assert_eq!(all.iter().map(|seat| seat.seat_id).collect::<Vec<_>>(), seats[1..], "behind the first");
}

#[actix::test]
async fn a_closed_account_holds_nothing() {
    let kit = Kit::new().await;
    let (of, seats) = kit.showtime(5, 3, None).await;
    let (ann, bob) = (kit.player(5).await, kit.player(0).await);
    let paid = kit.hold(ann, &of, seats[0]).await.expect("free").reservation_id;
    kit.showtimes.pay(paid, ann, Uuid::now_v7()).await.expect("pays");
    kit.hold(ann, &of, seats[1]).await.expect("free");
    kit.hold(bob, &of, seats[2]).await.expect("free");
    let sql = "UPDATE accounts SET banned_until = 9007199254740991 WHERE account_id = $1";
    write!(kit.store.db(), pool => { sqlx::query(sql).bind(ann.0).execute(pool).await.expect("bans"); });
    let fact = crate::liveops::Fact::new(
        "user_status_changed",
        Some(ann),
        kit.clock.now(),
        json!({"status": "banned"}),
    );
    kit.store.add_facts(std::slice::from_ref(&fact)).await.expect("writes");
    let consumers = kit.showtimes.consumers();
    consumers[0].handle(vec![fact.clone()]).await.expect("handles");
    consumers[0].handle(vec![fact]).await.expect("and again");
    let seats_now = kit.store.seats(of.showtime_id, None, None, 9).await.expect("reads");
    let taken: Vec<_> = seats_now.iter().map(|seat| seat.taken.as_deref()).collect();
    assert_eq!(taken, [Some("paid"), None, Some("held")], "what is paid stays, and others' holds");
    assert!(matches!(kit.hold(ann, &of, seats[1]).await, Err(NotHeld::Closed)));
}
