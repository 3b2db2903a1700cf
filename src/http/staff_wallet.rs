//! What an account owns, was granted and has played, as staff see it (spec 8.2): what its owner sees, and no more. And
//! what staff give it: points (spec 3.2).

use super::{
    HttpState, Problem,
    accounts::Answer,
    events::{check_text, entry},
    guard::SignedIn,
    idempotency::Operation,
    matches,
    page::PageQuery,
    wallet::{self, WalletView},
};
use crate::{ids::PlayerId, store::Transferred};
use actix_web::{
    HttpResponse,
    web::{Data, Json, Path, Query},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

/// Body of `POST /admin/accounts/{id}/wallet/top-ups`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TopUp {
    /// Points, from 1.
    amount: i64,
    /// For the audit log.
    reason: String,
}

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

/// `POST /admin/accounts/{id}/wallet/top-ups` → 201 `{balance}`: points from the house, once for its key.
pub(super) async fn top_up(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    id: Path<Uuid>,
    Operation(reference): Operation,
    body: Json<TopUp>,
) -> Answer {
    let account = known(&state, *id).await?;
    let most = state.config.showtimes.top_up_points;
    if !(1..=most).contains(&body.amount) {
        return Err(Problem::invalid_field("amount", format!("must be a whole number from 1 to {most}")));
    }
    check_text("reason", &body.reason, 1, state.config.moderation.reason_chars)?;
    let detail = json!({"amount": body.amount, "reason": body.reason});
    let entry = entry(&who, state.clock.now(), "wallet.topped_up", format!("account/{account}"), detail);
    match state.store.top_up(account, body.amount, reference, &entry).await? {
        Transferred::Done | Transferred::Repeated => {
            let balance = state.store.balance(account).await?;
            Ok(HttpResponse::Created().json(WalletView::of(balance)))
        }
        Transferred::Full => Err(Problem::conflict("wallet_full", "a wallet can hold no more")),
        Transferred::Short => Err(Problem::bug(&"the house ran out of points")),
    }
}
