//! Events with a condition and a window (spec 2.2): operators make them, players see the active ones.

use super::{
    HttpState, Problem,
    accounts::Answer,
    guard::SignedIn,
    idempotency::Operation,
    page::{Page, PageQuery},
};
use crate::{
    auth::Principal,
    clock::{MINUTE_MS, UnixMs},
    ids::PlayerId,
    liveops::conditions::{Condition, Progress},
    store::{AuditEntry, EventChange, EventRow, Saved, Store, StoreError},
};
use actix_web::{
    HttpResponse,
    web::{Data, Json, Path, Query},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// Ways from one status to another.
const WAYS: [(&str, &str); 4] =
    [("draft", "active"), ("active", "inactive"), ("inactive", "active"), ("inactive", "ended")];

/// An event.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "EventView")]
pub(super) struct EventView<C = Value> {
    id: Uuid,
    title: String,
    description: String,
    /// Unix ms, a whole minute; activity from then on counts.
    starts_at: i64,
    /// Unix ms, a whole minute; activity before it counts.
    ends_at: i64,
    /// draft, active, inactive, ended
    status: String,
    /// What a player must have done.
    #[schemars(with = "Value")]
    condition: C,
    created_at: i64,
    updated_at: i64,
}

impl<C> From<EventRow<C>> for EventView<C> {
    fn from(row: EventRow<C>) -> Self {
        let EventRow { event_id, title, description, starts_at, ends_at, status, .. } = row;
        let (condition, created_at, updated_at) = (row.condition, row.created_at, row.updated_at);
        Self {
            id: event_id,
            title,
            description,
            starts_at,
            ends_at,
            status,
            condition,
            created_at,
            updated_at,
        }
    }
}

/// Body of `POST /events`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewEvent {
    title: String,
    #[serde(default)]
    description: String,
    starts_at: i64,
    ends_at: i64,
    /// None is met by everybody.
    #[serde(default = "always")]
    condition: Value,
}

fn always() -> Value {
    Condition::All(Vec::new()).to_json()
}

/// Body of `PATCH /events/{id}`: what is left out stays.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EventPatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    starts_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
}

/// Body of `POST /events/{id}/status`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StatusBody {
    status: String,
}

/// Body of `POST /events/preview`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PreviewBody {
    starts_at: i64,
    ends_at: i64,
    condition: Value,
    /// Whose progress is asked for besides.
    account: Option<Uuid>,
}

/// What a condition would mean.
#[derive(Serialize, JsonSchema)]
pub(super) struct Preview {
    /// Accounts active in the window that were looked at.
    looked_at: usize,
    /// Whether there are more.
    more: bool,
    /// How many of them meet it.
    met: usize,
    /// Of the account that was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
}

/// `?status=`
#[derive(Deserialize, JsonSchema)]
pub(super) struct EventQuery {
    status: Option<String>,
}

/// `?account=`, for staff.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ProgressQuery {
    account: Option<Uuid>,
}

/// An id in a path; what is none names nothing.
pub(super) fn id_in(text: &str, what: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| Problem::not_found(format!("there is no such {what}")))
}

pub(super) fn check_text(field: &str, text: &str, shortest: usize, longest: usize) -> Result<(), Problem> {
    let chars = text.chars().count();
    let control = text.chars().any(|c| c.is_control() && c != '\n');
    if chars > longest || text.trim().chars().count() < shortest || control {
        let what = format!("must be {shortest} to {longest} characters, none of them a control character");
        return Err(Problem::invalid_field(field, what));
    }
    Ok(())
}

/// Windows are counted by the minute.
fn check_minute(field: &str, at: i64) -> Result<(), Problem> {
    if at < 0 || at % MINUTE_MS != 0 {
        return Err(Problem::invalid_field(field, "must be a whole minute, in Unix milliseconds"));
    }
    Ok(())
}

/// The entry of a change by staff.
pub(super) fn entry(who: &Principal, now: UnixMs, action: &str, target: String, detail: Value) -> AuditEntry {
    AuditEntry::new(now, (Some(who.account), who.role), action, target, detail)
}

/// The event as this principal may see it: a player sees no draft, and learns no more than that there is none.
pub(super) async fn visible(state: &HttpState, who: &Principal, id: &str) -> Result<EventRow, Problem> {
    let event = state.store.event(id_in(id, "event")?).await?;
    let event = event.filter(|event| who.role.is_staff() || event.status == "active");
    event.ok_or_else(|| Problem::not_found("there is no such event"))
}

/// `POST /events` → 201 `{event}`
pub(super) async fn create(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    Operation(id): Operation,
    body: Json<NewEvent>,
) -> Answer {
    let body = body.into_inner();
    check_text("title", &body.title, 1, state.config.rewards.title_chars)?;
    check_text("description", &body.description, 0, state.config.rewards.description_chars)?;
    check_minute("starts_at", body.starts_at)?;
    check_minute("ends_at", body.ends_at)?;
    let condition = Condition::check(&body.condition, "condition", &state.config.rewards)?.to_json();
    let now = state.clock.now();
    let row = EventRow {
        event_id: id,
        title: body.title,
        description: body.description,
        starts_at: body.starts_at,
        ends_at: body.ends_at,
        status: "draft".to_owned(),
        condition,
        created_at: now.0,
        updated_at: now.0,
    };
    let detail = json!({"title": row.title, "starts_at": row.starts_at, "ends_at": row.ends_at,
                        "condition": row.condition});
    let entry = entry(&who, now, "event.created", format!("event/{id}"), detail);
    if let Some(made) = state.store.event(id).await? {
        return Ok(HttpResponse::Created().json(json!({"event": EventView::from(made)}))); // by an earlier attempt
    }
    let event = saved(state.store.create_event(&row, &entry).await?)?;
    Ok(HttpResponse::Created().json(json!({"event": event})))
}

/// An event that was saved, or why it was not.
fn saved(event: Saved<EventRow>) -> Result<EventView, Problem> {
    match event {
        Saved::Done(event) => Ok(event.into()),
        Saved::Missing => Err(Problem::conflict("event_ended", "an event that has ended does not change")),
        Saved::Refused => Err(Problem::invalid_field("ends_at", "must be after starts_at")),
    }
}

/// `GET /events?status=` → a page, newest first. Players are shown the active ones.
pub(super) async fn list(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    query: Query<EventQuery>,
    page: Query<PageQuery>,
) -> Answer {
    let status = if who.role.is_staff() { query.status.as_deref() } else { Some("active") };
    let limit = page.limit();
    let events = state.store.events(status, page.after()?, limit + 1).await?;
    let events = events.into_iter().map(EventView::from).collect();
    Ok(HttpResponse::Ok().json(Page::of(events, limit, |event: &EventView<_>| event.id)))
}

/// `GET /events/{id}` → `{event}`
pub(super) async fn one(state: Data<HttpState>, SignedIn(who): SignedIn, id: Path<String>) -> Answer {
    let event = visible(&state, &who, &id).await?;
    Ok(HttpResponse::Ok().json(json!({"event": EventView::from(event)})))
}

/// `PATCH /events/{id}` → `{event}`
pub(super) async fn change(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    id: Path<String>,
    body: Json<EventPatch>,
) -> Answer {
    let id = visible(&state, &who, &id).await?.event_id;
    let detail = serde_json::to_value(&*body).unwrap_or_default();
    let patch = body.into_inner();
    if let Some(title) = &patch.title {
        check_text("title", title, 1, state.config.rewards.title_chars)?;
    }
    if let Some(description) = &patch.description {
        check_text("description", description, 0, state.config.rewards.description_chars)?;
    }
    for (field, at) in [("starts_at", patch.starts_at), ("ends_at", patch.ends_at)] {
        at.map_or(Ok(()), |at| check_minute(field, at))?;
    }
    let checked = |value| Condition::check(value, "condition", &state.config.rewards);
    let condition = patch.condition.as_ref().map(checked).transpose()?.map(|condition| condition.to_json());
    let EventPatch { title, description, starts_at, ends_at, .. } = patch;
    let change = EventChange { title, description, starts_at, ends_at, condition };
    let now = state.clock.now();
    let entry = entry(&who, now, "event.changed", format!("event/{id}"), detail);
    let event = saved(state.store.change_event(id, &change, now, &entry).await?)?;
    Ok(HttpResponse::Ok().json(json!({"event": event})))
}

/// `POST /events/{id}/status` → `{event}`
pub(super) async fn set_status(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    id: Path<String>,
    body: Json<StatusBody>,
) -> Answer {
    let to = body.into_inner().status;
    if !["draft", "active", "inactive", "ended"].contains(&to.as_str()) {
        return Err(Problem::invalid_field("status", "must be draft, active, inactive or ended"));
    }
    let event = visible(&state, &who, &id).await?;
    let from = event.status.as_str();
    let no_way = || {
        let ways: Vec<&str> = WAYS.iter().filter(|way| way.0 == from).map(|way| way.1).collect();
        Problem::conflict(
            "invalid_status_change",
            format!("from {from} it goes to {ways:?} alone, not to {to}"),
        )
    };
    let way = *WAYS.iter().find(|way| **way == (from, to.as_str())).ok_or_else(no_way)?;
    let now = state.clock.now();
    let detail = json!({"from": from, "to": to});
    let entry = entry(&who, now, "event.status", format!("event/{}", event.event_id), detail);
    match state.store.move_event(event.event_id, way, now, &entry).await? {
        Saved::Done(event) => Ok(HttpResponse::Ok().json(json!({"event": EventView::from(event)}))),
        Saved::Missing | Saved::Refused => Err(no_way()), // somebody was faster
    }
}

/// `GET /events/{id}/progress` → `{met, terms: [{term, what, have, need, met}]}`: one's own, or, to staff, an account's.
pub(super) async fn progress(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    id: Path<String>,
    query: Query<ProgressQuery>,
) -> Answer {
    let event = visible(&state, &who, &id).await?;
    let account = match query.account {
        Some(account) if account != who.account.0 && !who.role.is_staff() => {
            return Err(Problem::forbidden("forbidden", "another's progress is for staff"));
        }
        Some(account) => PlayerId(account),
        None => who.account,
    };
    let condition = stored(&event.condition)?;
    let did = did(&state.store, account, event.starts_at, event.ends_at).await?;
    Ok(HttpResponse::Ok().json(condition.progress(&did)))
}

fn stored(condition: &Value) -> Result<Condition, Problem> {
    Condition::read(condition, "condition").map_err(|fault| Problem::bug(&fault))
}

async fn did(
    store: &Store,
    account: PlayerId,
    starts_at: i64,
    ends_at: i64,
) -> Result<crate::liveops::counters::Counters, StoreError> {
    store.activity(account, Some(UnixMs(starts_at)), Some(UnixMs(ends_at))).await
}

/// `POST /events/preview`: how many accounts would meet a condition, and how far one of them is. Changes nothing.
pub(super) async fn preview(state: Data<HttpState>, body: Json<PreviewBody>) -> Answer {
    let PreviewBody { starts_at, ends_at, condition, account } = body.into_inner();
    check_minute("starts_at", starts_at)?;
    check_minute("ends_at", ends_at)?;
    let condition = Condition::check(&condition, "condition", &state.config.rewards)?;
    let most = state.config.rewards.preview_accounts;
    let mut accounts =
        state.store.active_accounts(UnixMs(starts_at), UnixMs(ends_at), most.saturating_add(1)).await?;
    let more = accounts.len() > most as usize;
    accounts.truncate(most as usize);
    let mut met = 0;
    for account in &accounts {
        met +=
            usize::from(condition.is_met(&did(&state.store, PlayerId(*account), starts_at, ends_at).await?));
    }
    let progress = match account {
        Some(account) => {
            Some(condition.progress(&did(&state.store, PlayerId(account), starts_at, ends_at).await?))
        }
        None => None,
    };
    Ok(HttpResponse::Ok().json(Preview { looked_at: accounts.len(), more, met, progress }))
}
