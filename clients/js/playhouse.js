// Owns: the public face of the package. One `Playhouse` is one player: account, connection, typed shorthands.
//
//   const player = new Playhouse({ store: localStore() });
//   await player.signInAsGuest("보라");
//   await player.connect();
//   player.on("game.phase", ({ phase, ends_at }) => …);
//   await player.request("room.quick_join");

import { Api } from "./api.js";
import { Connection } from "./connection.js";

export { Api, localStore, memoryStore } from "./api.js";
export { Backoff } from "./backoff.js";
export { ServerClock } from "./clock.js";
export { Connection, SUBPROTOCOL } from "./connection.js";
export { ApiError, ConnectionError, RequestError } from "./errors.js";

export class Playhouse {
  /**
   * @param {object} [options]
   * @param {string} [options.baseUrl] e.g. `https://play.example.org`; the page's own origin by default
   * @param {object} [options.store] where the account is kept (`localStore()`, `memoryStore()`, or one's own)
   * @param {object|null} [options.session] a `snapshot()` from before a reload
   */
  constructor({ baseUrl, store, session, fetch, WebSocket, now, random, limits } = {}) {
    const origin = baseUrl ?? globalThis.location?.origin ?? "http://127.0.0.1:8080";
    this.api = new Api({ baseUrl: baseUrl ?? "", store, fetch, now });
    const url = `${origin.replace(/^http/, "ws")}/ws`;
    this.connection = new Connection({ api: this.api, url, session, WebSocket, now, random, limits });
    this.api.onSignedOut = () => this.connection.close(4003, "signed_out");
  }

  get account() {
    return this.api.account;
  }

  /** idle | connecting | online | reconnecting | closed */
  get state() {
    return this.connection.state;
  }

  /** Server time now, Unix milliseconds: compare it with `ends_at`. */
  serverNow() {
    return this.connection.clock.now();
  }

  signInAsGuest(nickname) {
    return this.api.signInAsGuest(nickname);
  }

  connect() {
    return this.connection.connect();
  }

  /** A request of the protocol, e.g. `request("room.join", { code })`. */
  request(type, payload) {
    return this.connection.request(type, payload);
  }

  /** `event`: a push's type, or `push`, `answer`, `session`, `state`, `clock`, `closed`. Returns the unsubscriber. */
  on(event, listener) {
    return this.connection.on(event, listener);
  }

  snapshot() {
    return this.connection.snapshot();
  }

  close() {
    this.connection.close();
  }
}
