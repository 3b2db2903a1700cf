//! Admission queues over REST (spec 3.1): tickets for players, passes for services, the queues themselves for operators.

use super::{
    HttpState, Problem,
    accounts::Answer,
    events::{check_text, entry, id_in},
    guard::SignedIn,
    idempotency::Operation,
    page::{Page, PageQuery},
};
use crate::{
    ids::QueueId,
    queue::{Completed, Figures, Refusal, Verdict},
    store::{QueueChange, QueueRow, Saved},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Json, Path, Query},
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use uuid::Uuid;

/// What a client is told to wait for a queue that does not answer.
const RETRY_MS: u64 = 1_000;

/// A queue, and what goes on in it.
#[derive(Serialize, JsonSchema)]
pub(super) struct QueueView {
    id: Uuid,
    name: String,
    /// open; paused: nobody comes in; draining: nobody takes a ticket
    state: String,
    /// Passes at once at most.
    capacity: i64,
    /// Admissions a second at most; null is as fast as places are free.
    rate_per_s: Option<f64>,
    /// Within it a pass must be used first.
    claim_ttl_ms: i64,
    /// So long it is good after its first use.
    pass_ttl_ms: i64,
    /// Who was not heard of for so long is dropped from the line.
    abandon_after_ms: i64,
    /// What becomes of the line when everything is sold: keep, dismiss
    sold_out: String,
    /// Unix ms; null while there is something to sell.
    sold_out_at: Option<i64>,
    /// Players in the line; null while the queue does not answer.
    waiting: Option<u64>,
    /// Passes that have not ended; null while the queue does not answer.
    active: Option<u64>,
    /// Of late; null while the queue does not answer.
    admitted_per_s: Option<f64>,
    /// Since the queue was made.
    admitted: i64,
    /// Passes that ran out after their first use.
    expiries: i64,
    /// Passes that nobody used.
    no_shows: i64,
    /// Players who were dropped from the line.
    abandoned: i64,
    created_at: i64,
    updated_at: i64,
}

impl QueueView {
    fn of(row: QueueRow, figures: Option<&Figures>) -> Self {
        Self {
            id: row.queue_id,
            name: row.name,
            state: row.state,
            capacity: row.capacity,
            rate_per_s: row.rate_per_s,
            claim_ttl_ms: row.claim_ttl_ms,
            pass_ttl_ms: row.pass_ttl_ms,
            abandon_after_ms: row.abandon_after_ms,
            sold_out: row.sold_out,
            sold_out_at: row.sold_out_at,
            waiting: figures.map(|figures| figures.waiting),
            active: figures.map(|figures| figures.active),
            admitted_per_s: figures.map(|figures| figures.admitted_per_s),
            admitted: row.admitted,
            expiries: row.expiries,
            no_shows: row.no_shows,
            abandoned: row.abandoned,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Body of `POST /queues` and of `PATCH /queues/{id}`: what is left out has its default, or stays.
#[derive(Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct QueueBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// open, paused, draining
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<i64>,
    /// null is as fast as places are free
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schemars(with = "Option<f64>")]
    rate_per_s: Option<Option<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim_ttl_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pass_ttl_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    abandon_after_ms: Option<i64>,
    /// keep, dismiss
    #[serde(skip_serializing_if = "Option::is_none")]
    sold_out: Option<String>,
}

/// A field that is there, be it null.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<f64>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// Body of `POST …/passes/verify` and `…/complete`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PassBody {
    /// As its holder showed it.
    pass: String,
}

/// Whose a good pass is.
#[derive(Serialize, JsonSchema)]
pub(super) struct ValidPass {
    /// Always true.
    valid: bool,
    account: Uuid,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoQueue => Self::not_found(refusal.to_string()),
            Refusal::Draining => Self::conflict("queue_draining", refusal.to_string()),
            Refusal::SoldOut => Self::conflict("sold_out", refusal.to_string()),
            Refusal::Unavailable => Self::queue_unavailable(),
        }
    }
}

impl Problem {
    /// 503: the queue does not answer in time (spec 3.3).
    pub fn queue_unavailable() -> Self {
        let problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "queue_unavailable",
            "the queue does not answer in time",
        );
        problem.after_ms(RETRY_MS)
    }

    /// 403: the pass is none, or is over (spec 3.3).
    pub fn invalid_pass() -> Self {
        Self::forbidden("invalid_pass", "the pass is not of this queue, or it is over")
    }
}

fn queue_in(text: &str) -> Result<QueueId, Problem> {
    id_in(text, "queue").map(QueueId)
}

/// `POST /queues/{queue}/tickets` → 201: the account's ticket, the same at every repetition.
pub(super) async fn enter(state: Data<HttpState>, SignedIn(who): SignedIn, queue: Path<String>) -> Answer {
    let ticket = state.queues.enter(queue_in(&queue)?, who.account).await?;
    Ok(HttpResponse::Created().json(ticket))
}

/// `GET /queues/{queue}/tickets/{ticket}` → where it stands.
pub(super) async fn poll(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    path: Path<(String, String)>,
) -> Answer {
    let (queue, ticket) = path.into_inner();
    let queue = queue_in(&queue)?;
    let place = state.queues.place_of(queue, who.account, &ticket).ok_or_else(no_ticket)?;
    let statuses = state.queues.look(queue, vec![place]).await?;
    let status = statuses.into_iter().next().ok_or_else(Problem::queue_unavailable)?;
    Ok(HttpResponse::Ok().json(status))
}

/// `DELETE /queues/{queue}/tickets/{ticket}`: he goes, and a pass that he has got ends.
pub(super) async fn leave(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    path: Path<(String, String)>,
) -> Answer {
    let (queue, ticket) = path.into_inner();
    let queue = queue_in(&queue)?;
    let place = state.queues.place_of(queue, who.account, &ticket).ok_or_else(no_ticket)?;
    state.queues.leave(queue, place).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn no_ticket() -> Problem {
    Problem::not_found("you have no such ticket")
}

/// `POST /queues/{queue}/passes/verify {pass}` → `{valid, account}`; it is a use of the pass.
pub(super) async fn verify(state: Data<HttpState>, queue: Path<String>, body: Json<PassBody>) -> Answer {
    match state.queues.verify(queue_in(&queue)?, &body.pass).await {
        Verdict::Valid { account, .. } => {
            Ok(HttpResponse::Ok().json(ValidPass { valid: true, account: account.0 }))
        }
        Verdict::Invalid => Err(Problem::invalid_pass()),
        Verdict::Unavailable => Err(Problem::queue_unavailable()),
    }
}

/// `POST /queues/{queue}/passes/complete {pass}`: its holder is done, the next comes in.
pub(super) async fn complete(state: Data<HttpState>, queue: Path<String>, body: Json<PassBody>) -> Answer {
    match state.queues.complete(queue_in(&queue)?, &body.pass).await {
        Completed::Done => Ok(HttpResponse::NoContent().finish()),
        Completed::Invalid => Err(Problem::invalid_pass()),
        Completed::Unavailable => Err(Problem::queue_unavailable()),
    }
}

/// `POST /queues` → 201 `{queue}`
pub(super) async fn create(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    Operation(id): Operation,
    body: Json<QueueBody>,
) -> Answer {
    check(&state, &body)?;
    let detail = serde_json::to_value(&*body).unwrap_or_default();
    let (body, defaults, now) = (body.into_inner(), &state.config.queue, state.clock.now());
    let row = QueueRow {
        queue_id: id,
        name: body.name.unwrap_or_default(),
        state: body.state.unwrap_or_else(|| "open".to_owned()),
        capacity: body.capacity.unwrap_or(defaults.capacity),
        rate_per_s: body.rate_per_s.flatten(),
        claim_ttl_ms: body.claim_ttl_ms.unwrap_or(defaults.claim_ttl_ms),
        pass_ttl_ms: body.pass_ttl_ms.unwrap_or(defaults.pass_ttl_ms),
        abandon_after_ms: body.abandon_after_ms.unwrap_or(defaults.abandon_after_ms),
        sold_out: body.sold_out.unwrap_or_else(|| "keep".to_owned()),
        sold_out_at: None,
        dismissed_through: 0,
        numbers_to: 0,
        admitted_through: 0,
        admitted: 0,
        no_shows: 0,
        expiries: 0,
        abandoned: 0,
        created_at: now.0,
        updated_at: now.0,
    };
    let entry = entry(&who, now, "queue.created", format!("queue/{id}"), detail);
    let made = match state.store.create_queue(&row, &entry).await? {
        Saved::Done(made) => made,
        Saved::Missing => state.store.queue(QueueId(id)).await?.unwrap_or(row), // an earlier attempt made it
        Saved::Refused => return Err(Problem::invalid_field("queue", "a setting is out of its range")),
    };
    let figures = Figures::default();
    Ok(HttpResponse::Created().json(json!({"queue": QueueView::of(made, Some(&figures))})))
}

/// `PATCH /queues/{id}` → `{queue}`: in force at once.
pub(super) async fn change(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    id: Path<String>,
    body: Json<QueueBody>,
) -> Answer {
    let queue = queue_in(&id)?;
    check(&state, &body)?;
    let detail = serde_json::to_value(&*body).unwrap_or_default();
    let QueueBody {
        name,
        state: to,
        capacity,
        rate_per_s,
        claim_ttl_ms,
        pass_ttl_ms,
        abandon_after_ms,
        sold_out,
    } = body.into_inner();
    let change = QueueChange {
        name,
        state: to,
        capacity,
        rate_per_s,
        claim_ttl_ms,
        pass_ttl_ms,
        abandon_after_ms,
        sold_out,
    };
    let now = state.clock.now();
    let entry = entry(&who, now, "queue.changed", format!("queue/{queue}"), detail);
    match state.store.change_queue(queue, &change, now, &entry).await? {
        Saved::Done(row) => {
            state.queues.changed(queue).await;
            shown(&state, row).await
        }
        Saved::Missing => Err(no_queue()),
        Saved::Refused => Err(Problem::invalid_field("queue", "a setting is out of its range")),
    }
}

fn no_queue() -> Problem {
    Problem::not_found("there is no such queue")
}

/// `GET /queues/{id}` → `{queue}`
pub(super) async fn one(state: Data<HttpState>, id: Path<String>) -> Answer {
    let row = state.store.queue(queue_in(&id)?).await?.ok_or_else(no_queue)?;
    shown(&state, row).await
}

async fn shown(state: &HttpState, row: QueueRow) -> Answer {
    let figures = state.queues.watch(vec![QueueId(row.queue_id)]).await.ok();
    let figures = figures.as_ref().and_then(|figures| figures.first());
    Ok(HttpResponse::Ok().json(json!({"queue": QueueView::of(row, figures)})))
}

/// `GET /queues` → a page, newest first.
pub(super) async fn list(state: Data<HttpState>, page: Query<PageQuery>) -> Answer {
    let limit = page.limit();
    let mut rows = state.store.queues(page.after()?, limit + 1).await?;
    let more = rows.len() > limit as usize;
    let beyond = if more { rows.pop() } else { None };
    let ids = rows.iter().map(|row| QueueId(row.queue_id)).collect();
    let figures = state.queues.watch(ids).await.unwrap_or_default();
    let shown = rows.into_iter().enumerate().map(|(n, row)| QueueView::of(row, figures.get(n)));
    let items = shown.chain(beyond.map(|row| QueueView::of(row, None))).collect();
    Ok(HttpResponse::Ok().json(Page::of(items, limit, |queue: &QueueView| queue.id)))
}

fn check(state: &HttpState, body: &QueueBody) -> Result<(), Problem> {
    let settings = &state.config.queue;
    if let Some(name) = &body.name {
        check_text("name", name, 0, settings.name_chars)?;
    }
    one_of("state", body.state.as_deref(), &["open", "paused", "draining"])?;
    one_of("sold_out", body.sold_out.as_deref(), &["keep", "dismiss"])?;
    within("capacity", body.capacity, 0, settings.capacity_most)?;
    within("claim_ttl_ms", body.claim_ttl_ms, 1, settings.ttl_most_ms)?;
    within("pass_ttl_ms", body.pass_ttl_ms, 1, settings.ttl_most_ms)?;
    within("abandon_after_ms", body.abandon_after_ms, 1, settings.ttl_most_ms)?;
    match body.rate_per_s.flatten() {
        Some(rate) if !(rate > 0.0 && rate <= settings.rate_most) => {
            let what = format!("must be above 0 and at most {}, or null", settings.rate_most);
            Err(Problem::invalid_field("rate_per_s", what))
        }
        _ => Ok(()),
    }
}

fn one_of(field: &str, value: Option<&str>, known: &[&str]) -> Result<(), Problem> {
    if value.is_none_or(|value| known.contains(&value)) {
        return Ok(());
    }
    Err(Problem::invalid_field(field, format!("must be one of {}", known.join(", "))))
}

fn within(field: &str, value: Option<i64>, least: i64, most: i64) -> Result<(), Problem> {
    if value.is_none_or(|value| (least..=most).contains(&value)) {
        return Ok(());
    }
    Err(Problem::invalid_field(field, format!("must be {least} to {most}")))
}
