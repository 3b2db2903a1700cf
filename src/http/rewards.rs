//! Rewards of events (spec 2.2): points, items, badges, coupons, with a stock and a limit for each account.

use super::{
    HttpState, Problem,
    accounts::Answer,
    events::{check_text, entry, id_in, visible},
    guard::SignedIn,
    idempotency::Operation,
    page::{Page, PageQuery},
};
use crate::{
    config,
    liveops::conditions::Condition,
    store::{MOST, RewardChange, RewardRow, Saved},
};
use actix_web::{
    HttpResponse,
    web::{Data, Json, Path, Query},
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// A reward.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RewardView {
    id: Uuid,
    event: Uuid,
    kind: Kind,
    name: String,
    amount: i64,
    /// How many there are in all; none is without end.
    stock: Option<i64>,
    /// How many are left of them.
    left: Option<i64>,
    per_account_limit: i64,
    /// Besides the event's.
    condition: Option<Value>,
    created_at: i64,
    updated_at: i64,
}

impl From<RewardRow> for RewardView {
    fn from(row: RewardRow) -> Self {
        Self {
            id: row.reward_id,
            event: row.event_id,
            kind: Kind::named(&row.kind),
            name: row.name,
            amount: row.amount,
            stock: row.stock,
            left: row.stock.map(|stock| stock - row.taken),
            per_account_limit: row.per_account_limit,
            condition: row.condition,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// What one gets.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// Into the wallet.
    Points,
    /// So many of them, into the inventory.
    Item,
    /// One has it or has not.
    Badge,
    /// A code, worth the amount.
    Coupon,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Points => "points",
            Self::Item => "item",
            Self::Badge => "badge",
            Self::Coupon => "coupon",
        }
    }

    fn named(name: &str) -> Self {
        let all = [Self::Points, Self::Item, Self::Badge, Self::Coupon];
        all.into_iter().find(|kind| kind.as_str() == name).unwrap_or(Self::Item)
    }
}

/// Body of `POST /events/{id}/rewards`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewReward {
    kind: Kind,
    name: String,
    #[serde(default = "single")]
    amount: i64,
    stock: Option<i64>,
    #[serde(default = "single")]
    per_account_limit: i64,
    condition: Option<Value>,
}

fn single() -> i64 {
    1
}

/// Body of `PATCH /rewards/{id}`: what is left out stays, `null` takes away stock or condition. Claims that were made
/// before get what the reward was then.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RewardPatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<i64>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    stock: Option<Option<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_account_limit: Option<i64>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    condition: Option<Option<Value>>,
}

/// What is there, even if it is `null`.
pub(super) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(from).map(Some)
}

fn check_number(field: &str, number: i64, least: i64) -> Result<(), Problem> {
    if (least..=MOST).contains(&number) {
        return Ok(());
    }
    Err(Problem::invalid_field(field, format!("must be a whole number from {least} to {MOST}")))
}

fn check_condition(condition: Option<&Value>, bounds: &config::Rewards) -> Result<Option<Value>, Problem> {
    let checked = condition.map(|value| Condition::check(value, "condition", bounds)).transpose()?;
    Ok(checked.map(|condition| condition.to_json()))
}

/// `POST /events/{id}/rewards` → 201 `{reward}`
pub(super) async fn create(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    event: Path<String>,
    Operation(id): Operation,
    body: Json<NewReward>,
) -> Answer {
    let event = visible(&state, &who, &event).await?.event_id;
    let body = body.into_inner();
    check_text("name", &body.name, 1, state.config.rewards.name_chars)?;
    check_number("amount", body.amount, 1)?;
    check_number("per_account_limit", body.per_account_limit, 1)?;
    body.stock.map_or(Ok(()), |stock| check_number("stock", stock, 0))?;
    let now = state.clock.now();
    let row = RewardRow {
        reward_id: id,
        event_id: event,
        kind: body.kind.as_str().to_owned(),
        name: body.name,
        amount: body.amount,
        stock: body.stock,
        taken: 0,
        per_account_limit: body.per_account_limit,
        condition: check_condition(body.condition.as_ref(), &state.config.rewards)?,
        created_at: now.0,
        updated_at: now.0,
    };
    let detail = json!({"event": event, "kind": row.kind, "name": row.name, "amount": row.amount,
                        "stock": row.stock, "per_account_limit": row.per_account_limit,
                        "condition": row.condition});
    let entry = entry(&who, now, "reward.created", format!("reward/{id}"), detail);
    if let Some(made) = state.store.reward(id).await? {
        return Ok(HttpResponse::Created().json(json!({"reward": RewardView::from(made)}))); // by an earlier attempt
    }
    match state.store.create_reward(&row, &entry).await? {
        Saved::Done(reward) => Ok(HttpResponse::Created().json(json!({"reward": RewardView::from(reward)}))),
        Saved::Missing => Err(Problem::conflict("event_ended", "an event that has ended does not change")),
        Saved::Refused => Err(Problem::bug(&"a reward was checked and refused all the same")),
    }
}

/// `GET /events/{id}/rewards` → a page, oldest first.
pub(super) async fn list(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    event: Path<String>,
    page: Query<PageQuery>,
) -> Answer {
    let event = visible(&state, &who, &event).await?.event_id;
    let limit = page.limit();
    let rewards = state.store.rewards(event, page.after()?, limit + 1).await?;
    let rewards = rewards.into_iter().map(RewardView::from).collect();
    Ok(HttpResponse::Ok().json(Page::of(rewards, limit, |reward: &RewardView| reward.id)))
}

/// `GET /rewards/{id}` → `{reward}`, to whoever sees its event.
pub(super) async fn one(state: Data<HttpState>, SignedIn(who): SignedIn, id: Path<String>) -> Answer {
    let unknown = || Problem::not_found("there is no such reward");
    let reward = state.store.reward(id_in(&id, "reward")?).await?.ok_or_else(unknown)?;
    visible(&state, &who, &reward.event_id.to_string()).await.map_err(|_| unknown())?;
    Ok(HttpResponse::Ok().json(json!({"reward": RewardView::from(reward)})))
}

/// `PATCH /rewards/{id}` → `{reward}`
pub(super) async fn change(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    id: Path<String>,
    body: Json<RewardPatch>,
) -> Answer {
    let id = id_in(&id, "reward")?;
    let detail = serde_json::to_value(&*body).unwrap_or_default();
    let RewardPatch { name, amount, stock, per_account_limit, condition } = body.into_inner();
    if let Some(name) = &name {
        check_text("name", name, 1, state.config.rewards.name_chars)?;
    }
    for (field, number, least) in
        [("amount", amount, 1), ("per_account_limit", per_account_limit, 1), ("stock", stock.flatten(), 0)]
    {
        number.map_or(Ok(()), |number| check_number(field, number, least))?;
    }
    let checked = |condition: Option<Value>| check_condition(condition.as_ref(), &state.config.rewards);
    let condition = condition.map(checked).transpose()?;
    let change = RewardChange { name, amount, stock, per_account_limit, condition };
    let now = state.clock.now();
    let entry = entry(&who, now, "reward.changed", format!("reward/{id}"), detail);
    match state.store.change_reward(id, &change, now, &entry).await? {
        Saved::Done(reward) => Ok(HttpResponse::Ok().json(json!({"reward": RewardView::from(reward)}))),
        Saved::Missing => Err(Problem::not_found("there is no such reward")),
        Saved::Refused => Err(Problem::conflict("stock_below_taken", "stock: more than that are taken")),
    }
}
