//! What was played (spec 1.7): to those who played it, and to staff.

use super::{
    HttpState, Problem,
    accounts::Answer,
    guard::SignedIn,
    page::{Page, PageQuery},
};
use crate::{
    auth::Principal,
    ids::{MatchId, PlayerId},
    store::MatchRecord,
};
use actix_web::{
    HttpResponse,
    web::{Data, Path, Query},
};
use serde_json::{Map, Value};

/// `GET /matches/{id}`: a `game::replay::Recording`. Whoever may not see it, and whoever asks before its end,
/// learns as little as if it did not exist: it tells roles.
pub(super) async fn one(state: Data<HttpState>, SignedIn(who): SignedIn, id: Path<String>) -> Answer {
    let unknown = || Problem::not_found("there is no such match");
    let id: MatchId = id.parse().map_err(|_| unknown())?;
    let record = state.store.match_record(id).await?.ok_or_else(unknown)?;
    let recording = recording(record, &who).ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(recording))
}

/// `GET /me/matches` → a page of `{match_id, started_at, ended_at, winner}`, newest first.
pub(super) async fn mine(state: Data<HttpState>, SignedIn(who): SignedIn, page: Query<PageQuery>) -> Answer {
    of(&state, who.account, &page).await
}

pub(super) async fn of(state: &HttpState, account: PlayerId, page: &PageQuery) -> Answer {
    let limit = page.limit();
    let items = state.store.matches_of(account, page.after()?, limit + 1).await?;
    Ok(HttpResponse::Ok().json(Page::of(items, limit, |item| item.match_id)))
}

/// The record as one document, if this principal may see it.
fn recording(record: MatchRecord, who: &Principal) -> Option<Map<String, Value>> {
    let may_see = who.role.is_staff() || record.participants.contains(&who.account);
    let (true, Value::Object(mut document), Some(Value::Object(ended))) =
        (may_see, record.header, record.ended)
    else {
        return None;
    };
    document.extend(ended);
    document.insert("entries".into(), Value::Array(record.entries));
    Some(document)
}
