//! Answers of more than one field that no other type names, for the OpenAPI document.
//!
//! A running node is held against them by `scripts/test.sh`.

use crate::{
    auth::{Account, Tokens},
    ids::MatchId,
    store::{BanRow, ServiceTokenRow, SignInRow, StaffAccountRow},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// A new account, signed in.
#[derive(Serialize, JsonSchema)]
pub(super) struct NewAccount {
    account: Account,
    tokens: Tokens,
}

/// A service's token, shown this once.
#[derive(Serialize, JsonSchema)]
pub(super) struct NewServiceToken {
    service_token: ServiceTokenRow,
    token: String,
}

/// An account as staff see it.
#[derive(Serialize, JsonSchema)]
pub(super) struct StaffAccount {
    account: StaffAccountRow,
    /// The latest.
    sign_ins: Vec<SignInRow>,
    /// The latest.
    bans: Vec<BanRow>,
}

/// Whether a nickname can be had.
#[derive(Serialize, JsonSchema)]
pub(super) struct Availability {
    available: bool,
    /// Why not: `taken`, or what is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// A match as it was recorded: see `docs/protocol.md`.
#[derive(Serialize, JsonSchema)]
pub(super) struct RecordingAnswer {
    match_id: MatchId,
    game: String,
    entries: Vec<Value>,
    winner: String,
}

/// Public keys (RFC 7517).
#[derive(Serialize, JsonSchema)]
pub(super) struct Jwks {
    keys: Vec<serde_json::Map<String, Value>>,
}

/// An OpenAPI document.
#[derive(Serialize, JsonSchema)]
pub(super) struct OpenApi {
    openapi: String,
    paths: serde_json::Map<String, Value>,
}
