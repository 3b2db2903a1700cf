//! What staff may see of accounts and do to them (spec 2.1). Each change is audited in its own transaction.

use super::{AuthError, Identity, Principal, Role, keys::KeyRing};
use crate::{
    clock::UnixMs,
    ids::PlayerId,
    store::{AccountQuery, AuditEntry, BanRow, StaffAccountRow},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// A ban as staff ask for it.
#[derive(Clone, Debug)]
pub struct Ban {
    /// Told to the player.
    pub reason: String,
    /// `None`: without end.
    pub ends_at: Option<UnixMs>,
}

impl Identity {
    /// Accounts whose nickname or user name begins so, or with this id; newest first.
    pub(crate) async fn find_accounts(
        &self,
        query: Option<&str>,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<StaffAccountRow>, AuthError> {
        let query = query.map(str::trim).filter(|query| !query.is_empty());
        let id = query.and_then(|query| Uuid::parse_str(query).ok());
        let prefix = query.filter(|_| id.is_none()).map(str::to_lowercase);
        Ok(self.0.store.find_accounts(&AccountQuery { prefix, id, before }, limit).await?)
    }

    /// One account with its newest sign-ins and bans.
    pub(crate) async fn staff_account(&self, id: PlayerId) -> Result<Value, AuthError> {
        let query = AccountQuery { id: Some(id.0), ..AccountQuery::default() };
        let found = self.0.store.find_accounts(&query, 1).await?.pop();
        let account = found.ok_or(AuthError::NotFound("account"))?;
        let shown = self.0.config.moderation.shown;
        let sign_ins = self.0.store.sign_ins_of(id.0, shown).await?;
        let bans = self.0.store.bans_of(id.0, shown).await?;
        Ok(json!({"account": account, "sign_ins": sign_ins, "bans": bans}))
    }

    /// Bans an account: its sessions end, its tokens fail, it cannot sign in until the ban is over.
    pub async fn ban(&self, by: &Principal, id: PlayerId, ban: Ban) -> Result<(), AuthError> {
        let now = self.0.clock.now();
        let reason = ban.reason.trim();
        let fault = match reason.chars().count() {
            0 => Some(("reason", "too_short")),
            n if n > self.0.config.moderation.reason_chars => Some(("reason", "too_long")),
            _ => ban.ends_at.filter(|end| *end <= now).map(|_| ("ends_at", "in_the_past")),
        };
        if let Some((field, reason)) = fault {
            return Err(AuthError::Invalid { field, reason });
        }
        let row = BanRow {
            id: Uuid::now_v7(),
            reason: reason.to_owned(),
            by_account: by.account.0,
            created_at: now.0,
            ends_at: ban.ends_at.map(|end| end.0),
            lifted_at: None,
        };
        let detail = json!({"reason": row.reason, "ends_at": row.ends_at});
        let entry = self.entry(by, "account.banned", id, detail)?;
        let change = self.0.store.ban(id.0, &row, &entry).await?;
        self.changed(change.ok_or(AuthError::NotFound("account"))?);
        Ok(())
    }

    /// Lifts the ban in force.
    pub async fn unban(&self, by: &Principal, id: PlayerId) -> Result<(), AuthError> {
        let entry = self.entry(by, "account.unbanned", id, json!({}))?;
        let lifted = self.0.store.unban(id.0, self.0.clock.now(), &entry).await?;
        lifted.then_some(()).ok_or(AuthError::NotFound("ban"))
    }

    /// Gives an account another role. A guest can have none: whoever finds his browser would have it.
    pub async fn set_role(&self, by: &Principal, id: PlayerId, role: Role) -> Result<(), AuthError> {
        let account = self.0.store.account(id).await?.filter(|row| row.deleted_at.is_none());
        let account = account.ok_or(AuthError::NotFound("account"))?;
        let entry = self.entry(by, "account.role_changed", id, json!({"from": account.role, "to": role}))?;
        let change = self.0.store.set_role(id.0, role.as_str(), self.0.clock.now(), &entry).await?;
        self.changed(change.ok_or(AuthError::Conflict("guest_without_password"))?);
        Ok(())
    }

    /// Adds a signing key, on the machine itself: its name.
    pub async fn rotate_keys(&self) -> Result<String, AuthError> {
        let now = self.0.clock.now();
        let entry = |kid: &str| {
            let target = format!("signing_key/{kid}");
            AuditEntry::new(now, (None, Role::Admin), "keys.rotated", target, json!({}))
        };
        KeyRing::add(&self.0.store, &self.0.seal, now, entry).await
    }

    /// Nobody does these things to himself: the last ADMIN would lock everybody out.
    fn entry(
        &self,
        by: &Principal,
        action: &str,
        id: PlayerId,
        detail: Value,
    ) -> Result<AuditEntry, AuthError> {
        if by.account == id {
            return Err(AuthError::Conflict("not_to_oneself"));
        }
        let who = (Some(by.account), by.role);
        Ok(AuditEntry::new(self.0.clock.now(), who, action, format!("account/{id}"), detail))
    }
}
