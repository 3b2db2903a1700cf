//! Tokens of other services, issued and revoked by an ADMIN (spec 2.1).

use super::{
    HttpState,
    accounts::Answer,
    guard::SignedIn,
    page::{Page, PageQuery},
};
use actix_web::{
    HttpResponse,
    web::{Data, Json, Path, Query},
};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

/// Body of `POST /admin/service-tokens`.
#[derive(Deserialize, schemars::JsonSchema)]
pub(super) struct TokenBody {
    name: String,
    scopes: Vec<String>,
}

/// `POST /admin/service-tokens {name, scopes}` → 201 `{service_token, token}`: the token is shown this once.
pub(super) async fn issue(state: Data<HttpState>, SignedIn(who): SignedIn, body: Json<TokenBody>) -> Answer {
    let (row, token) = state.identity.issue_service_token(&who, &body.name, &body.scopes).await?;
    Ok(HttpResponse::Created().json(json!({"service_token": row, "token": token})))
}

/// `GET /admin/service-tokens` → a page of `{id, name, scopes, created_by, created_at, revoked_at}`, newest first.
pub(super) async fn list(state: Data<HttpState>, page: Query<PageQuery>) -> Answer {
    let limit = page.limit();
    let tokens = state.identity.service_tokens(page.after()?, limit + 1).await?;
    Ok(HttpResponse::Ok().json(Page::of(tokens, limit, |token| token.id)))
}

/// `DELETE /admin/service-tokens/{id}` → 204
pub(super) async fn revoke(state: Data<HttpState>, SignedIn(who): SignedIn, id: Path<Uuid>) -> Answer {
    state.identity.revoke_service_token(&who, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}
