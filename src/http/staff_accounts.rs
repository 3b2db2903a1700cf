//! Accounts as staff see them, bans and roles (spec 2.1). Every change is audited where it is made.

use super::{
    HttpState,
    accounts::Answer,
    guard::SignedIn,
    page::{Page, PageQuery},
};
use crate::{
    auth::{Ban, Role},
    clock::UnixMs,
    ids::PlayerId,
};
use actix_web::{
    HttpResponse,
    web::{Data, Json, Path, Query},
};
use serde::Deserialize;
use uuid::Uuid;

/// `?query=`
#[derive(Deserialize, schemars::JsonSchema)]
pub(super) struct AccountsQuery {
    query: Option<String>,
}

/// Body of `POST /admin/accounts/{id}/ban`.
#[derive(Deserialize, schemars::JsonSchema)]
pub(super) struct BanBody {
    reason: String,
    /// Unix milliseconds; none is without end.
    ends_at: Option<UnixMs>,
}

/// Body of `POST /admin/accounts/{id}/role`.
#[derive(Deserialize, schemars::JsonSchema)]
pub(super) struct RoleBody {
    role: Role,
}

/// `GET /admin/accounts?query=` → a page of accounts, newest first. `query` is an id, or how a nickname or user name
/// begins.
pub(super) async fn list(
    state: Data<HttpState>,
    query: Query<AccountsQuery>,
    page: Query<PageQuery>,
) -> Answer {
    let (limit, before) = (page.limit(), page.after::<Uuid>()?);
    let found = state.identity.find_accounts(query.query.as_deref(), before, limit + 1).await?;
    Ok(HttpResponse::Ok().json(Page::of(found, limit, |account| account.id)))
}

/// `GET /admin/accounts/{id}` → `{account, sign_ins, bans}`
pub(super) async fn one(state: Data<HttpState>, id: Path<Uuid>) -> Answer {
    Ok(HttpResponse::Ok().json(state.identity.staff_account(PlayerId(*id)).await?))
}

/// `POST /admin/accounts/{id}/ban {reason, ends_at?}` → 204
pub(super) async fn ban(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    id: Path<Uuid>,
    body: Json<BanBody>,
) -> Answer {
    let BanBody { reason, ends_at } = body.into_inner();
    state.identity.ban(&who, PlayerId(*id), Ban { reason, ends_at }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /admin/accounts/{id}/unban` → 204
pub(super) async fn unban(state: Data<HttpState>, SignedIn(who): SignedIn, id: Path<Uuid>) -> Answer {
    state.identity.unban(&who, PlayerId(*id)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /admin/accounts/{id}/role {role}` → 204
pub(super) async fn set_role(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    id: Path<Uuid>,
    body: Json<RoleBody>,
) -> Answer {
    state.identity.set_role(&who, PlayerId(*id), body.role).await?;
    Ok(HttpResponse::NoContent().finish())
}
