//! Accounts, one's own profile, nicknames (spec 1.2, 1.8, 2.1).

use super::{HttpState, Problem, guard::SignedIn, headers::client_address};
use crate::auth::{NewAccount, Profile};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Json, Path},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What handlers answer.
pub(super) type Answer = Result<HttpResponse, Problem>;

/// Body of `POST /accounts/guest`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct GuestBody {
    nickname: Option<String>,
}

/// Body of `POST /accounts`, and of `POST /me/upgrade`, which needs no more than name and password.
#[derive(Deserialize, JsonSchema)]
pub(super) struct AccountBody {
    username: String,
    password: String,
    email: Option<String>,
    nickname: Option<String>,
}

impl AccountBody {
    fn as_new(&self) -> NewAccount<'_> {
        NewAccount {
            username: &self.username,
            password: &self.password,
            email: self.email.as_deref(),
            nickname: self.nickname.as_deref(),
        }
    }
}

/// Body of `PATCH /me`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ProfileBody {
    nickname: Option<String>,
    /// Empty: none any more.
    email: Option<String>,
}

/// Body of `PUT /me/password`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct PasswordBody {
    current_password: String,
    new_password: String,
}

/// Body of `PUT /me/nickname`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct NicknameBody {
    nickname: String,
}

/// `POST /accounts/guest` → 201 `{account, tokens}`
pub(super) async fn create_guest(req: HttpRequest, state: Data<HttpState>, body: Json<GuestBody>) -> Answer {
    limit_new_accounts(&req, &state)?;
    let (account, tokens) = state.identity.create_guest(body.nickname.as_deref()).await?;
    Ok(HttpResponse::Created().json(json!({"account": account, "tokens": tokens})))
}

/// Accounts are made by an address only so fast, guests or not.
pub(super) fn limit_new_accounts(req: &HttpRequest, state: &HttpState) -> Result<(), Problem> {
    let taken = state.may_make_account(client_address(req.head(), &state.config));
    taken.map_err(|wait_ms| Problem::rate_limited("too many accounts from this address", wait_ms))
}

/// `POST /accounts` → 201 `{account, tokens}`
pub(super) async fn create(req: HttpRequest, state: Data<HttpState>, body: Json<AccountBody>) -> Answer {
    limit_new_accounts(&req, &state)?;
    let (account, tokens) = state.identity.create_account(body.as_new()).await?;
    Ok(HttpResponse::Created().json(json!({"account": account, "tokens": tokens})))
}

/// `POST /me/upgrade` → `{account}`
pub(super) async fn upgrade(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    body: Json<AccountBody>,
) -> Answer {
    let account = state.identity.upgrade(&who, body.as_new()).await?;
    Ok(HttpResponse::Ok().json(json!({"account": account})))
}

/// `{account}`, written without a tree of values between: what is asked for most costs least.
#[derive(Serialize)]
struct Whose<'a> {
    account: &'a Profile,
}

/// `GET /me` → `{account}`, from memory: as old as `auth.profile_cache_ms` at most, and where it was changed not at all.
pub(super) async fn me(state: Data<HttpState>, SignedIn(who): SignedIn) -> Answer {
    let account = state.identity.profile(who.account).await?;
    Ok(HttpResponse::Ok().json(Whose { account: &account }))
}

/// `PATCH /me {nickname?, email?}` → `{account}`
pub(super) async fn change(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    body: Json<ProfileBody>,
) -> Answer {
    let (nickname, email) = (body.nickname.as_deref(), body.email.as_deref());
    let account = state.identity.change_profile(who.account, nickname, email).await?;
    Ok(HttpResponse::Ok().json(Whose { account: &account }))
}

/// `DELETE /me` → 204
pub(super) async fn delete(state: Data<HttpState>, SignedIn(who): SignedIn) -> Answer {
    state.identity.delete(who.account).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `PUT /me/password {current_password, new_password}` → 204; every other sign-in ends.
pub(super) async fn change_password(
    req: HttpRequest,
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    body: Json<PasswordBody>,
) -> Answer {
    let address = client_address(req.head(), &state.config);
    let PasswordBody { current_password, new_password } = body.into_inner();
    state.identity.change_password(&who, &current_password, &new_password, address).await?;
    Ok(HttpResponse::NoContent().finish())
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
