// Owns: the line to the signalling server, `/ws/signal`: a ticket, a socket, words in and out, and coming back after a
// drop. Called by `app.js`. Knows no match: what a word means is `lobby.js`'s and `encounter.js`'s business.

/** 1000 we closed, 4001 a newer page of the same account, 4003 the account ended. */
const FINAL = new Set([1000, 4001, 4003]);
const WAITS_MS = [300, 800, 2_000, 4_000, 8_000];
const AGAIN_MS = 1_000;
const AGAIN_TIMES = 3;

export class Link {
  #api;
  #on;
  #socket = null;
  #tries = 0;
  #timer = 0;
  #wanted = false;
  #last = null; // the last word that may be said again if the server was busy
  #again = 0;

  /** `on`: {message(type, payload), state("connecting" | "online" | "reconnecting" | "closed", closeCode)}. */
  constructor(api, on) {
    this.#api = api;
    this.#on = on;
  }

  get online() {
    return this.#socket?.readyState === 1;
  }

  open() {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#on.state("connecting");
    this.#connect();
  }

  close() {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#socket?.close(1000);
    this.#socket = null;
  }

  /** The network is said to be back: try at once. */
  retryNow() {
    if (!this.#wanted || this.#socket) return;
    clearTimeout(this.#timer);
    this.#connect();
  }

  /** Says it if the line is there; gives whether it was. Whatever was open is told again by the server after a drop. */
  say(type, payload) {
    if (!this.online) return false;
    this.#socket.send(JSON.stringify({ type, payload }));
    if (type !== "send_ice_candidate") [this.#last, this.#again] = [{ type, payload }, 0];
    return true;
  }

  async #connect() {
    let ticket;
    try {
      ticket = await this.#api.wsTicket();
    } catch (error) {
      if (error.status === 401 || error.status === 403) return this.#end(4003);
      return this.#later();
    }
    if (!this.#wanted) return undefined;
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws/signal?ticket=${encodeURIComponent(ticket)}`);
    this.#socket = socket;
    socket.onopen = () => {
      this.#tries = 0;
      this.#on.state("online");
    };
    socket.onmessage = ({ data }) => this.#read(data);
    socket.onclose = ({ code }) => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      if (FINAL.has(code)) this.#end(code);
      else this.#later();
    };
    return undefined;
  }

  #read(data) {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return; // the server never sends such a thing
    }
    const { type, payload = {} } = frame;
    if (type === "error" && payload.code === 503 && this.#last && this.#again < AGAIN_TIMES) {
      this.#again += 1;
      const { type: word, payload: content } = this.#last;
      setTimeout(() => this.online && this.#socket.send(JSON.stringify({ type: word, payload: content })), AGAIN_MS);
      return;
    }
    this.#on.message(type, payload);
  }

  #later() {
    if (!this.#wanted) return;
    this.#on.state("reconnecting");
    const wait = WAITS_MS[Math.min(this.#tries++, WAITS_MS.length - 1)];
    this.#timer = setTimeout(() => this.#connect(), wait * (0.75 + Math.random() / 2));
  }

  #end(code) {
    this.#wanted = false;
    this.#socket = null;
    this.#on.state("closed", code);
  }
}
