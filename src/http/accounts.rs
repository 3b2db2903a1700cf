//! Accounts, sessions, tickets, nicknames (spec 1.2, 1.8, 2.1).

use super::{HttpState, Problem, guard::SignedIn, headers::client_address};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Json, Path},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// What handlers answer.
pub(super) type Answer = Result<HttpResponse, Problem>;

/// Body of `POST /accounts/guest`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct GuestBody {
    nickname: Option<String>,
}

/// Body of `POST /sessions/refresh`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct RefreshBody {
    refresh_token: String,
}

/// Body of `PUT /me/nickname`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct NicknameBody {
    nickname: String,
}

/// `POST /accounts/guest` → 201 `{account, tokens}`
pub(super) async fn create_guest(req: HttpRequest, state: Data<HttpState>, body: Json<GuestBody>) -> Answer {
    state
        .guests
        .take(client_address(req.head(), &state.config))
        .map_err(|wait_ms| Problem::rate_limited("too many guest accounts from this address", wait_ms))?;
    let (account, tokens) = state.identity.create_guest(body.nickname.as_deref()).await?;
    Ok(HttpResponse::Created().json(json!({"account": account, "tokens": tokens})))
}

/// `POST /sessions/refresh` → `{tokens}`
pub(super) async fn refresh(state: Data<HttpState>, body: Json<RefreshBody>) -> Answer {
    let tokens = state.identity.refresh(&body.refresh_token).await?;
    Ok(HttpResponse::Ok().json(json!({"tokens": tokens})))
}

/// `DELETE /sessions/current` → 204
pub(super) async fn sign_out(state: Data<HttpState>, SignedIn(who): SignedIn) -> Answer {
    state.identity.sign_out(who.sign_in).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /ws-tickets` → 201 `{ticket, expires_in}`
pub(super) async fn issue_ticket(
    req: HttpRequest,
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
) -> Answer {
    let origin = req.headers().get(header::ORIGIN).map(|origin| origin.to_str()).transpose();
    let origin = origin.map_err(|_| Problem::bad_request("bad_request", "this is no Origin"))?;
    let ticket = state.identity.issue_ticket(&who, origin).await?;
    Ok(HttpResponse::Created().json(ticket))
}

/// `GET /me` → `{account}`
pub(super) async fn me(state: Data<HttpState>, SignedIn(who): SignedIn) -> Answer {
    let account = state.identity.account(who.account).await?;
    Ok(HttpResponse::Ok().json(json!({"account": account})))
}

/// `GET /me/nickname` → `{nickname}`
pub(super) async fn nickname(state: Data<HttpState>, SignedIn(who): SignedIn) -> Answer {
    let account = state.identity.account(who.account).await?;
    Ok(HttpResponse::Ok().json(json!({"nickname": account.nickname})))
}

/// `PUT /me/nickname` → `{nickname}`
pub(super) async fn rename(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    body: Json<NicknameBody>,
) -> Answer {
    let nickname = state.identity.rename(who.account, &body.nickname).await?;
    Ok(HttpResponse::Ok().json(json!({"nickname": nickname})))
}

/// `GET /nicknames/{nickname}` → `{available, reason?}`
pub(super) async fn nickname_availability(state: Data<HttpState>, nickname: Path<String>) -> Answer {
    let answer = match state.identity.nickname_obstacle(&nickname).await? {
        None => json!({"available": true}),
        Some(reason) => json!({"available": false, "reason": reason}),
    };
    Ok(HttpResponse::Ok().json(answer))
}

/// `GET /.well-known/jwks.json`
pub(super) async fn jwks(state: Data<HttpState>) -> HttpResponse {
    HttpResponse::Ok().json(state.identity.jwks())
}
