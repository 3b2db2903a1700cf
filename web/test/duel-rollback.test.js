// The rollback session over a network that misbehaves, in virtual time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { duel } from "../duel/game.js";
import { decode, encode, MAX_INPUTS, NONE } from "../duel/rollback-packet.js";
import { DEFAULTS, firstDifference } from "../duel/rollback.js";
import { RoundTrip, TimeSync } from "../duel/rollback-time.js";
import { Arena, fidget, seeded } from "./duel-net.js";

/** Every frame that both have confirmed is the same on both sides, each frame once and in order. */
function agree({ sides: [a, b] }, least) {
  const n = Math.min(a.confirmed.length, b.confirmed.length);
  assert.ok(n >= least, `${n} confirmed frames, at least ${least}`);
  for (let i = 0; i < n; i++) {
    assert.equal(a.confirmed[i][0], i + 1);
    assert.deepEqual(a.confirmed[i], b.confirmed[i], `frame ${i + 1}`);
  }
  for (const side of [a, b]) assert.deepEqual(side.events.filter(({ type }) => type === "desync"), []);
  const both = Math.min(a.session.confirmed, b.session.confirmed);
  assert.equal(a.session.digestAt(both), b.session.digestAt(both));
  assert.notEqual(a.session.digestAt(both), undefined);
}

const PATHS = {
  "a good one": { delay: 10, jitter: 2 },
  "across a continent": { delay: 50, jitter: 10, loss: 0.02 },
  "100 ms there and 100 back": { delay: 100, jitter: 20, loss: 0.02 },
  "wireless": { delay: 40, jitter: 60, loss: 0.1, double: 0.1 },
  "barely one": { delay: 90, jitter: 90, loss: 0.25, double: 0.2 },
};

for (const [name, path] of Object.entries(PATHS)) {
  test(`path: ${name}: both sides are in the same state at every confirmed frame`, () => {
    for (let seed = 1; seed <= 6; seed++) {
      const arena = new Arena({ seed, path, start: seed * 37 }).run(20_000);
      agree(arena, path.loss > 0.2 ? 700 : 1_100);
      const { stats } = arena.sides[0].session;
      if (path.delay > 40) assert.ok(stats.rollbacks > 20 && stats.resimulated > stats.rollbacks, JSON.stringify(stats));
      assert.ok(stats.maxDepth <= DEFAULTS.maxPrediction, JSON.stringify(stats));
    }
  });
}

test("at 100 ms ± 20 and 2 % loss nobody waits more than one tick in fifty", () => {
  const arena = new Arena({ seed: 3, path: PATHS["100 ms there and 100 back"], start: 120 }).run(60_000);
  for (const { outcomes, session } of arena.sides) {
    assert.ok((outcomes.stalled ?? 0) + (outcomes.waited ?? 0) < 72, JSON.stringify(outcomes));
    assert.ok(Math.abs(session.stats.ping - 200) < 30, `${session.stats.ping} ms`);
  }
});

test("with a path shorter than the input delay nothing is ever rolled back", () => {
  const arena = new Arena({ seed: 5, path: { delay: 8 }, options: { inputDelay: 4 } }).run(10_000);
  agree(arena, 560);
  for (const { session } of arena.sides) assert.equal(session.stats.rollbacks, 0);
});

test("the slower side is waited for, and by waits, not by stalls", () => {
  const arena = new Arena({ seed: 9, path: { delay: 30, jitter: 5 }, fps: [60, 57] }).run(30_000);
  agree(arena, 1_600);
  const [fast, slow] = arena.sides;
  assert.ok(fast.session.stats.waits > 50, JSON.stringify(fast.outcomes));
  assert.ok(slow.session.stats.waits < 5, JSON.stringify(slow.outcomes));
  assert.ok((fast.outcomes.stalled ?? 0) < 20, JSON.stringify(fast.outcomes));
  assert.ok(Math.abs(fast.session.frame - slow.session.frame) < 6);
});

test("who began late is waited for too: after a second both are at the same frame", () => {
  const arena = new Arena({ seed: 4, path: { delay: 60 }, start: 400 }).run(4_000);
  assert.ok(Math.abs(arena.sides[0].session.frame - arena.sides[1].session.frame) <= 2);
});

test("a peer that is silent: a stall within the prediction window, a word after a second, the end after ten", () => {
  const arena = new Arena({ path: { delay: 20 } }).run(3_000);
  const [left, gone] = arena.sides;
  gone.dead = true;
  const { confirmed } = left.session;
  arena.run(900);
  assert.ok(left.session.frame <= confirmed + DEFAULTS.maxPrediction + DEFAULTS.inputDelay + 3);
  assert.ok(left.outcomes.stalled > 20);
  arena.run(300);
  assert.deepEqual(left.events.map(({ type }) => type), ["running", "interrupted"]);
  arena.run(9_000);
  assert.deepEqual(left.events.map(({ type }) => type), ["running", "interrupted", "disconnected"]);
  assert.equal(left.session.reason, "disconnected");
  assert.equal(left.session.tick(0), "stopped");
});

test("a tunnel of eight seconds is survived", () => {
  const arena = new Arena({ seed: 8, path: { delay: 40, jitter: 10 } }).run(3_000);
  arena.path.loss = 1;
  arena.run(8_000);
  arena.path.loss = 0;
  arena.run(3_000);
  agree(arena, 300);
  for (const { events } of arena.sides) assert.deepEqual(events.map(({ type }) => type), ["running", "interrupted", "resumed"]);
});

test("a state that was tampered with is found out by both, within a second", () => {
  let armed = false;
  const forged = { ...duel, step: (state, inputs) => {
    const next = duel.step(state, inputs);
    if (armed) next[20] += 1;
    return next;
  } };
  const arena = new Arena({ seed: 2, path: { delay: 50, jitter: 10, loss: 0.02 }, games: [duel, forged] }).run(5_000);
  agree(arena, 200);
  armed = true;
  arena.run(50);
  armed = false; // once is enough: the digest is of the whole match
  arena.run(950);
  for (const { session, events } of arena.sides) {
    assert.equal(session.reason, "desync");
    const [{ ours, theirs, frame }] = events.filter(({ type }) => type === "desync");
    assert.notEqual(ours, theirs);
    assert.ok(frame > 200);
  }
});

test("on a bad line too both find out: who stops first still says what he saw", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const forged = { ...duel, step: (state, inputs) => {
      const next = duel.step(state, inputs);
      if (next[6] === 200) next[20] += 1; // in frame 200, once
      return next;
    } };
    const arena = new Arena({ seed, path: { delay: 60, jitter: 30, loss: 0.4 }, games: [duel, forged] }).run(9_000);
    assert.deepEqual(arena.sides.map(({ session }) => session.reason), ["desync", "desync"], `seed ${seed}`);
    const sent = arena.sides.map(({ session }) => session.stats.sent);
    arena.run(3_000);
    assert.deepEqual(arena.sides.map(({ session }) => session.stats.sent), sent, "and then there is silence");
  }
});

test("other rules are found out at the first frame", () => {
  const other = { ...duel, initial: () => duel.initial().with(15, 99) };
  const arena = new Arena({ path: { delay: 20 }, games: [duel, other] }).run(1_000);
  for (const { session } of arena.sides) {
    assert.equal(session.reason, "desync");
    assert.ok(session.frame < 20);
  }
});

test("garbage, strangers' packets and lies change nothing", () => {
  const random = seeded(77);
  const arena = new Arena({ seed: 6, path: { delay: 30 } }).run(2_000);
  const { session } = arena.sides[0];
  const real = [];
  const view = () => JSON.stringify([session.frame, session.confirmed, [...session.state], session.status, { ...session.stats, rejected: 0 }]);
  const before = view();
  arena.sides[1].session.tick(3);
  for (const { to, bytes } of arena.queue) if (to === 0) real.push(bytes);
  arena.queue = arena.queue.filter(({ to }) => to !== 0);
  let bad = 0;
  const feed = (data) => (session.receive(data), (bad += 1));
  for (let i = 0; i < 400; i++) feed(Uint8Array.from({ length: Math.floor(random() * 200) }, () => random() * 256));
  for (const data of ["text", null, undefined, {}, new ArrayBuffer(0), new Uint8Array(3)]) feed(data);
  for (const bytes of real) {
    for (let i = 0; i < bytes.length; i++) feed(bytes.map((byte, j) => (i === j ? byte ^ (1 << (i % 8)) : byte)));
    for (let n = 0; n < bytes.length; n++) feed(bytes.slice(0, n));
  }
  const packet = decode(real.at(-1), 7);
  const lies = [{ tag: 8 }, { ack: 1e6 }, { frame: 1e6 }, { first: packet.first + 50 }, { first: 1e9 }, { checkFrame: 1e6 }, { first: session.frame + 127, inputs: Array(MAX_INPUTS).fill(1) }];
  for (const lie of lies) feed(encode({ ...packet, ...lie }));
  assert.equal(view(), before);
  assert.equal(session.stats.rejected, bad);
  arena.run(3_000);
  agree(arena, 280);
});

test("a second, different input for a frame is ignored", () => {
  const arena = new Arena({ seed: 6, path: { delay: 30 } }).run(2_000);
  const { session } = arena.sides[0];
  arena.queue.filter(({ to }) => to === 0).forEach(({ bytes }) => {
    const packet = decode(bytes, 7);
    if (packet.first + packet.inputs.length <= session.confirmed) return;
    const known = packet.inputs.map((input, i) => (packet.first + i < session.confirmed ? input ^ 1 : input));
    session.receive(encode({ ...packet, inputs: known }));
  });
  arena.run(3_000);
  agree(arena, 280);
});

test("it holds no more after ten minutes than after one", () => {
  let held = 0;
  const counting = { ...duel, save: (s) => ((held += 1), duel.save(s)) };
  const arena = new Arena({ seed: 1, path: { delay: 60, jitter: 20, loss: 0.05 }, games: [counting, duel] });
  arena.run(60_000);
  const size = () => JSON.stringify(arena.sides[0].session.debugSizes());
  const early = size();
  arena.run(540_000);
  assert.equal(size(), early);
  assert.ok(held > 36_000);
  agree(arena, 35_000);
});

test("a packet fits a small datagram and comes back as it was", () => {
  const random = seeded(5);
  const u32 = () => Math.floor(random() * 2 ** 32);
  for (let i = 0; i < 300; i++) {
    const packet = { tag: 9, frame: u32(), ack: u32(), ahead: Math.round((random() - 0.5) * 400) / 16, clock: u32(), echo: u32(), held: Math.floor(random() * 65536), checkFrame: i % 9 ? u32() : NONE, check: u32(), first: u32(), inputs: Array.from({ length: Math.floor(random() * (MAX_INPUTS + 1)) }, () => Math.floor(random() * 65536)) };
    const bytes = encode(packet);
    assert.ok(bytes.length <= 171);
    assert.deepEqual(decode(bytes, 9), packet);
    assert.deepEqual(decode(bytes.buffer, 9), packet);
  }
});

test("the duel is fit for rollback; a game with a hidden memory is not", () => {
  const random = seeded(12);
  const [a, b] = [fidget(random), fidget(random)];
  const inputs = Array.from({ length: 2_000 }, () => [a(), b()]);
  assert.equal(firstDifference(duel, inputs), null);
  let calls = 0;
  const leaky = { ...duel, step: (s, i) => duel.step(s, [i[0] ^ (++calls % 7 === 0), i[1]]) };
  assert.notEqual(firstDifference(leaky, inputs.slice(0, 300)), null);
});

test("who is ahead is told from both sides' words, whatever the path's asymmetry", () => {
  const sync = new TimeSync();
  // Three frames ahead, on a path that makes both sides believe two more.
  for (let i = 0; i < 40; i++) sync.note(3 + 2, -3 + 2, 12);
  assert.equal(sync.ahead, 3);
  assert.equal(sync.shouldWait(), true);
  assert.equal(sync.ahead, 2);
  assert.equal(sync.shouldWait(), false, "not twice in a row");
  const behind = new TimeSync();
  for (let i = 0; i < 40; i++) behind.note(-4, 4, 12);
  assert.equal(behind.shouldWait(), false);
  const lied = new TimeSync();
  for (let i = 0; i < 40; i++) lied.note(NaN, -1e9, 12);
  assert.ok(lied.ahead <= 6);
});

test("a round trip is smoothed and absurd samples are dropped", () => {
  const trip = new RoundTrip();
  for (const ms of [-5, NaN, 1e9]) trip.sample(ms);
  assert.equal(trip.known, false);
  trip.sample(100);
  trip.sample(180);
  assert.equal(trip.ms, 110);
});
