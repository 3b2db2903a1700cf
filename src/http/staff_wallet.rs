//! What an account owns, was granted and has played, as staff see it (spec 8.2): what its owner sees, and no more.

use super::{HttpState, Problem, accounts::Answer, matches, page::PageQuery, wallet};
use crate::ids::PlayerId;
use actix_web::web::{Data, Path, Query};
use uuid::Uuid;

/// Deleted ones too: their ledger stays.
async fn known(state: &HttpState, id: Uuid) -> Result<PlayerId, Problem> {
    let found = state.store.account(PlayerId(id)).await?;
    found.map(|_| PlayerId(id)).ok_or_else(|| Problem::not_found("there is no such account"))
}

/// `GET /admin/accounts/{id}/wallet` → `{balance}`
pub(super) async fn balance(state: Data<HttpState>, id: Path<Uuid>) -> Answer {
    wallet::balance_of(&state, known(&state, *id).await?).await
}

/// `GET /admin/accounts/{id}/wallet/ledger` → a page of entries, newest first.
pub(super) async fn ledger(state: Data<HttpState>, id: Path<Uuid>, page: Query<PageQuery>) -> Answer {
    wallet::ledger_of(&state, known(&state, *id).await?, &page).await
}

/// `GET /admin/accounts/{id}/inventory` → a page of things, by kind and name.
pub(super) async fn inventory(state: Data<HttpState>, id: Path<Uuid>, page: Query<PageQuery>) -> Answer {
    wallet::inventory_of(&state, known(&state, *id).await?, &page).await
}

/// `GET /admin/accounts/{id}/matches` → a page of the matches that it has played, newest first.
pub(super) async fn played(state: Data<HttpState>, id: Path<Uuid>, page: Query<PageQuery>) -> Answer {
    matches::of(&state, known(&state, *id).await?, &page).await
}
