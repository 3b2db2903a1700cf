//! Reservations (spec 3.2, 3.3): a seat is held for a while, and then paid, given back or free again.

use super::{
    HttpState, Problem,
    accounts::Answer,
    events::id_in,
    guard::SignedIn,
    idempotency::Operation,
    page::{Page, PageQuery},
    showtimes::showtime_at,
};
use crate::{
    liveops::showtimes::{NotHeld, ReservationView, gate::Refusal},
    store::{GivenBack, Paid, ReservationFilter},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path, Query},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The pass of the showtime's queue.
const QUEUE_PASS: &str = "Queue-Pass";

/// `GET /admin/reservations?account=&showtime=&status=`
#[derive(Deserialize, JsonSchema)]
pub(super) struct ReservationQuery {
    account: Option<Uuid>,
    showtime: Option<Uuid>,
    status: Option<ReservationStatus>,
}

/// What has become of a reservation.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ReservationStatus {
    Held,
    Paid,
    Expired,
    Cancelled,
}

impl ReservationStatus {
    fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Paid => "paid",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let code = refusal.code();
        match refusal {
            Refusal::InvalidPass => {
                Self::forbidden(code, "the pass is not yours, or its time is over: enter the queue again")
            }
            Refusal::PassRequired => Self::forbidden(code, "enter the queue first, and bring its pass"),
            Refusal::QueueUnavailable { retry_ms } => {
                let detail = "the queue does not answer now";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(retry_ms)
            }
        }
    }
}

impl From<NotHeld> for Problem {
    fn from(not_held: NotHeld) -> Self {
        match not_held {
            NotHeld::Gate(refusal) => refusal.into(),
            NotHeld::Taken => Self::conflict("seat_taken", "somebody has this seat"),
            NotHeld::TooMany => Self::conflict("too_many_holds", "pay for what you hold, or give it back"),
            NotHeld::Missing => Self::not_found("there is no such seat"),
            NotHeld::Closed => Self::forbidden("account_closed", "this account may not do this now"),
            NotHeld::Store(error) => error.into(),
        }
    }
}

/// `POST /showtimes/{id}/seats/{seat}/reservations` → 201 `{reservation}`
pub(super) async fn create(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    path: Path<(String, String)>,
    Operation(id): Operation,
    req: HttpRequest,
) -> Answer {
    let showtime = showtime_at(&state, &path.0).await?;
    let seat = id_in(&path.1, "seat")?;
    // A header that is no text is a pass all the same, and a wrong one.
    let pass = req.headers().get(QUEUE_PASS).map(|pass| pass.to_str().unwrap_or_default());
    let held = state.showtimes.reserve(id, who.account, (&showtime, seat), pass).await?;
    Ok(HttpResponse::Created().json(json!({"reservation": ReservationView::from(&held)})))
}

/// `POST /reservations/{id}/payment` → `{reservation}`
pub(super) async fn pay(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    id: Path<String>,
    Operation(payment): Operation,
) -> Answer {
    let id = id_in(&id, "reservation")?;
    match state.showtimes.pay(id, who.account, payment).await? {
        Paid::Done(row) | Paid::Repeated(row) => {
            Ok(HttpResponse::Ok().json(json!({"reservation": ReservationView::from(&row)})))
        }
        Paid::Before => Err(Problem::conflict("already_paid", "this seat is yours")),
        Paid::Over => Err(Problem::new(StatusCode::GONE, "hold_expired", "you hold this seat no more")),
        Paid::Short => {
            let detail = "you have not so many points";
            Err(Problem::new(StatusCode::PAYMENT_REQUIRED, "insufficient_points", detail))
        }
        Paid::Missing => Err(no_reservation()),
    }
}

/// `DELETE /reservations/{id}` → 204: the hold is given back. One that is over already is no error.
pub(super) async fn give_back(state: Data<HttpState>, SignedIn(who): SignedIn, id: Path<String>) -> Answer {
    let id = id_in(&id, "reservation")?;
    match state.showtimes.give_back(id, who.account).await? {
        GivenBack::Done(_) | GivenBack::Before => Ok(HttpResponse::NoContent().finish()),
        GivenBack::Paid => Err(Problem::conflict("already_paid", "a seat that is paid is yours")),
        GivenBack::Missing => Err(no_reservation()),
    }
}

fn no_reservation() -> Problem {
    Problem::not_found("you have no such reservation")
}

/// `GET /me/reservations` → a page, newest first.
pub(super) async fn mine(state: Data<HttpState>, SignedIn(who): SignedIn, page: Query<PageQuery>) -> Answer {
    let filter = ReservationFilter { account: Some(who.account.0), ..ReservationFilter::default() };
    one_page(&state, filter, &page).await
}

/// `GET /admin/reservations` → a page, newest first.
pub(super) async fn list(
    state: Data<HttpState>,
    query: Query<ReservationQuery>,
    page: Query<PageQuery>,
) -> Answer {
    let ReservationQuery { account, showtime, status } = query.into_inner();
    let status = status.map(|status| status.as_str().to_owned());
    let filter = ReservationFilter { account, showtime, status, before: None };
    one_page(&state, filter, &page).await
}

async fn one_page(state: &HttpState, mut filter: ReservationFilter, page: &PageQuery) -> Answer {
    let limit = page.limit();
    filter.before = page.after()?;
    let rows = state.store.reservations(&filter, limit + 1).await?;
    let items = rows.iter().map(ReservationView::from).collect();
    Ok(HttpResponse::Ok().json(Page::of(items, limit, |it: &ReservationView| it.id)))
}
