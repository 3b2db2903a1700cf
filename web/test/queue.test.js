// The page of showtimes: its pure parts, its sentences, and a line that is pushed, polled and lost.

import assert from "node:assert/strict";
import { test } from "node:test";
import { labels, seatMap } from "../admin/views/showtimes.js";
import { createLine } from "../queue/line.js";
import { createState, mineOf, neighbour, progress, rowsOf, seatLook, waitWords, withChanges, withReservation } from "../queue/state.js";
import { tables } from "../queue/words.js";

const seat = (label, status = "free") => ({ id: `id-${label}`, label, status });
const hold = (id, change = {}) => ({ id, showtime: "s", seat: "id-A1", status: "held", updated_at: 1, ...change });

test("both languages say the same things with the same parameters", () => {
  assert.deepEqual(Object.keys(tables.ko).sort(), Object.keys(tables.en).sort());
  const holes = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
  for (const key of Object.keys(tables.en)) assert.deepEqual(holes(tables.ko[key]), holes(tables.en[key]), key);
});

test("a wait is told in words, rounded up, and not at all if nobody knows it", () => {
  assert.deepEqual(waitWords(null), ["line.eta_unknown"]);
  assert.deepEqual(waitWords(0), ["line.eta_soon"]);
  assert.deepEqual(waitWords(61_000), ["line.eta", { n: 2 }]);
  assert.deepEqual(waitWords(3_660_000), ["line.eta_long", { h: 1, n: 1 }]);
  assert.equal(progress({ first: 10, ahead: 4 }), 0.6);
  assert.equal(progress({ first: 0, ahead: 0 }), 1);
});

test("seats change in their places, new ones come last", () => {
  const before = [seat("A1"), seat("A2")];
  assert.equal(withChanges(before, []), before);
  const after = withChanges(before, [seat("B1"), seat("A2", "sold")]);
  assert.deepEqual(after.map(({ label, status }) => `${label} ${status}`), ["A1 free", "A2 sold", "B1 free"]);
  assert.equal(after[0], before[0]);
});

test("a seat looks like what it is to me", () => {
  const state = { showtime: { id: "s" }, chosen: "id-A2", reservations: [hold("r"), hold("q", { seat: "id-A3", status: "paid" }), hold("x", { showtime: "other", seat: "id-A2" })] };
  assert.equal(seatLook(state, seat("A1", "held")), "mine");
  assert.equal(seatLook(state, seat("A2")), "chosen");
  assert.equal(seatLook(state, seat("A3", "sold")), "yours");
  assert.equal(seatLook(state, seat("A4", "held")), "held");
  assert.deepEqual(mineOf(state, "held").map(({ id }) => id), ["r"]);
});

test("an older word of a reservation is not taken, and what is paid stays", () => {
  const paid = withReservation([hold("r")], hold("r", { status: "paid", updated_at: 5 }));
  assert.equal(paid[0].status, "paid");
  assert.equal(withReservation(paid, hold("r", { updated_at: 9 }))[0].status, "paid");
  assert.equal(withReservation([hold("r", { updated_at: 4 })], hold("r", { status: "expired", updated_at: 3 }))[0].status, "held");
  assert.equal(withReservation(null, hold("r")).length, 1);
});

test("arrows walk over rows of different lengths", () => {
  const rows = rowsOf([seat("A1"), seat("A2"), seat("A3"), seat("B1"), seat("Box 1")]);
  assert.deepEqual(rows.map(({ name }) => name), ["A", "B", "Box"]);
  const to = (from, key) => neighbour(rows, `id-${from}`, key)?.label ?? null;
  assert.deepEqual([to("A1", "ArrowRight"), to("A3", "ArrowDown"), to("B1", "ArrowUp"), to("A1", "ArrowLeft"), to("A1", "End"), to("A1", "x")], ["A2", "B1", "A1", null, "A3", null]);
});

test("staff's rows become labels, and seats a picture that is said", () => {
  assert.deepEqual(labels({ from: "a", to: "B", seats: "2" }), ["A1", "A2", "B1", "B2"]);
  assert.deepEqual(labels({ from: "C", to: "A", seats: 2 }), []);
  const [said] = seatMap({ items: [seat("A1"), seat("A2", "sold")], next_cursor: null });
  assert.deepEqual(said.children, ["1 free, 0 held, 1 sold"]);
});

/** A player whose calls are answered by `answers`, a socket that says what it is told to. */
function stage(answers) {
  const listeners = {};
  const asked = [];
  const client = {
    account: { id: "me" }, state: "idle",
    api: {
      async call(method, path) {
        asked.push(`${method} ${path}`);
        const answer = answers.shift();
        if (answer instanceof Error || answer?.code) throw answer;
        return answer;
      },
    },
    request: async () => ({}),
    on: (event, listener) => (listeners[event] = listener),
  };
  const store = createState({ showtime: { id: "s", queue: "q" }, line: { kind: "outside" }, error: null });
  const admitted = [];
  const line = createLine({ client, store, now: () => 1_000, onAdmitted: () => admitted.push(store.state.line.pass) });
  return { client, store, line, asked, admitted, says: (type, payload) => listeners[type](payload) };
}

const place = { ticket: "t", number: 7, ahead: 3, eta_ms: null, poll_after_ms: 60_000 };
const waiting = (ahead) => ({ status: "waiting", ahead, eta_ms: 1_000, poll_after_ms: 60_000 });

test("one waits, is told, and is let in once", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { store, line, asked, admitted, says } = stage([place, waiting(3)]);
  await line.enter();
  assert.deepEqual(asked, ["POST /queues/q/tickets", "GET /queues/q/tickets/t"]);
  says("queue.position", { queue: "q", ahead: 1, eta_ms: 500 });
  assert.deepEqual([store.state.line.kind, store.state.line.ahead, store.state.line.first], ["waiting", 1, 3]);
  says("queue.position", { queue: "another", ahead: 9 });
  assert.equal(store.state.line.ahead, 1);
  for (let n = 0; n < 2; n++) says("queue.admitted", { queue: "q", pass: "p", expires_at: 90_000 });
  says("queue.position", { queue: "q", ahead: 0, eta_ms: 0 }); // late
  assert.deepEqual([store.state.line.kind, admitted], ["admitted", ["p"]]);
});

test("a queue that does not answer is said to be down, and one that is over is left alone", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  for (const [error, kind] of [[{ status: 503, code: "queue_unavailable" }, "down"], [{ status: 0, code: "network" }, "down"], [{ status: 409, code: "sold_out" }, "sold_out"], [{ status: 409, code: "queue_draining" }, "draining"]]) {
    const { store, line } = stage([error]);
    await line.enter();
    assert.equal(store.state.line.kind, kind, error.code);
  }
});

test("a lost answer is asked for again, a lost ticket is the end", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { store, line, asked } = stage([place, { status: 503, code: "try_again" }, waiting(2), { status: 404, code: "not_found" }]);
  await line.enter();
  assert.equal(store.state.line.kind, "waiting");
  t.mock.timers.tick(2_000);
  await new Promise((done) => setImmediate(done));
  assert.equal(store.state.line.ahead, 2);
  t.mock.timers.tick(60_000);
  await new Promise((done) => setImmediate(done));
  assert.equal(asked.length, 4);
  assert.equal(store.state.line.kind, "expired");
});
