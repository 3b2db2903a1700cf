// Owns: the REST calls under `/api/v1` and the account's tokens. Called by `connection.js` for tickets and by
// the page for everything else. Never opens a socket, never logs a token.

import { ApiError } from "./errors.js";

const REFRESH_EARLY_MS = 60_000;
/** Longer than any answer takes: on a dead path it would hang for minutes. */
const ANSWER_MS = 20_000;

export class Api {
  #refreshing = null;

  /**
   * @param {object} options
   * @param {string} [options.baseUrl] origin of the server, without a slash at the end; same origin by default
   * @param {{load(): object|null, save(value: object|null): void}} [options.store] where account and tokens live
   */
  constructor({ baseUrl = "", store = memoryStore(), fetch = globalThis.fetch?.bind(globalThis), now = Date.now } = {}) {
    this.baseUrl = baseUrl;
    this.store = store;
    this.fetch = fetch;
    this.now = now;
    this.identity = store.load() ?? null;
    /** Called once when the account can no longer be used (its refresh token was refused). */
    this.onSignedOut = () => {};
  }

  /** `{id, nickname, guest, role}` of who is signed in, or null. */
  get account() {
    return this.identity?.account ?? null;
  }

  /** Creates a guest account and signs in with it. */
  async signInAsGuest(nickname) {
    const body = await this.call("POST", "/accounts/guest", nickname ? { nickname } : {}, { auth: false });
    this.#adopt(body.account, body.tokens);
    return body.account;
  }

  /** `{name}` of the provider through which one may sign in, or null. */
  async signInProvider() {
    return (await this.call("GET", "/sessions/oidc", undefined, { auth: false })).provider;
  }

  /**
   * Where to send somebody who signs in through the provider: `{authorize_url, state, attempt}`. Keep `attempt` to
   * yourself, compare `state` with the redirect's, and bring both back with the redirect's `code`.
   */
  departToProvider() {
    return this.call("POST", "/sessions/oidc/start", undefined, { auth: false });
  }

  /** Signs in with what the provider sent back: `{attempt, state, code}`. */
  async signInFromProvider(back) {
    const body = await this.call("POST", "/sessions/oidc", back, { auth: false });
    this.#adopt(body.account, body.tokens);
    return body.account;
  }

  /** Ends the sign-in on the server too, then forgets the account on this device. */
  async endSignIn() {
    await this.call("DELETE", "/sessions/current");
    this.signOut();
  }

  /** Renames the account; a taken or malformed name is an `ApiError` (409 or 422). */
  async rename(nickname) {
    const body = await this.call("PUT", "/me/nickname", { nickname });
    this.#adopt({ ...this.account, nickname: body?.nickname ?? body?.account?.nickname ?? nickname }, this.identity.tokens);
    return this.account;
  }

  /** `{available, reason?}` */
  nicknameAvailable(nickname) {
    return this.call("GET", `/nicknames/${encodeURIComponent(nickname)}`, undefined, { auth: false });
  }

  /** One-time ticket (30 s) for a WebSocket. */
  async wsTicket() {
    return (await this.call("POST", "/ws-tickets")).ticket;
  }

  /** The event log of a finished game one took part in. */
  match(matchId) {
    return this.call("GET", `/matches/${encodeURIComponent(matchId)}`);
  }

  /** Forgets the account on this device. */
  signOut() {
    this.identity = null;
    this.store.save(null);
  }

  /**
   * Any call under `/api/v1`. Refreshes the access token when it is about to lapse, and once after a 401.
   * `idempotencyKey`: sent again with the same key, the call is done once. `headers`: more of them.
   */
  async call(method, path, body, { auth = true, idempotencyKey, headers } = {}) {
    if (auth && this.#expiresSoon()) await this.refresh();
    let response = await this.#send(method, path, body, auth, idempotencyKey, headers);
    if (auth && response.status === 401 && this.identity) {
      await this.refresh();
      response = await this.#send(method, path, body, auth, idempotencyKey, headers);
    }
    return this.#read(response);
  }

  /** Trades the refresh token for new tokens; concurrent callers share one attempt. */
  refresh() {
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  async #refresh() {
    // Another tab may have traded the token already: what it stored is newer than what we hold.
    const stored = this.store.load();
    if (stored?.account?.id === this.account?.id && stored?.tokens?.refresh_token !== this.identity?.tokens?.refresh_token) {
      this.identity = stored;
      if (!this.#expiresSoon()) return;
    }
    const refresh_token = this.identity?.tokens?.refresh_token;
    if (!refresh_token) throw new ApiError(401, "signed_out");
    const response = await this.#send("POST", "/sessions/refresh", { refresh_token }, false);
    if (response.status >= 400 && response.status < 500 && response.status !== 429) {
      this.signOut();
      this.onSignedOut();
      throw new ApiError(401, "signed_out");
    }
    this.#adopt(this.account, (await this.#read(response)).tokens);
  }

  #expiresSoon() {
    const at = this.identity?.tokens?.expires_at;
    return at !== undefined && at - this.now() < REFRESH_EARLY_MS;
  }

  #adopt(account, tokens) {
    const expires_at = tokens.expires_at ?? this.now() + (tokens.expires_in ?? 900) * 1000;
    this.identity = { account, tokens: { ...tokens, expires_at } };
    this.store.save(this.identity);
  }

  async #send(method, path, body, auth, idempotencyKey, more) {
    const headers = { Accept: "application/json", ...more };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (idempotencyKey) headers["Idempotency-Key"] = idempotencyKey;
    if (auth && this.identity) headers.Authorization = `Bearer ${this.identity.tokens.access_token}`;
    try {
      return await this.fetch(`${this.baseUrl}/api/v1${path}`, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        cache: "no-store",
        credentials: "omit",
        signal: AbortSignal.timeout(ANSWER_MS),
      });
    } catch (cause) {
      throw new ApiError(0, "network", String(cause?.message ?? cause));
    }
  }

  async #read(response) {
    const text = await response.text();
    let body = null;
    try {
      body = text ? JSON.parse(text) : null;
    } catch {
      body = null;
    }
    if (response.ok) return body;
    throw new ApiError(response.status, body?.code ?? `http_${response.status}`, body?.detail ?? body?.title, body);
  }
}

/** Keeps the identity for as long as the object lives. */
export function memoryStore(value = null) {
  return { load: () => value, save: (v) => (value = v) };
}

/** Keeps the identity in `localStorage`; a browser that forbids it gets a memory store's behaviour. */
export function localStore(key = "playhouse.identity") {
  const memory = memoryStore();
  return {
    load() {
      try {
        return JSON.parse(localStorage.getItem(key)) ?? memory.load();
      } catch {
        return memory.load();
      }
    },
    save(value) {
      memory.save(value);
      try {
        if (value) localStorage.setItem(key, JSON.stringify(value));
        else localStorage.removeItem(key);
      } catch {
        // Private mode: the account lasts as long as the page.
      }
    },
  };
}
