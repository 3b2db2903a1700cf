//! The one table of the REST API: method, path, whom it is for, handler. What is not here is not served.

use super::{
    HttpState, Problem,
    accounts::{self, GuestBody, NicknameBody, RefreshBody},
    audit::{self, AuditQuery},
    describe::Description,
    guard::Access,
    matches::{self, ListQuery},
    moderation::{self, MuteBody, PlayerFile, PlayerQuery, Reason, ReportQuery, ReportWithLog, Resolution},
    openapi,
    page::Page,
    pages,
    shapes::{Availability, Jwks, MatchItem, NewAccount, OpenApi, RecordingAnswer},
    staff::{self, KickBody, RoomQuery, WatchedRoom},
};
use crate::{
    auth::{Account, Role, Ticket, Tokens},
    store::{AuditEntry, Listing, MuteRow, PlayerRow, Report},
};
use actix_web::{
    HttpResponse, ResponseError as _, Route,
    error::JsonPayloadError,
    http::{Method, StatusCode, header},
    web::{self, Data, JsonConfig, ServiceConfig},
};

/// Who reads what others have done.
const READS_HISTORY: &[Role] = &[Role::Auditor, Role::Admin];
/// Who looks at what goes on.
const STAFF: &[Role] = &[Role::Operator, Role::Auditor, Role::Admin];
/// Who acts on rooms and players.
const MODERATES: &[Role] = &[Role::Operator, Role::Admin];

/// A row of the table.
pub(super) struct Row {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    handler: fn(Route) -> Route,
    /// What the OpenAPI document says of it: see [`super::describe`].
    pub description: Description,
}

fn row(method: Method, path: &'static str, access: Access, handler: fn(Route) -> Route) -> Row {
    Row { method, path, access, handler, description: Description::default() }
}

/// Everything that is served. Of two paths that match, the first wins; rows of one path stand together.
pub(super) fn table() -> Vec<Row> {
    [players_api(), staff_api(), about_the_api(), pages()].into_iter().flatten().collect()
}

#[rustfmt::skip]
fn players_api() -> Vec<Row> {
    use Access::{Anyone, SignedIn};
    let (get, post, put, delete) = (Method::GET, Method::POST, Method::PUT, Method::DELETE);
    vec![
        row(post.clone(), "/api/v1/accounts/guest", Anyone, |r| r.to(accounts::create_guest))
            .is("Creates a guest account and signs in").takes::<GuestBody>().gives::<NewAccount>(201).refuses(&[409, 422, 429]),
        row(post.clone(), "/api/v1/sessions/refresh", Anyone, |r| r.to(accounts::refresh))
            .is("Trades a refresh token for new tokens").takes::<RefreshBody>().gives_one::<Tokens>(200, "tokens").refuses(&[401]),
        row(delete, "/api/v1/sessions/current", SignedIn, |r| r.to(accounts::sign_out))
            .is("Signs out").gives_nothing(),
        row(post, "/api/v1/ws-tickets", SignedIn, |r| r.to(accounts::issue_ticket))
            .is("A ticket for one WebSocket").gives::<Ticket>(201).refuses(&[400]),
        row(get.clone(), "/api/v1/me", SignedIn, |r| r.to(accounts::me))
            .is("Whose token this is").gives_one::<Account>(200, "account"),
        row(get.clone(), "/api/v1/me/nickname", SignedIn, |r| r.to(accounts::nickname))
            .is("One's nickname").gives_one::<String>(200, "nickname"),
        row(put, "/api/v1/me/nickname", SignedIn, |r| r.to(accounts::rename))
            .is("Takes another nickname").takes::<NicknameBody>().gives_one::<String>(200, "nickname").refuses(&[409, 422]),
        row(get.clone(), "/api/v1/me/matches", SignedIn, |r| r.to(matches::mine))
            .is("The matches one has played").query::<ListQuery>().gives::<Page<MatchItem>>(200),
        row(get.clone(), "/api/v1/nicknames/{nickname}", Anyone, |r| r.to(accounts::nickname_availability))
            .is("Whether a nickname can be had").gives::<Availability>(200),
        row(get, "/api/v1/matches/{id}", SignedIn, |r| r.to(matches::one))
            .is("What was played, to who played it").gives::<RecordingAnswer>(200),
    ]
}

#[rustfmt::skip]
fn staff_api() -> Vec<Row> {
    use Access::Roles;
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    vec![
        row(get.clone(), "/api/v1/admin/audit", Roles(READS_HISTORY), |r| r.to(audit::list))
            .is("What staff have changed, newest first").query::<AuditQuery>().gives_page::<AuditEntry>(),
        row(get.clone(), "/api/v1/admin/mutes", Roles(STAFF), |r| r.to(moderation::mutes))
            .is("Players who may not chat now").gives::<moderation::Mutes>(200),
        row(get.clone(), "/api/v1/admin/nodes", Roles(STAFF), |r| r.to(staff::nodes))
            .is("The nodes that live").gives::<staff::Nodes>(200),
        row(get.clone(), "/api/v1/admin/overview", Roles(STAFF), |r| r.to(staff::overview))
            .is("What there is now, in figures").gives::<staff::Overview>(200),
        row(get.clone(), "/api/v1/admin/players", Roles(STAFF), |r| r.to(moderation::players))
            .is("Finds players").query::<PlayerQuery>().gives_page::<PlayerRow>(),
        row(get.clone(), "/api/v1/admin/players/{id}", Roles(STAFF), |r| r.to(moderation::player))
            .is("A player, his mute and the reports about him").gives::<PlayerFile>(200),
        row(post.clone(), "/api/v1/admin/players/{id}/mute", Roles(MODERATES), |r| r.to(moderation::mute))
            .is("Silences a player").takes::<MuteBody>().gives::<MuteRow>(200).refuses(&[422]),
        row(delete, "/api/v1/admin/players/{id}/mute", Roles(MODERATES), |r| r.to(moderation::unmute))
            .is("Lets a player speak again").gives_nothing(),
        row(get.clone(), "/api/v1/admin/reports", Roles(STAFF), |r| r.to(moderation::reports))
            .is("Players' reports, newest first").query::<ReportQuery>().gives_page::<Report>(),
        row(get.clone(), "/api/v1/admin/reports/{id}", Roles(STAFF), |r| r.to(moderation::report))
            .is("A report and its log; audited").gives::<ReportWithLog>(200),
        row(post.clone(), "/api/v1/admin/reports/{id}/resolve", Roles(MODERATES), |r| r.to(moderation::resolve))
            .is("Closes a report").takes::<Resolution>().gives_nothing().refuses(&[422]),
        row(get.clone(), "/api/v1/admin/rooms", Roles(STAFF), |r| r.to(staff::rooms))
            .is("All rooms, private ones too").query::<RoomQuery>().gives_page::<Listing>(),
        row(get, "/api/v1/admin/rooms/{id}", Roles(STAFF), |r| r.to(staff::room))
            .is("A live room, secrets too; audited").gives::<WatchedRoom>(200),
        row(post.clone(), "/api/v1/admin/rooms/{id}/end", Roles(MODERATES), |r| r.to(staff::end))
            .is("Ends a room").takes::<Reason>().gives_nothing().refuses(&[422]),
        row(post, "/api/v1/admin/rooms/{id}/kick", Roles(MODERATES), |r| r.to(staff::kick))
            .is("Puts a player out of a room").takes::<KickBody>().gives_nothing().refuses(&[409, 422]),
    ]
}

#[rustfmt::skip]
fn about_the_api() -> Vec<Row> {
    use Access::Anyone;
    vec![
        row(Method::GET, "/.well-known/jwks.json", Anyone, |r| r.to(accounts::jwks))
            .is("The keys that verify access tokens").gives::<Jwks>(200),
        row(Method::GET, "/openapi.json", Anyone, |r| r.to(openapi::document))
            .is("This document").gives::<OpenApi>(200),
    ]
}

#[rustfmt::skip]
fn pages() -> Vec<Row> {
    use Access::Anyone;
    let get = || Method::GET;
    vec![
        row(get(), "/", Anyone, |r| r.to(pages::index)).page("The player's page"),
        row(get(), "/r/{code}", Anyone, |r| r.to(pages::index)).page("The player's page, at a room"),
        row(get(), "/admin", Anyone, |r| r.to(pages::console)).page("The console of the staff"),
        row(get(), "/docs", Anyone, |r| r.to(pages::docs)).page("This API, to browse"),
        row(get(), "/favicon.ico", Anyone, |r| r.to(pages::icon)).page("The icon"),
        row(get(), "/assets/client/{path:.*}", Anyone, |r| r.to(pages::client)).page("The client package"),
        row(get(), "/assets/{path:.*}", Anyone, |r| r.to(pages::asset)).page("Modules and styles of the pages"),
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
            let allowed: Vec<_> = rows.iter().map(|row| row.method.as_str()).collect();
            let allowed = allowed.join(", ");
            app.service(resource.default_service(web::to(move || wrong_method(allowed.clone()))));
        }
        app.default_service(web::to(nothing_here));
    }
}

async fn nothing_here() -> HttpResponse {
    Problem::of_status(StatusCode::NOT_FOUND).error_response()
}

/// RFC 9110 wants to hear which methods there are.
async fn wrong_method(allowed: String) -> HttpResponse {
    let mut response = Problem::of_status(StatusCode::METHOD_NOT_ALLOWED).error_response();
    if let Ok(allowed) = header::HeaderValue::from_str(&allowed) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
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
