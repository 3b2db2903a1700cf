//! What one owns: points with their ledger, items, badges, coupons (spec 2.2).

use super::{
    HttpState,
    accounts::Answer,
    guard::SignedIn,
    page::{Page, PageQuery},
};
use crate::{
    ids::PlayerId,
    store::{InventoryRow, LedgerRow},
};
use actix_web::{
    HttpResponse,
    web::{Data, Query},
};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

/// Points.
#[derive(Serialize, JsonSchema)]
pub(super) struct WalletView {
    balance: i64,
}

impl WalletView {
    pub(super) fn of(balance: i64) -> Self {
        Self { balance }
    }
}

/// One entry of a wallet's ledger.
#[derive(Serialize, JsonSchema)]
pub(super) struct EntryView {
    id: Uuid,
    /// Below zero: it was paid.
    amount: i64,
    /// `reward`, `seat`, `top_up` …
    reason: String,
    /// The claim … that it was for.
    r#ref: Uuid,
    /// Unix ms.
    at: i64,
}

impl From<LedgerRow> for EntryView {
    fn from(row: LedgerRow) -> Self {
        Self {
            id: row.transaction_id,
            amount: row.amount,
            reason: row.reason,
            r#ref: row.reference,
            at: row.at,
        }
    }
}

/// Something owned.
#[derive(Serialize, JsonSchema)]
pub(super) struct ThingView {
    /// item, badge, coupon
    kind: String,
    name: String,
    amount: i64,
    /// Of a coupon.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// Unix ms.
    first_at: i64,
}

impl From<InventoryRow> for ThingView {
    fn from(row: InventoryRow) -> Self {
        let InventoryRow { kind, name, code, amount, first_at } = row;
        Self { kind, name, amount, code: (!code.is_empty()).then_some(code), first_at }
    }
}

/// `GET /me/wallet` → `{balance}`
pub(super) async fn balance(state: Data<HttpState>, SignedIn(who): SignedIn) -> Answer {
    balance_of(&state, who.account).await
}

pub(super) async fn balance_of(state: &HttpState, account: PlayerId) -> Answer {
    let balance = state.store.balance(account).await?;
    Ok(HttpResponse::Ok().json(WalletView::of(balance)))
}

/// `GET /me/wallet/ledger` → a page of entries, newest first.
pub(super) async fn ledger(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    page: Query<PageQuery>,
) -> Answer {
    ledger_of(&state, who.account, &page).await
}

pub(super) async fn ledger_of(state: &HttpState, account: PlayerId, page: &PageQuery) -> Answer {
    let limit = page.limit();
    let entries = state.store.ledger(account, page.after()?, limit + 1).await?;
    let entries = entries.into_iter().map(EntryView::from).collect();
    Ok(HttpResponse::Ok().json(Page::of(entries, limit, |entry: &EntryView| entry.id)))
}

/// `GET /me/inventory` → a page of things, by kind and name.
pub(super) async fn inventory(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    page: Query<PageQuery>,
) -> Answer {
    inventory_of(&state, who.account, &page).await
}

pub(super) async fn inventory_of(state: &HttpState, account: PlayerId, page: &PageQuery) -> Answer {
    let limit = page.limit();
    let things = state.store.inventory(account, page.after()?, limit + 1).await?;
    let things = things.into_iter().map(ThingView::from).collect();
    let key =
        |thing: &ThingView| (thing.kind.clone(), thing.name.clone(), thing.code.clone().unwrap_or_default());
    Ok(HttpResponse::Ok().json(Page::of(things, limit, key)))
}
