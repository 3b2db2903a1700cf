//! Ratings and leaderboards (spec 4.6): to anybody who is signed in.

use super::{
    HttpState, Problem,
    accounts::Answer,
    guard::SignedIn,
    page::{Page, PageQuery},
};
use crate::{
    ids::PlayerId,
    protocol::matchmaking::MatchMode,
    store::{BoardRow, RatingRow, RatingRules},
};
use actix_web::{
    HttpResponse,
    web::{Data, Path, Query},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

/// How strong a player is in a mode (Glicko-2), as of now.
#[derive(Serialize, JsonSchema)]
pub(super) struct RatingView {
    #[serde(flatten)]
    row: RatingRow,
    /// Too unsure to say much: `rating.provisional_deviation`.
    provisional: bool,
}

/// A line of a leaderboard.
#[derive(Serialize, JsonSchema)]
pub(super) struct Ranked {
    /// From 1, by `rating - 2 * deviation` after the last game.
    rank: u64,
    /// None of an account that is gone.
    nickname: Option<String>,
    #[serde(flatten)]
    rating: RatingView,
}

/// Where a page of a leaderboard ended: standing, account, rank.
type Place = (i64, Uuid, u64);

/// A rating becomes less sure while one is away: its deviation is as of now, all else as of the last game.
fn view(state: &HttpState, row: RatingRow) -> RatingView {
    let rules = RatingRules::of(&state.config.rating);
    let deviation = rules.now(Some(&row), state.clock.now()).deviation;
    let provisional = deviation > state.config.rating.provisional_deviation;
    RatingView { row: RatingRow { deviation, ..row }, provisional }
}

/// `GET /me/ratings` → `{ratings}`
pub(super) async fn mine(state: Data<HttpState>, SignedIn(who): SignedIn) -> Answer {
    of(&state, who.account).await
}

/// `GET /players/{id}/ratings` → `{ratings}`; none of somebody whom nobody has seen play.
pub(super) async fn of_player(state: Data<HttpState>, id: Path<Uuid>) -> Answer {
    if state.store.players(&id.to_string(), None, 1).await?.is_empty() {
        return Err(Problem::not_found("there is no such player"));
    }
    of(&state, PlayerId(*id)).await
}

async fn of(state: &HttpState, account: PlayerId) -> Answer {
    let rows = state.store.ratings_of(account).await?;
    let ratings: Vec<_> = rows.into_iter().map(|row| view(state, row)).collect();
    Ok(HttpResponse::Ok().json(json!({"ratings": ratings})))
}

/// `GET /leaderboards/{mode}` → a page of [`Ranked`], best first.
pub(super) async fn leaderboard(
    state: Data<HttpState>,
    mode: Path<String>,
    page: Query<PageQuery>,
) -> Answer {
    let mode: MatchMode = serde_json::from_value(json!(*mode))
        .map_err(|_| Problem::not_found("nothing of that name is rated: duel, mafia"))?;
    let after = page.after::<Place>()?;
    let (limit, first) = (page.limit(), after.map_or(1, |(_, _, rank)| rank.saturating_add(1)));
    let place = after.map(|(standing, account, _)| (standing, account));
    let rows = state.store.leaderboard(mode.as_str(), place, limit + 1).await?;
    let places: Vec<Place> =
        rows.iter().zip(first..).map(|(line, rank)| (line.standing, line.row.account_id, rank)).collect();
    let rank = |(line, rank): (BoardRow, u64)| Ranked {
        rank,
        nickname: line.nickname,
        rating: view(&state, line.row),
    };
    let lines: Vec<_> = rows.into_iter().zip(first..).map(rank).collect();
    let place = |line: &Ranked| places.get(line.rank.saturating_sub(first) as usize).copied();
    Ok(HttpResponse::Ok().json(Page::of(lines, limit, place)))
}
