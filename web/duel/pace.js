// Owns: how many steps of 1/60 s are due. Pure; called by `match.js` at every beat of the metronome, whenever that comes:
// the display's rate, a late beat or two at once change nothing in how fast the game runs.

export class Pace {
  #period;
  #burst;
  #origin = null;
  #done = 0;

  /** `burst`: steps that are made up for at most; a longer pause is skipped (the other side has waited meanwhile). */
  constructor({ fps = 60, burst = 6 } = {}) {
    this.#period = 1000 / fps;
    this.#burst = burst;
  }

  /** Steps to run now. A beat that is a hair early counts: it would else cost a whole period. */
  due(now) {
    this.#origin ??= now;
    const target = Math.floor((now - this.#origin) / this.#period + 0.15);
    const steps = target - this.#done;
    if (steps > this.#burst) {
      this.#origin += (steps - this.#burst) * this.#period;
      this.#done = Math.floor((now - this.#origin) / this.#period + 0.15);
      return this.#burst;
    }
    if (steps <= 0) return 0;
    this.#done = target;
    return steps;
  }
}
