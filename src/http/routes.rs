//! The one table of the REST API: method, path, whom it is for, handler. What is not here is not served.

mod duels;
mod queues;
mod session_log;
mod showtimes;

use super::{
    HttpState, Problem,
    accounts::{self, AccountBody, GuestBody, NicknameBody, PasswordBody, ProfileBody},
    activity::{self, PostedFacts},
    audit::{self, AuditQuery},
    claims::{self, ClaimQuery, ClaimsHistory, HistoryQuery},
    dead_letters::{self, DeadLetterItem, DeadLetterQuery, WholeDeadLetter},
    describe::Description,
    events::{
        self, EventPatch, EventQuery, EventView, NewEvent, Preview, PreviewBody, ProgressQuery, StatusBody,
    },
    guard::Access,
    idempotency, matches,
    moderation::{self, MuteBody, PlayerFile, PlayerQuery, Reason, ReportQuery, ReportWithLog, Resolution},
    openapi, pages,
    rewards::{self, NewReward, RewardPatch, RewardView},
    service_tokens::{self, TokenBody},
    sessions::{self, RefreshBody, ReturnBody, SignInBody},
    shapes::{Availability, Jwks, NewAccount, NewServiceToken, OpenApi, RecordingAnswer, StaffAccount},
    staff::{self, KickBody, RoomQuery, WatchedRoom},
    staff_accounts::{self, AccountsQuery, BanBody, RoleBody},
    staff_wallet,
    traced::Found,
    wallet::{self, EntryView, ThingView, WalletView},
};
use crate::{
    auth::{Account, Departure, Role, SignInProvider, Ticket, Tokens},
    liveops::{claims::ClaimView, conditions::Progress},
    store::{
        AuditEntry, Listing, MatchRow, MuteRow, MutedRow, PlayerRow, Report, ServiceTokenRow, StaffAccountRow,
    },
};
use actix_web::{
    HttpMessage as _, HttpResponse, ResponseError as _, Route, Scope,
    dev::{HttpServiceFactory, Service as _},
    error::JsonPayloadError,
    http::{Method, StatusCode, header},
    web::{self, Data, JsonConfig, ServiceConfig},
};
use std::collections::BTreeMap;

/// Who reads what others have done.
const READS_HISTORY: &[Role] = &[Role::Auditor, Role::Admin];
/// Who looks at what goes on.
const STAFF: &[Role] = &[Role::Operator, Role::Auditor, Role::Admin];
/// Who acts on rooms and players.
const MODERATES: &[Role] = &[Role::Operator, Role::Admin];
/// Who changes others' accounts.
const ADMIN: &[Role] = &[Role::Admin];

/// What a route says of its `Idempotency-Key`.
const REPEATS: &str = "A request repeated with the same key gets the first answer and does nothing again.";

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
    let players = [accounts_api(), players_api(), events_api(), duels::rows(), showtimes::rows()];
    let staff = [staff_api(), moderation_api(), accounts_of_others_api(), stream_api()];
    let areas = [queues::rows(), session_log::rows()];
    let rest = [about_the_api(), pages()];
    players.into_iter().chain(staff).chain(areas).chain(rest).flatten().collect()
}

#[rustfmt::skip]
fn accounts_api() -> Vec<Row> {
    use Access::{Anyone, SignedIn};
    let (get, post, put, delete) = (Method::GET, Method::POST, Method::PUT, Method::DELETE);
    vec![
        row(post.clone(), "/api/v1/accounts", Anyone, |r| r.to(accounts::create))
            .is("Creates an account and signs in").takes::<AccountBody>().gives::<NewAccount>(201).refuses(&[409, 422, 429]),
        row(post.clone(), "/api/v1/accounts/guest", Anyone, |r| r.to(accounts::create_guest))
            .is("Creates a guest account and signs in").takes::<GuestBody>().gives::<NewAccount>(201).refuses(&[409, 422, 429]),
        row(post.clone(), "/api/v1/sessions", Anyone, |r| r.to(sessions::sign_in))
            .is("Signs in").takes::<SignInBody>().gives::<NewAccount>(201).refuses(&[401, 403, 429]),
        row(delete.clone(), "/api/v1/sessions", SignedIn, |r| r.to(sessions::sign_out_everywhere))
            .is("Signs out everywhere").gives_nothing(),
        row(delete.clone(), "/api/v1/sessions/current", SignedIn, |r| r.to(sessions::sign_out))
            .is("Signs out").gives_nothing(),
        row(get.clone(), "/api/v1/sessions/oidc", Anyone, |r| r.to(sessions::provider))
            .is("The provider through which one may sign in, if there is one").gives_one::<Option<SignInProvider>>(200, "provider"),
        row(post.clone(), "/api/v1/sessions/oidc", Anyone, |r| r.to(sessions::come_back))
            .is("Signs in with what the provider sent back").takes::<ReturnBody>().gives::<NewAccount>(201).refuses(&[401, 403, 404, 502]),
        row(post.clone(), "/api/v1/sessions/oidc/start", Anyone, |r| r.to(sessions::depart))
            .is("Where to send one who signs in through the provider").gives::<Departure>(201).refuses(&[404, 429, 502]),
        row(post.clone(), "/api/v1/sessions/refresh", Anyone, |r| r.to(sessions::refresh))
            .is("Trades a refresh token for new tokens").takes::<RefreshBody>().gives_one::<Tokens>(200, "tokens").refuses(&[401, 403]),
        row(post.clone(), "/api/v1/ws-tickets", SignedIn, |r| r.to(sessions::issue_ticket))
            .is("A ticket for one WebSocket").gives::<Ticket>(201).refuses(&[400]),
        row(get.clone(), "/api/v1/me", SignedIn, |r| r.to(accounts::me))
            .is("Whose token this is").gives_one::<Account>(200, "account"),
        row(Method::PATCH, "/api/v1/me", SignedIn, |r| r.to(accounts::change))
            .is("Changes one's account").takes::<ProfileBody>().gives_one::<Account>(200, "account").refuses(&[409, 422]),
        row(delete, "/api/v1/me", SignedIn, |r| r.to(accounts::delete))
            .is("Deletes one's account").gives_nothing(),
        row(get.clone(), "/api/v1/me/nickname", SignedIn, |r| r.to(accounts::nickname))
            .is("One's nickname").gives_one::<String>(200, "nickname"),
        row(put.clone(), "/api/v1/me/nickname", SignedIn, |r| r.to(accounts::rename))
            .is("Takes another nickname").takes::<NicknameBody>().gives_one::<String>(200, "nickname").refuses(&[409, 422]),
        row(put, "/api/v1/me/password", SignedIn, |r| r.to(accounts::change_password))
            .is("Changes one's password").takes::<PasswordBody>().gives_nothing().refuses(&[403, 409, 422, 429]),
        row(post, "/api/v1/me/upgrade", SignedIn, |r| r.to(accounts::upgrade))
            .is("Makes a guest a full account").takes::<AccountBody>().gives_one::<Account>(200, "account").refuses(&[409, 422]),
        row(get, "/api/v1/nicknames/{nickname}", Anyone, |r| r.to(accounts::nickname_availability))
            .is("Whether a nickname can be had").gives::<Availability>(200),
    ]
}

#[rustfmt::skip]
fn players_api() -> Vec<Row> {
    use Access::SignedIn;
    let get = || Method::GET;
    vec![
        row(get(), "/api/v1/me/matches", SignedIn, |r| r.to(matches::mine))
            .is("The matches one has played").gives_page::<MatchRow>(),
        row(get(), "/api/v1/matches/{id}", SignedIn, |r| r.to(matches::one))
            .is("What was played, to who played it").gives::<RecordingAnswer>(200),
        row(get(), "/api/v1/me/claims", SignedIn, |r| r.to(claims::mine))
            .is("One's claims, newest first").gives_page::<ClaimView>(),
        row(get(), "/api/v1/me/inventory", SignedIn, |r| r.to(wallet::inventory))
            .is("What one owns").gives_page::<ThingView>(),
        row(get(), "/api/v1/me/wallet", SignedIn, |r| r.to(wallet::balance))
            .is("One's points").gives::<WalletView>(200),
        row(get(), "/api/v1/me/wallet/ledger", SignedIn, |r| r.to(wallet::ledger))
            .is("Where one's points came from and went").gives_page::<EntryView>(),
    ]
}

#[rustfmt::skip]
fn events_api() -> Vec<Row> {
    use Access::{Roles, SignedIn};
    let (get, post, patch) = (Method::GET, Method::POST, Method::PATCH);
    vec![
        row(get.clone(), "/api/v1/events", SignedIn, |r| r.to(events::list))
            .is("Events, newest first; drafts for staff alone").query::<EventQuery>().gives_page::<EventView>(),
        row(post.clone(), "/api/v1/events", Roles(MODERATES), |r| idempotency::optional(r.to(events::create)))
            .is("Makes an event").header("Idempotency-Key", REPEATS).takes::<NewEvent>().gives_one::<EventView>(201, "event").refuses(&[409, 422]),
        row(post.clone(), "/api/v1/events/preview", Roles(MODERATES), |r| r.to(events::preview))
            .is("Who meets a condition now").takes::<PreviewBody>().gives::<Preview>(200).refuses(&[422]),
        row(get.clone(), "/api/v1/events/{id}", SignedIn, |r| r.to(events::one))
            .is("An event").gives_one::<EventView>(200, "event"),
        row(patch.clone(), "/api/v1/events/{id}", Roles(MODERATES), |r| r.to(events::change))
            .is("Changes an event").takes::<EventPatch>().gives_one::<EventView>(200, "event").refuses(&[409, 422]),
        row(get.clone(), "/api/v1/events/{id}/progress", SignedIn, |r| r.to(events::progress))
            .is("How far one is; staff may ask for others").query::<ProgressQuery>().gives::<Progress>(200).refuses(&[403]),
        row(get.clone(), "/api/v1/events/{id}/rewards", SignedIn, |r| r.to(rewards::list))
            .is("Rewards of an event").gives_page::<RewardView>(),
        row(post.clone(), "/api/v1/events/{id}/rewards", Roles(MODERATES), |r| idempotency::optional(r.to(rewards::create)))
            .is("Adds a reward").header("Idempotency-Key", REPEATS).takes::<NewReward>().gives_one::<RewardView>(201, "reward").refuses(&[409, 422]),
        row(post.clone(), "/api/v1/events/{id}/status", Roles(MODERATES), |r| r.to(events::set_status))
            .is("Turns an event on, off or ends it").takes::<StatusBody>().gives_one::<EventView>(200, "event").refuses(&[409, 422]),
        row(post, "/api/v1/events/{event}/rewards/{reward}/claims", SignedIn, |r| idempotency::required(r.to(claims::create)))
            .is("Claims a reward; 202 while it runs").header("Idempotency-Key", "Must be there. A request repeated with the same key is the same claim.")
            .gives_one::<ClaimView>(201, "claim").gives_one::<ClaimView>(202, "claim").refuses(&[400, 409, 422]),
        row(get, "/api/v1/rewards/{id}", SignedIn, |r| r.to(rewards::one))
            .is("A reward").gives_one::<RewardView>(200, "reward"),
        row(patch, "/api/v1/rewards/{id}", Roles(MODERATES), |r| r.to(rewards::change))
            .is("Changes a reward").takes::<RewardPatch>().gives_one::<RewardView>(200, "reward").refuses(&[409, 422]),
    ]
}

#[rustfmt::skip]
fn staff_api() -> Vec<Row> {
    use Access::Roles;
    let (get, post) = (Method::GET, Method::POST);
    vec![
        row(get.clone(), "/api/v1/admin/audit", Roles(READS_HISTORY), |r| r.to(audit::list))
            .is("What staff have changed, newest first").query::<AuditQuery>().gives_page::<AuditEntry>(),
        row(get.clone(), "/api/v1/admin/nodes", Roles(STAFF), |r| r.to(staff::nodes))
            .is("The nodes that live").gives::<staff::Nodes>(200),
        row(get.clone(), "/api/v1/admin/overview", Roles(STAFF), |r| r.to(staff::overview))
            .is("What there is now, in figures").gives::<staff::Overview>(200),
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
fn moderation_api() -> Vec<Row> {
    use Access::Roles;
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    vec![
        row(get.clone(), "/api/v1/admin/mutes", Roles(STAFF), |r| r.to(moderation::mutes))
            .is("Players who may not chat now").gives_page::<MutedRow>(),
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
    ]
}

#[rustfmt::skip]
fn accounts_of_others_api() -> Vec<Row> {
    use Access::Roles;
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    vec![
        row(get.clone(), "/api/v1/admin/accounts", Roles(STAFF), |r| r.to(staff_accounts::list))
            .is("Finds accounts").query::<AccountsQuery>().gives_page::<StaffAccountRow>(),
        row(get.clone(), "/api/v1/admin/accounts/{id}", Roles(STAFF), |r| r.to(staff_accounts::one))
            .is("An account, its sign-ins and bans").gives::<StaffAccount>(200),
        row(post.clone(), "/api/v1/admin/accounts/{id}/ban", Roles(ADMIN), |r| r.to(staff_accounts::ban))
            .is("Bans an account").takes::<BanBody>().gives_nothing().refuses(&[409, 422]),
        row(post.clone(), "/api/v1/admin/accounts/{id}/role", Roles(ADMIN), |r| r.to(staff_accounts::set_role))
            .is("Gives an account a role").takes::<RoleBody>().gives_nothing().refuses(&[409, 422]),
        row(post.clone(), "/api/v1/admin/accounts/{id}/unban", Roles(ADMIN), |r| r.to(staff_accounts::unban))
            .is("Lifts a ban").gives_nothing().refuses(&[409]),
        row(get.clone(), "/api/v1/admin/accounts/{id}/wallet", Roles(STAFF), |r| r.to(staff_wallet::balance))
            .is("An account's points").gives::<WalletView>(200),
        row(get.clone(), "/api/v1/admin/accounts/{id}/wallet/ledger", Roles(STAFF), |r| r.to(staff_wallet::ledger))
            .is("Where its points came from and went").gives_page::<EntryView>(),
        row(get.clone(), "/api/v1/admin/accounts/{id}/inventory", Roles(STAFF), |r| r.to(staff_wallet::inventory))
            .is("What an account owns").gives_page::<ThingView>(),
        row(get.clone(), "/api/v1/admin/accounts/{id}/matches", Roles(STAFF), |r| r.to(staff_wallet::played))
            .is("The matches an account has played").gives_page::<MatchRow>(),
        row(get, "/api/v1/admin/service-tokens", Roles(READS_HISTORY), |r| r.to(service_tokens::list))
            .is("Tokens of services, newest first").gives_page::<ServiceTokenRow>(),
        row(post, "/api/v1/admin/service-tokens", Roles(ADMIN), |r| r.to(service_tokens::issue))
            .is("Issues a token to a service").takes::<TokenBody>().gives::<NewServiceToken>(201).refuses(&[422]),
        row(delete, "/api/v1/admin/service-tokens/{id}", Roles(ADMIN), |r| r.to(service_tokens::revoke))
            .is("Revokes a service's token").gives_nothing(),
    ]
}

#[rustfmt::skip]
fn stream_api() -> Vec<Row> {
    use Access::{Roles, Service};
    let (get, post) = (Method::GET, Method::POST);
    vec![
        row(post.clone(), "/api/v1/activity", Service("activity.write"), |r| r.to(activity::post))
            .is("Adds facts of a trusted server").takes::<PostedFacts>().gives_one::<usize>(202, "accepted").refuses(&[422]),
        row(get.clone(), "/api/v1/admin/claims", Roles(STAFF), |r| r.to(claims::list))
            .is("Claims, newest first").query::<ClaimQuery>().gives_page::<ClaimView>().gives_text("text/csv"),
        row(get.clone(), "/api/v1/admin/claims/history", Roles(STAFF), |r| r.to(claims::history))
            .is("How many claims were made when, and what became of them").query::<HistoryQuery>().gives::<ClaimsHistory>(200),
        row(get.clone(), "/api/v1/admin/dead-letters", Roles(STAFF), |r| r.to(dead_letters::list))
            .is("Facts that no consumer took").query::<DeadLetterQuery>().gives_page::<DeadLetterItem>(),
        row(get, "/api/v1/admin/dead-letters/{id}", Roles(STAFF), |r| r.to(dead_letters::one))
            .is("A dead letter and what it says").gives::<WholeDeadLetter>(200),
        row(Method::DELETE, "/api/v1/admin/dead-letters/{id}", Roles(MODERATES), |r| r.to(dead_letters::discard))
            .is("Drops a dead letter").gives_nothing(),
        row(post, "/api/v1/admin/dead-letters/{id}/retry", Roles(MODERATES), |r| r.to(dead_letters::retry))
            .is("Tries a dead letter again").gives_nothing(),
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
        row(get(), "/queue", Anyone, |r| r.to(pages::queue)).page("The page of showtimes"),
        row(get(), "/queue/{id}", Anyone, |r| r.to(pages::queue)).page("The page of showtimes, at a queue"),
        row(get(), "/admin", Anyone, |r| r.to(pages::console)).page("The console of the staff"),
        row(get(), "/duel", Anyone, |r| r.to(pages::duel)).page("The duel's page"),
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
        let mut areas: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for rows in rows.chunk_by(|one, next| one.path == next.path) {
            areas.entry(area(rows[0].path)).or_default().push(rows);
        }
        for (area, resources) in areas {
            let resources = resources.into_iter().map(|rows| resource(&rows[0].path[area.len()..], rows));
            if area.is_empty() {
                resources.for_each(|resource| {
                    app.service(resource);
                });
            } else {
                app.service(resources.fold(web::scope(area), Scope::service));
            }
        }
        app.default_service(web::to(nothing_here));
    }
}

/// The literal beginning that routes of an area share (`/api/v1/queues`): a request is compared with the routes of its
/// own area, for each comparison of a pattern costs.
fn area(path: &str) -> &str {
    const API: &str = "/api/v1/";
    let Some(rest) = path.strip_prefix(API) else { return "" };
    let first = rest.split('/').next().unwrap_or_default();
    if first.contains('{') { "" } else { &path[..API.len() + first.len()] }
}

/// All that the table says of a path.
fn resource(pattern: &str, rows: &[Row]) -> impl HttpServiceFactory + use<> {
    let found = Found(rows[0].path);
    let mut resource = web::resource(pattern);
    for row in rows {
        resource = resource.route(row.access.protect((row.handler)(web::method(row.method.clone()))));
    }
    let allowed: Vec<_> = rows.iter().map(|row| row.method.as_str()).collect();
    let allowed = allowed.join(", ");
    let resource = resource.default_service(web::to(move || wrong_method(allowed.clone())));
    resource.wrap_fn(move |request, service| {
        request.extensions_mut().insert(found);
        service.call(request)
    })
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
