//! What was played (spec 1.7): to those who played it, and to staff.

use super::{HttpState, Problem, accounts::Answer, guard::SignedIn};
use crate::{
    auth::Principal,
    ids::{MatchId, PlayerId},
    store::MatchRecord,
};
use actix_web::{
    HttpResponse,
    web::{Data, Path, Query},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Matches in a list that names no limit, and at most (spec 2).
const LIST: u32 = 20;
const LIST_MAX: u32 = 100;

/// `?limit=`
#[derive(Deserialize, JsonSchema)]
pub(super) struct ListQuery {
    limit: Option<u32>,
}

/// `GET /matches/{id}`: a `game::replay::Recording`. Whoever may not see it, and whoever asks before its end,
/// learns as little as if it did not exist: it tells roles.
pub(super) async fn one(state: Data<HttpState>, SignedIn(who): SignedIn, id: Path<String>) -> Answer {
    let unknown = || Problem::not_found("there is no such match");
    let id: MatchId = id.parse().map_err(|_| unknown())?;
    let record = state.store.match_record(id).await?.ok_or_else(unknown)?;
    let recording = recording(record, &who).ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(recording))
}

/// `GET /me/matches` → `{items: [{match_id, started_at, ended_at, winner}], next_cursor: null}`, newest first.
pub(super) async fn mine(state: Data<HttpState>, SignedIn(who): SignedIn, query: Query<ListQuery>) -> Answer {
    of(&state, who.account, &query).await
}

pub(super) async fn of(state: &HttpState, account: PlayerId, query: &ListQuery) -> Answer {
    let limit = query.limit.unwrap_or(LIST).clamp(1, LIST_MAX);
    let items = state.store.matches_of(account, limit).await?;
    Ok(HttpResponse::Ok().json(json!({"items": items, "next_cursor": null})))
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
