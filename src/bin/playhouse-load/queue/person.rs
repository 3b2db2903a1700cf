//! One of the crowd, from his click until he is out again.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{Hall, PASS_TTL, Visitor, count};
use crate::guests::{Guest, wall_clock};
use crate::player::{Message, Player};

/// Of a hundred: who clicks twice, who leaves, who closes his laptop.
const DOUBLE: u32 = 10;
const LEAVES: u32 = 2;
const SILENT: u32 = 3;
/// Whoever was not let in after so long never will be.
const PATIENCE: Duration = Duration::from_secs(1_800);
const AGAIN: Duration = Duration::from_millis(500);

/// Comes at a moment of his own and does what people do.
pub async fn visit(hall: &Hall<'_>, guest: &Guest, n: usize, on_socket: bool) -> Result<()> {
    let mut rng = StdRng::seed_from_u64(hall.args.seed ^ n as u64);
    let within_ms = hall.args.within_s.max(1) * 1_000;
    sleep(Duration::from_millis(rng.random_range(0..within_ms))).await;
    let me = Visitor { hall, guest, place: n };
    let pass = if on_socket { me.wait_on_socket().await? } else { me.wait_by_polls(&mut rng).await? };
    match pass {
        Some(pass) => me.be_inside(&pass, &mut rng).await,
        None => Ok(()),
    }
}

/// What lets one in.
struct Pass {
    pass: String,
    /// When it must have been shown, Unix ms.
    claim_by_ms: u64,
}

/// One call of the REST API.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) token: &'a str,
    pub(super) body: Option<&'a Value>,
    pub(super) pass: Option<&'a str>,
    pub(super) key: Option<&'a str>,
    /// Whose time is told.
    pub(super) is_poll: bool,
}

impl<'a> Ask<'a> {
    pub(super) fn new(method: Method, path: &'a str, token: &'a str) -> Self {
        Self { method, path, token, body: None, pass: None, key: None, is_poll: false }
    }

    fn request(&self, hall: &Hall<'_>, place: usize) -> RequestBuilder {
        let url = format!("{}/api/v1/{}", hall.target.url(place), self.path);
        let mut request = hall.http.request(self.method.clone(), url).bearer_auth(self.token);
        if let Some(body) = self.body {
            request = request.json(body);
        }
        for (name, value) in [("Queue-Pass", self.pass), ("Idempotency-Key", self.key)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        request
    }
}

impl Visitor<'_> {
    /// Until it is answered; what is refused for the moment is tried again.
    pub(super) async fn ask(&self, ask: &Ask<'_>) -> Result<(StatusCode, Value)> {
        let began = Instant::now();
        for place in self.place.. {
            let permit = self.hall.calls.acquire().await?;
            let asked = Instant::now();
            let answered = match ask.request(self.hall, place).send().await {
                Ok(answer) => Some((answer.status(), answer.bytes().await)),
                Err(_) => None,
            };
            drop(permit);
            match answered {
                // 408: the server has closed an idle connection just as it was used again.
                Some((status, Ok(bytes)))
                    if !status.is_server_error() && status != StatusCode::REQUEST_TIMEOUT =>
                {
                    if ask.is_poll {
                        let took = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
                        self.hall.meter.window().record_us(took);
                    }
                    return Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()));
                }
                _ => ensure!(began.elapsed() < PATIENCE, "{}: no answer", ask.path),
            }
            count(&self.hall.tally.retries);
            sleep(AGAIN).await;
        }
        bail!("{}: no answer", ask.path)
    }

    /// As `ask`, for what must not be refused.
    pub(super) async fn call(&self, method: Method, path: &str, token: &str, body: &Value) -> Result<Value> {
        let ask = Ask { body: Some(body), ..Ask::new(method, path, token) };
        let (status, body) = self.ask(&ask).await?;
        ensure!(status.is_success(), "{path}: {status} {body}");
        Ok(body)
    }

    /// What one does with his ticket. `None`: every seat is sold.
    async fn mine(&self, method: Method, path: &str) -> Result<Option<Value>> {
        let is_poll = method == Method::GET;
        let path = format!("queues/{}/tickets{path}", self.hall.queue);
        let ask = Ask { is_poll, ..Ask::new(method, &path, &self.guest.token) };
        let (status, body) = self.ask(&ask).await?;
        if self.hall.seats.is_some() && (body["code"] == "sold_out" || body["status"] == "sold_out") {
            count(&self.hall.tally.dismissed);
            return Ok(None);
        }
        ensure!(status.is_success(), "{path}: {status} {body}");
        Ok(Some(body))
    }

    async fn wait_by_polls(&self, rng: &mut StdRng) -> Result<Option<Pass>> {
        let ticket = if rng.random_range(0..100) < DOUBLE {
            count(&self.hall.tally.doubles);
            let (one, two) = tokio::try_join!(self.mine(Method::POST, ""), self.mine(Method::POST, ""))?;
            if let (Some(one), Some(two)) = (&one, &two) {
                ensure!(
                    one["ticket"] == two["ticket"],
                    "a double click has got two tickets: {one} and {two}"
                );
            }
            one.and(two)
        } else {
            self.mine(Method::POST, "").await?
        };
        let Some(ticket) = ticket else { return Ok(None) };
        let number = ticket["number"].as_i64().context("a number")?;
        let path = format!("/{}", ticket["ticket"].as_str().context("a ticket")?);
        let mood = rng.random_range(0..100);
        let mut pause = ticket["poll_after_ms"].as_u64();
        let mut told: Option<(Instant, u64)> = None;
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            sleep(Duration::from_millis(pause.unwrap_or(1_000))).await;
            let sent = self.hall.now();
            let Some(status) = self.mine(Method::GET, &path).await? else { return Ok(None) };
            count(&self.hall.tally.polls);
            match status["status"].as_str().unwrap_or_default() {
                "waiting" if mood < LEAVES => {
                    count(&self.hall.tally.left);
                    self.mine(Method::DELETE, &path).await?;
                    return Ok(None);
                }
                "waiting" if mood < LEAVES + SILENT => {
                    count(&self.hall.tally.silent);
                    return Ok(None);
                }
                "waiting" => {
                    self.hall.history.borrow_mut().waiting(number, sent);
                    pause = status["poll_after_ms"].as_u64();
                    // What he is told once half of the wait he was told first is over.
                    if let Some(eta_ms) = status["eta_ms"].as_u64().filter(|eta_ms| *eta_ms > 2_000) {
                        let half = told.is_none_or(|(at, first)| {
                            at.elapsed() < Duration::from_millis(first / 2) && eta_ms < first
                        });
                        if half {
                            told = Some((Instant::now(), eta_ms));
                        }
                    }
                }
                "admitted" => {
                    if let Some((at, eta_ms)) = told {
                        let waited = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
                        let _ = self.hall.honesty.borrow_mut().record(waited * 1_000 / eta_ms.max(1)); // out of range: not told
                    }
                    return self.let_in(number, &status).map(Some);
                }
                other => bail!("number {number} is {other}"),
            }
        }
        bail!("number {number} was never let in")
    }

    async fn wait_on_socket(&self) -> Result<Option<Pass>> {
        let mut player = Player::connect(self.hall.target, self.guest).await?;
        let began = Instant::now();
        let ticket = loop {
            match player.request("queue.enter", json!({"queue": self.hall.queue})).await? {
                Err(refusal) if self.hall.seats.is_some() && refusal.code == "sold_out" => {
                    count(&self.hall.tally.dismissed);
                    player.leave().await?;
                    return Ok(None);
                }
                Err(refusal) if refusal.code == "queue_unavailable" && began.elapsed() < PATIENCE => {
                    count(&self.hall.tally.retries);
                    sleep(AGAIN).await;
                }
                answer => break answer.context("queue.enter")?,
            }
        };
        let number = ticket["number"].as_i64().context("a number")?;
        while began.elapsed() < PATIENCE {
            let message = player.next().await?;
            let Some(Message::Push(push)) = message else { bail!("number {number} was closed") };
            match push.kind.as_str() {
                "queue.admitted" => {
                    let pass = self.let_in(number, &push.payload)?;
                    player.leave().await?;
                    return Ok(Some(pass));
                }
                "queue.ended" if self.hall.seats.is_some() && push.payload["status"] == "sold_out" => {
                    count(&self.hall.tally.dismissed);
                    player.leave().await?;
                    return Ok(None);
                }
                "queue.ended" => bail!("number {number} has ended: {}", push.payload),
                _ => {}
            }
        }
        bail!("number {number} was never let in")
    }

    fn let_in(&self, number: i64, admitted: &Value) -> Result<Pass> {
        let pass = admitted["pass"].as_str().context("a pass")?.to_owned();
        count(&self.hall.tally.admitted);
        self.hall.history.borrow_mut().admitted(number, &pass, self.hall.now());
        Ok(Pass { pass, claim_by_ms: admitted["expires_at"].as_u64().context("until when")? })
    }

    /// Shows his pass, stays a moment, and goes.
    async fn be_inside(&self, Pass { pass, claim_by_ms }: &Pass, rng: &mut StdRng) -> Result<()> {
        if let Some(late_ms) = self.show("verify", pass, || late_ms(*claim_by_ms)).await? {
            self.hall.history.borrow_mut().ended(pass, self.hall.now().saturating_sub(late_ms));
            return Ok(());
        }
        let entered = Instant::now();
        if let Some(seats) = &self.hall.seats
            && seats.buy(self, pass, rng).await?
        {
            return Ok(()); // the payment has ended the pass
        }
        let stay_ms = self.hall.args.stay_ms.max(1);
        sleep(Duration::from_millis(rng.random_range(stay_ms / 2..=stay_ms * 3 / 2))).await;
        self.hall.history.borrow_mut().ended(pass, self.hall.now());
        let late_ms = || entered.elapsed().checked_sub(PASS_TTL).map(|_| 0);
        self.show("complete", pass, late_ms).await.map(drop)
    }

    /// At the box office. When the pass has run out, for how long it had.
    async fn show(&self, what: &str, pass: &str, late_ms: impl Fn() -> Option<u64>) -> Result<Option<u64>> {
        let path = format!("queues/{}/passes/{what}", self.hall.queue);
        let body = json!({"pass": pass});
        let ask = Ask { body: Some(&body), ..Ask::new(Method::POST, &path, &self.hall.service) };
        let (status, body) = self.ask(&ask).await?;
        if let Some(late_ms) = late_ms().filter(|_| body["code"] == "invalid_pass") {
            count(&self.hall.tally.ran_out);
            return Ok(Some(late_ms));
        }
        ensure!(status.is_success(), "{path}: {status} {body}");
        Ok(None)
    }
}

/// By how much it is over, by the clock of a server on this machine.
fn late_ms(at_ms: u64) -> Option<u64> {
    u64::try_from(wall_clock().as_millis()).ok()?.checked_sub(at_ms)
}
