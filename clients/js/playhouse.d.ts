// Types of the client package and of the wire protocol (spec 1.1–1.8). No code.

// ---- the protocol -------------------------------------------------------------------------------------------

/** A UUID as a string. */
export type PlayerId = string;
export type RoomId = string;
/** Unix milliseconds, UTC, on the server's clock. */
export type UnixMs = number;

export type Role = "citizen" | "mafia" | "doctor" | "police" | "escort" | "jester";
export type Phase = "day" | "vote" | "defence" | "verdict" | "final_words" | "night";
export type Channel = "room" | "day" | "mafia" | "graveyard";
export type Winner = "citizens" | "mafia" | "jester" | "draw" | "aborted";
export type Cause = "executed" | "killed" | "left" | "expelled";
export type Side = "citizens" | "mafia" | "neutral";
export type LeaveReason = "left" | "kicked" | "banned" | "dropped" | "expelled";

export type ErrorCode =
  | "bad_message" | "unknown_type" | "resume_failed" | "rate_limited" | "already_in_room" | "not_in_room" | "room_not_found"
  | "room_full" | "room_closed" | "bracket_not_found" | "seat_required" | "doors_closed" | "banned_from_room" | "game_in_progress" | "not_leader" | "not_startable" | "not_allowed"
  | "invalid_settings" | "invalid_nickname" | "chat_closed" | "muted" | "too_large" | "try_again" | "moving" | "internal";

export interface Settings {
  /** Milliseconds, 1,000–600,000. */
  day_ms: number;
  vote_ms: number;
  defence_ms: number;
  verdict_ms: number;
  night_ms: number;
  /** 0 (none) or 1,000–60,000. */
  final_words_ms: number;
  min_players: number;
  max_days: number;
  vote_tie: "day" | "night";
  max_ties: number;
  night_early_close: boolean;
  /** `null`: the living may write where there is no media. */
  living_chat: boolean | null;
  media: boolean;
  reveal_on_death: "none" | "side" | "full";
  wills: boolean;
  anonymous_votes: boolean;
  allow_spectators: boolean;
  /** `null`: by head count. */
  roles: Partial<Record<Exclude<Role, "citizen">, number | null>>;
}

/** Duels of all who have a paid seat of a showtime. */
export interface Bracket {
  showtime: string;
  title: string;
  mode: "single_elimination";
  status: "open" | "running" | "over";
  starts_at: UnixMs;
  players: { player_id: PlayerId; nickname: string; seed?: number }[];
  rounds: { ends_at: UnixMs; pairs: BracketPair[] }[];
  winner?: PlayerId;
}

export interface BracketPair {
  players: [PlayerId | null, PlayerId | null];
  status: "waiting" | "playing" | "disputed" | "decided";
  sessionId?: string;
  winner?: PlayerId;
  by?: "bye" | "result" | "forfeit" | "no_show" | "seed";
}

export interface Member {
  player_id: PlayerId;
  nickname: string;
  ready: boolean;
  role: "leader" | "member";
  connected: boolean;
  bot: boolean;
  alive?: boolean;
  spectator: boolean;
  absent?: boolean;
}

export interface Room {
  room_id: RoomId;
  code: string;
  name: string;
  visibility: "public" | "private";
  capacity: number;
  status: "waiting" | "playing";
  game: "mafia";
  settings: Settings;
  leader: PlayerId;
  created_at: UnixMs;
  members: Member[];
  log: { at: UnixMs; type: string; player_id?: PlayerId }[];
}

export interface RoomSummary {
  room_id: RoomId;
  code: string;
  name: string;
  status: "waiting" | "playing";
  members: number;
  capacity: number;
  settings: Settings;
}

export type Votes =
  | { tally: Record<PlayerId, PlayerId[]>; abstained: PlayerId[] }
  | { counts: Record<PlayerId, number>; abstained: number };
export interface VerdictTally { yes: number; no: number }
export interface NightChoice { by: PlayerId; role: Role; target: PlayerId | null }
export interface Death { player_id: PlayerId; cause: Cause; day: number; role?: Role; side?: Side; will?: string }
export interface ChatMessage { channel: Channel; from: PlayerId; nickname: string; text: string; at: UnixMs }
export interface PhaseInfo { phase: Phase; day: number; started_at: UnixMs; ends_at: UnixMs; accused?: PlayerId }

export interface Game extends PhaseInfo {
  you: {
    role: Role | null;
    alive: boolean;
    partners?: PlayerId[];
    /** My ballot in this phase: an id or `null` (abstained) in vote and night, a boolean in the verdict; absent: none. */
    choice?: PlayerId | boolean | null;
    will?: string;
    chat?: Channel;
    investigations?: { target: PlayerId; mafia: boolean; day: number }[];
  };
  players?: { player_id: PlayerId; alive: boolean; absent?: boolean }[];
  votes?: Votes;
  verdict_tally?: VerdictTally;
  night?: { choices: NightChoice[] };
  deaths: Death[];
  roles?: Record<PlayerId, Role>;
}

/** One of a player's two connections: he offers on `pub`, the server offers on `sub`. */
export type Pc = "pub" | "sub";
export interface MediaState { state: "off" | "connecting" | "connected" | "failed"; audio: boolean; video: boolean }
export interface MediaTrack { mid: string; player_id: PlayerId; kind: "audio" | "video" }
/** Who listens in secret (the dead, spectators) is in no list. */
export interface MediaAllowed { hears: PlayerId[]; sees: PlayerId[]; heard_by: PlayerId[]; seen_by: PlayerId[] }
export interface Media { ice_servers: { urls: string[]; username?: string; credential?: string }[]; states: Record<PlayerId, MediaState> }

export interface RoomState { room: Room; game: Game | null; chat: Partial<Record<Channel, ChatMessage[]>>; media: Media | null; you: PlayerId }
export interface GameOver { winner: Winner; roles: Record<PlayerId, Role>; days: number; seed: string; match_id: string }

/** Requests: type → [payload, answer]. */
export interface Requests {
  "room.create": [{ name?: string; visibility?: "public" | "private"; capacity?: number; settings?: Partial<Settings> }, { room: Room }];
  "room.join": [{ room_id: RoomId; spectate?: boolean } | { code: string; spectate?: boolean } | { showtime: string }, { room: Room }];
  "room.quick_join": [{}, { room: Room }];
  "matchmaking.enter": [{ mode: "duel" | "mafia"; region?: string }, { mode: "duel" | "mafia"; region: string; since: UnixMs }];
  "matchmaking.leave": [{}, {}];
  "bracket.join": [{ showtime: string }, { bracket: Bracket }];
  "bracket.state": [{ showtime: string }, { bracket: Bracket }];
  "room.list": [{ cursor?: string; status?: "waiting" | "playing"; limit?: number }, { rooms: RoomSummary[]; next_cursor: string | null }];
  "room.leave": [{}, {}];
  "room.ready": [{ ready: boolean }, {}];
  "room.settings": [Partial<Settings>, {}];
  "room.kick": [{ player_id: PlayerId; ban?: boolean }, {}];
  "room.transfer": [{ player_id: PlayerId }, {}];
  "room.add_bot": [{}, {}];
  "room.remove_bot": [{ player_id: PlayerId }, {}];
  "room.start": [{}, {}];
  "room.rematch": [{}, {}];
  "chat.send": [{ text: string }, {}];
  "game.vote": [{ suspect: PlayerId | null }, {}];
  "game.verdict": [{ execute: boolean }, {}];
  "game.night": [{ target: PlayerId | null }, {}];
  "game.will": [{ text: string }, {}];
  "game.kick_vote": [{ target: PlayerId }, {}];
  "player.mute": [{ player_id: PlayerId; muted: boolean }, {}];
  "player.report": [{ player_id: PlayerId; reason: string }, {}];
  "queue.enter": [{ queue: string }, { ticket: string; number: number; ahead: number; eta_ms: number | null; poll_after_ms: number }];
  "queue.leave": [{ queue: string }, {}];
  "media.offer": [{ pc: "pub"; sdp: string }, {}];
  "media.answer": [{ pc: "sub"; sdp: string }, {}];
  "media.state": [{ pc: Pc; state: "ready" | "failed" | "closed"; audio?: boolean; video?: boolean }, {}];
  "media.reset": [{ pc: Pc }, {}];
}

/** Pushes: type → payload. */
export interface Pushes {
  "session.replaced": {};
  "session.moving": { in_ms: number };
  "room.state": RoomState;
  "room.member_joined": { member: Member };
  "room.member_left": { player_id: PlayerId; reason: LeaveReason };
  "room.member_ready": { player_id: PlayerId; ready: boolean };
  "room.member_connection": { player_id: PlayerId; connected: boolean };
  "room.startable": { startable: boolean };
  "room.settings_changed": { settings: Settings };
  "room.leader_changed": { leader: PlayerId };
  "room.started": { room: Room };
  "room.closed": { reason: string };
  "chat.message": ChatMessage;
  "game.role": { role: Role; partners?: PlayerId[] };
  "game.phase": PhaseInfo;
  "game.votes": Votes;
  "game.verdict_tally": VerdictTally;
  "game.night_choice": NightChoice;
  "game.night_result": { victim: PlayerId | null };
  "game.investigation": { target: PlayerId; mafia: boolean };
  "game.death": Death;
  "game.graveyard": { roles: Record<PlayerId, Role> };
  "game.absent": { player_id: PlayerId };
  "game.present": { player_id: PlayerId };
  "game.kick_votes": { target: PlayerId; votes: number; needed: number };
  "game.over": GameOver;
  "matchmaking.found": { mode: "duel" | "mafia"; sessionId?: string; room_id?: string };
  "bracket.state": { bracket: Bracket };
  "bracket.over": { showtime: string; winner: { player_id: PlayerId; nickname: string } | null };
  "queue.position": { queue: string; ticket: string; ahead: number; eta_ms: number | null };
  "queue.admitted": { queue: string; ticket: string; pass: string; expires_at: UnixMs };
  "queue.ended": { queue: string; ticket: string; status: "expired" | "left" | "sold_out" };
  "claim.changed": { claim: { id: string; event: string; reward: string; account: string; kind: string; name: string; amount: number; status: string; reason?: string; created_at: UnixMs; updated_at: UnixMs } };
  "reservation.changed": { reservation: { id: string; account: string; showtime: string; seat: string; status: "held" | "paid" | "expired" | "cancelled"; price_points: number; hold_expires_at: UnixMs; created_at: UnixMs; updated_at: UnixMs } };
  "media.offer": { pc: "sub"; sdp: string; tracks: MediaTrack[] };
  "media.answer": { pc: "pub"; sdp: string };
  "media.refused": { pc: Pc; reason: "too_large" | "bad_description" | "full" | "busy" };
  "media.reset": { pc: Pc };
  "media.state": { player_id: PlayerId } & MediaState;
  "media.allowed": MediaAllowed;
  "media.speaking": { player_id: PlayerId; speaking: boolean };
}

/** `GET /api/v1/matches/{id}`: everything that happened, in order. */
export interface Match {
  match_id: string;
  room_id: RoomId;
  game: string;
  version: number;
  settings: Settings;
  seats: { player_id: PlayerId; nickname: string; bot: boolean }[];
  seed: string;
  started_at: UnixMs;
  ended_at: UnixMs;
  winner: Winner;
  roles: Record<PlayerId, Role>;
  entries: { n: number; at: UnixMs; input: { kind: string; [key: string]: unknown }; effects: MatchEffect[] }[];
}
export type MatchEffect =
  | { kind: "push"; to: "all" | { only: PlayerId[] }; name: string; payload: unknown; droppable?: boolean }
  | { kind: "media"; [key: string]: unknown }
  | { kind: "expel"; player_id: PlayerId }
  | { kind: "over"; winner: Winner; roles: Record<PlayerId, Role> };

// ---- the package --------------------------------------------------------------------------------------------

export interface Account { id: PlayerId; nickname: string; guest: boolean; role: string }
export interface Tokens { access_token: string; token_type: "Bearer"; expires_in: number; refresh_token: string; expires_at?: UnixMs }
export interface Identity { account: Account; tokens: Tokens }
export interface Store { load(): Identity | null; save(identity: Identity | null): void }
export function localStore(key?: string): Store;
export function memoryStore(identity?: Identity | null): Store;

export type ConnectionState = "idle" | "connecting" | "online" | "reconnecting" | "closed";
/** What a reload needs to resume: plain data, for `sessionStorage`. */
export interface SessionSnapshot {
  id: string;
  playerId: PlayerId;
  nickname: string;
  resumeToken: string;
  heartbeatMs: number;
  lastSeq: number;
  nextId: number;
}

export type Events = Pushes & {
  /** Every push, in the order of `seq`, once. */
  push: { seq: number; type: string; payload: unknown };
  /** Every `ok`, before the pushes that it caused. */
  answer: { type: string; request: unknown; payload: unknown };
  /** A session stands: `new` (ids and `seq` start anew), `replay` or `snapshot` (resumed). */
  session: { mode: "new" | "replay" | "snapshot"; [key: string]: unknown };
  state: ConnectionState;
  /** The clock offset in ms was measured again. */
  clock: number;
  /** The end: nothing will be tried until `connect()` is called. */
  closed: { code: number; reason: string };
};

export interface Options {
  baseUrl?: string;
  store?: Store;
  session?: SessionSnapshot | null;
  fetch?: typeof fetch;
  WebSocket?: unknown;
  now?: () => number;
  random?: () => number;
  limits?: Partial<{ heartbeatMs: number; deadAfterMs: number; handshakeMs: number; maxTries: number }>;
}

export class Playhouse {
  constructor(options?: Options);
  readonly api: Api;
  readonly connection: Connection;
  readonly account: Account | null;
  readonly state: ConnectionState;
  serverNow(): UnixMs;
  signInAsGuest(nickname?: string): Promise<Account>;
  connect(): Promise<SessionSnapshot>;
  request<T extends keyof Requests>(type: T, payload?: Requests[T][0]): Promise<Requests[T][1]>;
  on<E extends keyof Events>(event: E, listener: (value: Events[E]) => void): () => void;
  snapshot(): SessionSnapshot | null;
  close(): void;
}

export class Api {
  constructor(options?: { baseUrl?: string; store?: Store; fetch?: typeof fetch; now?: () => number });
  readonly account: Account | null;
  onSignedOut: () => void;
  signInAsGuest(nickname?: string): Promise<Account>;
  signInProvider(): Promise<{ name: string } | null>;
  departToProvider(): Promise<{ authorize_url: string; state: string; attempt: string }>;
  signInFromProvider(back: { attempt: string; state: string; code: string }): Promise<Account>;
  endSignIn(): Promise<void>;
  rename(nickname: string): Promise<Account>;
  nicknameAvailable(nickname: string): Promise<{ available: boolean; reason?: string }>;
  wsTicket(): Promise<string>;
  match(matchId: string): Promise<Match>;
  refresh(): Promise<void>;
  signOut(): void;
  call(method: string, path: string, body?: unknown, options?: { auth?: boolean; idempotencyKey?: string; headers?: Record<string, string> }): Promise<any>;
}

export class Connection {
  constructor(options: { api: Api; url: string; session?: SessionSnapshot | null; WebSocket?: unknown; now?: () => number; random?: () => number; limits?: Options["limits"] });
  readonly state: ConnectionState;
  readonly session: SessionSnapshot | null;
  readonly clock: ServerClock;
  connect(): Promise<SessionSnapshot>;
  request(type: string, payload?: unknown): Promise<any>;
  on<E extends keyof Events>(event: E, listener: (value: Events[E]) => void): () => void;
  /** The network is known to be gone. */
  suspect(): void;
  /** The network is said to be back, or the page was woken. */
  retryNow(): void;
  snapshot(): SessionSnapshot | null;
  close(code?: number, reason?: string): void;
}

export class ServerClock {
  constructor(now?: () => number);
  now(): UnixMs;
  readonly offset: number;
  readonly rtt: number;
  hint(serverTime: UnixMs): void;
  sample(sentAt: UnixMs, receivedAt: UnixMs, serverTime: UnixMs): void;
  reset(): void;
}

export class Backoff {
  constructor(options?: { baseMs?: number; capMs?: number; random?: () => number });
  readonly attempt: number;
  next(): number;
  reset(attempt?: number): void;
}

export class RequestError extends Error { readonly code: ErrorCode; readonly retryAfterMs?: number; readonly details: Record<string, unknown> }
export class ApiError extends Error { readonly status: number; readonly code: string; readonly body: unknown }
export class ConnectionError extends Error { readonly code: "connection_lost" | "closed" }
export const SUBPROTOCOL: "playhouse.v1.json";
