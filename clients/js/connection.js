// Owns: one player session over as many sockets as it takes: connect, resume, re-send, dedupe, heartbeat.
// Called by the page through `playhouse.js`. Knows frames and close codes; knows no game and no DOM.
//
// States: idle → connecting → online ⇄ reconnecting → closed (for good, or until `connect()` is called again).

import { Backoff } from "./backoff.js";
import { ServerClock } from "./clock.js";
import { ConnectionError, RequestError } from "./errors.js";
import { Emitter } from "./emitter.js";

export const SUBPROTOCOL = "playhouse.v1.json";

/** Our own close code for a socket given up as dead: not 1000, which would end the session. */
const CLOSE_DROPPED = 4900;
/** 1000 normal, 4001 replaced by a newer session, 4003 account ended. */
const FINAL_CLOSES = new Set([1000, 4001, 4003]);
const CLOSE_ABUSE = 1008;
/** Not durable, so a repeat could happen twice: these fail on a drop instead of being sent again. */
const VOLATILE = new Set(["chat.send", "player.report", "media.offer", "media.answer", "media.state", "media.reset"]);
const RESUME_ID = 0;

const DEFAULTS = {
  heartbeatMs: 15_000,
  /** An unanswered ping for so long means that the path is dead. */
  deadAfterMs: 6_000,
  /** From asking for a ticket to a session: beyond it the attempt is given up. */
  handshakeMs: 8_000,
  maxTries: 4,
};

export class Connection extends Emitter {
  #api;
  #env;
  #backoff;
  #socket = null;
  #attempt = 0; // rises with every socket; callbacks of older ones are ignored
  #pending = new Map(); // id → {id, type, payload, sent, tries, resolve, reject}
  #waiting = []; // requests made before there was a session to number them
  #pings = new Map(); // client_time → local time of sending
  #timers = {};
  #resuming = false;
  #anySeq = false; // after a snapshot the next `seq` is the server's choice
  #lastGapAt = -Infinity;
  #ready = null;

  /**
   * @param {object} options
   * @param {import("./api.js").Api} options.api
   * @param {object|null} [options.session] what `snapshot()` gave before a reload
   */
  constructor({ api, url, session = null, WebSocket, now = Date.now, random = Math.random, limits = {} }) {
    super();
    this.#api = api;
    this.#env = { url, WebSocket: WebSocket ?? globalThis.WebSocket, now, ...DEFAULTS, ...limits };
    this.#backoff = new Backoff({ random });
    this.clock = new ServerClock(now);
    this.session = session;
    this.state = "idle";
  }

  /** Resolves once a session stands; keeps trying through drops. Rejects only when the end is final. */
  connect() {
    if (this.state === "online") return Promise.resolve(this.session);
    if (!this.#ready) {
      let settle;
      const promise = new Promise((resolve, reject) => (settle = { resolve, reject }));
      promise.catch(() => {});
      this.#ready = { promise, ...settle };
    }
    const { promise } = this.#ready;
    if (this.state === "idle" || this.state === "closed") {
      this.#setState("connecting");
      this.#open();
    }
    return promise;
  }

  /**
   * Sends a request and resolves with its `ok` payload; rejects with `RequestError` or `ConnectionError`.
   * Survives drops: after a resume an unanswered durable request goes out again under the same id.
   */
  request(type, payload = {}) {
    if (this.state === "closed" || this.state === "idle") return Promise.reject(new ConnectionError("closed"));
    return new Promise((resolve, reject) => {
      const entry = { id: 0, type, payload, sent: false, tries: 0, resolve, reject };
      if (this.state === "online") this.#number(entry);
      else if (VOLATILE.has(type)) reject(new ConnectionError());
      else this.#waiting.push(entry);
    });
  }

  /** Ends the session: the player leaves for good, nothing is resumed. */
  close(code = 1000, reason = "closed by the player") {
    const socket = this.#detach();
    this.#finish(code, reason);
    socket?.close(1000);
  }

  /** The network is known to be gone: drop now instead of waiting for the heartbeat to notice. */
  suspect() {
    if (this.state === "online" || this.state === "connecting") this.#drop("suspected");
  }

  /** The network is said to be back, or the page was woken: try at once, or make sure that we are still heard. */
  retryNow() {
    if (this.state === "online") this.#ping();
    else if ((this.state === "reconnecting" || this.state === "connecting") && !this.#socket) {
      this.#clear("retry");
      this.#open(); // without waiting for a ticket on its way
    }
  }

  /** What a reload needs to resume this session; null when an answer is still due (a new session is safer then). */
  snapshot() {
    return this.session && this.#pending.size === 0 && this.#waiting.length === 0 ? { ...this.session } : null;
  }

  // ---- one socket -------------------------------------------------------------------------------------------

  async #open() {
    const attempt = ++this.#attempt;
    this.#after("handshake", this.#env.handshakeMs, () => this.#drop("no session in time"));
    let ticket;
    try {
      ticket = await this.#api.wsTicket();
    } catch (error) {
      if (attempt !== this.#attempt) return;
      if (error.code === "signed_out" || error.status === 401 || error.status === 403) return this.#finish(4003, error.code);
      return this.#retryLater();
    }
    if (attempt !== this.#attempt) return;
    this.#resuming = this.session !== null;
    const query = `?ticket=${encodeURIComponent(ticket)}${this.#resuming ? "&resume=1" : ""}`;
    const socket = new this.#env.WebSocket(this.#env.url + query, [SUBPROTOCOL]);
    this.#socket = socket;
    const mine = (handler) => (event) => attempt === this.#attempt && handler(event);
    socket.onopen = mine(() => this.#resuming && this.#sendResume());
    socket.onmessage = mine((event) => this.#receive(event.data));
    socket.onclose = mine((event) => this.#closed(event.code, event.reason));
    socket.onerror = () => {}; // `close` follows and says more
  }

  #sendResume() {
    const { resumeToken, lastSeq } = this.session;
    this.#write({ id: RESUME_ID, type: "session.resume", payload: { resume_token: resumeToken, last_seq: lastSeq } });
  }

  #receive(data) {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return; // not ours; the server never sends such a thing
    }
    this.#clear("dead");
    if (frame.payload?.server_time !== undefined) this.#timed(frame);
    if (frame.re !== undefined) this.#answer(frame);
    else if (frame.seq !== undefined) this.#push(frame);
  }

  #answer({ re, type, payload }) {
    if (re === RESUME_ID && this.#resuming) return this.#resumed(type, payload);
    const entry = this.#pending.get(re);
    if (!entry) return;
    if (type === "error" && (payload.code === "try_again" || payload.code === "moving") && entry.tries < this.#env.maxTries) {
      // Same id: should it have been applied after all, it is answered again and not applied again.
      entry.tries += 1;
      const delay = payload.retry_after_ms ?? 250 * 2 ** entry.tries;
      setTimeout(() => this.#pending.get(re) === entry && this.state === "online" && this.#write(entry), delay);
      return;
    }
    this.#pending.delete(re);
    if (type === "error") entry.reject(new RequestError(payload));
    else {
      // Synchronous, so that state built from answers and pushes sees them in the server's order.
      this.emit("answer", { type: entry.type, request: entry.payload, payload: payload ?? {} });
      entry.resolve(payload ?? {});
    }
  }

  #push(frame) {
    const { seq, type, payload } = frame;
    if (type === "session.welcome") return this.#welcomed(seq, payload);
    if (!this.session || seq <= this.session.lastSeq) return; // told twice
    const gap = seq > this.session.lastSeq + 1 && !this.#anySeq;
    if (gap && this.#env.now() - this.#lastGapAt > 10_000) {
      // Something was lost on the way: a resume brings it. (Not twice in a row: a gap that stays is the server's.)
      this.#lastGapAt = this.#env.now();
      return this.#drop("gap in the sequence");
    }
    this.#anySeq = false;
    this.session.lastSeq = seq;
    this.emit("push", frame);
    this.emit(type, payload);
  }

  // ---- session ----------------------------------------------------------------------------------------------

  #welcomed(seq, welcome) {
    const hadSession = this.session !== null;
    this.session = {
      id: welcome.session_id,
      playerId: welcome.player_id,
      nickname: welcome.nickname,
      resumeToken: welcome.resume_token,
      heartbeatMs: welcome.heartbeat_ms,
      lastSeq: seq,
      nextId: 1,
    };
    this.#resuming = false;
    this.#anySeq = false;
    if (hadSession) this.#failPending();
    this.#online("new", welcome);
  }

  #resumed(type, payload) {
    if (type === "error") return; // `session.welcome` of a new session follows
    this.#resuming = false;
    Object.assign(this.session, { id: payload.session_id, resumeToken: payload.resume_token });
    this.#anySeq = payload.mode === "snapshot";
    const unanswered = [...this.#pending.values()].sort((a, b) => a.id - b.id);
    for (const entry of unanswered) this.#write(entry);
    this.#online(payload.mode, this.session); // what is asked because of it goes out once
  }

  #online(mode, details) {
    this.#clear("handshake");
    this.#backoff.reset();
    this.#setState("online");
    this.emit("session", { mode, ...details });
    this.#ready?.resolve(this.session);
    this.#ready = null;
    for (const entry of this.#waiting.splice(0)) this.#number(entry);
    this.#ping();
    // A few early samples settle the clock before the first deadline is shown.
    for (const [i, delay] of [300, 900, 2000].entries()) this.#after(`early${i}`, delay, () => this.#ping(false));
  }

  #number(entry) {
    entry.id = this.session.nextId++;
    this.#pending.set(entry.id, entry);
    this.#write(entry);
  }

  #write({ id, type, payload }) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify({ id, type, payload }));
  }

  // ---- heartbeat and clock ----------------------------------------------------------------------------------

  #ping(again = true) {
    if (this.state !== "online") return;
    const sentAt = this.#env.now();
    this.#pings.set(sentAt, sentAt);
    this.#write({ id: this.session.nextId++, type: "ping", payload: { client_time: sentAt } });
    if (!this.#timers.dead) this.#after("dead", this.#env.deadAfterMs, () => this.#drop("no answer to a ping"));
    if (again) this.#after("ping", Math.min(this.session.heartbeatMs || Infinity, this.#env.heartbeatMs), () => this.#ping());
  }

  #timed({ payload }) {
    const sentAt = this.#pings.get(payload.client_time);
    if (sentAt === undefined) return this.clock.hint(payload.server_time);
    this.#pings.delete(payload.client_time);
    this.clock.sample(sentAt, this.#env.now(), payload.server_time);
    this.emit("clock", this.clock.offset);
  }

  // ---- the end of a socket ----------------------------------------------------------------------------------

  #closed(code, reason) {
    this.#detach();
    if (FINAL_CLOSES.has(code)) return this.#finish(code, reason);
    if (code === CLOSE_ABUSE) this.#backoff.reset(4);
    this.#retryLater();
  }

  #drop(reason) {
    this.#detach()?.close(CLOSE_DROPPED, reason);
    this.#retryLater();
  }

  #detach() {
    const socket = this.#socket;
    this.#attempt += 1;
    this.#socket = null;
    this.#pings.clear();
    for (const name of Object.keys(this.#timers)) this.#clear(name);
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null;
    return socket;
  }

  #retryLater() {
    this.clock.reset();
    this.#clear("handshake");
    for (const entry of [...this.#pending.values()]) {
      if (!VOLATILE.has(entry.type)) continue;
      this.#pending.delete(entry.id);
      entry.reject(new ConnectionError());
    }
    this.#setState(this.session ? "reconnecting" : "connecting");
    this.#after("retry", this.#backoff.next(), () => this.#open());
  }

  #failPending() {
    const entries = [...this.#pending.values()];
    this.#pending.clear();
    for (const entry of entries) entry.reject(new ConnectionError());
  }

  #finish(code, reason) {
    this.#detach();
    this.session = null;
    this.#backoff.reset();
    this.#failPending();
    for (const entry of this.#waiting.splice(0)) entry.reject(new ConnectionError("closed"));
    this.#setState("closed");
    this.#ready?.reject(new ConnectionError("closed"));
    this.#ready = null;
    this.emit("closed", { code, reason });
  }

  #setState(state) {
    if (this.state === state) return;
    this.state = state;
    this.emit("state", state);
  }

  #after(name, ms, run) {
    this.#clear(name);
    this.#timers[name] = setTimeout(() => {
      delete this.#timers[name];
      run();
    }, ms);
  }

  #clear(name) {
    clearTimeout(this.#timers[name]);
    delete this.#timers[name];
  }
}
