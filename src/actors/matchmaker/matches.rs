//! Where matches begin: duels with their own entity, games of Mafia in a room.

use super::{Arranged, Matches, Ticket};
use crate::{
    actors::{
        duel::{DuelActor, DuelCommand, DuelReply, Party},
        room::{Caller, RoomActor, RoomCommand, RoomReply},
    },
    cluster::{Cluster, RoomIndex},
    ids::RoomId,
    protocol::{
        ErrorCode,
        matchmaking::{MatchFound, MatchMode},
        signal::SignalCode,
    },
};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use uuid::Uuid;

/// Matches of the cluster: duels, and rooms.
pub struct ClusterMatches {
    cluster: Cluster,
    rooms: Arc<dyn RoomIndex>,
}

impl ClusterMatches {
    /// Begins them through this cluster.
    pub fn new(cluster: Cluster, rooms: Arc<dyn RoomIndex>) -> Self {
        Self { cluster, rooms }
    }
}

impl Matches for ClusterMatches {
    fn arrange(&self, mode: MatchMode, id: Uuid, players: Vec<Ticket>) -> BoxFuture<'static, Arranged> {
        let (cluster, rooms) = (self.cluster.clone(), self.rooms.clone());
        Box::pin(async move {
            match mode {
                MatchMode::Duel => arrange_duel(&cluster, id, &players).await,
                MatchMode::Mafia => open_room(&cluster, rooms.as_ref(), RoomId(id), &players).await,
            }
        })
    }
}

/// A match that is accepted already: the one who has waited longer offers.
async fn arrange_duel(cluster: &Cluster, id: Uuid, players: &[Ticket]) -> Arranged {
    let party = |ticket: &Ticket| Party { player_id: ticket.player_id, nickname: ticket.nickname.clone() };
    let [one, other] = players else { return Arranged::Never };
    let command = DuelCommand::Arrange { players: [party(one), party(other)] };
    let found = MatchFound { mode: MatchMode::Duel, session_id: Some(id), room_id: None };
    match cluster.ask::<DuelActor>(id, command).await {
        Ok(DuelReply::Done) => Arranged::Begun(found),
        Ok(DuelReply::Busy(player)) => Arranged::Busy(player),
        Ok(DuelReply::Refused(no)) if no.code == SignalCode::Unavailable => Arranged::Unknown,
        Ok(DuelReply::Refused(_)) => Arranged::Never,
        Ok(DuelReply::Stands(_)) | Err(_) => Arranged::Unknown,
    }
}

/// A public room, led by the one who has waited longest; the others join it themselves. What has happened already is seen
/// by the leader's seat.
async fn open_room(cluster: &Cluster, rooms: &dyn RoomIndex, room: RoomId, players: &[Ticket]) -> Arranged {
    let Some(leader) = players.first() else { return Arranged::Never };
    let begun = || {
        let room_id = Some(room);
        Arranged::Begun(MatchFound { mode: MatchMode::Mafia, session_id: None, room_id })
    };
    match rooms.seat_of(leader.player_id).await {
        Ok(None) => {}
        Ok(Some(seat)) if seat == room => return begun(),
        Ok(Some(_)) => return Arranged::Busy(leader.player_id),
        Err(_) => return Arranged::Unknown,
    }
    let by = Caller {
        player_id: leader.player_id,
        nickname: leader.nickname.clone(),
        session: Some(leader.session),
        request: None,
    };
    let command = RoomCommand::Create { by, room: Box::default(), showtime: None };
    match cluster.ask::<RoomActor>(room.0, command).await {
        Ok(RoomReply::Seated) => begun(),
        Ok(RoomReply::Refused(no)) if no.code == ErrorCode::AlreadyInRoom => Arranged::Busy(leader.player_id),
        _ => Arranged::Unknown,
    }
}
