//! Who is banned or deleted is granted nothing more: the consumer of `user_status_changed` (spec 2.3).

use super::Claims;
use crate::{
    ids::PlayerId,
    liveops::{
        Fact,
        consumers::{ConsumeError, Consumer},
        groups,
    },
};
use futures_util::future::{BoxFuture, FutureExt};
use uuid::Uuid;

/// Ends claims of closed accounts; the workers compensate what they had reserved.
pub(crate) struct CloseAccounts(pub Claims);

impl Consumer for CloseAccounts {
    fn group(&self) -> &'static str {
        groups::CLAIMS
    }

    fn handle(&self, facts: Vec<Fact>) -> BoxFuture<'static, Result<(), ConsumeError>> {
        let claims = self.0.clone();
        async move {
            let closed: Vec<_> = facts.iter().map(|fact| (fact.id, closed(fact))).collect();
            claims.close_accounts(&closed).await?;
            Ok(())
        }
        .boxed()
    }
}

/// Whose account the fact closes.
pub(crate) fn closed(fact: &Fact) -> Option<PlayerId> {
    let status = fact.body["status"].as_str()?;
    fact.account.filter(|_| matches!(status, "banned" | "deleted"))
}

impl Claims {
    async fn close_accounts(
        &self,
        facts: &[(Uuid, Option<PlayerId>)],
    ) -> Result<(), crate::store::StoreError> {
        let ended = self.0.store.close_accounts(facts, self.0.clock.now()).await?;
        if ended > 0 {
            self.0.due.notify_waiters();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMs;
    use serde_json::json;

    #[test]
    fn a_ban_and_a_deletion_close_an_account_and_its_return_does_not() {
        let who = PlayerId::new();
        let fact = |status| Fact::new("user_status_changed", Some(who), UnixMs(5), json!({"status": status}));
        assert_eq!(closed(&fact("banned")), Some(who));
        assert_eq!(closed(&fact("deleted")), Some(who));
        assert_eq!(closed(&fact("active")), None);
    }
}
