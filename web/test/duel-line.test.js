// The line to the signalling server, the buttons and the figures, each with fakes for what a browser has.

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Controls } from "../duel/controls.js";
import { Link } from "../duel/link.js";
import { Meters } from "../duel/meters.js";
import { INPUT } from "../duel/moves.js";
import { Seeker } from "../duel/seeker.js";

// ---- the line -----------------------------------------------------------------------------------------------------------

class FakeSocket {
  static all = [];
  readyState = 0;
  sent = [];
  constructor(url) {
    this.url = url;
    FakeSocket.all.push(this);
  }
  open() {
    this.readyState = 1;
    this.onopen();
  }
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  tell(type, payload) {
    this.onmessage({ data: JSON.stringify({ type, payload }) });
  }
  close(code = 1006) {
    this.readyState = 3;
    this.onclose({ code });
  }
}

const settled = () => new Promise((done) => setImmediate(done));

async function line(t, tickets = () => "abc/1") {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  FakeSocket.all = [];
  Object.assign(globalThis, { WebSocket: FakeSocket, location: { origin: "https://play.example" } });
  const heard = [];
  const link = new Link({ wsTicket: async () => tickets() }, { message: (type, payload) => heard.push([type, payload]), state: (...name) => heard.push(["state", ...name]) });
  link.open();
  await settled();
  return { link, heard, socket: () => FakeSocket.all.at(-1) };
}

test("the line opens with a ticket, carries words, and comes back after a drop", async (t) => {
  const { link, heard, socket } = await line(t);
  assert.equal(socket().url, "wss://play.example/ws/signal?ticket=abc%2F1");
  assert.equal(link.say("join_lobby", {}), false, "not before it is open");
  socket().open();
  assert.equal(link.say("join_lobby", { playerId: "me" }), true);
  assert.deepEqual(socket().sent, [{ type: "join_lobby", payload: { playerId: "me" } }]);
  socket().tell("lobby_update", { players: [] });
  socket().onmessage({ data: "{nonsense" });
  socket().close(1012);
  mock.timers.tick(400);
  await settled();
  assert.equal(FakeSocket.all.length, 2);
  socket().open();
  assert.deepEqual(heard, [["state", "connecting"], ["state", "online", undefined], ["lobby_update", { players: [] }], ["state", "reconnecting"], ["state", "online", undefined]].map((entry) => entry.filter((part) => part !== undefined)));
});

test("a newer page or an ended account closes it for good; a ticket that is refused too", async (t) => {
  const { heard, socket } = await line(t);
  socket().open();
  socket().close(4001);
  mock.timers.tick(60_000);
  await settled();
  assert.deepEqual([FakeSocket.all.length, heard.at(-1)], [1, ["state", "closed", 4001]]);
  mock.timers.reset();
  const refused = await line(t, () => {
    throw Object.assign(new Error(), { status: 401 });
  });
  assert.deepEqual([FakeSocket.all.length, refused.heard.at(-1)], [0, ["state", "closed", 4003]]);
});

test("what a busy server refuses is said again, three times at most; candidates are not", async (t) => {
  const { link, heard, socket } = await line(t);
  socket().open();
  link.say("accept_match", { sessionId: "s" });
  link.say("send_ice_candidate", { candidate: {} });
  for (let i = 0; i < 5; i++) {
    socket().tell("error", { code: 503 });
    mock.timers.tick(1_000);
  }
  assert.deepEqual(socket().sent.map(({ type }) => type), ["accept_match", "send_ice_candidate", "accept_match", "accept_match", "accept_match"]);
  assert.deepEqual(heard.filter(([type]) => type === "error").length, 2, "then the page is told");
});

// ---- looking for an opponent ----------------------------------------------------------------------------------------------

function seeker(answer) {
  const told = [];
  const listeners = {};
  const asked = [];
  const client = {
    on: (event, listener) => (listeners[event] = listener),
    connect: async () => {},
    request: async (type) => (asked.push(type), answer(type)),
    close: () => asked.push("closed"),
  };
  return { seek: new Seeker(client, (part) => told.push(part)), told, asked, listeners };
}

test("a server that knows no matchmaking hides the button", async () => {
  const { seek, told } = seeker(() => Promise.reject(Object.assign(new Error(), { code: "unknown_type" })));
  await seek.start();
  assert.deepEqual(told.at(-1), { seeking: null, canSeek: false, notice: { kind: "no_seek" } });
});

test("looking ends when one is found, or when it is stopped; the session on /ws ends with it", async () => {
  const found = seeker(async () => ({}));
  await found.seek.start();
  await found.seek.start(); // pressed twice
  found.listeners["matchmaking.found"]({ mode: "mafia" });
  assert.ok(!found.asked.includes("closed"));
  found.listeners["matchmaking.found"]({ mode: "duel", sessionId: "s" });
  assert.deepEqual(found.asked, ["matchmaking.enter", "closed"]);
  const stopped = seeker(async () => ({}));
  await stopped.seek.start();
  await stopped.seek.stop();
  assert.deepEqual(stopped.asked, ["matchmaking.enter", "matchmaking.leave", "closed"]);
  assert.equal(stopped.told.at(-1).seeking, null);
});

test("the change of the rating is told once the match is rated; never by a server that keeps none", async (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const answers = [{ ratings: [{ mode: "mafia", games: 9 }, { mode: "duel", rating: 1500, games: 3 }] }, { ratings: [{ mode: "duel", rating: 1500, games: 3 }] }, { ratings: [{ mode: "duel", rating: 1531.5, games: 4 }] }];
  const asked = [];
  const api = { call: async (...what) => (asked.push(what), answers.shift() ?? Promise.reject(new Error("404"))) };
  const seek = new Seeker({ on() {}, api }, () => {});
  await seek.remember();
  const told = seek.rating();
  await settled();
  mock.timers.tick(700);
  assert.deepEqual(await told, { now: 1531.5, change: 31.5 });
  assert.deepEqual(asked[0], ["GET", "/me/ratings"]);
  await seek.remember();
  assert.equal(await seek.rating(), null);
});

// ---- buttons and figures --------------------------------------------------------------------------------------------------

test("a tap shorter than a step counts once; left and right together are neither; who looks away lets go", () => {
  const target = new EventTarget();
  const press = (type, code, more = {}) => target.dispatchEvent(Object.assign(new Event(type, { cancelable: true }), { code, ...more }));
  const controls = new Controls(target);
  press("keydown", "KeyJ");
  press("keyup", "KeyJ");
  assert.equal(controls.read(), INPUT.light);
  assert.equal(controls.read(), INPUT.light, "until a step has taken it");
  controls.take();
  assert.equal(controls.read(), 0);
  press("keydown", "KeyA");
  press("keydown", "KeyS");
  assert.equal(controls.read(), INPUT.left | INPUT.guard);
  press("keydown", "ArrowRight");
  assert.equal(controls.read() & (INPUT.left | INPUT.right), 0);
  target.dispatchEvent(new Event("blur"));
  controls.take();
  assert.equal(controls.read(), 0);
  press("keydown", "KeyR");
  press("keydown", "KeyK", { ctrlKey: true });
  assert.equal(controls.read(), 0, "other keys are the browser's");
  press("keydown", "KeyL");
  assert.equal(controls.read(), INPUT.light | INPUT.heavy);
  controls.stop();
  press("keydown", "KeyA");
  assert.equal(controls.read() & INPUT.left, 0);
});

test("half of the steps come after p50, whatever the length of the match", () => {
  const meters = new Meters();
  assert.deepEqual([meters.summary().p50, meters.summary().p99], [0, 0]);
  for (let i = 0; i < 20_000; i++) meters.note({ ping: 80, depth: i % 50 === 0 ? 4 : 0, frame: i % 100 < 2 ? 50 : 16.7, work: 1, outcome: "advanced" });
  const { p50, p99, lastDepth } = meters.summary();
  assert.deepEqual([p50, p99, lastDepth], [16.7, 50, 0]);
  meters.note({ ping: 80, depth: 7, frame: 1e9, work: 1, outcome: "stalled" });
  assert.equal(meters.summary().lastDepth, 7);
});
