// Owns: how long to wait before the next attempt to connect. Pure but for the random source it is given.
// Exponential with "equal jitter": at least half of the ceiling, so that a thousand clients of one restarted
// node come back spread over time and yet none of them hammers it.

export class Backoff {
  #attempt = 0;

  constructor({ baseMs = 400, capMs = 8000, random = Math.random } = {}) {
    this.baseMs = baseMs;
    this.capMs = capMs;
    this.random = random;
  }

  /** The next delay in milliseconds; each call doubles the ceiling up to the cap. */
  next() {
    const ceiling = Math.min(this.capMs, this.baseMs * 2 ** this.#attempt);
    this.#attempt += 1;
    return Math.round(ceiling / 2 + (this.random() * ceiling) / 2);
  }

  get attempt() {
    return this.#attempt;
  }

  /** @param {number} attempt start further up the curve (after a close for abuse, say) */
  reset(attempt = 0) {
    this.#attempt = attempt;
  }
}
