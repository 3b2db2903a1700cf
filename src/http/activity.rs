//! Facts of trusted game servers (spec 2.3).

use super::{HttpState, Problem, accounts::Answer};
use crate::{
    clock::UnixMs,
    ids::PlayerId,
    liveops::{Fact, schemas},
};
use actix_web::{
    HttpResponse,
    web::{Data, Json},
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// `{facts: [{id, kind, account, at?, body?}]}`
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PostedFacts {
    facts: Vec<PostedFact>,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct PostedFact {
    /// Drawn by the sender: the same fact sent again is the same fact.
    id: Uuid,
    /// Name of a schema.
    kind: String,
    account: Uuid,
    /// When it happened; now, unless it is said.
    at: Option<i64>,
    #[serde(default)]
    body: Value,
}

/// `POST /activity {facts}` → 202 `{accepted}`: all of them will be counted once, or none was taken.
pub(super) async fn post(state: Data<HttpState>, posted: Json<PostedFacts>) -> Answer {
    let most = state.config.activity.post_facts;
    let facts = read(posted.into_inner(), most, state.clock.now())?;
    state.store.add_facts(&facts).await.map_err(Problem::from)?;
    Ok(HttpResponse::Accepted().json(json!({"accepted": facts.len()})))
}

/// Facts as they would be written, or the first that cannot be.
fn read(posted: PostedFacts, most: usize, now: UnixMs) -> Result<Vec<Fact>, Problem> {
    if posted.facts.is_empty() || posted.facts.len() > most {
        return Err(wrong("facts", format!("1 to {most} are taken at once")));
    }
    let facts = posted.facts.into_iter().enumerate();
    let named = |n: usize, (field, why): (&str, String)| wrong(&format!("facts[{n}].{field}"), why);
    facts.map(|(n, fact)| read_one(fact, now).map_err(|at| named(n, at))).collect()
}

fn read_one(posted: PostedFact, now: UnixMs) -> Result<Fact, (&'static str, String)> {
    let PostedFact { id, kind, account, at, body } = posted;
    let kind = schemas::posted_kind(&kind)
        .ok_or_else(|| ("kind", format!("{kind} is no fact that others may tell")))?;
    let at = UnixMs(at.unwrap_or(now.0));
    if at > now || at.0 < 0 {
        return Err(("at", "it has not happened yet".to_owned()));
    }
    let fact = Fact { id, kind, account: Some(PlayerId(account)), at, body };
    match fact.seal() {
        Ok(_) => Ok(fact),
        Err(error) => Err(("body", error.to_string())),
    }
}

fn wrong(field: &str, why: String) -> Problem {
    Problem::bad_request("invalid_fact", format!("{field}: {why}"))
}
