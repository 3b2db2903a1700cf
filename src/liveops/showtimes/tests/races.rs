//! Crowds: of all that happens at one moment, what the constraints and guards leave.

use super::*;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

#[actix::test]
async fn of_two_hundred_who_want_one_seat_one_gets_it() {
    let kit = Kit::new().await;
    let (of, seats) = kit.showtime(1, 1, None).await;
    let people = join_all((0..200).map(|_| kit.player(0))).await;
    let asked = join_all(people.iter().map(|who| kit.hold(*who, &of, seats[0]))).await;
    let won = asked.iter().filter(|held| held.is_ok()).count();
    let lost = asked.iter().filter(|held| matches!(held, Err(NotHeld::Taken))).count();
    assert_eq!((won, lost), (1, 199));
    kit.clock.advance_s(300);
    let again = join_all(people.iter().map(|who| kit.hold(*who, &of, seats[0]))).await;
    assert_eq!(again.iter().filter(|held| held.is_ok()).count(), 1, "and of those who come when it is over");
    kit.assert_the_books_are_even().await;
}

#[actix::test]
async fn one_account_holds_no_more_than_it_may_however_fast_it_asks() {
    let kit = Kit::with(|settings| settings.holds = 3).await;
    let (of, seats) = kit.showtime(0, 40, None).await;
    let ann = kit.player(0).await;
    let asked = join_all(seats.iter().map(|seat| kit.hold(ann, &of, *seat))).await;
    let won: Vec<_> = asked.iter().flatten().collect();
    assert_eq!(won.len(), 3);
    assert!(asked.iter().all(|held| matches!(held, Ok(_) | Err(NotHeld::TooMany))));
    kit.showtimes.pay(won[0].reservation_id, ann, Uuid::now_v7()).await.expect("pays");
    kit.hold(ann, &of, seats[39]).await.expect("what is paid is no hold");
}

#[actix::test]
async fn of_a_payment_the_end_of_its_hold_and_its_return_one_happens() {
    let kit = Kit::new().await;
    let rounds: usize = 120;
    let (of, seats) = kit.showtime(3, rounds, None).await;
    let ann = kit.player(3 * rounds as i64).await;
    let (mut paid, mut over) = (0, 0);
    for (n, seat) in seats.iter().enumerate() {
        let held = kit.hold(ann, &of, *seat).await.expect("free");
        let (id, store) = (held.reservation_id, &kit.store);
        let end = UnixMs(held.hold_expires_at);
        // One node's clock is a moment behind the other's: for both it is the right time.
        let pay = store.pay_reservation(id, ann, Uuid::now_v7(), UnixMs(end.0 - 1));
        let (payment, gone) = if n.is_multiple_of(3) {
            let give_back = store.give_back_hold(id, ann, end);
            let (payment, given) = in_some_order(n, pay, give_back).await;
            (payment.expect("asks"), matches!(given.expect("asks"), GivenBack::Done(_)))
        } else {
            let expire = store.expire_holds(end, 10);
            let (payment, expired) = in_some_order(n, pay, expire).await;
            (payment.expect("asks"), !expired.expect("asks").is_empty())
        };
        let is_paid = matches!(payment, Paid::Done(_));
        assert!(is_paid || payment == Paid::Over, "{payment:?}");
        let status = store.reservation(id).await.expect("reads").expect("there").status;
        if is_paid {
            assert!(!gone && status == "paid", "paid and gone");
            paid += 1;
        } else {
            // Whoever passed over a hold that was being paid looks again.
            assert!(gone && status != "paid", "neither paid nor gone: {status}");
            over += 1;
        }
    }
    println!("{paid} paid, {over} over");
    assert!(paid > 0 && over > 0, "both happen: {paid} paid, {over} over");
    assert_eq!(kit.store.balance(ann).await.expect("reads"), 3 * over);
    kit.assert_the_books_are_even().await;
}

/// At once, the one or the other begun first.
async fn in_some_order<A, B>(n: usize, a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    if n.is_multiple_of(2) {
        return futures_util::future::join(a, b).await;
    }
    let (b, a) = futures_util::future::join(b, a).await;
    (a, b)
}

#[actix::test]
async fn many_look_for_holds_that_are_over_and_each_is_released_once() {
    let kit = Kit::with(|settings| (settings.expiry_batch, settings.holds) = (4, 100)).await;
    let (of, seats) = kit.showtime(0, 60, None).await;
    let ann = kit.player(0).await;
    for seat in &seats {
        kit.hold(ann, &of, *seat).await.expect("free");
    }
    kit.clock.advance_s(300);
    let released = join_all((0..6).map(|_| kit.showtimes.release_overdue())).await;
    let released: usize = released.into_iter().map(|some| some.expect("looks")).sum();
    assert_eq!(released, 60);
}

#[actix::test]
async fn the_same_payment_sent_fifty_times_at_once_is_one() {
    let kit = Kit::new().await;
    let (of, seats) = kit.showtime(7, 1, None).await;
    let ann = kit.player(70).await;
    let id = kit.hold(ann, &of, seats[0]).await.expect("free").reservation_id;
    let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
    let pay = |n: usize| kit.showtimes.pay(id, ann, if n.is_multiple_of(2) { one } else { two });
    let paid = join_all((0..50).map(pay)).await;
    let done = paid.iter().filter(|paid| matches!(paid, Ok(Paid::Done(_)))).count();
    assert_eq!(done, 1);
    assert!(paid.iter().all(|paid| matches!(paid, Ok(Paid::Done(_) | Paid::Repeated(_) | Paid::Before))));
    assert_eq!(kit.store.balance(ann).await.expect("reads"), 63);
    kit.assert_the_books_are_even().await;
}

/// Whatever people do at once, in whatever order: the books are even, and nobody's points run out unpaid.
#[actix::test]
async fn a_crowd_that_does_everything_at_once() {
    let kit = Kit::with(|settings| settings.hold_ms = 5_000).await;
    let (of, seats) = kit.showtime(4, 8, None).await;
    let people = join_all((0..12).map(|_| kit.player(9))).await;
    let acting = people.iter().enumerate().map(|(n, who)| {
        let (kit, of, seats) = (&kit, &of, &seats);
        async move {
            let mut rng = StdRng::seed_from_u64(n as u64);
            for _ in 0..25 {
                let seat = seats[rng.random_range(0..seats.len())];
                let Ok(held) = kit.hold(*who, of, seat).await else { continue };
                let id = held.reservation_id;
                match rng.random_range(0..5) {
                    0 => kit.clock.advance_s(2),
                    1 => drop(kit.showtimes.give_back(id, *who).await.expect("asks")),
                    2 => drop(kit.showtimes.release_overdue().await.expect("looks")),
                    _ => drop(kit.showtimes.pay(id, *who, Uuid::now_v7()).await.expect("asks")),
                }
            }
        }
    });
    join_all(acting).await;
    kit.assert_the_books_are_even().await;
    let sold = kit.number("SELECT COUNT(*) FROM reservations WHERE status = 'paid'").await;
    let house =
        kit.number("SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM ledger WHERE reason = 'seat'");
    assert_eq!(house.await, 4 * sold);
    assert!(sold > 0 && sold <= 8, "{sold} seats are sold");
    let left = kit.number("SELECT CAST(SUM(balance) AS BIGINT) FROM wallets").await;
    assert_eq!(left, 9 * 12 - 4 * sold);
}

#[actix::test]
async fn a_transfer_of_other_points_does_not_pay_for_a_seat() {
    let kit = Kit::new().await;
    let (of, seats) = kit.showtime(5, 1, None).await;
    let (ann, bob) = (kit.player(5).await, kit.player(0).await);
    let id = kit.hold(ann, &of, seats[0]).await.expect("free").reservation_id;
    let away = Transfer {
        from: Wallet::Account(ann),
        to: Wallet::Account(bob),
        amount: 5,
        reason: "test",
        reference: Uuid::now_v7(),
        at: kit.clock.now(),
    };
    let spent = kit.store.transfer(&away);
    let pay = kit.showtimes.pay(id, ann, Uuid::now_v7());
    let (spent, paid) = futures_util::future::join(spent, pay).await;
    let spent = spent.expect("asks") == crate::store::Transferred::Done;
    assert_ne!(spent, matches!(paid, Ok(Paid::Done(_))), "five points are spent once");
    assert_eq!(kit.store.balance(ann).await.expect("reads"), 0);
    kit.assert_the_books_are_even().await;
}
