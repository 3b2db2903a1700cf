//! Repeated requests: under one `Idempotency-Key` a request takes effect once, and every repetition gets the first
//! one's answer (spec 2.2).
//!
//! A layer for any POST behind a token: `|r| idempotency::required(r.to(handler))`. A key belongs to an account and a
//! route; its row in SQL says who serves it. Repetitions wait for the first, on whatever node it is. If its node dies
//! the next one serves it anew under the same [`Operation`] id, by which the handler's effect happens once. Failures of
//! ours (5xx, 429) are not kept: a repetition tries again.

use super::{HttpState, Problem};
use crate::{
    auth::Principal,
    store::{IdempotencyRow, KeyOf, StoredAnswer},
    trace,
};
use actix_http::h1;
use actix_web::{
    Error, FromRequest, HttpMessage as _, HttpRequest, HttpResponse, ResponseError, Route,
    body::{BoxBody, MessageBody, to_bytes},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::{StatusCode, header},
    middleware::{Next, from_fn},
    web::{Bytes, BytesMut, Data},
};
use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};
use std::{
    future::{Ready, ready},
    time::Duration,
};
use tokio::time::Instant;
use uuid::Uuid;

const HEADER: &str = "idempotency-key";

/// What the request makes has this id, at the first attempt and at every one that repeats it.
pub(super) struct Operation(pub Uuid);

impl FromRequest for Operation {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let kept = req.extensions().get::<KeptOperation>().map(|kept| kept.0);
        ready(Ok(Self(kept.unwrap_or_else(crate::chance::uuid))))
    }
}

#[derive(Clone, Copy)]
struct KeptOperation(Uuid);

/// The route, which takes no request without a key.
pub(super) fn required(route: Route) -> Route {
    route.wrap(from_fn(|req, next| serve(true, req, next)))
}

/// The route; a request without a key is served each time it comes.
pub(super) fn optional(route: Route) -> Route {
    route.wrap(from_fn(|req, next| serve(false, req, next)))
}

/// In a task of its own: a client who goes away does not stop what he began half-way.
async fn serve<B: MessageBody + 'static>(
    required: bool,
    req: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let request = req.request().clone();
    let serving = trace::within(trace::current(), answer(required, req, next));
    let answered = actix_web::rt::spawn(serving).await;
    let response = match answered {
        Ok(Ok(response)) => response,
        Ok(Err(problem)) => problem.error_response(),
        Err(error) => Problem::bug(&error).error_response(),
    };
    Ok(ServiceResponse::new(request, response))
}

async fn answer<B: MessageBody + 'static>(
    required: bool,
    mut req: ServiceRequest,
    next: Next<B>,
) -> Result<HttpResponse, Problem> {
    let state = req.app_data::<Data<HttpState>>().cloned();
    let state = state.ok_or_else(|| Problem::bug(&"routes without their state"))?;
    let Some(key) = key_of(&req, required, state.config.idempotency.key_chars)? else {
        return Ok(perform(req, next).await);
    };
    let account = req.extensions().get::<Principal>().map(|who| who.account.0);
    let account = account.ok_or_else(|| Problem::bug(&"an idempotent route without a token"))?;
    let route = format!("{} {}", req.method(), req.match_pattern().unwrap_or_default());
    let of = KeyOf { account, route, key };
    let body = read_body(&mut req, state.config.limits.body_bytes).await?;
    let hash = hash_of(&req, &body);
    req.set_payload(payload_of(body));
    let turn = Turn { state, of, hash, worker: crate::chance::uuid() };
    let operation = match turn.begin().await? {
        Begun::Mine(operation) => operation,
        Begun::Answered(kept) => return Ok(replay(kept)),
    };
    req.extensions_mut().insert(KeptOperation(operation));
    turn.finish(perform(req, next).await).await
}

/// The key of a request, if it has one that can be.
fn key_of(req: &ServiceRequest, required: bool, longest: usize) -> Result<Option<String>, Problem> {
    let Some(value) = req.headers().get(HEADER) else {
        return match required {
            true => Err(Problem::bad_request("idempotency_key_required", "send an Idempotency-Key")),
            false => Ok(None),
        };
    };
    let text = value.to_str().unwrap_or_default();
    let fits = (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let bad = || {
        let what = format!("Idempotency-Key: 1 to {longest} visible ASCII characters");
        Problem::bad_request("invalid_idempotency_key", what)
    };
    fits.then(|| Some(text.to_owned())).ok_or_else(bad)
}

async fn read_body(req: &mut ServiceRequest, longest: usize) -> Result<Bytes, Problem> {
    let mut payload = req.take_payload();
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| Problem::bad_request("bad_request", error.to_string()))?;
        if body.len() + chunk.len() > longest {
            return Err(Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn payload_of(body: Bytes) -> Payload {
    let (_, mut payload) = h1::Payload::create(true);
    payload.unread_data(body);
    Payload::from(payload)
}

/// Of everything that says what is asked for: the same key for something else is a mistake.
fn hash_of(req: &ServiceRequest, body: &[u8]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in [req.path().as_bytes(), req.query_string().as_bytes(), body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().to_vec()
}

async fn perform<B: MessageBody + 'static>(req: ServiceRequest, next: Next<B>) -> HttpResponse {
    match next.call(req).await {
        Ok(response) => response.map_into_boxed_body().into_parts().1,
        Err(error) => error.error_response(),
    }
}

fn replay(kept: StoredAnswer) -> HttpResponse {
    let status = u16::try_from(kept.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let mut response = HttpResponse::build(status.unwrap_or(StatusCode::OK));
    if let Some(content_type) = kept.content_type {
        response.content_type(content_type);
    }
    response.body(kept.answer)
}

/// One request's attempt at a key.
struct Turn {
    state: Data<HttpState>,
    of: KeyOf,
    hash: Vec<u8>,
    worker: Uuid,
}

enum Begun {
    /// This request serves it.
    Mine(Uuid),
    /// It was served.
    Answered(StoredAnswer),
}

impl Turn {
    /// Waits for its turn, or for the answer.
    async fn begin(&self) -> Result<Begun, Problem> {
        let settings = &self.state.config.idempotency;
        let until = Instant::now() + Duration::from_millis(settings.wait_ms);
        let longest = Duration::from_millis(settings.poll_max_ms);
        let mut pause = Duration::from_millis(settings.poll_ms);
        loop {
            let now = self.state.clock.now();
            match self.state.store.idempotency(&self.of).await? {
                Some(row) if row.expires_at <= now.0 => {
                    self.state.store.sweep_requests(Some(&self.of), now).await?;
                }
                Some(row) => {
                    if let Some(kept) = self.kept(&row)? {
                        metrics::counter!("playhouse_idempotent_repeats_total").increment(1);
                        return Ok(Begun::Answered(kept));
                    }
                    if row.leased_until > now.0 {
                        if Instant::now() >= until {
                            return Err(Problem::conflict(
                                "in_progress",
                                "the first request is still served",
                            ));
                        }
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(longest);
                        continue;
                    }
                }
                None => {}
            }
            let times = (now, now + settings.lease_ms, now + settings.ttl_s * 1_000);
            let begun = self.state.store.begin_request(&self.of, &self.hash, self.worker, times).await?;
            if let Some(operation) = begun {
                return Ok(Begun::Mine(operation));
            }
        }
    }

    fn kept(&self, row: &IdempotencyRow) -> Result<Option<StoredAnswer>, Problem> {
        if row.request_hash != self.hash {
            let what = "this key belongs to another request";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", what));
        }
        let Some(status) = row.status else { return Ok(None) };
        let answer = row.answer.clone().unwrap_or_default();
        Ok(Some(StoredAnswer { status, content_type: row.content_type.clone(), answer }))
    }

    /// Keeps the answer. If another attempt was faster, its answer is everybody's.
    async fn finish(&self, response: HttpResponse) -> Result<HttpResponse, Problem> {
        let status = response.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            self.state.store.give_up_request(&self.of, self.worker).await?;
            return Ok(response);
        }
        let content_type = response.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = to_bytes(response.into_body()).await;
        let body = body.map_err(|_| Problem::bug(&"an answer without its body"))?;
        let kept = StoredAnswer { status: i64::from(status.as_u16()), content_type, answer: body.into() };
        if self.state.store.finish_request(&self.of, self.worker, &kept).await? {
            return Ok(replay(kept));
        }
        match self.begin().await? {
            Begun::Answered(first) => Ok(replay(first)),
            Begun::Mine(_) => {
                self.state.store.finish_request(&self.of, self.worker, &kept).await?; // nobody has answered yet
                Ok(replay(kept))
            }
        }
    }
}
