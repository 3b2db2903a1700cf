// Owns: one rollback session of two players: input delay, prediction, rollback, acks, time sync, desync detection.
// Called by `match.js`, or by your own game: this file, `rollback-packet.js` and `rollback-time.js` are all of it.
// Knows no DOM, no network, no timer and no clock of its own: the caller ticks it and carries its packets.
//
//   const session = new Rollback({
//     game,                               // see below
//     local: 0,                           // which player sits here: 0 or 1; the other side passes the other number
//     tag: 0x1234abcd,                    // the same u32 on both sides, another one for each match
//     now: () => performance.now(),       // milliseconds, monotonic
//     send: (bytes) => channel.send(bytes),
//     onEvent: (event) => {},             // {type: "running" | "interrupted" | "resumed" | "disconnected" | "desync", …}
//     onConfirm: (frame, state) => {},    // every frame once, in order, when nothing can change it any more
//   });
//   channel.onmessage = ({ data }) => session.receive(data);   // may be lost, doubled, late, out of order
//   sixtyTimesASecond(() => {
//     session.tick(buttonsHeldNow());     // an unsigned integer of 16 bits
//     draw(session.state);                // what the player sees: now, with the peer's part predicted
//   });
//
// The game is four pure functions (and no floats, no Math.random, no Date, no order of a Set in them):
//   initial() → state          step(state, [input0, input1]) → state, one frame later
//   save(state) → snapshot     load(snapshot) → state       (a snapshot must not change when `step` runs on)
//   checksum(state) → u32      predict?(lastInput) → input  (default: the same again)

import { decode, encode, MAX_INPUTS, mix, NONE } from "./rollback-packet.js";
import { RoundTrip, TimeSync } from "./rollback-time.js";

export const DEFAULTS = {
  /** Frames between a press and its effect here; hides as much of the path without a rollback. */
  inputDelay: 2,
  /** Frames we run ahead of the peer's last known input; then we stall. 12 frames are 200 ms. */
  maxPrediction: 12,
  fps: 60,
  /**
   * Silence: told after the first, given up after the second. A data channel that was cut off for two seconds may need
   * five more before it sends again (SCTP doubles its wait at each loss): do not give up much sooner.
   */
  interruptedMs: 1_000,
  disconnectMs: 10_000,
  /** Round trips before the first frame, so that both start with a measured path. */
  syncTrips: 3,
};

/** Inputs and digests that are kept, in frames: four seconds. Nothing in here grows beyond it. */
const HISTORY = 256;
const MAX_PENDING_CHECKS = 32;
/** Packets that still go out after a desync, so that the peer sees it with his own eyes: a second. */
const FAREWELLS = 60;

/** The last `size` values by frame; older ones are gone. */
class Ring {
  #values;
  #frames;
  constructor(size) {
    this.#values = new Array(size).fill(undefined);
    this.#frames = new Float64Array(size).fill(-1);
  }
  set(frame, value) {
    const i = frame % this.#values.length;
    this.#values[i] = value;
    this.#frames[i] = frame;
  }
  get size() {
    return this.#values.length;
  }
  get(frame) {
    const i = frame % this.#values.length;
    return this.#frames[i] === frame ? this.#values[i] : undefined;
  }
}

export class Rollback {
  #game;
  #local;
  #tag;
  #now;
  #send;
  #onEvent;
  #onConfirm;
  #options;
  #snapshots; // frame → the state before it
  #mine = new Ring(HISTORY);
  #theirs = new Ring(HISTORY);
  #guessed = new Ring(HISTORY); // what was simulated for the peer
  #digests = new Ring(HISTORY);
  #pendingChecks = new Map(); // frame → the peer's digest of a frame that we have not confirmed yet
  #mineKnown; // how many of our inputs exist
  #acked = 0; // how many of them the peer has
  #theirsKnown = 0; // how many of the peer's inputs we have, without a gap
  #wrongFrom = Infinity; // the first frame whose guess was wrong
  #confirmed = 0; // how many frames are final
  #digest = 0;
  #trip = new RoundTrip();
  #sync = new TimeSync();
  #trips = 0;
  #heard = null; // {clock, at, frame, ahead} of the peer's newest packet
  #silentSince;
  #silentTold = false;
  #farewells = FAREWELLS;
  #localAhead = 0; // frames, as we see it now

  /** The state to show: every frame simulated so far, guesses included. */
  state;
  /** Frames simulated. */
  frame = 0;
  /** syncing → running → stopped (for good; `reason` says why: disconnected | desync | closed) */
  status = "syncing";
  reason = null;
  stats = { ping: 0, ahead: 0, depth: 0, maxDepth: 0, rollbacks: 0, resimulated: 0, stalls: 0, waits: 0, sent: 0, received: 0, rejected: 0 };

  constructor({ game, local, tag = 0, now, send, onEvent = () => {}, onConfirm = () => {}, ...options }) {
    this.#game = game;
    this.#local = local;
    this.#tag = tag >>> 0;
    this.#now = now;
    this.#send = send;
    this.#onEvent = onEvent;
    this.#onConfirm = onConfirm;
    this.#options = { ...DEFAULTS, ...options };
    this.#snapshots = new Ring(this.#options.maxPrediction + 2);
    this.state = game.initial();
    this.#digest = game.checksum(this.state) >>> 0; // rules that differ are found at the first frame
    this.#mineKnown = this.#options.inputDelay;
    for (let frame = 0; frame < this.#mineKnown; frame++) this.#mine.set(frame, 0);
    this.#silentSince = now();
  }

  /** How many frames are final, on both sides alike. */
  get confirmed() {
    return this.#confirmed;
  }

  /** A digest of the whole match up to `frame` frames, if it is final and not older than four seconds. Equal on both sides. */
  digestAt(frame) {
    return this.#digests.get(frame - 1);
  }

  /**
   * One tick of the fixed step. Gives what came of it:
   * `advanced` (the input is taken), `waited` (we are ahead: the peer catches up), `stalled` (the peer's inputs are
   * missing for too long), `syncing`, `stopped`. In all but the first case pass the same presses again.
   */
  tick(input) {
    if (this.status === "stopped") return this.#farewell();
    this.stats.depth = 0;
    this.#listen();
    if (this.status !== "running") return this.#finish("syncing");
    this.#reconcile();
    if (this.status === "stopped") return this.#farewell();
    this.#measure();
    if (this.#mustStall()) {
      this.stats.stalls += 1;
      return this.#finish("stalled");
    }
    if (this.#sync.shouldWait()) {
      this.stats.waits += 1;
      return this.#finish("waited");
    }
    this.#mine.set(this.#mineKnown++, input & 0xffff);
    this.#simulate();
    this.#confirm();
    return this.#finish("advanced");
  }

  /** A packet from the peer. Whatever is not one changes nothing but a counter. */
  receive(data) {
    if (this.status === "stopped") return;
    const packet = decode(data, this.#tag);
    if (!packet || !this.#credible(packet)) {
      this.stats.rejected += 1;
      return;
    }
    this.stats.received += 1;
    const now = this.#now();
    if (this.#silentTold) this.#event({ type: "resumed" });
    this.#silentTold = false;
    this.#silentSince = now;
    // A packet that was overtaken has old news, but its inputs may be the ones we lack.
    if (!this.#heard || packet.frame >= this.#heard.frame) this.#heard = { clock: packet.clock, at: now, frame: packet.frame, ahead: packet.ahead };
    if (packet.held !== 0xffff) {
      this.#trip.sample((toClock(now) - packet.echo - packet.held) | 0);
      this.#trips += 1;
    }
    this.#acked = Math.max(this.#acked, packet.ack);
    this.#learn(packet);
    this.#compare(packet);
    if (this.status === "syncing" && this.#trips >= this.#options.syncTrips) {
      this.status = "running";
      this.#event({ type: "running", ping: this.#trip.ms });
    }
  }

  /** How much it holds, for tests of its bounds. */
  debugSizes() {
    const rings = [this.#snapshots, this.#mine, this.#theirs, this.#guessed, this.#digests];
    return { rings: rings.map((ring) => ring.size), fits: this.#pendingChecks.size <= MAX_PENDING_CHECKS };
  }

  /** Ends the session from this side; nothing is sent for it, the signalling says so. */
  close() {
    this.#stop("closed");
  }

  // ---- what comes in ------------------------------------------------------------------------------------------

  /** Could an honest peer have sent this? */
  #credible({ frame, ack, first, inputs, checkFrame }) {
    const horizon = this.frame + HISTORY / 2; // a peer stalls long before it is so far ahead
    return ack <= this.#mineKnown && frame <= horizon && first <= this.#theirsKnown && first + inputs.length <= horizon && (checkFrame === NONE || checkFrame < horizon);
  }

  #learn({ first, inputs }) {
    for (let i = Math.max(0, this.#theirsKnown - first); i < inputs.length; i++) {
      const frame = first + i;
      this.#theirs.set(frame, inputs[i]);
      this.#theirsKnown = frame + 1;
      if (frame < this.frame && this.#guessed.get(frame) !== inputs[i]) this.#wrongFrom = Math.min(this.#wrongFrom, frame);
    }
  }

  #compare({ checkFrame, check }) {
    if (checkFrame === NONE) return;
    const own = this.#digests.get(checkFrame);
    if (own !== undefined) {
      if (own !== check) this.#desync(checkFrame, own, check);
    } else if (checkFrame >= this.#confirmed) {
      this.#pendingChecks.set(checkFrame, check);
      if (this.#pendingChecks.size > MAX_PENDING_CHECKS) this.#pendingChecks.delete(this.#pendingChecks.keys().next().value);
    }
  }

  // ---- simulation ---------------------------------------------------------------------------------------------

  #simulate() {
    const { frame } = this;
    this.#snapshots.set(frame, this.#game.save(this.state));
    const mine = this.#mine.get(frame);
    const theirs = frame < this.#theirsKnown ? this.#theirs.get(frame) : this.#predict();
    this.#guessed.set(frame, theirs);
    this.state = this.#game.step(this.state, this.#local === 0 ? [mine, theirs] : [theirs, mine]);
    this.frame = frame + 1;
  }

  #predict() {
    const last = this.#theirsKnown ? this.#theirs.get(this.#theirsKnown - 1) : 0;
    return this.#game.predict ? this.#game.predict(last) : last;
  }

  /** Goes back to the first frame that was guessed wrong and forward again with what is known now. */
  #reconcile() {
    if (this.#wrongFrom < this.frame) {
      const until = this.frame;
      const depth = until - this.#wrongFrom;
      this.state = this.#game.load(this.#snapshots.get(this.#wrongFrom));
      this.frame = this.#wrongFrom;
      while (this.frame < until) this.#simulate();
      Object.assign(this.stats, { depth, maxDepth: Math.max(this.stats.maxDepth, depth), rollbacks: this.stats.rollbacks + 1, resimulated: this.stats.resimulated + depth });
    }
    this.#wrongFrom = Infinity;
    this.#confirm();
  }

  /** Frames whose inputs are all known are final: digest, compare, tell. */
  #confirm() {
    while (this.status !== "stopped" && this.#confirmed < Math.min(this.#theirsKnown, this.frame)) {
      const frame = this.#confirmed++;
      const state = frame + 1 === this.frame ? this.state : this.#game.load(this.#snapshots.get(frame + 1));
      this.#digest = mix(this.#digest, this.#game.checksum(state) >>> 0);
      this.#digests.set(frame, this.#digest);
      const theirs = this.#pendingChecks.get(frame);
      this.#pendingChecks.delete(frame);
      if (theirs !== undefined && theirs !== this.#digest) return this.#desync(frame, this.#digest, theirs);
      this.#onConfirm(frame + 1, state);
    }
  }

  #mustStall() {
    // The second case: a peer that hears nothing of us would need inputs that no packet holds any more.
    return this.frame - this.#theirsKnown >= this.#options.maxPrediction || this.#mineKnown - this.#acked >= MAX_INPUTS;
  }

  // ---- time ---------------------------------------------------------------------------------------------------

  #measure() {
    const { fps, maxPrediction } = this.#options;
    const since = this.#trip.ms / 2 + (this.#now() - this.#heard.at);
    const theirFrame = this.#heard.frame + (since * fps) / 1000;
    this.#localAhead = this.frame - theirFrame;
    this.#sync.note(this.#localAhead, this.#heard.ahead, maxPrediction);
    this.stats.ping = this.#trip.ms;
    this.stats.ahead = this.#sync.ahead;
  }

  #listen() {
    const silence = this.#now() - this.#silentSince;
    if (silence >= this.#options.disconnectMs) {
      this.#stop("disconnected");
      this.#event({ type: "disconnected", silence });
    } else if (silence >= this.#options.interruptedMs && !this.#silentTold) {
      this.#silentTold = true;
      this.#event({ type: "interrupted", silence });
    }
  }

  // ---- what goes out ------------------------------------------------------------------------------------------

  #finish(outcome) {
    if (this.status === "stopped") return this.#farewell();
    this.#transmit();
    return outcome;
  }

  /** Who sees that the two differ stops at once; the other one must be able to see it too. */
  #farewell() {
    if (this.reason === "desync" && this.#farewells-- > 0) this.#transmit();
    return "stopped";
  }

  /** Every tick sends: all inputs that the peer has not acknowledged, so that a lost packet costs nothing but a tick. */
  #transmit() {
    const now = this.#now();
    const heard = this.#heard;
    const inputs = [];
    for (let frame = this.#acked; frame < this.#mineKnown; frame++) inputs.push(this.#mine.get(frame));
    const last = this.#confirmed - 1;
    this.stats.sent += 1;
    this.#send(
      encode({
        tag: this.#tag, frame: this.frame, ack: this.#theirsKnown, ahead: this.#localAhead, clock: toClock(now),
        echo: heard?.clock ?? 0, held: heard ? Math.min(0xfffe, Math.round(now - heard.at)) : 0xffff,
        checkFrame: last < 0 ? NONE : last, check: last < 0 ? 0 : this.#digest, first: this.#acked, inputs,
      }),
    );
  }

  // ---- the end ------------------------------------------------------------------------------------------------

  #desync(frame, ours, theirs) {
    this.#stop("desync");
    this.#event({ type: "desync", frame, ours, theirs });
  }

  #stop(reason) {
    if (this.status === "stopped") return;
    this.status = "stopped";
    this.reason = reason;
  }

  #event(event) {
    this.#onEvent(event);
  }
}

const toClock = (ms) => Math.round(ms) >>> 0;

/**
 * Is your game fit for rollback? Plays `inputs` ([[a, b], …]) straight through, and again going back `distance` frames
 * after every frame. Gives the first frame at which the two differ, or null. Run it in your unit tests.
 */
export function firstDifference(game, inputs, distance = 8) {
  let straight = game.initial();
  let tried = game.initial();
  const saved = [];
  for (let frame = 0; frame < inputs.length; frame++) {
    straight = game.step(straight, inputs[frame]);
    saved.push(game.save(tried));
    tried = game.step(tried, inputs[frame]);
    const from = Math.max(0, frame + 1 - distance);
    tried = game.load(saved[from]);
    for (let again = from; again <= frame; again++) {
      saved[again] = game.save(tried);
      tried = game.step(tried, inputs[again]);
    }
    if (game.checksum(tried) !== game.checksum(straight)) return frame;
  }
  return null;
}
