//! Claims on rewards (spec 2.2): players make them, staff look through them.

use super::{
    HttpState, Problem,
    accounts::Answer,
    events::id_in,
    guard::SignedIn,
    idempotency::Operation,
    page::{Page, PageQuery},
};
use crate::{
    liveops::claims::{ClaimView, state::Status},
    store::{ClaimFilter, ClaimRow, Store},
};
use actix_web::{
    HttpResponse,
    http::header,
    web::{Bytes, Data, Path, Query},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

const HOUR_MS: i64 = 3_600_000;
/// The longest history that is counted at once.
const HISTORY_HOURS: u32 = 720;
/// Bars of a picture of it.
const HISTORY_SLOTS: i64 = 48;

/// `?account=&event=&reward=&status=&from=&to=&format=`
#[derive(Deserialize, JsonSchema)]
pub(super) struct ClaimQuery {
    account: Option<Uuid>,
    event: Option<Uuid>,
    reward: Option<Uuid>,
    status: Option<Status>,
    /// Made at this time or later, in Unix ms.
    from: Option<i64>,
    /// Made before.
    to: Option<i64>,
    /// `csv`: all of them as a file, `rewards.export_rows` at most; else a page.
    format: Option<Format>,
}

/// How a list is told.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Json,
    Csv,
}

/// `GET /admin/claims/history?hours=&event=`
#[derive(Deserialize, JsonSchema)]
pub(super) struct HistoryQuery {
    /// Until now; 24 if left out, 720 at most.
    #[schemars(range(min = 1, max = 720))]
    hours: Option<u32>,
    /// On rewards of this event alone.
    event: Option<Uuid>,
}

/// Claims by the time they were made and by what has become of them.
#[derive(Serialize, JsonSchema)]
pub(super) struct ClaimsHistory {
    /// How much time one item stands for.
    step_ms: i64,
    /// From the oldest to the newest; none is left out.
    items: Vec<Slot>,
}

#[derive(Clone, Default, Serialize, JsonSchema)]
struct Slot {
    /// When it begins, Unix ms.
    at: i64,
    granted: i64,
    rejected: i64,
    compensated: i64,
    /// Not at their end yet.
    running: i64,
}

/// `POST /events/{event}/rewards/{reward}/claims` → 201 `{claim}` when it is over, 202 while it runs.
pub(super) async fn create(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    path: Path<(String, String)>,
    Operation(id): Operation,
) -> Answer {
    let of = (id_in(&path.0, "reward")?, id_in(&path.1, "reward")?);
    let claim = state.claims.request(id, who.account, of).await?;
    let claim = claim.ok_or_else(|| Problem::not_found("there is no such reward"))?;
    let mut answer = if claim.is_final() { HttpResponse::Created() } else { HttpResponse::Accepted() };
    Ok(answer.json(json!({"claim": ClaimView::from(&claim)})))
}

/// `GET /me/claims` → a page, newest first.
pub(super) async fn mine(state: Data<HttpState>, SignedIn(who): SignedIn, page: Query<PageQuery>) -> Answer {
    let filter = ClaimFilter { account: Some(who.account.0), before: page.after()?, ..Default::default() };
    one_page(&state.store, &filter, page.limit()).await
}

/// `GET /admin/claims` → a page, newest first; with `format=csv` all that match, as a file: all of them or none.
pub(super) async fn list(state: Data<HttpState>, query: Query<ClaimQuery>, page: Query<PageQuery>) -> Answer {
    let ClaimQuery { account, event, reward, status, from, to, format } = query.into_inner();
    let status = status.map(|status| status.as_str().to_owned());
    let filter = ClaimFilter { account, event, reward, status, from, to, before: page.after()? };
    let Format::Csv = format.unwrap_or_default() else {
        return one_page(&state.store, &filter, page.limit()).await;
    };
    let rewards = &state.config.rewards;
    if state.store.more_claims_than(&filter, rewards.export_rows).await? {
        let detail = format!("more than {} claims match: narrow from and to", rewards.export_rows);
        return Err(Problem::bad_request("too_many_rows", detail));
    }
    Ok(export(state.store.clone(), filter, rewards.export_page))
}

/// `GET /admin/claims/history` → [`ClaimsHistory`]
pub(super) async fn history(state: Data<HttpState>, query: Query<HistoryQuery>) -> Answer {
    let hours = i64::from(query.hours.unwrap_or(24).clamp(1, HISTORY_HOURS));
    let step_ms = hours * HOUR_MS / HISTORY_SLOTS;
    let from = state.clock.now().0 - hours * HOUR_MS;
    let slots = (0..HISTORY_SLOTS).map(|n| Slot { at: from + n * step_ms, ..Slot::default() });
    let mut items: Vec<Slot> = slots.collect();
    for (slot, status, count) in state.store.claims_by_time(from, step_ms, query.event).await? {
        // What is made this very moment belongs to the last one.
        let slot = usize::try_from(slot.clamp(0, HISTORY_SLOTS - 1)).unwrap_or_default();
        let of = &mut items[slot];
        *match Status::named(&status) {
            Some(Status::Granted) => &mut of.granted,
            Some(Status::Rejected) => &mut of.rejected,
            Some(Status::Compensated) => &mut of.compensated,
            _ => &mut of.running,
        } += count;
    }
    Ok(HttpResponse::Ok().json(ClaimsHistory { step_ms, items }))
}

async fn one_page(store: &Store, filter: &ClaimFilter, limit: u32) -> Answer {
    let claims = store.claims(filter, limit + 1).await?;
    let claims = claims.iter().map(ClaimView::from).collect();
    Ok(HttpResponse::Ok().json(Page::of(claims, limit, |claim: &ClaimView| claim.id)))
}

/// Written as it is read, so many rows at a time: the whole is never in memory.
fn export(store: Store, filter: ClaimFilter, rows: u32) -> HttpResponse {
    const HEAD: &str = "id,event,reward,account,kind,name,amount,status,reason,created_at,updated_at\r\n";
    let rows = futures_util::stream::unfold(Some((store, filter)), move |left| async move {
        let (store, mut filter) = left?;
        match store.claims(&filter, rows).await {
            Ok(claims) => {
                filter.before = Some(claims.last()?.claim_id);
                let left = (claims.len() == rows as usize).then_some((store, filter));
                let text: String = claims.iter().map(csv_row).collect();
                Some((Ok(Bytes::from(text)), left))
            }
            // The connection is cut off: half a file must not look like a whole one.
            Err(error) => {
                tracing::warn!(%error, "an export of claims broke off");
                Some((Err(error), None))
            }
        }
    });
    let head = futures_util::stream::once(std::future::ready(Ok(Bytes::from_static(HEAD.as_bytes()))));
    HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"claims.csv\""))
        .streaming(Box::pin(futures_util::StreamExt::chain(head, rows)))
}

fn csv_row(claim: &ClaimRow) -> String {
    format!(
        "{},{},{},{},{},{},{},{},{},{},{}\r\n",
        claim.claim_id,
        claim.event_id,
        claim.reward_id,
        claim.account_id,
        claim.kind,
        csv_text(&claim.name),
        claim.amount,
        claim.status,
        claim.reason.as_deref().unwrap_or_default(),
        claim.created_at,
        claim.updated_at
    )
}

/// A cell of RFC 4180. What a spreadsheet would take for a formula is made text.
fn csv_text(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let mark = if formula { "'" } else { "" };
    format!("\"{mark}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::csv_text;

    #[test]
    fn a_cell_is_text_whatever_it_holds() {
        assert_eq!(csv_text("100 points, \"gold\""), "\"100 points, \"\"gold\"\"\"");
        assert_eq!(csv_text("=HYPERLINK(1)"), "\"'=HYPERLINK(1)\"");
    }
}
