//! Showtimes and their seats (spec 3.2): operators make them, players look for a seat.

use super::{
    HttpState, Problem,
    accounts::Answer,
    events::{check_text, entry, id_in},
    guard::SignedIn,
    idempotency::Operation,
    page::{Page, PageQuery},
    rewards::present,
    showtime_places::{BracketWish, RoomWish, room_or_bracket},
};
use crate::{
    clock::UnixMs,
    ids::QueueId,
    store::{MOST, Saved, SeatRow, SeatsAdded, ShowtimeChange, ShowtimeRow},
};
use actix_web::{
    HttpResponse,
    web::{Data, Json, Path, Query},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashSet;
use uuid::Uuid;

/// A scheduled game event with numbered seats.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ShowtimeView {
    id: Uuid,
    title: String,
    /// Unix ms.
    starts_at: i64,
    /// Through which one comes to its seats; none has no queue.
    queue: Option<Uuid>,
    /// Of each seat. Who holds one pays what it was when he won it.
    price_points: i64,
    on_queue_down: OnQueueDown,
    /// Whoever has paid for a seat comes into it with `room.join {showtime}`, shortly before the start; none has no room.
    room: Option<Value>,
    /// Whoever has paid for a seat plays in it: `bracket.join {showtime}` before the start; none has no bracket.
    bracket: Option<Value>,
    created_at: i64,
    updated_at: i64,
}

impl From<ShowtimeRow> for ShowtimeView {
    fn from(row: ShowtimeRow) -> Self {
        let on_queue_down = OnQueueDown::named(&row.on_queue_down);
        Self {
            id: row.showtime_id,
            title: row.title,
            starts_at: row.starts_at,
            queue: row.queue,
            price_points: row.price_points,
            on_queue_down,
            room: row.room,
            bracket: row.bracket,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// What happens to players without a pass while the queue does not answer (spec 3.3).
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum OnQueueDown {
    /// They are let by.
    #[default]
    Bypass,
    /// They are told to try again.
    Refuse,
}

impl OnQueueDown {
    fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Refuse => "refuse",
        }
    }

    fn named(name: &str) -> Self {
        if name == Self::Refuse.as_str() { Self::Refuse } else { Self::Bypass }
    }
}

/// A seat of a showtime.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SeatView {
    id: Uuid,
    showtime: Uuid,
    label: String,
    status: SeatStatus,
}

/// Whether one can have it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum SeatStatus {
    /// One can.
    Free,
    /// Somebody is paying for it, perhaps.
    Held,
    /// It is somebody's.
    Sold,
}

impl From<SeatRow> for SeatView {
    fn from(row: SeatRow) -> Self {
        let status = match row.taken.as_deref() {
            None => SeatStatus::Free,
            Some("paid") => SeatStatus::Sold,
            Some(_) => SeatStatus::Held,
        };
        Self { id: row.seat_id, showtime: row.showtime_id, label: row.label, status }
    }
}

/// Body of `POST /showtimes`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewShowtime {
    title: String,
    /// Unix ms.
    starts_at: i64,
    queue: Option<Uuid>,
    price_points: i64,
    #[serde(default)]
    on_queue_down: OnQueueDown,
    room: Option<RoomWish>,
    /// Instead of a room.
    bracket: Option<BracketWish>,
}

/// Body of `PATCH /showtimes/{id}`: what is left out stays, `null` takes the queue, the room or the bracket away. Seats that are held cost what
/// they did when they were won.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ShowtimePatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    starts_at: Option<i64>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    queue: Option<Option<Uuid>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price_points: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_queue_down: Option<OnQueueDown>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    room: Option<Option<RoomWish>>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    bracket: Option<Option<BracketWish>>,
}

/// Body of `POST /showtimes/{id}/seats`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSeats {
    /// One seat for each, in this order.
    labels: Vec<String>,
}

/// `GET /showtimes?from=`
#[derive(Deserialize, JsonSchema)]
pub(super) struct ShowtimeQuery {
    /// Only those that start at this time or later, Unix ms.
    from: Option<i64>,
}

/// `GET /showtimes/{id}/seats?changed_within_ms=`
#[derive(Deserialize, JsonSchema)]
pub(super) struct SeatQuery {
    /// Only seats that somebody has taken or given back within the last so many milliseconds.
    changed_within_ms: Option<u64>,
}

fn check_starts_at(at: i64) -> Result<(), Problem> {
    if (0..=MOST).contains(&at) {
        return Ok(());
    }
    Err(Problem::invalid_field("starts_at", "must be a time in Unix milliseconds"))
}

fn check_price(points: i64) -> Result<(), Problem> {
    if (0..=MOST).contains(&points) {
        return Ok(());
    }
    Err(Problem::invalid_field("price_points", format!("must be a whole number from 0 to {MOST}")))
}

fn no_showtime() -> Problem {
    Problem::not_found("there is no such showtime")
}

/// The showtime of a path.
pub(super) async fn showtime_at(state: &HttpState, id: &str) -> Result<ShowtimeRow, Problem> {
    state.store.showtime(id_in(id, "showtime")?).await?.ok_or_else(no_showtime)
}

/// `POST /showtimes` → 201 `{showtime}`
pub(super) async fn create(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    Operation(id): Operation,
    body: Json<NewShowtime>,
) -> Answer {
    let body = body.into_inner();
    check_text("title", &body.title, 1, state.config.showtimes.title_chars)?;
    check_starts_at(body.starts_at)?;
    check_price(body.price_points)?;
    check_queue(&state, body.queue).await?;
    let room = body.room.as_ref().map(RoomWish::checked).transpose()?;
    let bracket = body.bracket.as_ref().map(BracketWish::stored).transpose()?;
    if room.is_some() && bracket.is_some() {
        return Err(room_or_bracket());
    }
    let now = state.clock.now();
    let row = ShowtimeRow {
        showtime_id: id,
        title: body.title,
        starts_at: body.starts_at,
        queue: body.queue,
        price_points: body.price_points,
        on_queue_down: body.on_queue_down.as_str().to_owned(),
        room_id: room.is_some().then(crate::chance::uuid),
        room,
        bracket,
        created_at: now.0,
        updated_at: now.0,
    };
    if let Some(made) = state.store.showtime(id).await? {
        return Ok(HttpResponse::Created().json(json!({"showtime": ShowtimeView::from(made)}))); // by an earlier attempt
    }
    let detail = json!({"title": row.title, "starts_at": row.starts_at, "queue": row.queue,
                        "price_points": row.price_points, "on_queue_down": row.on_queue_down, "room": row.room, "bracket": row.bracket});
    let entry = entry(&who, now, "showtime.created", format!("showtime/{id}"), detail);
    match state.store.create_showtime(&row, &entry).await? {
        Saved::Done(row) => Ok(HttpResponse::Created().json(json!({"showtime": ShowtimeView::from(row)}))),
        Saved::Missing | Saved::Refused => {
            Err(Problem::bug(&"a showtime was checked and refused all the same"))
        }
    }
}

/// `GET /showtimes` → a page, the soonest first.
pub(super) async fn list(
    state: Data<HttpState>,
    query: Query<ShowtimeQuery>,
    page: Query<PageQuery>,
) -> Answer {
    let limit = page.limit();
    let rows = state.store.showtimes(query.from, page.after()?, limit + 1).await?;
    let items = rows.into_iter().map(ShowtimeView::from).collect();
    Ok(HttpResponse::Ok().json(Page::of(items, limit, |it: &ShowtimeView| (it.starts_at, it.id))))
}

/// `GET /showtimes/{id}` → `{showtime}`
pub(super) async fn one(state: Data<HttpState>, id: Path<String>) -> Answer {
    let row = showtime_at(&state, &id).await?;
    Ok(HttpResponse::Ok().json(json!({"showtime": ShowtimeView::from(row)})))
}

/// `PATCH /showtimes/{id}` → `{showtime}`
pub(super) async fn change(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    id: Path<String>,
    body: Json<ShowtimePatch>,
) -> Answer {
    let id = id_in(&id, "showtime")?;
    let detail = serde_json::to_value(&*body).unwrap_or_default();
    let ShowtimePatch { title, starts_at, queue, price_points, on_queue_down, room, bracket } =
        body.into_inner();
    if let Some(title) = &title {
        check_text("title", title, 1, state.config.showtimes.title_chars)?;
    }
    starts_at.map_or(Ok(()), check_starts_at)?;
    price_points.map_or(Ok(()), check_price)?;
    check_queue(&state, queue.flatten()).await?;
    let room = room.map(|room| room.as_ref().map(RoomWish::checked).transpose()).transpose()?;
    let bracket = bracket.map(|bracket| bracket.as_ref().map(BracketWish::stored).transpose()).transpose()?;
    let on_queue_down = on_queue_down.map(|policy| policy.as_str().to_owned());
    let change = ShowtimeChange { title, starts_at, queue, price_points, on_queue_down, room, bracket };
    let now = state.clock.now();
    let entry = entry(&who, now, "showtime.changed", format!("showtime/{id}"), detail);
    match state.store.change_showtime(id, &change, now, &entry).await? {
        Saved::Done(row) => Ok(HttpResponse::Ok().json(json!({"showtime": ShowtimeView::from(row)}))),
        Saved::Missing => Err(no_showtime()),
        Saved::Refused => Err(room_or_bracket()),
    }
}

/// A queue that nobody has made keeps everybody out: a slip of the pen is told at once.
async fn check_queue(state: &HttpState, queue: Option<Uuid>) -> Result<(), Problem> {
    let Some(queue) = queue else { return Ok(()) };
    match state.store.queue(QueueId(queue)).await? {
        Some(_) => Ok(()),
        None => Err(Problem::invalid_field("queue", "there is no such queue")),
    }
}

/// `POST /showtimes/{id}/seats` → 201 `{items}`: all of them or none.
pub(super) async fn add_seats(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    id: Path<String>,
    body: Json<NewSeats>,
) -> Answer {
    let settings = &state.config.showtimes;
    let showtime = showtime_at(&state, &id).await?.showtime_id;
    let labels = body.into_inner().labels;
    if labels.is_empty() || labels.len() > settings.labels {
        return Err(Problem::invalid_field("labels", format!("must be 1 to {} labels", settings.labels)));
    }
    let mut seen = HashSet::with_capacity(labels.len());
    for label in &labels {
        check_text("labels", label, 1, settings.label_chars)?;
        if label.contains('\n') || !seen.insert(label) {
            return Err(Problem::invalid_field("labels", "must be one line each, and no two the same"));
        }
    }
    let mut ids: Vec<Uuid> = labels.iter().map(|_| crate::chance::uuid()).collect();
    ids.sort_unstable(); // the order of seats is that of their ids
    let detail = json!({"seats": labels.len(), "first": labels.first(), "last": labels.last()});
    let now = state.clock.now();
    let entry = entry(&who, now, "showtime.seats_added", format!("showtime/{showtime}"), detail);
    let seats: Vec<(Uuid, String)> = ids.into_iter().zip(labels).collect();
    let most = i64::from(settings.seats);
    match state.store.add_seats(showtime, &seats, most, now, &entry).await? {
        SeatsAdded::Done => {
            let view = |(id, label)| SeatView { id, showtime, label, status: SeatStatus::Free };
            let items = seats.into_iter().map(view).collect();
            Ok(HttpResponse::Created().json(Page { items, next_cursor: None }))
        }
        SeatsAdded::Missing => Err(no_showtime()),
        SeatsAdded::LabelTaken => Err(Problem::conflict("label_taken", "a seat has this label")),
        SeatsAdded::TooMany => {
            Err(Problem::conflict("too_many_seats", format!("a showtime has {most} seats at most")))
        }
    }
}

/// `GET /showtimes/{id}/seats` → a page, in order.
pub(super) async fn seats(
    state: Data<HttpState>,
    id: Path<String>,
    query: Query<SeatQuery>,
    page: Query<PageQuery>,
) -> Answer {
    let showtime = showtime_at(&state, &id).await?.showtime_id;
    let limit = page.limit();
    let since = query.changed_within_ms.map(|within| {
        let within = within.min(state.config.showtimes.changed_within_ms);
        UnixMs(state.clock.now().0.saturating_sub_unsigned(within))
    });
    let rows = state.store.seats(showtime, since, page.after()?, limit + 1).await?;
    let items = rows.into_iter().map(SeatView::from).collect();
    Ok(HttpResponse::Ok().json(Page::of(items, limit, |seat: &SeatView| seat.id)))
}
