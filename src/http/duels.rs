//! Duels that are over, for staff: those whose players do not agree wait for a decision (spec 4.6).

use super::{
    HttpState, Problem,
    accounts::Answer,
    guard::SignedIn,
    moderation::checked,
    page::{Page, PageQuery},
};
use crate::{
    ids::PlayerId,
    liveops::DuelOutcome,
    store::{AuditEntry, DuelFilter, RatingRules, Resolved, Verdict},
};
use actix_web::{
    HttpResponse,
    web::{Data, Json, Path, Query},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

/// `GET /admin/duels?outcome=&status=&player=`
#[derive(Deserialize, JsonSchema)]
pub(super) struct DuelQuery {
    /// `agreed`, `disputed`, `unreported` or `abandoned`.
    outcome: Option<DuelOutcome>,
    /// `open` or `resolved`: whether the staff have decided it.
    status: Option<DuelStatus>,
    /// With this player.
    player: Option<Uuid>,
}

/// Whether the staff have decided it.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum DuelStatus {
    Open,
    Resolved,
}

/// Body of `POST /admin/duels/{id}/resolve`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct DuelResolution {
    /// `won` (then `winner` says by whom), `draw` or `void`.
    verdict: Verdict,
    /// One of its players, if the verdict is `won`.
    winner: Option<PlayerId>,
    /// What was found.
    #[schemars(length(min = 1))]
    note: String,
}

/// `GET /admin/duels` → a page of duels, newest first.
pub(super) async fn list(state: Data<HttpState>, query: Query<DuelQuery>, page: Query<PageQuery>) -> Answer {
    let resolved = query.status.map(|status| status == DuelStatus::Resolved);
    let filter = DuelFilter { outcome: query.outcome, resolved, player: query.player, before: page.after()? };
    let limit = page.limit();
    let duels = state.store.duels(filter, limit + 1).await?;
    Ok(HttpResponse::Ok().json(Page::of(duels, limit, |duel| duel.session_id)))
}

/// `GET /admin/duels/{id}` → the duel.
pub(super) async fn one(state: Data<HttpState>, id: Path<Uuid>) -> Answer {
    let duel = state.store.duel(*id).await?.ok_or_else(|| Problem::not_found("there is no such duel"))?;
    Ok(HttpResponse::Ok().json(json!({"duel": duel})))
}

/// `POST /admin/duels/{id}/resolve` → 204. What is not void is rated now, as of its end.
pub(super) async fn resolve(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    id: Path<Uuid>,
    body: Json<DuelResolution>,
) -> Answer {
    let note = checked(&state, "note", &body.note)?;
    if (body.verdict == Verdict::Won) != body.winner.is_some() {
        return Err(Problem::invalid_field("winner", "is given if, and only if, the verdict is won"));
    }
    let detail = json!({"verdict": body.verdict, "winner": body.winner, "note": note});
    let (now, target) = (state.clock.now(), format!("duel/{id}"));
    let entry = AuditEntry::new(now, (Some(who.account), who.role), "duel.resolved", target, detail);
    let rules = RatingRules::of(&state.config.rating);
    let decided = (body.verdict, body.winner, note.as_str());
    match state.store.resolve_duel(*id, decided, who.account, &rules, &entry).await? {
        Resolved::Done => Ok(HttpResponse::NoContent().finish()),
        Resolved::Unknown => {
            Err(Problem::not_found("there is no duel with this id that waits for a decision"))
        }
        Resolved::Stranger => Err(Problem::invalid_field("winner", "is none of the duel's players")),
    }
}
