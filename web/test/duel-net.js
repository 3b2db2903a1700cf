// Owns: a network that exists only in a test: two rollback sessions on one virtual clock, a path with delay, jitter,
// loss, doubles and reordering, all from a seed. Called by the rollback tests.

import { duel } from "../duel/game.js";
import { Rollback } from "../duel/rollback.js";

/** Random numbers in [0, 1) from a seed (mulberry32). */
export function seeded(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Somebody who presses and holds buttons at random: `next()` is called once a tick. */
export function fidget(random, bits = 63) {
  let held = 0;
  return () => (random() < 0.15 ? (held = Math.floor(random() * 64) & bits) : held);
}

/**
 * Two sides and what is between them. `path`: {delay, jitter, loss, double} in ms and shares; `fps`: of each side;
 * `start`: ms by which side 1 begins later; `options`: for both sessions; `games`: one for each side.
 */
export class Arena {
  now = 0;
  queue = []; // {at, to, bytes}
  sides = [];

  constructor({ seed = 1, path = {}, fps = [60, 60], start = 0, options = {}, games = [duel, duel], onSend = null } = {}) {
    const random = seeded(seed);
    this.random = random;
    this.path = { delay: 0, jitter: 0, loss: 0, double: 0, ...path };
    for (const i of [0, 1]) {
      const side = { events: [], confirmed: [], outcomes: {}, dead: false, fps: fps[i], next: i * start, input: fidget(seeded(seed * 31 + i)) };
      side.session = new Rollback({
        game: games[i], local: i, tag: 7, now: () => this.now, ...options,
        send: (bytes) => this.carry(onSend ? onSend(bytes, i) : bytes, 1 - i),
        onEvent: (event) => side.events.push(event),
        onConfirm: (frame, state) => side.confirmed.push([frame, games[i].checksum(state)]),
      });
      this.sides.push(side);
    }
  }

  carry(bytes, to) {
    const { delay, jitter, loss, double } = this.path;
    for (let copies = this.random() < double ? 2 : 1; copies > 0 && bytes; copies--) {
      if (this.random() < loss) continue;
      this.queue.push({ at: this.now + Math.max(0, delay + (this.random() * 2 - 1) * jitter), to, bytes: bytes.slice() });
    }
  }

  run(ms) {
    const end = this.now + ms;
    while (this.now < end) {
      this.now += 1;
      const due = this.queue.filter(({ at }) => at <= this.now);
      this.queue = this.queue.filter(({ at }) => at > this.now);
      for (const { to, bytes } of due) if (!this.sides[to].dead) this.sides[to].session.receive(bytes);
      for (const side of this.sides) if (!side.dead && this.now >= side.next) this.tick(side);
    }
    return this;
  }

  tick(side) {
    side.next += 1000 / side.fps;
    const outcome = side.session.tick(side.held ?? (side.held = side.input()));
    if (outcome === "advanced") side.held = null;
    side.outcomes[outcome] = (side.outcomes[outcome] ?? 0) + 1;
  }
}
