//! Arguments of the store's questions as they come from another node: owned there, lent to the method that takes them.

use super::{
    NicknameKeys, Place,
    duels::{DuelFilter, Verdict},
    moderation::ReportFilter,
};
use crate::{
    clock::UnixMs,
    ids::{MatchId, PlayerId, QueueId},
    liveops::claims::state::{Reason, Status},
};
use serde::{Deserialize, de::DeserializeOwned};
use uuid::Uuid;

/// A type of an argument, and what another node's argument is read into.
pub(super) trait Lend<'a>: Sized {
    type Owned: DeserializeOwned + Send + Sync;
    fn lend(owned: &'a Self::Owned) -> Self;
}

macro_rules! copied {
    ($($Type:ty),* $(,)?) => {$(
        impl<'a> Lend<'a> for $Type {
            type Owned = Self;
            fn lend(owned: &'a Self) -> Self {
                *owned
            }
        }
    )*};
}

copied!(bool, i64, u32, u64, usize, Uuid, UnixMs, MatchId, PlayerId, QueueId);
copied!(Status, Reason, DuelFilter, Place, ReportFilter, Verdict);

impl<'a> Lend<'a> for String {
    type Owned = Self;
    fn lend(owned: &'a Self) -> Self {
        owned.clone()
    }
}

impl<'a> Lend<'a> for &'a str {
    type Owned = String;
    fn lend(owned: &'a String) -> Self {
        owned
    }
}

impl<'a, T: DeserializeOwned + Send + Sync> Lend<'a> for &'a [T] {
    type Owned = Vec<T>;
    fn lend(owned: &'a Vec<T>) -> Self {
        owned
    }
}

impl<'a, T: DeserializeOwned + Send + Sync> Lend<'a> for &'a T {
    type Owned = T;
    fn lend(owned: &'a T) -> Self {
        owned
    }
}

impl<'a, T: Lend<'a>> Lend<'a> for Option<T>
where
    T::Owned: 'a,
{
    type Owned = Option<T::Owned>;
    fn lend(owned: &'a Self::Owned) -> Self {
        owned.as_ref().map(T::lend)
    }
}

impl<'a, A: Lend<'a>, B: Lend<'a>> Lend<'a> for (A, B)
where
    A::Owned: 'a,
    B::Owned: 'a,
{
    type Owned = (A::Owned, B::Owned);
    fn lend((a, b): &'a Self::Owned) -> Self {
        (A::lend(a), B::lend(b))
    }
}

impl<'a, A: Lend<'a>, B: Lend<'a>, C: Lend<'a>> Lend<'a> for (A, B, C)
where
    A::Owned: 'a,
    B::Owned: 'a,
    C::Owned: 'a,
{
    type Owned = (A::Owned, B::Owned, C::Owned);
    fn lend((a, b, c): &'a Self::Owned) -> Self {
        (A::lend(a), B::lend(b), C::lend(c))
    }
}

/// [`NicknameKeys`] of another node.
#[derive(Deserialize)]
pub(super) struct OwnedKeys {
    key: String,
    look: String,
}

impl<'a> Lend<'a> for NicknameKeys<'a> {
    type Owned = OwnedKeys;
    fn lend(owned: &'a OwnedKeys) -> Self {
        Self { key: &owned.key, look: &owned.look }
    }
}
