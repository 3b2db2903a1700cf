//! Seats over real processes (spec 3.2, 3.3): a queue that dies, freezes and comes back; a crowd that pays while nodes are
//! killed.

mod bracket;
mod crowd;
mod night;
mod policies;
mod queue_down;
mod wiped;

use crate::process::Process;
use playhouse::testkit::{Guest, PrivatePostgres, PrivateRedis};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::time::{Duration, Instant};

/// How long anything may take that must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Status, `Retry-After` if there is one, and the document.
struct Answer {
    status: u16,
    retry_after: Option<u64>,
    body: Value,
}

impl Answer {
    /// `201`, or `409 seat_taken`.
    fn said(&self) -> String {
        match self.body["code"].as_str() {
            Some(code) => format!("{} {code}", self.status),
            None => self.status.to_string(),
        }
    }

    fn of(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }
}

/// What one asks for.
#[derive(Default)]
struct Ask<'a> {
    key: Option<&'a str>,
    pass: Option<&'a str>,
    body: Option<Value>,
}

struct World {
    bases: Vec<String>,
    pool: PgPool,
    http: reqwest::Client,
    operator: Guest,
}

impl World {
    async fn of(nodes: &[&Process], postgres: &PrivatePostgres) -> Self {
        let bases: Vec<String> = nodes.iter().map(|node| node.base()).collect();
        let pool = PgPool::connect(&postgres.url()).await.unwrap();
        let operator = Guest::sign_in(&bases[0], "Olga").await.unwrap();
        let sql = "UPDATE accounts SET role = 'ADMIN' WHERE nickname = 'Olga'";
        sqlx::query(sql).execute(&pool).await.unwrap();
        let http = reqwest::Client::new();
        let refresh = json!({"refresh_token": operator.refresh_token});
        let url = format!("{}/api/v1/sessions/refresh", bases[0]);
        let tokens: Value = http.post(url).json(&refresh).send().await.unwrap().json().await.unwrap();
        let access_token = tokens["tokens"]["access_token"].as_str().unwrap().to_owned();
        Self { bases, pool, http, operator: Guest { access_token, ..operator } }
    }

    /// From one node, once.
    async fn ask(
        &self,
        base: &str,
        who: &Guest,
        (method, path): (Method, &str),
        ask: Ask<'_>,
    ) -> reqwest::Result<Answer> {
        let mut request = self.http.request(method, format!("{base}/api/v1/{path}"));
        request = request.bearer_auth(&who.access_token).timeout(Duration::from_secs(20));
        if let Some(key) = ask.key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(pass) = ask.pass {
            request = request.header("Queue-Pass", pass);
        }
        if let Some(body) = ask.body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let retry_after =
            answer.headers().get("retry-after").and_then(|text| text.to_str().ok()?.parse().ok());
        let status = answer.status().as_u16();
        let body = serde_json::from_str(&answer.text().await?).unwrap_or_default();
        Ok(Answer { status, retry_after, body })
    }

    async fn post(&self, who: &Guest, path: &str, body: Value) -> Answer {
        let ask = Ask { body: Some(body), ..Ask::default() };
        self.ask(&self.bases[0], who, (Method::POST, path), ask).await.unwrap()
    }

    async fn get(&self, who: &Guest, path: &str) -> Answer {
        self.ask(&self.bases[0], who, (Method::GET, path), Ask::default()).await.unwrap()
    }

    /// A showtime and its seats, by their ids.
    async fn showtime(&self, wish: Value, seats: usize) -> (String, Vec<String>) {
        let made = self.post(&self.operator, "showtimes", wish).await.of(201);
        let showtime = made["showtime"]["id"].as_str().unwrap().to_owned();
        let labels: Vec<String> = (1..=seats).map(|n| format!("A{n}")).collect();
        let path = format!("showtimes/{showtime}/seats");
        let made = self.post(&self.operator, &path, json!({"labels": labels})).await.of(201);
        let id = |seat: &Value| seat["id"].as_str().unwrap().to_owned();
        (showtime, made["items"].as_array().unwrap().iter().map(id).collect())
    }

    async fn top_up(&self, who: &Guest, amount: i64) {
        let path = format!("admin/accounts/{}/wallet/top-ups", who.id);
        let body = Some(json!({"amount": amount, "reason": "a test"}));
        let ask = Ask { key: Some(&who.id), body, ..Ask::default() };
        self.ask(&self.bases[0], &self.operator, (Method::POST, &path), ask).await.unwrap().of(201);
    }

    async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    /// Whatever has happened: no seat is two people's, nobody paid for nothing, and the books are even.
    async fn assert_the_books_are_even(&self) {
        for (sql, what) in [
            ("SELECT COUNT(*) FROM (SELECT seat_id FROM reservations WHERE status IN ('held', 'paid')
              GROUP BY seat_id HAVING COUNT(*) > 1) AS doubled", "a seat that two have"),
            ("SELECT COALESCE(SUM(amount), 0)::bigint FROM ledger_entries", "points from nowhere"),
            ("SELECT COUNT(*) FROM wallets w WHERE w.balance < 0 OR w.balance <> (SELECT
              COALESCE(SUM(e.amount), 0) FROM ledger_entries e WHERE e.wallet_id = w.account_id)",
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

/// Until it is so.
async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !check().await {
        assert!(began.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    began.elapsed()
}

fn shared(redis: &PrivateRedis, postgres: &PrivatePostgres) -> Vec<String> {
    vec![
        format!("redis.url={}", redis.url()),
        format!("database.url={}", postgres.url()),
        "activity.resend_ms=1000".to_owned(),
        "activity.takeover_ms=1000".to_owned(),
    ]
}
