// One session over many sockets (spec 1.1): each test reads like a rule of the protocol.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Playhouse, memoryStore } from "../playhouse.js";
import { fakeFetch, fakeSockets, identity, settle } from "./fakes.js";

let Socket, fetch, player, tickets;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  Socket = fakeSockets();
  tickets = 0;
  fetch = fakeFetch({ "POST /ws-tickets": () => [201, { ticket: `k${++tickets}`, expires_in: 30 }] });
  player = new Playhouse({ baseUrl: "http://127.0.0.1:8080", store: memoryStore(identity()), fetch, WebSocket: Socket, random: () => 1 });
});

const last = () => Socket.all.at(-1);
async function online() {
  player.connect();
  await settle();
  last().open().welcome();
  await settle();
  return last();
}
/** Time passes until the next socket is asked for. */
async function reconnect(ms = 10_000) {
  const before = Socket.all.length;
  for (let t = 0; t < ms && Socket.all.length === before; t += 100) {
    mock.timers.tick(100);
    await settle();
  }
  assert.equal(Socket.all.length, before + 1, "a new socket");
  return last();
}

test("connects with a one-time ticket and the JSON subprotocol; no token in the URL", async () => {
  const socket = await online();
  assert.equal(socket.url, "ws://127.0.0.1:8080/ws?ticket=k1");
  assert.deepEqual(socket.protocols, ["playhouse.v1.json"]);
  assert.equal(player.state, "online");
});

test("ids rise, an answer settles its own request, an error rejects with its code", async () => {
  const socket = await online();
  const first = player.request("room.quick_join");
  const second = player.request("room.ready", { ready: true });
  const [a, b] = socket.requests();
  assert.ok(b.id > a.id);
  socket.say({ re: b.id, type: "error", payload: { code: "not_in_room", message: "no" } }, { re: a.id, type: "ok", payload: { room: { room_id: "r" } } });
  assert.equal((await first).room.room_id, "r");
  await assert.rejects(second, { name: "RequestError", code: "not_in_room" });
});

test("an answer is seen before the pushes that it causes", async () => {
  const socket = await online();
  const seen = [];
  player.on("answer", ({ type, request }) => seen.push(["answer", type, request.ready]));
  player.on("room.member_ready", () => seen.push(["push"]));
  player.request("room.ready", { ready: true });
  socket.say({ re: socket.requests().at(-1).id, type: "ok", payload: {} }, { seq: 2, type: "room.member_ready", payload: {} });
  assert.deepEqual(seen, [["answer", "room.ready", true], ["push"]]);
});

test("after a drop it resumes with the last seq, and what comes twice is told once", async () => {
  const first = await online();
  const told = [];
  player.on("push", (f) => told.push(f.seq));
  first.say({ seq: 2, type: "x", payload: {} }, { seq: 3, type: "x", payload: {} });
  first.end(1006);
  assert.equal(player.state, "reconnecting");
  const second = await reconnect();
  assert.match(second.url, /ticket=k2&resume=1$/);
  second.open();
  assert.deepEqual(second.sent[0], { id: 0, type: "session.resume", payload: { resume_token: "t1", last_seq: 3 } });
  second.say({ re: 0, type: "ok", payload: { session_id: "s1", resume_token: "t2", mode: "replay", last_seq: 3, server_time: 1 } });
  second.say({ seq: 3, type: "x", payload: {} }, { seq: 4, type: "x", payload: {} });
  assert.deepEqual(told, [2, 3, 4]);
  assert.equal(player.snapshot().resumeToken, "t2");
});

test("a snapshot may go on at any later seq", async () => {
  (await online()).end(1013);
  const second = (await reconnect()).open();
  const told = [];
  player.on("push", (f) => told.push(f.type));
  second.say({ re: 0, type: "ok", payload: { session_id: "s1", resume_token: "t2", mode: "snapshot", last_seq: 90, server_time: 1 } }, { seq: 91, type: "room.state", payload: {} }, { seq: 92, type: "y", payload: {} });
  assert.deepEqual(told, ["room.state", "y"]);
  assert.equal(Socket.all.length, 2);
});

test("unanswered durable requests go out again under their ids; chat fails instead of coming twice", async () => {
  const first = await online();
  const vote = player.request("game.vote", { suspect: "p2" });
  const chat = player.request("chat.send", { text: "hm" });
  const id = first.requests()[0].id;
  first.end(1012);
  await assert.rejects(chat, { code: "connection_lost" });
  const ready = player.request("room.ready", { ready: true }); // asked while away
  const second = (await reconnect()).open();
  second.say({ re: 0, type: "ok", payload: { session_id: "s1", resume_token: "t2", mode: "replay", last_seq: 1, server_time: 1 } });
  const [resent, fresh] = second.requests().slice(1).sort((a, b) => a.id - b.id);
  assert.deepEqual([resent.id, resent.type], [id, "game.vote"]);
  assert.ok(fresh.id > id && fresh.type === "room.ready");
  second.say({ re: id, type: "ok", payload: {} }, { re: fresh.id, type: "ok", payload: {} });
  await vote;
  await ready;
});

test("what is asked because the session is back goes out once", async () => {
  const first = await online();
  player.on("session", ({ mode }) => mode === "replay" && player.request("media.reset", { pc: "sub" }).catch(() => {}));
  first.end(1012);
  const second = (await reconnect()).open();
  second.say({ re: 0, type: "ok", payload: { session_id: "s1", resume_token: "t2", mode: "replay", last_seq: 1, server_time: 1 } });
  assert.deepEqual(second.requests().slice(1).map(({ type }) => type), ["media.reset"]);
});

test("after resume_failed a new session begins: ids anew, old requests fail, waiting ones go out", async () => {
  const first = await online();
  const old = player.request("room.start");
  first.end(1006);
  const waiting = player.request("room.list");
  const second = (await reconnect()).open();
  const modes = [];
  player.on("session", (s) => modes.push(s.mode));
  second.say({ re: 0, type: "error", payload: { code: "resume_failed", message: "" } });
  second.say({ seq: 1, type: "session.welcome", payload: { session_id: "s2", player_id: "p1", nickname: "보라", resume_token: "u1", heartbeat_ms: 15000 } }, { seq: 2, type: "room.state", payload: {} });
  await assert.rejects(old, { code: "connection_lost" });
  assert.deepEqual(modes, ["new"]);
  const list = second.requests().find((f) => f.type === "room.list");
  assert.equal(list.id, 1);
  second.say({ re: 1, type: "ok", payload: { rooms: [] } });
  assert.deepEqual((await waiting).rooms, []);
});

for (const code of [4001, 4003, 1000]) {
  test(`close ${code} is final`, async () => {
    const socket = await online();
    const closed = [];
    player.on("closed", (c) => closed.push(c.code));
    socket.end(code);
    mock.timers.tick(120_000);
    await settle();
    assert.deepEqual([player.state, closed, Socket.all.length], ["closed", [code], 1]);
    await assert.rejects(player.request("ping"), { code: "closed" });
  });
}

for (const code of [1012, 1013, 4010, 1006, 1001]) {
  test(`close ${code} reconnects and resumes`, async () => {
    (await online()).end(code);
    assert.match((await reconnect()).url, /resume=1/);
  });
}

test("waits longer after each failure, never more than the cap, and not at all once online", async () => {
  (await online()).end();
  const gaps = [];
  for (let i = 0; i < 7; i++) {
    const from = Date.now();
    (await reconnect(20_000)).end();
    gaps.push(Date.now() - from);
  }
  assert.ok(gaps[0] <= 500 && gaps[3] > gaps[1] && gaps.every((g) => g <= 8_100), String(gaps));
});

test("a ticket that never comes is given up, and asked for anew when the network is back", async () => {
  await online();
  const hung = [];
  const { fetch: answers } = player.api;
  player.api.fetch = () => new Promise((resolve) => hung.push(resolve));
  player.connection.suspect();
  for (let t = 0; t < 60_000 && hung.length < 3; t += 500) {
    mock.timers.tick(500);
    await settle();
  }
  assert.ok(hung.length >= 3, `${hung.length} tries`);
  player.api.fetch = answers;
  player.connection.retryNow();
  await settle();
  last().open().say({ re: 0, type: "ok", payload: { session_id: "s1", resume_token: "t2", mode: "replay" } });
  assert.equal(player.state, "online");
});

test("a gap in seq is a loss: it resumes to get what is missing", async () => {
  const socket = await online();
  const told = [];
  player.on("push", (f) => told.push(f.seq));
  socket.say({ seq: 2, type: "x", payload: {} }, { seq: 4, type: "x", payload: {} });
  assert.deepEqual(told, [2]);
  const second = (await reconnect()).open();
  assert.equal(second.sent[0].payload.last_seq, 2);
});

test("a path that answers no ping is dropped without ending the session", async () => {
  const socket = await online();
  mock.timers.tick(7_000);
  assert.equal(player.state, "reconnecting");
  assert.notEqual(socket.closedWith, 1000);
});

test("the clock's offset comes from the fastest round trip", async () => {
  const socket = await online();
  const ping = () => socket.sent.filter((f) => f.type === "ping").at(-1);
  socket.say({ re: ping().id, type: "pong", payload: { client_time: ping().payload.client_time, server_time: Date.now() + 5_000 } });
  assert.ok(Math.abs(player.serverNow() - Date.now() - 5_000) < 1);
  mock.timers.tick(300); // the second early ping, answered late
  const slow = ping();
  mock.timers.tick(400);
  socket.say({ re: slow.id, type: "pong", payload: { client_time: slow.payload.client_time, server_time: Date.now() + 5_000 } });
  assert.ok(Math.abs(player.serverNow() - Date.now() - 5_000) < 1, "the slow sample does not move it");
});

test("try_again is asked again under the same id after the time given", async () => {
  const socket = await online();
  const start = player.request("room.start");
  const { id } = socket.requests()[0];
  socket.say({ re: id, type: "error", payload: { code: "try_again", message: "", retry_after_ms: 700 } });
  mock.timers.tick(699);
  assert.equal(socket.requests().length, 1);
  mock.timers.tick(1);
  assert.deepEqual(socket.requests()[1], socket.requests()[0]);
  socket.say({ re: id, type: "ok", payload: {} });
  await start;
});

test("a reload resumes the session; one with an answer due asks for a new one", async () => {
  const socket = await online();
  socket.say({ seq: 2, type: "x", payload: {} });
  const saved = JSON.parse(JSON.stringify(player.snapshot()));
  const again = new Playhouse({ baseUrl: "http://127.0.0.1:8080", store: memoryStore(identity()), fetch, WebSocket: Socket, session: saved });
  again.connect();
  await settle();
  assert.deepEqual(last().open().sent[0].payload, { resume_token: "t1", last_seq: 2 });
  player.request("room.start");
  assert.equal(player.snapshot(), null);
});

test("closing ends the session with 1000", async () => {
  const socket = await online();
  player.close();
  assert.deepEqual([socket.closedWith, player.state], [1000, "closed"]);
});

test("junk on the wire hurts nobody", async () => {
  const socket = await online();
  socket.onmessage({ data: "{" });
  socket.say({ re: 999, type: "ok", payload: {} }, { re: null, type: "error", payload: { code: "bad_message" } });
  assert.equal(player.state, "online");
});
