//! Tickets: how a browser, which cannot set a header on a WebSocket, proves who it is without a token in a URL
//! (spec 1.1). 256 bit, good for one use within seconds, from the Origin that asked for it.

use super::{AuthError, Identity, Principal, SignInId, opaque::Opaque};
use crate::{clock::UnixMs, ids::PlayerId, store::TicketRow};
use serde::Serialize;
use std::sync::atomic::Ordering;

/// The answer to `POST /api/v1/ws-tickets` (spec 1.8).
#[derive(Clone, Serialize, schemars::JsonSchema)]
pub struct Ticket {
    /// For `/ws?ticket=…`.
    pub ticket: String,
    /// Its life in seconds.
    pub expires_in: u64,
}

impl Identity {
    /// A ticket for this principal, good for the same `Origin` header (or its absence) alone.
    pub async fn issue_ticket(
        &self,
        principal: &Principal,
        origin: Option<&str>,
    ) -> Result<Ticket, AuthError> {
        self.sweep_if_due().await;
        let (ticket, expires_in) = (Opaque::new(), self.0.config.auth.ticket_ttl_s);
        let row = TicketRow {
            account_id: principal.account.0,
            sign_in_id: principal.sign_in.0,
            origin: origin.map(str::to_owned),
            expires_at: (self.0.clock.now() + expires_in.saturating_mul(1_000)).0,
        };
        if self.0.store.put_ticket(&ticket.hash(), &row, principal.epoch).await? {
            Ok(Ticket { ticket: ticket.text(), expires_in })
        } else {
            Err(AuthError::InvalidToken) // signed out in the meantime, or the account has another epoch
        }
    }

    /// Takes a ticket. Whatever the outcome, it is used up: one shown at the wrong place has been stolen.
    pub async fn redeem_ticket(&self, ticket: &str, origin: Option<&str>) -> Result<Principal, AuthError> {
        let ticket = Opaque::parse(ticket).ok_or(AuthError::InvalidToken)?;
        let row = self.0.store.take_ticket(&ticket.hash()).await?.ok_or(AuthError::InvalidToken)?;
        if row.expires_at <= self.0.clock.now().0 {
            return Err(AuthError::ExpiredToken);
        }
        if row.origin.as_deref() != origin {
            return Err(AuthError::InvalidToken);
        }
        let account = self.account(PlayerId(row.account_id)).await?;
        let (sign_in, epoch) = (SignInId(row.sign_in_id), account.epoch);
        Ok(Principal { account: account.id, sign_in, role: account.role, epoch })
    }

    /// Deletes what has expired, at most once in a ticket's life. Never fails its caller.
    pub(super) async fn sweep_if_due(&self) {
        let (now, due) = (self.0.clock.now(), self.0.next_sweep.load(Ordering::Relaxed));
        if now.0 < due {
            return;
        }
        let next = (now + self.0.config.auth.ticket_ttl_s.saturating_mul(1_000)).0;
        if self.0.next_sweep.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return; // another request does it
        }
        let settings = &self.0.config.auth;
        let ago = |s: u64| UnixMs(now.0.saturating_sub_unsigned(s.saturating_mul(1_000)));
        let lives = ago(settings.access_ttl_s.saturating_add(2 * settings.epoch_look_back_s));
        let store = &self.0.store;
        let accounts =
            store.sweep_accounts(ago(settings.name_retention_s), ago(settings.log_in_forget_s), lives);
        if let Err(error) = store.sweep_identity(now).await.and(accounts.await) {
            tracing::warn!(%error, "what has expired was not deleted");
        }
    }
}
