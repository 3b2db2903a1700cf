// Owns: the estimate of the server's clock. Pure; fed by `connection.js` with answers to `ping`.
// The sample with the shortest round trip of a sliding window wins: queueing only ever lengthens a round trip,
// so the shortest one has the least asymmetric delay in it (NTP's rule).

const WINDOW = 8;

export class ServerClock {
  #samples = [];
  #offset = 0;
  #rtt = Infinity;
  #now;

  /** @param {() => number} now local Unix milliseconds */
  constructor(now = Date.now) {
    this.#now = now;
  }

  /** A one-way hint (`server_time` of a push): used only until a round trip has been measured. */
  hint(serverTime) {
    if (this.#samples.length === 0 && Number.isFinite(serverTime)) this.#offset = serverTime - this.#now();
  }

  /** A round trip: sent and received on the local clock, `serverTime` in between on the server's. */
  sample(sentAt, receivedAt, serverTime) {
    const rtt = receivedAt - sentAt;
    if (!(rtt >= 0) || !Number.isFinite(serverTime)) return;
    this.#samples.push({ rtt, offset: serverTime - (sentAt + rtt / 2) });
    if (this.#samples.length > WINDOW) this.#samples.shift();
    const best = this.#samples.reduce((a, b) => (b.rtt < a.rtt ? b : a));
    this.#offset = best.offset;
    this.#rtt = best.rtt;
  }

  /** The local clock may have jumped (sleep, another network): old samples mean nothing. */
  reset() {
    this.#samples = [];
    this.#rtt = Infinity;
  }

  /** Server time now, Unix milliseconds. */
  now() {
    return this.#now() + this.#offset;
  }

  /** Milliseconds to add to the local clock. */
  get offset() {
    return this.#offset;
  }

  /** The best round trip of the window in milliseconds; `Infinity` before the first. */
  get rtt() {
    return this.#rtt;
  }
}
