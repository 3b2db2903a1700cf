//! Tokens of other services (spec 2.1): issued by an ADMIN for scopes, stored hashed, revocable at once.

use super::{AuthError, Identity, Principal, opaque::Opaque};
use crate::store::{AuditEntry, ServiceTokenRow};
use serde_json::json;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Before every service token, so that one is found where it leaked, and never taken for another.
const PREFIX: &str = "phs_";

/// What a service may be allowed. The guard of a route names one of them.
pub const SCOPES: &[&str] = &["activity.write", "queue.verify"];

/// A service that showed its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Of the token.
    pub id: Uuid,
    /// As the ADMIN named it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
}

impl Identity {
    /// Issues a token: shown this once.
    pub(crate) async fn issue_service_token(
        &self,
        by: &Principal,
        name: &str,
        scopes: &[String],
    ) -> Result<(ServiceTokenRow, String), AuthError> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > self.0.config.auth.service_name_chars {
            return Err(AuthError::Invalid { field: "name", reason: "bad_length" });
        }
        let scopes: BTreeSet<&str> = scopes.iter().map(String::as_str).collect();
        if scopes.is_empty() || !scopes.iter().all(|scope| SCOPES.contains(scope)) {
            return Err(AuthError::Invalid { field: "scopes", reason: "unknown_scope" });
        }
        let (token, now) = (Opaque::new(), self.0.clock.now());
        let row = ServiceTokenRow {
            id: Uuid::now_v7(),
            name: name.to_owned(),
            scopes: scopes.into_iter().map(str::to_owned).collect(),
            created_by: by.account.0,
            created_at: now.0,
            revoked_at: None,
        };
        let detail = json!({"name": row.name, "scopes": row.scopes});
        let entry = service_entry(self, by, "service_token.issued", row.id, detail);
        self.0.store.add_service_token(&row, &token.hash(), &entry).await?;
        Ok((row, format!("{PREFIX}{}", token.text())))
    }

    /// All tokens, newest first.
    pub(crate) async fn service_tokens(
        &self,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<ServiceTokenRow>, AuthError> {
        Ok(self.0.store.service_tokens(before, limit).await?)
    }

    /// Revokes a token.
    pub async fn revoke_service_token(&self, by: &Principal, id: Uuid) -> Result<(), AuthError> {
        let entry = service_entry(self, by, "service_token.revoked", id, json!({}));
        let revoked = self.0.store.revoke_service_token(id, self.0.clock.now(), &entry).await?;
        revoked.then_some(()).ok_or(AuthError::NotFound("service token"))
    }

    /// Whose token this is. Asks SQL each time: services ask seldom, and a revoked one fails at once.
    pub async fn verify_service(&self, token: &str) -> Result<Service, AuthError> {
        let token = token.strip_prefix(PREFIX).and_then(Opaque::parse).ok_or(AuthError::InvalidToken)?;
        let row = self.0.store.service_token(&token.hash()).await?.ok_or(AuthError::InvalidToken)?;
        Ok(Service { id: row.id, name: row.name, scopes: row.scopes })
    }
}

fn service_entry(
    identity: &Identity,
    by: &Principal,
    action: &str,
    id: Uuid,
    detail: serde_json::Value,
) -> AuditEntry {
    let who = (Some(by.account), by.role);
    AuditEntry::new(identity.0.clock.now(), who, action, format!("service_token/{id}"), detail)
}
