// Owns: a fight against a puppet on this machine, over a line as bad as one likes: two rollback sessions in one page with
// delay, jitter and loss between them. Called by `app.js`: shows what the netcode does to whoever is here alone.

import { duel, F, fighter } from "./game.js";
import { ACT, INPUT, UNIT } from "./moves.js";
import { tagOf } from "./match.js";
import { Rollback } from "./rollback.js";

/** `to(bytes)` is what the player's session receives. */
export class Puppet {
  #session;
  #timer;
  #line = { delay: 60, jitter: 10, loss: 2 };
  #held = 0;
  #until = 0;

  constructor(sessionId, to) {
    this.#session = new Rollback({
      game: duel, local: 1, tag: tagOf(sessionId), now: () => performance.now(),
      send: (bytes) => this.#carry(() => to(bytes)),
    });
    this.#timer = setInterval(() => this.#session.tick(this.#think()), 1000 / 60);
  }

  /** {delay, jitter: ms one way, loss: per cent} */
  set line(line) {
    this.#line = { ...this.#line, ...line };
  }
  get line() {
    return this.#line;
  }

  receive(bytes) {
    this.#carry(() => this.#session.receive(bytes));
  }

  close() {
    clearInterval(this.#timer);
    this.#session.close();
  }

  #carry(arrive) {
    const { delay, jitter, loss } = this.#line;
    if (Math.random() * 100 < loss) return;
    setTimeout(arrive, Math.max(0, delay + (Math.random() * 2 - 1) * jitter));
  }

  /** Comes near, guards what it sees coming, strikes when it can: beatable. */
  #think() {
    const s = this.#session.state;
    if (--this.#until > 0) return this.#held;
    if (this.#held & (INPUT.light | INPUT.heavy)) return (this.#until = 2), (this.#held = 0); // a press ends before the next
    const [me, him] = [fighter(1), fighter(0)];
    const gap = (s[him + F.x] - s[me + F.x]) / UNIT;
    const [toward, away] = gap > 0 ? [INPUT.right, INPUT.left] : [INPUT.left, INPUT.right];
    const far = Math.abs(gap);
    const chance = Math.random();
    const choose = (bits, frames) => ([this.#held, this.#until] = [bits, frames]);
    if ([ACT.light, ACT.heavy, ACT.dive].includes(s[him + F.act]) && far < 140 && chance < 0.45) choose(INPUT.guard, 16);
    else if (far > 210) choose(chance < 0.1 ? toward | INPUT.jump : toward, 12);
    else if (far > 105) choose(chance < 0.6 ? toward : chance < 0.75 ? INPUT.heavy : chance < 0.85 ? toward | INPUT.jump : 0, 9);
    else if (chance < 0.4) choose(INPUT.light, 3);
    else if (chance < 0.55) choose(INPUT.heavy, 4);
    else if (chance < 0.66) choose(INPUT.light | INPUT.heavy, 3);
    else if (chance < 0.8) choose(INPUT.guard, 18);
    else choose(chance < 0.93 ? away : 0, 14);
    return this.#held;
  }
}
