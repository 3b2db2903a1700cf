//! What the types do not say: which message carries which payload, who gets it and when (spec 1.1–1.8).

use super::schema::shape_of;
use crate::protocol::bracket::OfShowtime;
use crate::protocol::matchmaking::EnterMatchmaking;
use crate::protocol::media::{Description, Reset, StateReport};
use crate::protocol::messages::{
    CreateRoom, InQueue, JoinRoom, Kick, ListRooms, Mute, Ping, Ready, ReportPlayer, Resume, SendChat, Target,
};

/// A message from a client.
pub(super) struct Message {
    pub name: &'static str,
    pub payload: fn() -> String,
    pub answer: &'static str,
    pub what: &'static str,
}

macro_rules! messages {
    ($($name:literal ($payload:expr) -> $answer:literal, $what:literal;)*) => {
        &[$(Message { name: $name, payload: || code($payload), answer: $answer, what: $what },)*]
    };
}

fn code(shape: impl Into<String>) -> String {
    format!("`{}`", shape.into())
}

pub(super) const CLIENT: &[Message] = messages! {
    "session.resume" (shape_of::<Resume>()) -> "`{session_id, resume_token, mode, last_seq, server_time}`",
        "the first frame of a socket opened with `resume=1`, and of no other; see Resume";
    "ping" (shape_of::<Ping>()) -> "`pong` with `{client_time, server_time}`", "measures the clock offset";
    "room.create" (shape_of::<CreateRoom>()) -> "`{room: ROOM}`", "a new room with its creator as leader";
    "room.join" (shape_of::<JoinRoom>()) -> "`{room: ROOM}`",
        "by id or by code, of which one is needed; a private room by code alone. Who left a running game may come back as one of the dead";
    "room.quick_join" ("{}") -> "`{room: ROOM}`", "the fullest public room that waits, else a new one";
    "room.list" (shape_of::<ListRooms>()) -> "`{rooms: [LISTING], next_cursor: string or null}`", "public rooms, newest first";
    "room.leave" ("{}") -> "`{}`", "gives the seat up; in a game it is a death";
    "room.ready" (shape_of::<Ready>()) -> "`{}`", "while the room waits";
    "room.settings" ("settings, any of them") -> "`{}`", "leader only, while the room waits: laid over the present ones; un-readies all people";
    "room.kick" (shape_of::<Kick>()) -> "`{}`", "leader only, while the room waits";
    "room.transfer" (shape_of::<Target>()) -> "`{}`", "leader only, while the room waits: another person leads";
    "room.add_bot" ("{}") -> "`{}`", "leader only, while the room waits";
    "room.remove_bot" (shape_of::<Target>()) -> "`{}`", "leader only, while the room waits";
    "room.start" ("{}") -> "`{room: ROOM}`", "leader only, when `room.startable` says so";
    "room.rematch" ("{}") -> "`{}`", "leader only, after a game: the table is cleared for the next, all un-readied";
    "room.state" ("{}") -> "`{}`", "asks for one's own `room.state` again";
    "chat.send" (shape_of::<SendChat>()) -> "`{}`", "to the channel in which one may write now";
    "player.mute" (shape_of::<Mute>()) -> "`{}`", "for oneself alone";
    "player.report" (shape_of::<ReportPlayer>()) -> "`{}`", "kept for the staff with the server's own recent log of the room";
    "media.offer" (shape_of::<Description>()) -> "`{}`", "`pc` is `pub`: what the browser sends, the first time, renegotiated or with new ICE credentials; `media.answer` follows";
    "media.answer" (shape_of::<Description>()) -> "`{}`", "`pc` is `sub`: answers the one open `media.offer`";
    "media.state" (shape_of::<StateReport>()) -> "`{}`", "how a connection fares; `sub` and `ready` asks for an offer, with or without a camera of one's own";
    "media.reset" (shape_of::<Reset>()) -> "`{}`", "this connection was thrown away here: the server does so too, says `media.reset` in its turn, and offers `sub` anew; what comes before that is of the old connection";
    "matchmaking.enter" (shape_of::<EnterMatchmaking>()) -> "`{mode, region, since}`",
        "looks for others of near rating, farther off the longer one waits, until `matchmaking.found`; again with the same mode and region changes nothing, with others begins anew. One who loses his socket has left";
    "matchmaking.leave" ("{}") -> "`{}`", "looks no more; a match that was found is as it is";
    "bracket.join" (shape_of::<OfShowtime>()) -> "`{bracket: BRACKET}`",
        "into the bracket of a showtime, with a paid seat of it, from `showtimes.doors_ms` before its start until the start; again changes nothing. `bracket.state`, `matchmaking.found` and `bracket.over` follow";
    "bracket.state" (shape_of::<OfShowtime>()) -> "`{bracket: BRACKET}`", "how the bracket stands, for whoever has a paid seat; ask on a new session, and after a resume in snapshot mode";
    "queue.enter" (shape_of::<InQueue>()) -> "`{ticket, number, ahead, eta_ms: number or null, poll_after_ms}`",
        "a ticket of an admission queue, the one that one has if there is one; `queue.position`, `queue.admitted` and `queue.ended` follow, and nobody polls. On a new session, and after a resume, send it again: it is the same ticket";
    "queue.leave" (shape_of::<InQueue>()) -> "`{}`", "out of the line; a pass that one has got ends";
    "game.vote" ("{suspect: player_id or null}") -> "`{}`", "by the living in `vote`; `null` abstains and is a ballot; changeable until the close";
    "game.verdict" ("{execute: boolean}") -> "`{}`", "by the living but the accused in `verdict`";
    "game.night" ("{target: player_id or null}") -> "`{}`", "by those whose role acts at night";
    "game.will" ("{text: string}") -> "`{}`", "the last will, ≤ 300 characters, while alive; empty takes it back";
    "game.kick_vote" ("{target: player_id}") -> "`{}`", "on an absent player";
};

/// Type, payload, audience, occasion.
pub(super) const PUSHES: &[(&str, &str, &str, &str)] = &[
    (
        "session.welcome",
        "{session_id, player_id, nickname, resume_token, server_time, heartbeat_ms, resume_window_ms}",
        "oneself",
        "first push of a new session; its seq is 1",
    ),
    (
        "session.moving",
        "{in_ms}",
        "oneself",
        "the node stops and others go on: it closes with 1012 in so many ms; reconnect to any node and resume",
    ),
    (
        "claim.changed",
        "{claim: {id, event, reward, account, kind, name, amount, status, reason?, created_at, updated_at}}",
        "oneself",
        "a claim on a reward has come to another status; it may be missed, `GET /api/v1/me/claims` has them all",
    ),
    (
        "matchmaking.found",
        "{mode: duel or mafia, sessionId?, room_id?}",
        "oneself",
        "a duel: its session on `/ws/signal`, accepted already, waits `duel.connect_ms` for both; Mafia: the room to `room.join`. A bracket tells its players of their duels so too",
    ),
    (
        "bracket.state",
        "{bracket: BRACKET}",
        "everybody in the bracket",
        "somebody has come in, a round or a match has begun, a pair is decided, or it is over; it may be missed",
    ),
    (
        "bracket.over",
        "{showtime, winner: {player_id, nickname} or null}",
        "everybody in the bracket",
        "somebody has won it, or nobody is left",
    ),
    (
        "reservation.changed",
        "{reservation: {id, account, showtime, seat, status, price_points, hold_expires_at, created_at, updated_at}}",
        "oneself",
        "a seat of a showtime is held, paid, given back or its hold is over; it may be missed, `GET /api/v1/me/reservations` has them all",
    ),
    (
        "queue.position",
        "{queue, ticket, ahead, eta_ms: number or null}",
        "oneself",
        "one's place in a queue has changed; a slow reader may miss all but the latest",
    ),
    (
        "queue.admitted",
        "{queue, ticket, pass, expires_at}",
        "oneself",
        "one may come in: show the pass before `expires_at`, and again until its second clock has run out",
    ),
    (
        "queue.ended",
        "{queue, ticket, status: expired, left or sold_out}",
        "oneself",
        "one is no longer in the line",
    ),
    ("session.replaced", "{}", "oneself", "a newer session of the account is there; close 4001 follows"),
    (
        "room.state",
        "{room: ROOM, game: GAME or null, chat: {channel: [CHAT]}, media: MEDIA or null, you: player_id}",
        "one member",
        "when asked for; in a room with media when one has joined it and when the leader turns media on or off; when a new session finds its seat; after a resume in snapshot mode; after the end of a game",
    ),
    ("room.member_joined", "{member: MEMBER}", "the other members", ""),
    (
        "room.member_left",
        "{player_id, reason: left, kicked, banned, dropped or expelled}",
        "all members, the one who leaves too",
        "",
    ),
    ("room.member_ready", "{player_id, ready}", "all members", ""),
    ("room.member_connection", "{player_id, connected}", "all members", "a member's socket is gone or back"),
    ("room.leader_changed", "{leader: player_id}", "all members", ""),
    ("room.settings_changed", "{settings}", "all members", ""),
    (
        "room.startable",
        "{startable}",
        "the leader",
        "whether `room.start` would be taken now, on each change",
    ),
    ("room.started", "{room: ROOM}", "all members", "before the game's own pushes"),
    ("room.closed", "{reason}", "all members", "the room is no more: `empty`, or `ended` by the staff"),
    ("chat.message", "CHAT", "who may read the channel and has not muted the writer", ""),
    (
        "media.offer",
        "{pc: sub, sdp, tracks: [{mid, player_id, kind: audio or video}]}",
        "one member",
        "what he may ever receive, one offer at a time; a line that is not listed carries nothing",
    ),
    ("media.answer", "{pc: pub, sdp}", "one member", "to his offer"),
    (
        "media.refused",
        "{pc, reason: too_large, bad_description, full or busy}",
        "one member",
        "his description was not followed; the connection is as it was before",
    ),
    (
        "media.reset",
        "{pc}",
        "one member",
        "after his own: what comes now is of the new connection. Otherwise the server has lost it, or, on `pub`, the room's pictures change their codec: begin anew, with an offer on `pub` and `ready` on `sub`",
    ),
    (
        "media.state",
        "{player_id, state: off, connecting, connected or failed, audio, video}",
        "all members",
        "how a member's connections fare, and what he sends",
    ),
    (
        "media.allowed",
        "{hears: [player_id], sees: [player_id], heard_by: [player_id], seen_by: [player_id]}",
        "one member",
        "what the rules let him receive, and who may receive him, when it changes and after each room.state; who may do so in secret (the dead, spectators) is not named",
    ),
    ("media.speaking", "{player_id, speaking}", "who may hear him", "he begins or ceases to speak"),
    (
        "game.role",
        "{role, partners?: [player_id]}",
        "one player",
        "at the start; partners: the other mafia, to mafia",
    ),
    (
        "game.phase",
        "{phase: day, vote, defence, verdict, final_words or night, day, started_at, ends_at, accused?: player_id}",
        "all members",
        "a phase begins",
    ),
    (
        "game.votes",
        "VOTES",
        "all members",
        "a ballot of the vote came or changed; a slow reader may miss all but the latest",
    ),
    ("game.verdict_tally", "{yes, no}", "all members", "as game.votes; numbers only"),
    (
        "game.night_choice",
        "NIGHT_CHOICE",
        "who may know: the mafia of a mafia's choice, others their own; the dead",
        "",
    ),
    ("game.night_result", "{victim: player_id or null}", "all members", "the night is over"),
    (
        "game.investigation",
        "{target, mafia: boolean, day}",
        "the police; the dead",
        "after the night's result",
    ),
    ("game.death", "DEATH", "all members", ""),
    ("game.graveyard", "{roles: {player_id: role}}", "one dead player", "what he may know from now on"),
    ("game.absent", "{player_id}", "all members", "had no ballot in two votes running"),
    ("game.present", "{player_id}", "all members", "an absent player has voted again"),
    ("game.kick_votes", "{target, votes, needed}", "all members", "somebody wants an absent player expelled"),
    (
        "game.over",
        "{winner: citizens, mafia, jester, draw or aborted, roles: {player_id: role}, days, seed, match_id}",
        "all members",
        "followed by room.state",
    ),
];

/// A room in the list; a test compares it with `store::Listing`.
pub(super) const LISTING: &str =
    "{room_id, code, name, game, visibility, status, members: number, capacity, settings, created_at}";

pub(super) const GAME_SHAPES: &[&str] = &[
    "GAME = {phase, day, started_at, ends_at, accused?,",
    "        you: {role or null, alive, partners?, choice?, will?, chat?, investigations?, kick_votes?},",
    "        players: [{player_id, alive, absent?}], votes?: VOTES, verdict_tally?: {yes, no},",
    "        night?: {choices: [NIGHT_CHOICE]}, deaths: [DEATH], roles?: {player_id: role}, winner?}",
    "VOTES = {tally: {suspect: [voter]}, abstained: [voter]}",
    "        with anonymous_votes: {counts: {suspect: number}, abstained: number}",
    "NIGHT_CHOICE = {by, role, target: player_id or null}",
    "DEATH = {player_id, cause: executed, killed, left or expelled, day, role?, side?: citizens, mafia or neutral, will?}",
];
