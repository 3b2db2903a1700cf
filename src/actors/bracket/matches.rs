//! How a bracket begins the matches of its pairs, and learns how they went: by asking each, again and again. What it has not
//! begun by its own account it begins under the same id; a match that is gone is looked up where results are kept. So it
//! does not matter which of the two dies between two steps.

use super::{
    ports::{DuelResult, Results},
    rounds::{Game, MatchEnd},
};
use crate::{
    actors::duel::{DuelActor, DuelCommand, DuelReply, Party, Standing},
    cluster::{AskError, Cluster},
    ids::PlayerId,
    liveops::DuelOutcome,
    protocol::signal::SignalCode,
};
use std::sync::Arc;

/// What is found of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is on.
    On,
    /// It cannot begin: this player is in another.
    Busy(PlayerId),
    /// It is over.
    Ended(MatchEnd),
    /// It had begun, and nobody knows of it.
    Missing,
    /// Nobody can say now.
    Unknown,
}

/// Looks how this match goes, and has it begun if it has not.
pub(super) async fn look(
    cluster: Cluster,
    results: Arc<dyn Results>,
    game: Game,
    players: [Party; 2],
) -> Found {
    let ids = players.clone().map(|party| party.player_id);
    match cluster.ask::<DuelActor>(game.id, DuelCommand::Look).await {
        Ok(DuelReply::Stands(standing)) => return found(&standing, ids),
        Ok(DuelReply::Refused(no)) if no.code != SignalCode::NotFound => return Found::Unknown,
        Ok(_) | Err(AskError::NotFound) => {}
        Err(_) => return Found::Unknown,
    }
    match results.result_of(game.id).await {
        Ok(Some(result)) => Found::Ended(end_of(result, ids)),
        Ok(None) if game.begun => Found::Missing,
        Ok(None) => arrange(&cluster, &game, players).await,
        Err(error) => {
            tracing::debug!(%error, "a result could not be looked up");
            Found::Unknown
        }
    }
}

/// As the matchmaker does: a match that is accepted already.
async fn arrange(cluster: &Cluster, game: &Game, players: [Party; 2]) -> Found {
    match cluster.ask::<DuelActor>(game.id, DuelCommand::Arrange { players }).await {
        Ok(DuelReply::Done) => Found::On,
        Ok(DuelReply::Busy(player)) => Found::Busy(player),
        _ => Found::Unknown,
    }
}

/// Who won, by side. A winner who is none of the two cannot be.
fn won(winner: PlayerId, players: [PlayerId; 2]) -> MatchEnd {
    players.iter().position(|player| *player == winner).map_or(MatchEnd::NoResult, MatchEnd::Won)
}

fn end_of(result: DuelResult, players: [PlayerId; 2]) -> MatchEnd {
    match result {
        DuelResult { winner: Some(winner), .. } => won(winner, players),
        DuelResult { open: true, .. } => MatchEnd::Disputed,
        DuelResult { .. } => MatchEnd::NoResult,
    }
}

fn found(standing: &Standing, players: [PlayerId; 2]) -> Found {
    Found::Ended(match *standing {
        Standing::Open => return Found::On,
        Standing::Failed { left: Some(side), .. } => MatchEnd::Left(side),
        Standing::Failed { absent, .. } => MatchEnd::Absent(absent),
        Standing::Ended { outcome: DuelOutcome::Abandoned, left: Some(side), .. } => MatchEnd::Left(side),
        Standing::Ended { outcome, winner, reported, .. } => {
            end_of(DuelResult::of(outcome, winner, reported, false), players)
        }
    })
}
