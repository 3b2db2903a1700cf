//! One of the crowd, from his click until he is out again.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{Hall, Visitor, count};
use crate::guests::Guest;
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

impl Visitor<'_> {
    /// Until it is answered; what is refused for the moment is tried again.
    async fn call(&self, method: &Method, path: &str, token: &str, body: &Value) -> Result<Value> {
        let began = Instant::now();
        for place in self.place.. {
            let url = format!("{}/api/v1/{path}", self.hall.target.url(place));
            let permit = self.hall.calls.acquire().await?;
            let asked = Instant::now();
            let answer =
                self.hall.http.request(method.clone(), url).bearer_auth(token).json(body).send().await;
            let answered = match answer {
                Ok(answer) => Some((answer.status(), answer.bytes().await)),
                Err(_) => None,
            };
            drop(permit);
            match answered {
                Some((status, Ok(bytes))) if status.is_success() => {
                    if *method == Method::GET {
                        let took = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
                        self.hall.meter.window().record_us(took);
                    }
                    return Ok(serde_json::from_slice(&bytes).unwrap_or_default());
                }
                Some((status, Ok(bytes))) if !status.is_server_error() => {
                    bail!("{path}: {status} {}", String::from_utf8_lossy(&bytes))
                }
                _ => ensure!(began.elapsed() < PATIENCE, "{path}: no answer"),
            }
            count(&self.hall.tally.retries);
            sleep(AGAIN).await;
        }
        bail!("{path}: no answer")
    }

    async fn mine(&self, method: Method, path: &str) -> Result<Value> {
        let path = format!("queues/{}/tickets{path}", self.hall.queue);
        self.call(&method, &path, &self.guest.token, &Value::Null).await
    }

    async fn wait_by_polls(&self, rng: &mut StdRng) -> Result<Option<String>> {
        let ticket = if rng.random_range(0..100) < DOUBLE {
            count(&self.hall.tally.doubles);
            let (one, two) = tokio::try_join!(self.mine(Method::POST, ""), self.mine(Method::POST, ""))?;
            ensure!(one["ticket"] == two["ticket"], "a double click has got two tickets: {one} and {two}");
            one
        } else {
            self.mine(Method::POST, "").await?
        };
        let number = ticket["number"].as_i64().context("a number")?;
        let path = format!("/{}", ticket["ticket"].as_str().context("a ticket")?);
        let mood = rng.random_range(0..100);
        let mut pause = ticket["poll_after_ms"].as_u64();
        let mut told: Option<(Instant, u64)> = None;
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            sleep(Duration::from_millis(pause.unwrap_or(1_000))).await;
            let sent = self.hall.now();
            let status = self.mine(Method::GET, &path).await?;
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
                    return self.let_in(number, &status["pass"]).map(Some);
                }
                other => bail!("number {number} is {other}"),
            }
        }
        bail!("number {number} was never let in")
    }

    async fn wait_on_socket(&self) -> Result<Option<String>> {
        let mut player = Player::connect(self.hall.target, self.guest).await?;
        let ticket = player.must("queue.enter", json!({"queue": self.hall.queue})).await?;
        let number = ticket["number"].as_i64().context("a number")?;
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let message = player.next().await?;
            let Some(Message::Push(push)) = message else { bail!("number {number} was closed") };
            match push.kind.as_str() {
                "queue.admitted" => {
                    let pass = self.let_in(number, &push.payload["pass"])?;
                    player.leave().await?;
                    return Ok(Some(pass));
                }
                "queue.ended" => bail!("number {number} has ended: {}", push.payload),
                _ => {}
            }
        }
        bail!("number {number} was never let in")
    }

    fn let_in(&self, number: i64, pass: &Value) -> Result<String> {
        let pass = pass.as_str().context("a pass")?;
        count(&self.hall.tally.admitted);
        self.hall.history.borrow_mut().admitted(number, pass, self.hall.now());
        Ok(pass.to_owned())
    }

    /// Shows his pass, stays a moment, and goes.
    async fn be_inside(&self, pass: &str, rng: &mut StdRng) -> Result<()> {
        let body = json!({"pass": pass});
        let at = |what: &str| format!("queues/{}/passes/{what}", self.hall.queue);
        self.call(&Method::POST, &at("verify"), &self.hall.service, &body).await?;
        let stay_ms = self.hall.args.stay_ms.max(1);
        sleep(Duration::from_millis(rng.random_range(stay_ms / 2..=stay_ms * 3 / 2))).await;
        self.hall.history.borrow_mut().ended(pass, self.hall.now());
        self.call(&Method::POST, &at("complete"), &self.hall.service, &body).await.map(drop)
    }
}
