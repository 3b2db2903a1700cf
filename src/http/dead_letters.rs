//! Dead letters of the activity stream, for staff (spec 2.3).

use super::{
    HttpState, Problem,
    accounts::Answer,
    guard::SignedIn,
    page::{Page, PageQuery},
};
use crate::{
    liveops::Fact,
    store::{AuditEntry, DeadLetter, DeadLetterFilter},
};
use actix_web::{
    HttpResponse,
    web::{Data, Path, Query},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// `?group=&kind=`
#[derive(Deserialize, schemars::JsonSchema)]
pub(super) struct DeadLetterQuery {
    group: Option<String>,
    kind: Option<String>,
}

/// A dead letter in a list.
#[derive(Serialize, schemars::JsonSchema)]
pub(super) struct DeadLetterItem {
    id: Uuid,
    fact_id: Uuid,
    /// Who gave it up.
    group: String,
    kind: String,
    /// When it happened.
    at: i64,
    tries: i64,
    error: String,
    died_at: i64,
}

impl From<&DeadLetter> for DeadLetterItem {
    fn from(letter: &DeadLetter) -> Self {
        Self {
            id: letter.id,
            fact_id: letter.fact_id,
            group: letter.consumer.clone(),
            kind: letter.kind.clone(),
            at: letter.at,
            tries: letter.tries,
            error: letter.error.clone(),
            died_at: letter.died_at,
        }
    }
}

/// One of them: what it says as well.
#[derive(Serialize, schemars::JsonSchema)]
pub(super) struct WholeDeadLetter {
    #[serde(flatten)]
    row: DeadLetterItem,
    account: Option<Uuid>,
    /// Its fields; `null` if it cannot be read.
    body: Value,
    /// As it was sent: hexadecimal.
    raw: String,
}

/// `GET /admin/dead-letters` → a page of `{id, fact_id, group, kind, at, tries, error, died_at}`, newest first.
pub(super) async fn list(
    state: Data<HttpState>,
    query: Query<DeadLetterQuery>,
    page: Query<PageQuery>,
) -> Answer {
    let DeadLetterQuery { group, kind } = query.into_inner();
    let filter = DeadLetterFilter { consumer: group, kind, before: page.after()? };
    let limit = page.limit();
    let letters = state.store.dead_letters(&filter, limit + 1).await.map_err(Problem::from)?;
    let rows = letters.iter().map(DeadLetterItem::from).collect();
    Ok(HttpResponse::Ok().json(Page::of(rows, limit, |row: &DeadLetterItem| row.id)))
}

/// `GET /admin/dead-letters/{id}` → the same with `account`, `body` and `raw`.
pub(super) async fn one(state: Data<HttpState>, id: Path<Uuid>) -> Answer {
    let letter = state.store.dead_letter(*id).await.map_err(Problem::from)?.ok_or_else(none)?;
    let fact = Fact::open(&letter.body).ok();
    let raw = letter.body.iter().map(|byte| format!("{byte:02x}")).collect();
    let account = fact.as_ref().and_then(|fact| fact.account).map(|account| account.0);
    let body = fact.map_or(Value::Null, |fact| fact.body);
    Ok(HttpResponse::Ok().json(WholeDeadLetter { row: DeadLetterItem::from(&letter), account, body, raw }))
}

/// `POST /admin/dead-letters/{id}/retry` → 204: its group is given it once more, with all its tries.
pub(super) async fn retry(state: Data<HttpState>, by: SignedIn, id: Path<Uuid>) -> Answer {
    let entry = audited(&state, &by, *id, "dead_letter.retried").await?;
    let done = state.store.retry_dead_letter(*id, &entry).await.map_err(Problem::from)?;
    answered(done)
}

/// `DELETE /admin/dead-letters/{id}` → 204: nobody is told of it any more.
pub(super) async fn discard(state: Data<HttpState>, by: SignedIn, id: Path<Uuid>) -> Answer {
    let entry = audited(&state, &by, *id, "dead_letter.dropped").await?;
    let done = state.store.drop_dead_letter(*id, &entry).await.map_err(Problem::from)?;
    answered(done)
}

async fn audited(state: &HttpState, by: &SignedIn, id: Uuid, action: &str) -> Result<AuditEntry, Problem> {
    let letter = state.store.dead_letter(id).await.map_err(Problem::from)?.ok_or_else(none)?;
    let SignedIn(by) = by;
    let detail = json!({
        "fact_id": letter.fact_id, "group": letter.consumer, "kind": letter.kind, "error": letter.error,
    });
    let who = (Some(by.account), by.role);
    Ok(AuditEntry::new(state.clock.now(), who, action, format!("dead_letter/{id}"), detail))
}

/// Of two who end one at once, one has.
fn answered(done: bool) -> Answer {
    if done { Ok(HttpResponse::NoContent().finish()) } else { Err(none()) }
}

fn none() -> Problem {
    Problem::not_found("there is no such dead letter")
}
