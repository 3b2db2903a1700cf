//! What staff have changed (spec 2.2).

use super::{
    HttpState, Problem,
    accounts::Answer,
    page::{Page, PageQuery, searched},
};
use crate::store::AuditFilter;
use actix_web::{
    HttpResponse,
    web::{Data, Query},
};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

/// `?actor=&target=`
#[derive(Deserialize, JsonSchema)]
pub(super) struct AuditQuery {
    actor: Option<Uuid>,
    target: Option<String>,
}

/// `GET /admin/audit` → a page of `{id, at, actor, role, action, target, detail}`, newest first.
pub(super) async fn list(state: Data<HttpState>, query: Query<AuditQuery>, page: Query<PageQuery>) -> Answer {
    let AuditQuery { actor, target } = query.into_inner();
    let filter = AuditFilter { actor, target: target.as_deref().map(searched), before: page.after()? };
    let limit = page.limit();
    let entries = state.store.audit_entries(&filter, limit + 1).await.map_err(Problem::from)?;
    Ok(HttpResponse::Ok().json(Page::of(entries, limit, |entry| entry.id)))
}
