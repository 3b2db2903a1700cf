//! Signing in, refreshing, signing out, tickets (spec 1.1, 2.1).

use super::{
    HttpState, Problem,
    accounts::{Answer, limit_new_accounts},
    guard::SignedIn,
    headers::client_address,
};
use crate::auth::Return;
use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Json},
};
use serde::Deserialize;
use serde_json::json;

/// Body of `POST /sessions`.
#[derive(Deserialize, schemars::JsonSchema)]
pub(super) struct SignInBody {
    username: String,
    password: String,
}

/// Body of `POST /sessions/refresh`.
#[derive(Deserialize, schemars::JsonSchema)]
pub(super) struct RefreshBody {
    refresh_token: String,
}

/// `POST /sessions` → 201 `{account, tokens}`
pub(super) async fn sign_in(req: HttpRequest, state: Data<HttpState>, body: Json<SignInBody>) -> Answer {
    let address = client_address(req.head(), &state.config);
    let (account, tokens) = state.identity.sign_in(&body.username, &body.password, address).await?;
    Ok(HttpResponse::Created().json(json!({"account": account, "tokens": tokens})))
}

/// Body of `POST /sessions/oidc`.
#[derive(Deserialize, schemars::JsonSchema)]
pub(super) struct ReturnBody {
    attempt: String,
    state: String,
    code: String,
}

/// `GET /sessions/oidc` → `{provider: {name} | null}`
pub(super) async fn provider(state: Data<HttpState>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"provider": state.identity.sign_in_provider()}))
}

/// `POST /sessions/oidc/start` → 201 `{authorize_url, state, attempt}`; 404 where no provider is set.
pub(super) async fn depart(req: HttpRequest, state: Data<HttpState>) -> Answer {
    limit_new_accounts(&req, &state)?;
    Ok(HttpResponse::Created().json(state.identity.depart_to_provider().await?))
}

/// `POST /sessions/oidc {attempt, state, code}` → 201 `{account, tokens}`
pub(super) async fn come_back(state: Data<HttpState>, body: Json<ReturnBody>) -> Answer {
    let ReturnBody { attempt, state: returned, code } = body.into_inner();
    let back = Return { attempt, state: returned, code };
    let (account, tokens) = state.identity.return_from_provider(back).await?;
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

/// `DELETE /sessions` → 204: every sign-in of the account ends.
pub(super) async fn sign_out_everywhere(state: Data<HttpState>, SignedIn(who): SignedIn) -> Answer {
    state.identity.sign_out_everywhere(who.account).await?;
    Ok(HttpResponse::NoContent().finish())
}
