//! A player's presence in duels (spec 4): which signal session is his, which lobby he is in, which match holds him, and
//! which requests are open between him and others.
//!
//! One entity an account, in memory alone: what it knows its neighbours say again every `duel.assert_ms` (the signal
//! session that it is there and in which lobby, the match that it holds him), so that one whose node has died is whole
//! again after that. `state` decides, [`DuellistActor`] performs. Why so: docs/decisions/0018.

mod actor;
mod asking;
mod messages;
mod state;

pub use actor::DuellistActor;
pub use messages::{DuellistCommand, DuellistReply, LobbyWish};

use crate::{
    cluster::{AskError, Cluster},
    ids::PlayerId,
};

/// Whether this account is in a lobby or a match.
///
/// # Errors
/// It cannot be said now.
pub async fn is_present(cluster: &Cluster, account: PlayerId) -> Result<bool, AskError> {
    match cluster.ask::<DuellistActor>(account.0, DuellistCommand::IsPresent).await {
        Ok(reply) => Ok(reply == DuellistReply::Present(true)),
        Err(AskError::NotFound) => Ok(false), // nobody has heard of him
        Err(error) => Err(error),
    }
}
