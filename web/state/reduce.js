// Owns: what each push, answer and local event does to the page's state. Pure: no DOM, no clock, no network.
// Called by the store for a live game and by `state/replay.js` for a recorded one.

import { reduceGame } from "./game.js";
import { reduceMedia, shownMedia } from "./media.js";

const FEED_LIMIT = 250;
const NOTICE_LIMIT = 12;
export const PALETTE_SIZE = 12;

/** The state before anything is known. */
export function initial() {
  return {
    me: null, // player_id of this player; null in a replay
    link: "idle", // idle | connecting | online | reconnecting | closed
    room: null, // ROOM of spec 1.8
    game: null, // GAME of spec 1.8, with `players` (seat order) added
    over: null, // the last game.over with what the end screen needs
    media: null, // MEDIA of spec 7, with `allowed` and `speaking` added; null without video and voice
    startable: false,
    roster: {}, // player_id → {nickname, bot, color}: outlives a member's leaving
    feed: [], // chat and happenings, oldest first: {n, kind, …}
    notices: [], // what deserves a toast: {n, kind, …}
    n: 0, // numbers feed entries and notices
  };
}

/** Adds to the feed (`chat`, or a happening). */
export function tell(state, entry) {
  const n = state.n + 1;
  const at = entry.at ?? state.feed.at(-1)?.at ?? 0;
  return { ...state, n, feed: [...state.feed, { ...entry, n, at }].slice(-FEED_LIMIT) };
}

/** Adds a toast. */
export function notice(state, entry) {
  const n = state.n + 1;
  return { ...state, n, notices: [...state.notices, { n, ...entry }].slice(-NOTICE_LIMIT) };
}

/** Remembers names and gives each player a colour nobody at the table has. */
export function enrol(state, members) {
  let roster = state.roster;
  for (const { player_id, nickname, bot } of members) {
    const known = roster[player_id];
    if (known && known.nickname === nickname) continue;
    const seated = new Set((state.room?.members ?? members).map((m) => m.player_id));
    const taken = new Set(Object.entries(roster).flatMap(([id, p]) => (seated.has(id) ? [p.color] : [])));
    let color = known?.color ?? Object.keys(roster).length % PALETTE_SIZE;
    if (!known) for (let i = 0; i < PALETTE_SIZE && taken.has(color); i++) color = (color + 1) % PALETTE_SIZE;
    roster = { ...roster, [player_id]: { nickname, bot: !!bot, color } };
  }
  return roster === state.roster ? state : { ...state, roster };
}

const member = (state, id, change) => ({
  ...state,
  room: { ...state.room, members: state.room.members.map((m) => (m.player_id === id ? { ...m, ...change } : m)) },
});

const outside = (state) => ({ ...state, room: null, game: null, over: null, media: null, startable: false, feed: [], roster: {} });

/** Entered a room: by an answer (`ok {room}`), nothing is known of its past. */
function entered(state, room) {
  if (state.room?.room_id === room.room_id) return enrol({ ...state, room }, room.members);
  return enrol({ ...outside(state), room }, room.members);
}

/** The whole view at once. Happenings already told stay. */
function snapshot(state, { room, game, chat, media, you }) {
  const same = state.room?.room_id === room.room_id;
  let next = same ? { ...state, room } : { ...outside(state), room };
  next.media = shownMedia(next.media, media);
  next = enrol({ ...next, me: you ?? state.me }, room.members);
  const playing = room.status === "playing";
  if (playing && game) {
    const seated = game.players ?? room.members.filter((m) => !m.spectator);
    const gone = game.deaths.filter((d) => !seated.some((s) => s.player_id === d.player_id));
    const players = [...seated, ...gone].map((p) => p.player_id);
    const kept = same && state.game ? state.game.players : players;
    next.game = { ...game, players: kept, investigations: game.you.investigations ?? state.game?.investigations ?? [] };
    next.over = null;
  } else {
    const missed = !same || state.game; // it ended while we were away
    next.game = null;
    if (missed && game?.winner && game.roles?.[next.me]) next.over = ended(next, game);
  }
  return withChat(next, Object.values(chat ?? {}).flat());
}

/** The end page again, for one who comes back to it with a new session (the seed and the record are not told twice). */
function ended({ me, roster }, { winner, roles, deaths, day, players = [] }) {
  const ids = players.map((p) => p.player_id);
  return { winner, roles, deaths, day, days: day, players: ids.length ? ids : Object.keys(roles), my_role: roles[me], roster };
}

/** Adds the lines that are not told yet, each at its time; entries keep their numbers, so that nothing is redrawn. */
function withChat(state, messages) {
  const mark = (c) => `${c.from} ${c.at} ${c.text}`;
  const told = new Set(state.feed.filter((e) => e.kind === "chat").map(mark));
  const fresh = messages.filter((c) => !told.has(mark(c))).map((c, i) => ({ kind: "chat", ...c, n: state.n + 1 + i }));
  if (!fresh.length) return state;
  const feed = [...state.feed, ...fresh].sort((a, b) => a.at - b.at);
  return { ...state, n: state.n + fresh.length, feed: feed.slice(-FEED_LIMIT) };
}

const handlers = {
  "local.link": (state, { link }) => ({ ...state, link }),
  "local.session": (state, { mode, player_id, playerId }) => {
    const me = player_id ?? playerId ?? state.me;
    return mode === "new" && state.me !== me ? { ...outside(state), me } : { ...state, me };
  },
  "local.outside": outside,
  "local.dismiss_end": (state) => ({ ...state, over: null }),
  "local.notice": (state, payload) => notice(state, payload),

  "answer:room.create": (state, { room }) => entered(state, room),
  "answer:room.join": (state, { room }) => entered(state, room),
  "answer:room.quick_join": (state, { room }) => entered(state, room),
  "answer:room.leave": outside,

  "room.state": snapshot,
  "room.member_joined": (state, { member: m, at }) => {
    const others = state.room.members.filter((x) => x.player_id !== m.player_id);
    const known = others.length !== state.room.members.length;
    const next = enrol({ ...state, room: { ...state.room, members: known ? state.room.members.map((x) => (x.player_id === m.player_id ? m : x)) : [...others, m] } }, [m]);
    return known ? next : tell(next, { kind: "joined", player_id: m.player_id, at });
  },
  "room.member_left": (state, { player_id, reason, at }) => {
    if (player_id === state.me) return notice(outside(state), { kind: "out", reason });
    const room = { ...state.room, members: state.room.members.filter((m) => m.player_id !== player_id) };
    return tell({ ...state, room }, { kind: "left", player_id, reason, at });
  },
  "room.member_ready": (state, { player_id, ready }) => member(state, player_id, { ready }),
  "room.member_connection": (state, { player_id, connected }) => {
    const waiting = state.room.status === "waiting" && !connected;
    return member(state, player_id, waiting ? { connected, ready: false } : { connected });
  },
  "room.leader_changed": (state, { leader }) => {
    const members = state.room.members.map((m) => ({ ...m, role: m.player_id === leader ? "leader" : "member" }));
    const next = { ...state, startable: leader === state.me && state.startable, room: { ...state.room, leader, members } };
    return tell(next, { kind: "leader", player_id: leader });
  },
  "room.settings_changed": (state, { settings }) => {
    const members = state.room.members.map((m) => (m.bot ? m : { ...m, ready: false }));
    return tell({ ...state, room: { ...state.room, settings, members } }, { kind: "settings" });
  },
  "room.startable": (state, { startable }) => ({ ...state, startable }),
  "room.started": (state, { room }) => {
    const players = room.members.filter((m) => !m.spectator).map((m) => m.player_id);
    const game = { phase: null, day: 1, you: { alive: players.includes(state.me) }, deaths: [], investigations: [], players };
    return tell(enrol({ ...state, room: { ...room, status: "playing" }, game, over: null, startable: false }, room.members), { kind: "started" });
  },
  "room.closed": (state, { reason }) => notice(outside(state), { kind: "closed", reason }),
  "chat.message": (state, message) => tell(state, { kind: "chat", ...message }),
};

/** The state after `type` has happened. Unknown types change nothing: servers may say more than we know. */
export function reduce(state, type, payload = {}) {
  const handler = handlers[type];
  if (handler) {
    const needsRoom = type.startsWith("room.") && type !== "room.state" && type !== "room.closed";
    return needsRoom && !state.room && type !== "room.started" ? state : handler(state, payload);
  }
  if (type.startsWith("media.")) return reduceMedia(state, type, payload);
  return state.game ? reduceGame(state, type, payload) : state;
}
