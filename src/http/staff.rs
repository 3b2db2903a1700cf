//! Live rooms and nodes, for staff (spec 8.2). What is live is asked of the room itself, through the cluster.
//!
//! Looking into a room is written to the audit log before anything is shown: what staff see tells roles.

use super::{
    HttpState, Problem,
    accounts::Answer,
    guard::SignedIn,
    moderation::{Reason, checked},
    page::{Page, PageQuery, searched},
};
use crate::{
    actors::room::{Moderator, RoomActor, RoomCommand, RoomReply, StaffOrder},
    auth::Principal,
    ids::{MatchId, PlayerId, RoomId},
    protocol::messages::RoomView,
    store::{AuditEntry, RoomFilter},
};
use actix_web::{
    HttpResponse,
    web::{Data, Json, Path, Query},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// `GET /admin/rooms?status=&game=&search=`
#[derive(Deserialize, JsonSchema)]
pub(super) struct RoomQuery {
    /// `waiting` or `playing`.
    status: Option<String>,
    /// Of this game.
    game: Option<String>,
    /// The room's id, its code, or a part of its name.
    search: Option<String>,
}

/// Body of `POST /admin/rooms/{id}/kick`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct KickBody {
    /// Whom.
    player_id: PlayerId,
    /// He may not come back.
    #[serde(default)]
    ban: bool,
    /// For the audit log.
    #[schemars(length(min = 1))]
    reason: String,
}

/// A node of the cluster.
#[derive(Serialize, JsonSchema)]
pub(super) struct NodeView {
    /// This run of it.
    id: String,
    /// What its operators call it, over its restarts.
    name: String,
    /// Where players reach it.
    address: String,
    /// What it is for: gateway, game, media, queue, worker, db.
    roles: Vec<&'static str>,
    /// Of the build.
    version: String,
    /// Entities and sessions that it holds.
    load: u64,
    /// Sessions with a socket, of those.
    sessions: u64,
    /// It takes no new entities: it is about to stop.
    draining: bool,
    /// It answers this request.
    answers: bool,
}

/// `{items}`
#[derive(Serialize, JsonSchema)]
pub(super) struct Nodes {
    items: Vec<NodeView>,
}

/// What there is now, in figures.
#[derive(Serialize, JsonSchema)]
pub(super) struct Overview {
    /// Unix ms.
    at: i64,
    nodes: usize,
    /// What all nodes hold: entities and sessions.
    load: u64,
    /// With a socket, on all nodes.
    sessions: u64,
    rooms_waiting: i64,
    rooms_playing: i64,
    /// At the tables, bots too.
    players: i64,
    reports_open: i64,
    /// Accounts that may not chat now.
    mutes: usize,
    /// Claims that have not come to their end.
    claims_running: i64,
    /// Facts that wait for a consumer, of all groups.
    facts_waiting: i64,
    dead_letters: i64,
}

/// A live room, secrets too.
#[derive(Serialize, JsonSchema)]
pub(super) struct WatchedRoom {
    room: RoomView,
    /// Who may not come back.
    banned: Vec<PlayerId>,
    /// The game that is on.
    match_id: Option<MatchId>,
    /// Unix ms.
    started_at: Option<i64>,
    /// The newest of all channels: `CHAT`.
    chat: Vec<Value>,
    /// The newest entries of the running match, oldest first: `{n, at, input, effects}`.
    events: Vec<Value>,
}

/// `GET /admin/overview`
pub(super) async fn overview(state: Data<HttpState>) -> Answer {
    let now = state.cluster.clock().now();
    let nodes = state.cluster.nodes();
    let (lag, dead_letters) = state.store.activity_lag().await?;
    let (waiting, playing, players) = state.store.room_figures().await?;
    Ok(HttpResponse::Ok().json(Overview {
        at: now.0,
        load: nodes.iter().map(|node| node.load).sum(),
        sessions: nodes.iter().map(|node| node.sessions).sum(),
        nodes: nodes.len(),
        rooms_waiting: waiting,
        rooms_playing: playing,
        players,
        reports_open: state.store.open_reports().await?,
        mutes: state.store.mutes(now, None).await?.len(),
        claims_running: state.store.claims_running().await?.0,
        facts_waiting: lag.iter().map(|lag| lag.facts).sum(),
        dead_letters,
    }))
}

/// `GET /admin/nodes`
pub(super) async fn nodes(state: Data<HttpState>) -> Answer {
    let me = state.cluster.me();
    let view = |node: crate::cluster::NodeInfo| NodeView {
        id: node.id.to_string(),
        answers: node.id == me,
        name: node.name,
        address: node.address,
        roles: node.roles.names(),
        version: node.version,
        load: node.load,
        sessions: node.sessions,
        draining: node.draining,
    };
    let items = state.cluster.nodes().into_iter().map(view).collect();
    Ok(HttpResponse::Ok().json(Nodes { items }))
}

/// `GET /admin/rooms` → a page of `LISTING`, private ones too, newest first.
pub(super) async fn rooms(state: Data<HttpState>, query: Query<RoomQuery>, page: Query<PageQuery>) -> Answer {
    let RoomQuery { status, game, search } = query.into_inner();
    let [status, game, search] = [status, game, search].map(|text| text.as_deref().map(searched));
    let filter = RoomFilter { status, game, search, before: page.after()? };
    let limit = page.limit();
    let rooms = state.store.all_rooms(&filter, limit + 1).await?;
    Ok(HttpResponse::Ok().json(Page::of(rooms, limit, |room| room.room_id)))
}

/// `GET /admin/rooms/{id}` → [`WatchedRoom`]
pub(super) async fn room(state: Data<HttpState>, SignedIn(who): SignedIn, id: Path<Uuid>) -> Answer {
    let room = RoomId(*id);
    let RoomReply::Watched(mut shown) = order(&state, &who, room, StaffOrder::Watch).await? else {
        return Err(Problem::bug(&"a room did not show itself"));
    };
    let running = serde_json::from_value::<Option<MatchId>>(shown["match_id"].clone()).unwrap_or_default();
    note_look(&state, &who, (room, running)).await?;
    shown["events"] = match running {
        Some(id) => state.store.newest_entries(id, state.config.moderation.watched_entries).await?.into(),
        None => json!([]),
    };
    Ok(HttpResponse::Ok().json(shown))
}

/// Who keeps looking into a game is noted once for a while, so that he may follow it as it goes on.
async fn note_look(state: &HttpState, who: &Principal, at: (RoomId, Option<MatchId>)) -> Result<(), Problem> {
    let (now, look) = (state.cluster.clock().now(), (who.account, at.0, at.1));
    let again_ms = state.config.moderation.watch_again_ms;
    if state.looks.get(&look).is_some_and(|noted| now < noted + again_ms) {
        return Ok(());
    }
    let (by, detail) = ((Some(who.account), who.role), json!({"match_id": at.1}));
    let entry = AuditEntry::new(now, by, "room.watched", format!("room/{}", at.0), detail);
    state.store.audit(&entry).await?;
    state.looks.insert(look, now);
    Ok(())
}

/// `POST /admin/rooms/{id}/end` → 204
pub(super) async fn end(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    id: Path<Uuid>,
    body: Json<Reason>,
) -> Answer {
    let reason = checked(&state, "reason", &body.reason)?;
    order(&state, &who, RoomId(*id), StaffOrder::End { reason }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /admin/rooms/{id}/kick` → 204
pub(super) async fn kick(
    state: Data<HttpState>,
    SignedIn(who): SignedIn,
    id: Path<Uuid>,
    body: Json<KickBody>,
) -> Answer {
    let reason = checked(&state, "reason", &body.reason)?;
    let kick = StaffOrder::Kick { player_id: body.player_id, ban: body.ban, reason };
    order(&state, &who, RoomId(*id), kick).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Tells the room, wherever it is, and waits for what it says.
async fn order(
    state: &HttpState,
    who: &Principal,
    room: RoomId,
    order: StaffOrder,
) -> Result<RoomReply, Problem> {
    let by = Moderator { account: who.account, role: who.role };
    match state.cluster.ask::<RoomActor>(room.0, RoomCommand::Staff { by, order }).await? {
        RoomReply::Refused(rejection) => Err(rejection.into()),
        reply => Ok(reply),
    }
}
