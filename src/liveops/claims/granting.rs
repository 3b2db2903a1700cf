//! The grant of a claim, over the stream (spec 2.2): `grant_reward` → worker → `grant_result`.
//!
//! The saga writes the command with the status `granting`; [`GrantRewards`], on any node, gives what it says and writes the
//! result with it; [`CarryOn`] wakes the saga. The row of the grant is the truth, the two facts only carry word of it: a
//! saga that hears nothing looks at the row by itself and has the command sent again.

use super::{Claims, ports::GrantPort, state::Status};
use crate::{
    clock::{SharedClock, UnixMs},
    ids::PlayerId,
    liveops::{
        Fact,
        consumers::{ConsumeError, Consumer},
        groups,
    },
    store::{GrantResult, GrantRewardCommand, Store, StoreError},
};
use futures_util::future::{BoxFuture, FutureExt};
use rand::RngExt as _;
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

impl GrantRewardCommand {
    /// As it goes over the stream. The claim is its id: sent again, it is the same fact.
    pub(crate) fn fact(&self, at: UnixMs) -> Fact {
        let body = json!({"kind": self.kind, "name": self.name, "amount": self.amount});
        Fact { id: self.claim_id, kind: "grant_reward", account: Some(self.account), at, body }
    }

    /// What it comes to for the player, if it is a thing: he has it now.
    pub(crate) fn item_granted(&self, at: UnixMs) -> Fact {
        let body =
            json!({"kind": self.kind, "name": self.name, "amount": self.amount, "claim_id": self.claim_id});
        Fact::new("item_granted", Some(self.account), at, body)
    }

    fn read(fact: &Fact) -> Option<Self> {
        let text = |name: &str| fact.body[name].as_str().map(str::to_owned);
        Some(Self {
            claim_id: fact.id,
            account: fact.account?,
            kind: text("kind")?,
            name: text("name")?,
            amount: fact.body["amount"].as_i64()?,
        })
    }
}

impl GrantResult {
    /// As it goes over the stream.
    pub(crate) fn fact(self, claim: Uuid, account: PlayerId, at: UnixMs) -> Fact {
        let (outcome, reason) = match self {
            Self::Granted => (Status::Granted.as_str(), None),
            Self::Refused(reason) => ("refused", Some(reason.as_str())),
        };
        let body = json!({"claim_id": claim, "outcome": outcome, "reason": reason});
        Fact::new("grant_result", Some(account), at, body)
    }
}

/// The worker: gives what commands say, each once.
pub(crate) struct GrantRewards {
    pub store: Store,
    pub clock: SharedClock,
    /// How often, and after what pause, a database that is away is asked again.
    pub asks: (u32, Duration),
}

impl Consumer for GrantRewards {
    fn group(&self) -> &'static str {
        groups::GRANTS
    }

    /// Each in a transaction of its own, for they concern different people: those before one that failed are confirmed.
    fn handle(&self, facts: Vec<Fact>) -> BoxFuture<'static, Result<(), ConsumeError>> {
        let (store, clock, asks) = (self.store.clone(), self.clock.clone(), self.asks);
        async move {
            for fact in facts {
                let broken = || ConsumeError::Failed("not a command to grant".to_owned());
                let command = GrantRewardCommand::read(&fact).ok_or_else(broken)?;
                grant(&store, &command, asks, clock.now()).await?;
            }
            Ok(())
        }
        .boxed()
    }
}

/// A database that is away for a moment is asked again at once: else the command waits until its claim has it sent again.
async fn grant(
    store: &Store,
    command: &GrantRewardCommand,
    (asks, pause): (u32, Duration),
    now: UnixMs,
) -> Result<(), StoreError> {
    for _ in 0..asks {
        match store.grant(command, &coupon_code(), now).await {
            Err(StoreError::Unavailable(_)) => tokio::time::sleep(pause).await,
            done => return done,
        }
    }
    store.grant(command, &coupon_code(), now).await
}

/// Wakes the sagas whose grants have a result.
pub(crate) struct CarryOn(pub Claims);

impl Consumer for CarryOn {
    fn group(&self) -> &'static str {
        groups::SAGAS
    }

    fn handle(&self, facts: Vec<Fact>) -> BoxFuture<'static, Result<(), ConsumeError>> {
        let claims = self.0.clone();
        async move {
            let claim = |fact: &Fact| fact.body["claim_id"].as_str()?.parse::<Uuid>().ok();
            let results: Vec<_> = facts.iter().map(|fact| (fact.id, claim(fact))).collect();
            claims.0.store.grants_have_results(&results, claims.0.clock.now()).await?;
            claims.0.due.notify_one();
            Ok(())
        }
        .boxed()
    }
}

/// Asks for the result of a command that the claim has sent.
#[derive(Clone)]
pub(crate) struct OverTheStream {
    pub store: Store,
    pub clock: SharedClock,
    /// A command that nobody has handled for so long is sent again.
    pub again_ms: u64,
}

impl GrantPort for OverTheStream {
    async fn grant(
        &self,
        command: GrantRewardCommand,
        since: UnixMs,
    ) -> Result<Option<GrantResult>, StoreError> {
        let now = self.clock.now();
        self.store.grant_outcome(command.claim_id, since + self.again_ms <= now, now).await
    }
}

/// `XXXX-XXXX-XXXX-XXXX` of 80 random bits, without letters that look like digits. Worth money: it never comes from a
/// generator that can be repeated.
fn coupon_code() -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"; // Crockford's
    const BITS: u32 = 5;
    let mut bits: u128 = rand::rng().random();
    let mut code = String::with_capacity(19);
    for n in 0..16 {
        if n > 0 && n % 4 == 0 {
            code.push('-');
        }
        code.push(char::from(ALPHABET[(bits % 32) as usize]));
        bits >>= BITS;
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_readable_and_differ() {
        let codes: std::collections::BTreeSet<String> = (0..1_000).map(|_| coupon_code()).collect();
        assert_eq!(codes.len(), 1_000);
        for code in codes {
            assert_eq!(code.len(), 19);
            assert!(code.split('-').all(|part| part.len() == 4), "{code}");
            assert!(!code.contains(['I', 'L', 'O', 'U']), "{code}");
        }
    }
}
