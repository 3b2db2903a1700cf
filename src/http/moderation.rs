//! Reports, mutes and the players staff look for (spec 8.2).
//!
//! A report's log tells what was said in secret: reading one is audited, and refused to who has a seat in its room.

use super::{
    HttpState, Problem,
    accounts::Answer,
    guard::SignedIn,
    page::{Page, PageQuery, searched},
};
use crate::{
    auth::Principal,
    store::{AuditEntry, MuteRow, PlayerRow, Report, ReportFilter},
};
use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{Data, Json, Path, Query},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// `GET /admin/reports?status=&about=`
#[derive(Deserialize, JsonSchema)]
pub(super) struct ReportQuery {
    /// `open` or `resolved`.
    status: Option<ReportStatus>,
    /// About this account.
    about: Option<Uuid>,
}

/// Whether a moderator has looked into it.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ReportStatus {
    Open,
    Resolved,
}

/// `GET /admin/players?search=`
#[derive(Deserialize, JsonSchema)]
pub(super) struct PlayerQuery {
    /// An account's id, or a part of a nickname.
    #[serde(default)]
    search: String,
}

/// Why staff do what they do.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Reason {
    /// For the audit log.
    #[schemars(length(min = 1))]
    pub reason: String,
}

/// Body of `POST /admin/reports/{id}/resolve`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Resolution {
    /// What was found and done.
    #[schemars(length(min = 1))]
    note: String,
}

/// Body of `POST /admin/players/{id}/mute`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct MuteBody {
    /// The player is told.
    #[schemars(length(min = 1))]
    reason: String,
    /// From now; none is until it is lifted.
    minutes: Option<u32>,
}

/// A report and its log: `{chat: [CHAT], room: [LOG]}`.
#[derive(Serialize, JsonSchema)]
pub(super) struct ReportWithLog {
    report: Report,
    log: Value,
}

/// An account, its mute, and the reports about it.
#[derive(Serialize, JsonSchema)]
pub(super) struct PlayerFile {
    player: PlayerRow,
    mute: Option<MuteRow>,
    reports: Vec<Report>,
}

/// Text that staff must give: 1 to `moderation.reason_chars` characters. `field` is named when it is not.
pub(super) fn checked(state: &HttpState, field: &str, text: &str) -> Result<String, Problem> {
    let longest = state.config.moderation.reason_chars;
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    match text.trim() {
        fit if !fit.is_empty() && fit.chars().count() <= longest => Ok(fit.to_owned()),
        _ => {
            let detail = format!("{field}: must be 1 to {longest} characters");
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", detail))
        }
    }
}

fn entry(state: &HttpState, who: &Principal, action: &str, target: String, detail: Value) -> AuditEntry {
    AuditEntry::new(state.cluster.clock().now(), (Some(who.account), who.role), action, target, detail)
}

/// `GET /admin/reports` → a page of reports without their logs, newest first.
pub(super) async fn reports(
    state: Data<HttpState>,
    query: Query<ReportQuery>,
    page: Query<PageQuery>,
) -> Answer {
    let resolved = query.status.map(|status| status == ReportStatus::Resolved);
    let filter = ReportFilter { resolved, about: query.about, before: page.after()? };
    let limit = page.limit();
    let reports = state.store.reports(filter, limit + 1).await?;
    Ok(HttpResponse::Ok().json(Page::of(reports, limit, |report| report.id)))
}

/// `GET /admin/reports/{id}` → [`ReportWithLog`]
pub(super) async fn report(state: Data<HttpState>, SignedIn(who): SignedIn, id: Path<Uuid>) -> Answer {
    let unknown = || Problem::not_found("there is no such report");
    let (report, log) = state.store.report(*id).await?.ok_or_else(unknown)?;
    if state.store.seat_of(who.account).await?.is_some_and(|room| room.0 == report.room_id) {
        return Err(Problem::forbidden("not_allowed", "you have a seat in that room"));
    }
    let target = format!("report/{}", report.id);
    state.store.audit(&entry(&state, &who, "report.read", target, json!({}))).await?;
    Ok(HttpResponse::Ok().json(ReportWithLog { report, log }))
}

/// `POST /admin/reports/{id}/resolve` → 204
pub(super) async fn resolve(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    id: Path<Uuid>,
    body: Json<Resolution>,
) -> Answer {
    let note = checked(&state, "note", &body.note)?;
    let entry = entry(&state, &who, "report.resolved", format!("report/{id}"), json!({"note": note}));
    if !state.store.resolve_report(*id, &note, who.account.0, &entry).await? {
        return Err(Problem::not_found("there is no open report with this id"));
    }
    Ok(HttpResponse::NoContent().finish())
}

/// `GET /admin/players` → a page of accounts, newest first.
pub(super) async fn players(
    state: Data<HttpState>,
    query: Query<PlayerQuery>,
    page: Query<PageQuery>,
) -> Answer {
    let limit = page.limit();
    let found = state.store.players(&searched(&query.search), page.after()?, limit + 1).await?;
    Ok(HttpResponse::Ok().json(Page::of(found, limit, |player| player.id)))
}

/// `GET /admin/players/{id}` → [`PlayerFile`]
pub(super) async fn player(state: Data<HttpState>, id: Path<Uuid>) -> Answer {
    let found = state.store.players(&id.to_string(), None, 1).await?;
    let player = found.into_iter().next().ok_or_else(|| Problem::not_found("there is no such player"))?;
    let mute = state.store.mutes(state.cluster.clock().now(), Some(*id)).await?.into_iter().next();
    let filter = ReportFilter { about: Some(*id), ..ReportFilter::default() };
    let reports = state.store.reports(filter, state.config.moderation.shown).await?;
    Ok(HttpResponse::Ok().json(PlayerFile { player, mute, reports }))
}

/// `POST /admin/players/{id}/mute` → the mute. It holds on every node within `moderation.poll_ms`.
pub(super) async fn mute(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    id: Path<Uuid>,
    body: Json<MuteBody>,
) -> Answer {
    let reason = checked(&state, "reason", &body.reason)?;
    let now = state.cluster.clock().now();
    let ends_at = body.minutes.map(|minutes| now.0 + i64::from(minutes) * 60_000);
    let mute = MuteRow { account_id: *id, reason, ends_at, by_account: who.account.0, at: now.0 };
    let detail = json!({"reason": mute.reason, "ends_at": ends_at});
    let entry = entry(&state, &who, "account.muted", format!("account/{id}"), detail);
    if !state.store.mute(&mute, &entry).await? {
        return Err(Problem::not_found("there is no such player"));
    }
    Ok(HttpResponse::Ok().json(mute))
}

/// `DELETE /admin/players/{id}/mute` → 204
pub(super) async fn unmute(state: Data<HttpState>, SignedIn(who): SignedIn, id: Path<Uuid>) -> Answer {
    let entry = entry(&state, &who, "account.unmuted", format!("account/{id}"), json!({}));
    if !state.store.unmute(*id, &entry).await? {
        return Err(Problem::not_found("this player is not muted"));
    }
    Ok(HttpResponse::NoContent().finish())
}

/// `GET /admin/mutes` → a page of those that hold now, newest first.
pub(super) async fn mutes(state: Data<HttpState>, page: Query<PageQuery>) -> Answer {
    let limit = page.limit();
    let muted = state.store.muted(state.cluster.clock().now(), page.after()?, limit + 1).await?;
    Ok(HttpResponse::Ok().json(Page::of(muted, limit, |row| (row.mute.at, row.mute.account_id))))
}
