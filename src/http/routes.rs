//! The one table of the REST API: method, path, whom it is for, handler. What is not here is not served.

use super::{
    HttpState, Problem, accounts, activity, audit, claims, dead_letters, events, guard::Access, idempotency,
    matches, pages, rewards, service_tokens, sessions, staff_accounts, wallet,
};
use crate::auth::Role;
use actix_web::{
    HttpResponse, ResponseError as _, Route,
    error::JsonPayloadError,
    http::{Method, StatusCode},
    web::{self, Data, JsonConfig, ServiceConfig},
};

/// Who reads what others have done.
const READS_HISTORY: &[Role] = &[Role::Auditor, Role::Admin];

/// Who looks at others' accounts.
const STAFF: &[Role] = &[Role::Operator, Role::Auditor, Role::Admin];

/// Who changes others' accounts.
const ADMIN: &[Role] = &[Role::Admin];

/// Who keeps the activity stream going, and who looks on.
const TENDS_STREAM: &[Role] = &[Role::Operator, Role::Admin];
const SEES_STREAM: &[Role] = &[Role::Auditor, Role::Operator, Role::Admin];

/// Who runs events and their rewards.
const RUNS_EVENTS: &[Role] = &[Role::Operator, Role::Admin];
/// Who looks through claims.
const READS_CLAIMS: &[Role] = &[Role::Operator, Role::Auditor, Role::Admin];

/// A row of the table.
pub(super) struct Row {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    handler: fn(Route) -> Route,
}

fn row(method: Method, path: &'static str, access: Access, handler: fn(Route) -> Route) -> Row {
    Row { method, path, access, handler }
}

/// Everything that is served. Of two paths that match, the first wins; rows of one path stand together.
pub(super) fn table() -> Vec<Row> {
    use Access::{Anyone, Roles, Service, SignedIn};
    let (get, post, put, delete) = (Method::GET, Method::POST, Method::PUT, Method::DELETE);
    let patch = Method::PATCH;
    vec![
        row(post.clone(), "/api/v1/accounts", Anyone, |r| r.to(accounts::create)),
        row(post.clone(), "/api/v1/accounts/guest", Anyone, |r| r.to(accounts::create_guest)),
        row(post.clone(), "/api/v1/activity", Service("activity.write"), |r| r.to(activity::post)),
        row(get.clone(), "/api/v1/admin/accounts", Roles(STAFF), |r| r.to(staff_accounts::list)),
        row(get.clone(), "/api/v1/admin/accounts/{id}", Roles(STAFF), |r| r.to(staff_accounts::one)),
        row(post.clone(), "/api/v1/admin/accounts/{id}/ban", Roles(ADMIN), |r| r.to(staff_accounts::ban)),
        row(post.clone(), "/api/v1/admin/accounts/{id}/role", Roles(ADMIN), |r| {
            r.to(staff_accounts::set_role)
        }),
        row(post.clone(), "/api/v1/admin/accounts/{id}/unban", Roles(ADMIN), |r| r.to(staff_accounts::unban)),
        row(get.clone(), "/api/v1/admin/audit", Roles(READS_HISTORY), |r| r.to(audit::list)),
        row(get.clone(), "/api/v1/admin/dead-letters", Roles(SEES_STREAM), |r| r.to(dead_letters::list)),
        row(get.clone(), "/api/v1/admin/dead-letters/{id}", Roles(SEES_STREAM), |r| r.to(dead_letters::one)),
        row(delete.clone(), "/api/v1/admin/dead-letters/{id}", Roles(TENDS_STREAM), |r| {
            r.to(dead_letters::discard)
        }),
        row(post.clone(), "/api/v1/admin/dead-letters/{id}/retry", Roles(TENDS_STREAM), |r| {
            r.to(dead_letters::retry)
        }),
        row(get.clone(), "/api/v1/admin/service-tokens", Roles(READS_HISTORY), |r| {
            r.to(service_tokens::list)
        }),
        row(post.clone(), "/api/v1/admin/service-tokens", Roles(ADMIN), |r| r.to(service_tokens::issue)),
        row(delete.clone(), "/api/v1/admin/service-tokens/{id}", Roles(ADMIN), |r| {
            r.to(service_tokens::revoke)
        }),
        row(get.clone(), "/api/v1/matches/{id}", SignedIn, |r| r.to(matches::one)),
        row(get.clone(), "/api/v1/me", SignedIn, |r| r.to(accounts::me)),
        row(Method::PATCH, "/api/v1/me", SignedIn, |r| r.to(accounts::change)),
        row(delete.clone(), "/api/v1/me", SignedIn, |r| r.to(accounts::delete)),
        row(get.clone(), "/api/v1/me/matches", SignedIn, |r| r.to(matches::mine)),
        row(get.clone(), "/api/v1/me/nickname", SignedIn, |r| r.to(accounts::nickname)),
        row(put.clone(), "/api/v1/me/nickname", SignedIn, |r| r.to(accounts::rename)),
        row(put, "/api/v1/me/password", SignedIn, |r| r.to(accounts::change_password)),
        row(post.clone(), "/api/v1/me/upgrade", SignedIn, |r| r.to(accounts::upgrade)),
        row(get.clone(), "/api/v1/nicknames/{nickname}", Anyone, |r| r.to(accounts::nickname_availability)),
        row(post.clone(), "/api/v1/sessions", Anyone, |r| r.to(sessions::sign_in)),
        row(delete.clone(), "/api/v1/sessions", SignedIn, |r| r.to(sessions::sign_out_everywhere)),
        row(delete, "/api/v1/sessions/current", SignedIn, |r| r.to(sessions::sign_out)),
        row(post.clone(), "/api/v1/sessions/refresh", Anyone, |r| r.to(sessions::refresh)),
        row(post.clone(), "/api/v1/ws-tickets", SignedIn, |r| r.to(sessions::issue_ticket)),
        row(get.clone(), "/api/v1/admin/claims", Roles(READS_CLAIMS), |r| r.to(claims::list)),
        row(get.clone(), "/api/v1/me/claims", SignedIn, |r| r.to(claims::mine)),
        row(get.clone(), "/api/v1/me/inventory", SignedIn, |r| r.to(wallet::inventory)),
        row(get.clone(), "/api/v1/me/wallet", SignedIn, |r| r.to(wallet::balance)),
        row(get.clone(), "/api/v1/me/wallet/ledger", SignedIn, |r| r.to(wallet::ledger)),
        row(post.clone(), "/api/v1/events", Roles(RUNS_EVENTS), |r| {
            idempotency::optional(r.to(events::create))
        }),
        row(get.clone(), "/api/v1/events", SignedIn, |r| r.to(events::list)),
        row(post.clone(), "/api/v1/events/preview", Roles(RUNS_EVENTS), |r| r.to(events::preview)),
        row(get.clone(), "/api/v1/events/{id}", SignedIn, |r| r.to(events::one)),
        row(patch.clone(), "/api/v1/events/{id}", Roles(RUNS_EVENTS), |r| r.to(events::change)),
        row(post.clone(), "/api/v1/events/{id}/status", Roles(RUNS_EVENTS), |r| r.to(events::set_status)),
        row(get.clone(), "/api/v1/events/{id}/progress", SignedIn, |r| r.to(events::progress)),
        row(post.clone(), "/api/v1/events/{id}/rewards", Roles(RUNS_EVENTS), |r| {
            idempotency::optional(r.to(rewards::create))
        }),
        row(get.clone(), "/api/v1/events/{id}/rewards", SignedIn, |r| r.to(rewards::list)),
        row(post.clone(), "/api/v1/events/{event}/rewards/{reward}/claims", SignedIn, |r| {
            idempotency::required(r.to(claims::create))
        }),
        row(get.clone(), "/api/v1/rewards/{id}", SignedIn, |r| r.to(rewards::one)),
        row(patch, "/api/v1/rewards/{id}", Roles(RUNS_EVENTS), |r| r.to(rewards::change)),
        row(get.clone(), "/.well-known/jwks.json", Anyone, |r| r.to(accounts::jwks)),
        row(get.clone(), "/", Anyone, |r| r.to(pages::index)),
        row(get.clone(), "/r/{code}", Anyone, |r| r.to(pages::index)),
        row(get.clone(), "/favicon.ico", Anyone, |r| r.to(pages::icon)),
        row(get.clone(), "/assets/client/{path:.*}", Anyone, |r| r.to(pages::client)),
        row(get, "/assets/{path:.*}", Anyone, |r| r.to(pages::asset)),
    ]
}

/// Puts the table into an app.
pub fn configure(state: HttpState) -> impl FnOnce(&mut ServiceConfig) {
    move |app| {
        let json = JsonConfig::default()
            .limit(state.config.limits.body_bytes)
            .error_handler(|error, _| body_problem(&error).into());
        app.app_data(json).app_data(Data::new(state));
        let rows = table();
        for rows in rows.chunk_by(|one, next| one.path == next.path) {
            let mut resource = web::resource(rows[0].path);
            for row in rows {
                resource = resource.route(row.access.protect((row.handler)(web::method(row.method.clone()))));
            }
            app.service(resource);
        }
        app.default_service(web::to(nothing_here));
    }
}

async fn nothing_here() -> HttpResponse {
    Problem::of_status(StatusCode::NOT_FOUND).error_response()
}

/// A body that cannot be read.
fn body_problem(error: &JsonPayloadError) -> Problem {
    match error {
        JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => {
            Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE)
        }
        JsonPayloadError::ContentType => Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE),
        error => Problem::bad_request("bad_request", error.to_string()),
    }
}
