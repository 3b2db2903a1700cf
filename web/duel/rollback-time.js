// Owns: who of the two is ahead, and the round trip. Called by `rollback.js` alone. Pure arithmetic on what it is told.
//
// As in GGPO: each side estimates how far it is ahead of the other and says so in every packet. Half the difference of
// the two averages is the truth, whatever the path's asymmetry; the one ahead waits a frame now and then.

const WINDOW = 32;
/** Less than this is noise. Frames. */
const WORTH_WAITING = 0.75;
/** Ticks between two waits: seldom enough that nobody sees it; more often when far ahead. */
const SPACING = 10;
const SPACING_FAR = 3;
const FAR = 3;

export class TimeSync {
  #local = new Float64Array(WINDOW);
  #remote = new Float64Array(WINDOW);
  #n = 0;
  #since = 0;

  /** Once a tick: how far ahead we think we are, and how far ahead the peer said it is. Frames, at most `limit` either way. */
  note(local, remote, limit) {
    const clamp = (x) => (Number.isFinite(x) ? Math.max(-limit, Math.min(limit, x)) : 0);
    this.#local[this.#n % WINDOW] = clamp(local);
    this.#remote[this.#n % WINDOW] = clamp(remote);
    this.#n += 1;
    this.#since += 1;
  }

  /** Frames we are ahead of the peer; negative: behind. */
  get ahead() {
    const n = Math.min(this.#n, WINDOW);
    if (n === 0) return 0;
    let sum = 0;
    for (let i = 0; i < n; i++) sum += this.#local[i] - this.#remote[i];
    return sum / n / 2;
  }

  /** Is it time to wait a tick? Answers yes once; what it knows is corrected by the frame that is given away. */
  shouldWait() {
    const { ahead } = this;
    if (this.#n < WINDOW / 2 || ahead < WORTH_WAITING || this.#since < (ahead >= FAR ? SPACING_FAR : SPACING)) return false;
    this.#since = 0;
    for (let i = 0; i < WINDOW; i++) {
      this.#local[i] -= 1;
      this.#remote[i] += 1;
    }
    return true;
  }
}

/** A smoothed round trip in milliseconds, as TCP does it. */
export class RoundTrip {
  ms = 0;
  known = false;

  sample(ms) {
    if (!(ms >= 0 && ms < 60_000)) return; // a clock that jumped, or a lie
    this.ms = this.known ? this.ms + (ms - this.ms) / 8 : ms;
    this.known = true;
  }
}
