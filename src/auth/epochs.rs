//! Which access tokens are void before their time: a small table in memory, so that no token costs a question to SQL
//! (spec 2.1).
//!
//! It holds what has changed within a token's life; what is older no token has survived. Fed by the node's own
//! changes, by other nodes over the bus and by polling SQL.

use super::Principal;
use crate::{clock::UnixMs, store::EpochChange};
use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
};
use uuid::Uuid;

/// See the module.
pub(super) struct Epochs {
    /// By account, or by sign-in.
    void: RwLock<HashMap<Uuid, Mark>>,
    life_ms: u64,
    /// When other nodes' changes were last heard of, by SQL or by the bus. Unix milliseconds.
    heard_at: AtomicI64,
    /// When SQL was last read.
    read_at: AtomicI64,
}

#[derive(Clone, Copy)]
struct Mark {
    /// Tokens below are void.
    below: i64,
    /// When the last of them has expired.
    until: UnixMs,
}

impl Epochs {
    /// Empty. `life_ms`: for so long a token may be about after a change.
    pub fn new(life_ms: u64, now: UnixMs) -> Self {
        let nothing_read = AtomicI64::new(now.0.saturating_sub_unsigned(life_ms));
        Self { void: RwLock::default(), life_ms, heard_at: AtomicI64::new(now.0), read_at: nothing_read }
    }

    /// Takes a change in. False if it was known.
    pub fn learn(&self, change: &EpochChange) -> bool {
        if change.sign_in_id.is_none() && change.epoch == i64::MIN {
            return true; // of a profile: nothing is void
        }
        let (key, below) = match change.sign_in_id {
            Some(sign_in) => (sign_in, i64::MAX),
            None => (change.account_id, change.epoch),
        };
        let until = UnixMs(change.changed_at) + self.life_ms;
        let mut void = self.void.write().unwrap_or_else(PoisonError::into_inner);
        let mark = void.entry(key).or_insert(Mark { below: i64::MIN, until });
        let news = mark.below < below;
        *mark = Mark { below: mark.below.max(below), until: mark.until.max(until) };
        news
    }

    /// Whether this principal's token is void.
    pub fn is_void(&self, who: &Principal) -> bool {
        let void = self.void.read().unwrap_or_else(PoisonError::into_inner);
        void.get(&who.account.0).is_some_and(|mark| who.epoch < mark.below)
            || void.contains_key(&who.sign_in.0)
    }

    /// Forgets what no token can have survived.
    pub fn prune(&self, now: UnixMs) {
        let mut void = self.void.write().unwrap_or_else(PoisonError::into_inner);
        void.retain(|_, mark| now < mark.until);
    }

    /// From when on SQL is to be read.
    pub fn read_from(&self, look_back_ms: u64) -> UnixMs {
        UnixMs(self.read_at.load(Ordering::Relaxed).saturating_sub_unsigned(look_back_ms))
    }

    /// SQL was read.
    pub fn read(&self, now: UnixMs) {
        self.read_at.store(now.0, Ordering::Relaxed);
        self.heard(now);
    }

    /// Other nodes would have been heard.
    pub fn heard(&self, now: UnixMs) {
        self.heard_at.store(now.0, Ordering::Relaxed);
    }

    /// How long nothing could have been heard.
    pub fn deaf_ms(&self, now: UnixMs) -> i64 {
        now - UnixMs(self.heard_at.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::{Role, SignInId},
        ids::PlayerId,
    };

    fn who(epoch: i64) -> Principal {
        Principal {
            account: PlayerId(Uuid::from_u128(1)),
            sign_in: SignInId(Uuid::from_u128(2)),
            role: Role::User,
            epoch,
        }
    }

    fn change(sign_in_id: Option<Uuid>, epoch: i64) -> EpochChange {
        EpochChange { account_id: Uuid::from_u128(1), sign_in_id, epoch, changed_at: 1_000 }
    }

    #[test]
    fn an_epoch_voids_what_is_below_it_and_never_falls() {
        let epochs = Epochs::new(900_000, UnixMs(0));
        assert!(!epochs.is_void(&who(0)));
        assert!(epochs.learn(&change(None, 2)) && !epochs.learn(&change(None, 1)));
        assert!(epochs.is_void(&who(1)) && !epochs.is_void(&who(2)));
    }

    #[test]
    fn a_sign_ins_end_voids_its_own_tokens_alone() {
        let epochs = Epochs::new(900_000, UnixMs(0));
        epochs.learn(&change(Some(Uuid::from_u128(2)), 0));
        assert!(epochs.is_void(&who(7)));
        let other = Principal { sign_in: SignInId(Uuid::from_u128(3)), ..who(7) };
        assert!(!epochs.is_void(&other));
    }

    #[test]
    fn another_profile_voids_nothing_and_takes_no_place() {
        let epochs = Epochs::new(900_000, UnixMs(0));
        epochs.learn(&EpochChange::of_profile(Uuid::from_u128(1), UnixMs(0)));
        assert!(!epochs.is_void(&who(i64::MIN)) && epochs.void.read().expect("whole").is_empty());
    }

    #[test]
    fn what_no_token_survives_is_forgotten() {
        let epochs = Epochs::new(900_000, UnixMs(0));
        epochs.learn(&change(None, 2));
        epochs.prune(UnixMs(900_999));
        assert!(epochs.is_void(&who(1)));
        epochs.prune(UnixMs(901_000));
        assert!(!epochs.is_void(&who(1)));
    }
}
