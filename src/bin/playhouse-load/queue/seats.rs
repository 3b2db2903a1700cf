//! What the queue stands for: a showtime with seats, which those who are inside hold, pay for, give back, or walk away from.
//!
//! Keeps the books of what everybody was told, and holds them against the seats and wallets at the end: each seat is one
//! person's, who has paid for it once. Knows nothing of the line.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join;
use rand::{RngExt as _, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Visitor, count, person::Ask};

/// Of a hundred with a hold: who pays twice at once, who gives it back, who closes the page.
const DOUBLE: u32 = 20;
const GIVES_BACK: u32 = 5;
const WALKS_AWAY: u32 = 5;
/// Everybody wants one of the best of those that are left.
const WANTED: usize = 40;
/// So many disappointments are enough.
const TRIES: usize = 30;
pub(super) const PRICE: i64 = 10;
/// What each has: no more than a seat.
const POINTS: i64 = PRICE;

/// The seats, and the books.
pub(super) struct Seats {
    pub(super) showtime: String,
    /// In the order of the hall.
    pub(super) ids: Vec<String>,
    /// Of the staff, who give points away.
    pub(super) operator: String,
    /// By whom: seat → account and token.
    pub(super) paid: RefCell<BTreeMap<String, (String, String)>>,
    pub(super) faults: RefCell<Vec<String>>,
    pub(super) refused: Cell<u64>,
    pub(super) given_back: Cell<u64>,
    pub(super) walked_away: Cell<u64>,
    pub(super) too_late: Cell<u64>,
}

impl Seats {
    pub(super) fn new(showtime: String, ids: Vec<String>, operator: String) -> Self {
        Self {
            showtime,
            ids,
            operator,
            paid: RefCell::default(),
            faults: RefCell::default(),
            refused: Cell::default(),
            given_back: Cell::default(),
            walked_away: Cell::default(),
            too_late: Cell::default(),
        }
    }

    /// One of the best that nobody has paid for, as far as anybody knows.
    fn wish(&self, rng: &mut StdRng) -> Option<&str> {
        let paid = self.paid.borrow();
        let left: Vec<&String> = self.ids.iter().filter(|id| !paid.contains_key(*id)).take(WANTED).collect();
        left.get(rng.random_range(0..left.len().max(1))).map(|id| id.as_str())
    }

    /// From the first look at the seats to a payment. False: he has none, and his pass is as it was.
    pub(super) async fn buy(&self, me: &Visitor<'_>, pass: &str, rng: &mut StdRng) -> Result<bool> {
        for n in 0..TRIES {
            let Some(seat) = self.wish(rng) else { return Ok(false) };
            let path = format!("showtimes/{}/seats/{seat}/reservations", self.showtime);
            let key = format!("hold-{}-{n}", me.guest.id);
            let hold =
                Ask { pass: Some(pass), key: Some(&key), ..Ask::new(Method::POST, &path, &me.guest.token) };
            let (status, body) = me.ask(&hold).await?;
            match (status.as_u16(), body["code"].as_str()) {
                (201, _) => {
                    let id = body["reservation"]["id"].as_str().context("a reservation")?;
                    return self.decide(me, seat, id, pass, rng).await;
                }
                (409, Some("seat_taken")) => count(&self.refused),
                (403, Some("invalid_pass")) => return Ok(false), // he took too long
                _ => anyhow::bail!("a hold: {status} {body}"),
            }
            sleep(Duration::from_millis(rng.random_range(100..800))).await;
        }
        Ok(false)
    }

    async fn decide(
        &self,
        me: &Visitor<'_>,
        seat: &str,
        reservation: &str,
        pass: &str,
        rng: &mut StdRng,
    ) -> Result<bool> {
        let mood = rng.random_range(0..100);
        if mood < GIVES_BACK {
            count(&self.given_back);
            me.call(Method::DELETE, &format!("reservations/{reservation}"), &me.guest.token, &Value::Null)
                .await?;
            return Ok(false);
        }
        if mood < GIVES_BACK + WALKS_AWAY {
            count(&self.walked_away);
            return Ok(false);
        }
        let path = format!("admin/accounts/{}/wallet/top-ups", me.guest.id);
        let body = json!({"amount": POINTS, "reason": "a load test"});
        let top_up = Ask {
            body: Some(&body),
            key: Some(&me.guest.id),
            ..Ask::new(Method::POST, &path, &self.operator)
        };
        let (status, body) = me.ask(&top_up).await?;
        ensure!(status == 201, "a top-up: {status} {body}");
        me.hall.history.borrow_mut().ended(pass, me.hall.now());
        self.pay(me, seat, reservation, mood % 100 >= 100 - DOUBLE).await
    }

    async fn pay(&self, me: &Visitor<'_>, seat: &str, reservation: &str, twice: bool) -> Result<bool> {
        let path = format!("reservations/{reservation}/payment");
        let payment = Ask { key: Some(reservation), ..Ask::new(Method::POST, &path, &me.guest.token) };
        let (status, body) = if twice {
            let (one, other) = try_join(self.insist(me, &payment), self.insist(me, &payment)).await?;
            ensure!(one == other, "one key and two answers: {one:?} and {other:?}");
            one
        } else {
            self.insist(me, &payment).await?
        };
        match (status, body["code"].as_str()) {
            (200, _) => {
                let owner = (me.guest.id.clone(), me.guest.token.clone());
                if let Some((other, _)) = self.paid.borrow_mut().insert(seat.to_owned(), owner) {
                    self.faults.borrow_mut().push(format!("seat {seat} is {other}'s and {}'s", me.guest.id));
                }
                Ok(true)
            }
            (410, Some("hold_expired")) => {
                count(&self.too_late);
                Ok(false)
            }
            _ => anyhow::bail!("a payment: {status} {body}"),
        }
    }

    /// A payment that is on its way is asked for again.
    async fn insist(&self, me: &Visitor<'_>, payment: &Ask<'_>) -> Result<(u16, Value)> {
        loop {
            let (status, body) = me.ask(payment).await?;
            if body["code"] != "in_progress" {
                return Ok((status.as_u16(), body));
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// What the server shows at the end is what everybody was told.
    pub(super) async fn audit(&self, get: impl AsyncFn(&str, &str) -> Result<Value>) -> Result<Vec<String>> {
        let mut faults = self.faults.borrow().clone();
        let paid = self.paid.borrow().clone();
        let sold = self.sold(&get).await?;
        if sold.len() != self.ids.len() {
            faults.push(format!("{} of {} seats are sold", sold.len(), self.ids.len()));
        }
        for seat in sold.iter().filter(|seat| !paid.contains_key(*seat)) {
            faults.push(format!("seat {seat} is sold and nobody was told so"));
        }
        for (seat, (account, token)) in &paid {
            let mine = get("me/reservations?limit=100", token).await?;
            let paid: Vec<&Value> =
                mine["items"].as_array().into_iter().flatten().filter(|it| it["status"] == "paid").collect();
            if paid.len() != 1 || paid[0]["seat"] != seat.as_str() {
                faults.push(format!("{account} has paid for {seat}, and has {paid:?}"));
            }
            let wallet = get("me/wallet", token).await?;
            if wallet["balance"] != POINTS - PRICE {
                faults.push(format!("{account} has paid {PRICE} of {POINTS}, and has {wallet}"));
            }
        }
        Ok(faults)
    }

    async fn sold(&self, get: &impl AsyncFn(&str, &str) -> Result<Value>) -> Result<Vec<String>> {
        let (mut sold, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("showtimes/{}/seats?limit=100{after}", self.showtime);
            let page = get(&path, &self.operator).await?;
            let seats = page["items"].as_array().context("seats")?;
            let of_them = seats.iter().filter(|seat| seat["status"] == "sold");
            sold.extend(of_them.filter_map(|seat| Some(seat["id"].as_str()?.to_owned())));
            match page["next_cursor"].as_str() {
                Some(next) => after = format!("&cursor={next}"),
                None => return Ok(sold),
            }
        }
    }
}
