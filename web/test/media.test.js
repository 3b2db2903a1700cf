// The two connections of a player, over a browser that is a fake; and what the page makes of the server's pushes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { chosen, loudness } from "../lib/devices.js";
import { MediaLink } from "../lib/media.js";
import { initial, reduce } from "../state/reduce.js";
import { asleep, hearers } from "../views/media.js";
import { tables as forms } from "../i18n/forms.js";
import { tables as media } from "../i18n/media.js";
import { tables as replay } from "../i18n/replay.js";

class FakePc {
  static made = [];
  connectionState = "new";
  lines = [];
  remote = [];
  constructor() {
    FakePc.made.push(this);
  }
  addTransceiver(kind, { sendEncodings }) {
    const line = { sendEncodings, mid: String(this.lines.length), kind, sender: { replaceTrack: async (track) => (line.kind = track), getParameters: () => ({ encodings: [{}] }), setParameters: async (p) => (line.parameters = p) } };
    this.lines.push(line);
    return line;
  }
  getTransceivers = () => this.lines;
  createOffer = async ({ iceRestart }) => ({ type: "offer", sdp: iceRestart ? "offer again" : "offer" });
  createAnswer = async () => ({ type: "answer", sdp: "answer" });
  setLocalDescription = async (description) => (this.localDescription = description);
  async setRemoteDescription(description) {
    if (description.sdp === "nonsense") throw new Error("cannot be read");
    this.remote.push(description.sdp);
    if (description.type === "offer") this.lines = ["0", "1"].map((mid) => ({ mid, receiver: { track: `track ${mid}` } }));
  }
  close = () => (this.closed = true);
  becomes(state) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

/** A link, what it has said, and a clock that is turned by hand. */
function stage({ refuse = () => null, echo = true } = {}) {
  FakePc.made = [];
  const said = [];
  const timers = new Map();
  let next = 1;
  const on = { said, timers, echo, shown: null, state: null };
  on.link = new MediaLink({
    send: async (type, payload) => {
      said.push([type, payload]);
      const code = refuse(type, payload);
      if (code) throw Object.assign(new Error(code), { code });
      if (type === "media.reset" && on.echo) on.link.receive(type, payload);
    },
    create: () => new FakePc(),
    onTracks: (tracks) => (on.shown = tracks),
    onState: (state) => (on.state = state),
    setTimeout: (run, ms) => (timers.set(next, { run, ms }), next++),
    clearTimeout: (id) => timers.delete(id),
  });
  on.settle = async () => {
    for (let i = 0; i < 20; i++) await null;
  };
  on.types = () => said.map(([type, { pc }]) => `${type.slice(6)} ${pc}`);
  on.pass = async () => {
    const due = [...timers];
    timers.clear();
    for (const [, { run }] of due) run();
    await on.settle();
  };
  return on;
}

const TRACKS = [{ mid: "0", player_id: "b", kind: "audio" }, { mid: "1", player_id: "b", kind: "video" }];

async function standing(options) {
  const on = stage(options);
  on.link.tell(true, true);
  on.link.start({ audio: "mic", video: "cam" });
  await on.settle();
  on.link.receive("media.answer", { pc: "pub", sdp: "answer" });
  on.link.receive("media.offer", { pc: "sub", sdp: "offer", tracks: TRACKS });
  await on.settle();
  for (const pc of FakePc.made) pc.becomes("connected");
  return on;
}

test("both connections are begun, and nothing of a page before is left", async () => {
  const on = await standing();
  assert.deepEqual(on.types(), ["reset pub", "reset sub", "offer pub", "state pub", "answer sub"]);
  assert.deepEqual(on.said[3][1], { pc: "pub", state: "ready", audio: true, video: true });
  assert.deepEqual(on.state, { pub: "connected", sub: "connected" });
  assert.deepEqual([...on.shown], [["b", { audio: "track 0", video: "track 1" }]]);
});

test("who only watches makes one connection", async () => {
  const on = stage();
  on.link.start(null);
  await on.settle();
  assert.deepEqual(on.types(), ["reset sub"]);
  assert.equal(on.link.state.pub, "off");
});

test("a connection that fails restarts ICE first, then begins anew", async () => {
  const on = await standing();
  const [pub] = FakePc.made;
  on.said.length = 0;
  pub.becomes("failed");
  await on.settle();
  assert.equal(on.said[0][1].sdp, "offer again");
  await on.pass(); // it does not come up
  assert.ok(pub.closed);
  await on.pass();
  assert.deepEqual(on.types(), ["offer pub", "reset pub", "offer pub", "state pub"]);
});

test("a connection that never stands is given up, and the player may try again", async () => {
  const on = stage();
  on.link.start({ audio: "mic", video: null });
  for (let i = 0; i < 20 && on.link.state.pub !== "failed"; i++) await on.pass();
  assert.equal(on.state.pub, "failed");
  assert.ok(on.said.some(([type, payload]) => type === "media.state" && payload.state === "failed"));
  on.said.length = 0;
  on.link.retry();
  await on.settle();
  assert.ok(on.types().includes("offer pub"));
});

test("an offer that was on its way when the receiving side was thrown away is not answered", async () => {
  const on = await standing();
  on.said.length = 0;
  on.echo = false;
  on.link.resumed("snapshot");
  on.link.receive("media.offer", { pc: "sub", sdp: "old", tracks: [] });
  await on.settle();
  assert.deepEqual(on.types(), ["reset sub"]);
  on.link.receive("media.reset", { pc: "sub" });
  await on.settle();
  assert.deepEqual(on.types(), ["reset sub"], "the server's echo is no reset of its own");
  on.link.receive("media.offer", { pc: "sub", sdp: "new", tracks: TRACKS });
  await on.settle();
  assert.deepEqual(on.types(), ["reset sub", "answer sub"]);
  assert.deepEqual(FakePc.made.at(-1).remote, ["new"]);
});

test("what could not be said while the line was cut is said when it is back", async () => {
  let cut = true;
  const on = stage({ refuse: () => (cut ? "connection_lost" : null) });
  on.link.start({ audio: "mic", video: "cam" });
  await on.settle();
  [cut, on.said.length] = [false, 0];
  on.link.resumed("replay");
  await on.settle();
  assert.deepEqual(on.types(), ["reset sub", "reset pub", "offer pub"]);
});

test("a connection that is replaced twice at once is made once more", async () => {
  const on = await standing();
  on.link.receive("media.reset", { pc: "pub" });
  on.link.receive("media.reset", { pc: "pub" });
  await on.settle();
  assert.deepEqual(FakePc.made.filter((pc) => !pc.closed).length, 2, "one for each way");
  await on.pass();
  assert.equal(on.state.pub, "connecting");
});

test("an answer of before a reset is ignored", async () => {
  const on = await standing();
  const [pub] = FakePc.made;
  on.link.receive("media.answer", { pc: "pub", sdp: "late" });
  await on.settle();
  assert.deepEqual(pub.remote, ["answer"]);
});

test("the server's reset begins the connection anew", async () => {
  const on = await standing();
  on.said.length = 0;
  on.link.receive("media.reset", { pc: "pub" });
  on.link.receive("media.reset", { pc: "sub" });
  await on.settle();
  assert.deepEqual(on.types(), ["state sub", "offer pub", "state pub"]);
  assert.equal(on.shown.size, 0, "what was received is gone");
});

test("a room that is full of cameras lets one watch", async () => {
  const on = await standing();
  on.link.receive("media.refused", { pc: "pub", reason: "full" });
  assert.deepEqual(on.state, { pub: "full", sub: "connected" });
  await on.pass();
  assert.equal(on.link.state.pub, "full", "it is not tried again");
});

test("an offer that cannot be read is mended, not fatal", async () => {
  const on = await standing();
  on.said.length = 0;
  on.link.receive("media.offer", { pc: "sub", sdp: "nonsense", tracks: [] });
  await on.settle();
  await on.pass();
  assert.deepEqual(on.types(), ["reset sub"]);
});

test("the picture is sent in three sizes, the sound in one", async () => {
  const on = await standing();
  const [audio, video] = FakePc.made[0].lines;
  assert.deepEqual([audio.sendEncodings.length, video.sendEncodings.map((layer) => [layer.rid, layer.scaleResolutionDownBy])], [1, [["q", 4], ["h", 2], ["f", 1]]]);
  on.link.stop();
});

test("tracks change without renegotiation, and the dead rest", async () => {
  const on = await standing();
  const [pub] = FakePc.made;
  await on.link.replace("video", null);
  assert.equal(pub.lines[1].kind, null);
  await on.link.rest(true);
  assert.equal(pub.lines[0].parameters.encodings[0].active, false);
  on.link.rest(true);
  await on.link.rest(false); // dead, and the game over, at once
  assert.deepEqual(pub.lines.map((line) => line.parameters.encodings[0].active), [true, true]);
  on.link.stop();
  assert.ok(FakePc.made.every((pc) => pc.closed));
  assert.deepEqual(on.types().slice(-2), ["state pub", "state sub"]);
});

// ---- the page's state ---------------------------------------------------------------------------------------

const member = (player_id, more = {}) => ({ player_id, nickname: `n-${player_id}`, ready: true, connected: true, bot: false, spectator: false, ...more });
const room = { room_id: "r", code: "ABCDEF", name: "room", capacity: 8, status: "playing", settings: {}, leader: "a", log: [], members: ["a", "b", "c"].map((id) => member(id)) };
const ON = { state: "connected", audio: true, video: true };

function night(role, allowed) {
  const game = { phase: "night", day: 1, you: { role, alive: true }, deaths: [], players: room.members };
  let state = reduce(initial(), "room.state", { room, game, chat: {}, media: { ice_servers: [], states: { b: ON, c: ON } }, you: "a" });
  state = reduce(state, "media.allowed", { hears: [], sees: [], heard_by: [], seen_by: [], ...allowed });
  return { ...state, ui: { media: { step: "in", audio: true, pub: "connected" } } };
}

test("at night a citizen sees everybody asleep and knows that nobody hears him", () => {
  const state = night("citizen");
  assert.deepEqual(["a", "b", "c"].map((id) => asleep(state, id)), [true, true, true]);
  assert.deepEqual(hearers(state), { why: "night" });
});

test("the mafia see each other, and know who hears them", () => {
  const state = night("mafia", { hears: ["b"], sees: ["b"], heard_by: ["b"], seen_by: ["b"] });
  assert.deepEqual(["a", "b", "c"].map((id) => asleep(state, id)), [false, false, true]);
  assert.deepEqual(hearers(state), { n: 1, names: ["n-b"] });
});

test("who speaks is dark again when the rules change", () => {
  let state = night("mafia", { hears: ["b"] });
  state = reduce(state, "media.speaking", { player_id: "b", speaking: true });
  assert.equal(state.media.speaking.b, true);
  state = reduce(state, "media.allowed", { hears: [], sees: [], heard_by: [], seen_by: [] });
  assert.deepEqual(state.media.speaking, {});
});

test("a room that has media no more has none on the page", () => {
  const state = reduce(night("citizen"), "room.state", { room, game: null, chat: {}, media: null, you: "a" });
  assert.equal(state.media, null);
  assert.equal(reduce(state, "media.state", { player_id: "b", ...ON }), state);
});

test("what was chosen is remembered, and silence is silent", () => {
  const kept = new Map();
  const storage = { getItem: (key) => kept.get(key) ?? null };
  assert.deepEqual(chosen(storage), { camera: "", microphone: "", video: true, audio: true });
  kept.set("playhouse.devices", '{"video":false,"camera":"x"}');
  assert.deepEqual(chosen(storage), { camera: "x", microphone: "", video: false, audio: true });
  kept.set("playhouse.devices", "broken");
  assert.equal(chosen(storage).video, true);
  assert.deepEqual([loudness(0), loudness(0.001), loudness(1)].map((x) => x.toFixed(2)), ["0.00", "0.00", "1.00"]);
});

for (const [name, tables] of Object.entries({ media, forms, replay })) test(`both languages have the same words: ${name}`, () => {
  const holes = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
  assert.deepEqual(Object.keys(tables.ko).sort(), Object.keys(tables.en).sort());
  for (const key of Object.keys(tables.en)) assert.deepEqual(holes(tables.ko[key]), holes(tables.en[key]), key);
});
