// Owns: one running fight: the beat, the buttons, the rollback session, the picture, the figures beside it. Called by
// `app.js`. The game runs at 60 steps a second by the metronome; the picture is drawn as often as the display likes.

import { isOver, duel, fighter, F, G, PHASE, DRAW } from "./game.js";
import { Meters } from "./meters.js";
import { ROUND } from "./moves.js";
import { Pace } from "./pace.js";
import { fnv } from "./rollback-packet.js";
import { Rollback } from "./rollback.js";

const PERIOD_MS = 1000 / 60;
const TOLD_EVERY_MS = 250;
/** Checksums are shown of every so many frames, the last few of them. */
const CHECKED_EVERY = 30;
const CHECKS = 6;

/** A session's id as the u32 that marks its packets. */
export const tagOf = (sessionId) => fnv(new TextEncoder().encode(sessionId));

export class Match {
  #session;
  #controls;
  #painter = null;
  #on;
  #pace = new Pace();
  #beat = null;
  #frame = 0;
  #drawn = 0;
  #lag = 16;
  #pictures = 0;
  #lastTick = 0;
  #lastTold = 0;
  #spoken = "";
  meters = new Meters();
  result = null;

  /**
   * `on`: {trouble(name, detail), result({winner: 0 | 1 | 2, frames, checksum}), told(figures), spoken(key, params)}
   * `send(bytes)`: to the peer; feed what comes back to `receive`.
   */
  constructor({ sessionId, side, controls, send, on, options = {} }) {
    this.#controls = controls;
    this.#on = on;
    this.#session = new Rollback({
      game: duel, local: side, tag: tagOf(sessionId), now: () => performance.now(), send,
      onEvent: (event) => this.#event(event), onConfirm: (frame, state) => this.#confirmed(frame, state), ...options,
    });
  }

  start() {
    this.#beat = metronome(() => this.#due());
    this.#frame = requestAnimationFrame(() => this.#draw());
  }

  /** The canvas may come and go (a turned phone, another language). */
  show(painter) {
    this.#painter = painter;
  }

  receive(data) {
    this.#session.receive(data);
  }

  /** Buttons under fingers. */
  touch(surface) {
    this.#controls.touch(surface);
  }

  /** Nothing moves any more; the last picture stays. */
  halt() {
    this.#session.close();
  }

  stop() {
    this.#beat?.();
    this.#beat = null;
    cancelAnimationFrame(this.#frame);
    this.#controls.stop();
    this.#session.close();
  }

  #due() {
    const now = performance.now();
    for (let n = this.#pace.due(now); n > 0; n--) this.#tick(now);
    if (now - this.#lastTold > TOLD_EVERY_MS) {
      this.#lastTold = now;
      this.#on.told(this.#figures());
    }
  }

  #tick(now) {
    const began = performance.now();
    const outcome = this.#session.tick(this.#controls.read());
    if (outcome === "advanced") this.#controls.take();
    const { ping, depth } = this.#session.stats;
    if (outcome !== "syncing" && outcome !== "stopped") this.meters.note({ ping, depth, frame: this.#lastTick ? now - this.#lastTick : PERIOD_MS, work: performance.now() - began, outcome });
    this.#lastTick = now;
    this.#speak(this.#session.state);
  }

  /** A machine that cannot draw as often as its display asks draws every second or third time: steps go first. */
  #draw(now = performance.now()) {
    this.#frame = requestAnimationFrame((at) => this.#draw(at));
    this.#lag += (Math.min(100, now - this.#drawn) - this.#lag) / 16;
    this.#drawn = now;
    this.#pictures += 1;
    if (this.#pictures % (this.#lag > 40 ? 3 : this.#lag > 22 ? 2 : 1)) return;
    this.#painter?.draw(this.#session.state);
    this.meters.draw();
  }

  #figures() {
    const { stats, frame, confirmed, status, reason } = this.#session;
    const at = confirmed - (confirmed % CHECKED_EVERY); // both sides show the same frames
    const checks = Array.from({ length: CHECKS }, (_, i) => at - i * CHECKED_EVERY).filter((n) => n > 0).map((n) => ({ frame: n, sum: hex(this.#session.digestAt(n)) }));
    return { ...stats, ...this.meters.summary(), frame, confirmed, status, reason, checks };
  }

  #event({ type, ...detail }) {
    if (this.result && type !== "desync") return; // the other one is free to go
    if (type === "interrupted" || type === "desync" || type === "disconnected") this.#on.trouble(type, detail);
    else this.#on.trouble(null);
    this.#on.told(this.#figures());
  }

  /** Only what is final decides: a guess never ends a match. */
  #confirmed(frame, state) {
    if (this.result || !isOver(state)) return;
    this.result = { winner: state[G.winner], frames: frame, checksum: hex(this.#session.digestAt(frame)) };
    this.#on.result(this.result);
  }

  /** The same for those who do not see it. */
  #speak(s) {
    const phase = s[G.phase];
    let said = null;
    if (phase === PHASE.intro && s[G.timer] > 2) said = ["duel.round", { n: s[G.round] }];
    else if (phase === PHASE.fight && s[G.clock] % 600 === 0 && s[G.clock] < ROUND.clock) said = ["duel.say_health", { a: s[fighter(0) + F.hp], b: s[fighter(1) + F.hp], left: s[G.clock] / 60 }];
    else if (phase === PHASE.end && s[G.timer] === 60) said = s[G.winner] === DRAW ? ["duel.draw", {}] : ["duel.say_round", { winner: s[G.winner] }];
    const key = said && JSON.stringify(said);
    if (!said || key === this.#spoken) return;
    this.#spoken = key;
    this.#on.spoken(...said);
  }
}

const hex = (digest) => (digest === undefined ? "" : digest.toString(16).padStart(8, "0"));

/** Calls `beat` 60 times a second, from a worker if there is one. Gives the function that stops it. */
function metronome(beat) {
  try {
    const worker = new Worker("/assets/duel/metronome.js");
    worker.onmessage = beat;
    worker.postMessage(PERIOD_MS);
    return () => worker.terminate();
  } catch {
    const timer = setInterval(beat, 8);
    return () => clearInterval(timer);
  }
}
