// The duel's page without a browser: what it knows after each word, its pace, its sentences, its weight.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { initial, others, reduce } from "../duel/lobby.js";
import { Pace } from "../duel/pace.js";
import en from "../duel/words/en.js";
import ko from "../duel/words/ko.js";
import base from "../i18n/en.js";

const words = { en, ko };
const WEB = fileURLToPath(new URL("..", import.meta.url));
const CLIENT = fileURLToPath(new URL("../../clients/js", import.meta.url));
const me = { id: "me", name: "Ann" };
const tell = (state, ...said) => said.reduce((s, [type, payload]) => reduce(s, type, payload, 1_000), state);
const players = [["me", "Ann", "available"], ["zoe", "Zoe", "available"], ["bob", "Bob", "in_match"], ["cy", "Cy", "available"]].map(([playerId, playerName, status]) => ({ playerId, playerName, status }));
const inLobby = tell(initial(me), ["local.link", { link: "online" }], ["lobby_update", { players }]);
const accepted = (requester, accepter) => ["match_request_accepted", { requesterId: requester, requesterName: `N${requester}`, accepterId: accepter, accepterName: `N${accepter}`, sessionId: "s1" }];

test("the lobby shows others, those who can be asked first", () => {
  assert.deepEqual(others(inLobby).map(({ playerName }) => playerName), ["Cy", "Zoe", "Bob"]);
  assert.deepEqual(others(initial(me)), []);
});

test("I ask: sent, accepted, connected, started, over", () => {
  let s = tell(inLobby, ["local.asked", { targetId: "zoe" }]);
  assert.deepEqual([s.asked.name, s.asked.sessionId], ["Zoe", null]);
  s = tell(s, ["match_request_sent", { targetId: "zoe", sessionId: "s1" }], accepted("me", "zoe"));
  assert.deepEqual([s.asked, s.match.side, s.match.stage, s.match.opponentId], [null, 0, "connecting", "zoe"]);
  s = tell(s, ["match_started", { sessionId: "s1" }]);
  assert.equal(s.match.stage, "playing");
  assert.equal(tell(s, accepted("me", "zoe")), s, "told again after a drop, it changes nothing");
  s = tell(s, ["local.result", { sessionId: "s1", result: { winner: 0 } }], ["match_ended", { sessionId: "s1", reason: "result", result: { outcome: "agreed", winnerId: "me" } }]);
  assert.deepEqual([s.match.stage, s.match.ended], ["over", { reason: "result", outcome: "agreed", winnerId: "me" }]);
  assert.equal(tell(s, ["match_started", { sessionId: "s1" }]).match.stage, "over", "what is over stays over");
});

test("I am asked: I accept and am side 1; a refusal of my acceptance brings me back", () => {
  const asked = tell(inLobby, ["match_request_received", { requesterId: "zoe", requesterName: "Zoe", sessionId: "s1" }], ["match_request_received", { requesterId: "zoe", requesterName: "Zoe", sessionId: "s1" }]);
  assert.equal(asked.incoming.length, 1);
  const s = tell(asked, ["local.accepted", { sessionId: "s1", requesterId: "zoe" }]);
  assert.deepEqual([s.match.side, s.match.stage, s.match.opponentName, s.incoming], [1, "accepting", "Zoe", []]);
  assert.equal(tell(s, ["sdp_offer_received", { sessionId: "s1" }]).match.stage, "connecting");
  const late = tell(s, ["error", { code: 410, sessionId: "s1" }]);
  assert.deepEqual([late.match, late.notice], [null, { kind: "refused", code: 410 }]);
});

test("requests that cross: whoever the server calls requester offers", () => {
  const s = tell(inLobby, ["local.asked", { targetId: "zoe" }], accepted("zoe", "me"));
  assert.deepEqual([s.match.side, s.match.opponentId, s.match.opponentName], [1, "zoe", "Nzoe"]);
});

test("declined, cancelled, expired, failed: back in the lobby, with a reason", () => {
  const asked = tell(inLobby, ["match_request_sent", { targetId: "zoe", sessionId: "s1" }]);
  assert.deepEqual(tell(asked, ["match_request_declined", { declinerName: "Zoe", sessionId: "s1" }]).notice, { kind: "declined", name: "Zoe" });
  assert.equal(tell(asked, ["match_request_declined", { declinerName: "Zoe", sessionId: "other" }]), asked);
  assert.deepEqual(tell(asked, ["match_failed", { sessionId: "s1", reason: "expired" }]).notice, { kind: "failed", reason: "expired", name: "Zoe" });
  const incoming = tell(inLobby, ["match_request_received", { requesterId: "zoe", requesterName: "Zoe", sessionId: "s2" }]);
  for (const word of ["match_request_cancelled", "match_failed"]) assert.deepEqual(tell(incoming, [word, { sessionId: "s2", reason: "expired" }]).incoming, []);
  const failed = tell(inLobby, accepted("me", "zoe"), ["match_failed", { sessionId: "s1", reason: "connect_timeout" }]);
  assert.deepEqual([failed.match, failed.notice.reason], [null, "connect_timeout"]);
});

test("trouble in a match: silence is told and forgotten, a desync ends it", () => {
  const playing = tell(inLobby, accepted("me", "zoe"), ["match_started", { sessionId: "s1" }]);
  const silent = tell(playing, ["local.trouble", { sessionId: "s1", trouble: "interrupted" }]);
  assert.deepEqual([silent.match.stage, silent.match.trouble], ["playing", "interrupted"]);
  assert.equal(tell(silent, ["local.trouble", { sessionId: "s1", trouble: null }]).match.trouble, null);
  assert.equal(tell(playing, ["local.trouble", { sessionId: "s1", trouble: "desync", detail: {} }]).match.stage, "over");
  assert.equal(tell(playing, ["error", { code: 409 }]), playing);
});

test("a line that drops forgets what the server will tell again; words nobody knows change nothing", () => {
  const asked = tell(inLobby, ["match_request_sent", { targetId: "zoe", sessionId: "s1" }], ["local.link", { link: "reconnecting" }]);
  assert.deepEqual([asked.asked, asked.lobby], [null, null]);
  for (const word of ["lobby_joined", "toString", "__proto__", ""]) assert.equal(reduce(inLobby, word, {}), inLobby);
});

// ---- pace -------------------------------------------------------------------------------------------------------------

/** Steps in `seconds` when beats come every `every(i)` ms. */
function steps(seconds, every) {
  const pace = new Pace();
  let [now, n] = [500, 0];
  for (let i = 0; now < 500 + seconds * 1000; i++) {
    n += pace.due(now);
    now += every(i);
  }
  return n;
}

test("sixty steps a second, whatever the beat", () => {
  for (const every of [() => 1000 / 60, () => 1000 / 144, () => 1000 / 30, () => 4, (i) => (i % 3) * 12 + 2, (i) => 16.667 + Math.sin(i) * 3]) {
    const n = steps(20, every);
    assert.ok(Math.abs(n - 1200) <= 3, `${n}`);
  }
});

test("a steady beat gives one step each, never none and then two", () => {
  const pace = new Pace();
  for (let i = 0; i < 1_000; i++) assert.equal(pace.due(i * (1000 / 60) + Math.sin(i * 7) * 1.2), i === 0 ? 0 : 1, `beat ${i}`);
});

test("a long pause is not made up for", () => {
  const pace = new Pace();
  pace.due(0);
  assert.equal(pace.due(10_000), 6);
  assert.equal(pace.due(10_001), 0);
  assert.equal(pace.due(10_017), 1);
});

// ---- sentences and weight -----------------------------------------------------------------------------------------------

test("both languages say the same things with the same parameters, and every sentence that is asked for is there", () => {
  assert.deepEqual(Object.keys(words.ko).sort(), Object.keys(words.en).sort());
  const holes = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
  for (const key of Object.keys(words.en)) assert.deepEqual(holes(words.ko[key]), holes(words.en[key]), key);
  for (const file of readdirSync(`${WEB}duel`).filter((name) => name.endsWith(".js"))) {
    for (const [, key] of readFileSync(`${WEB}duel/${file}`, "utf8").matchAll(/(?:\bt|\bsay)\("(\w+\.[\w.]+)"/g)) assert.ok(key in words.en || key in base, `${file}: ${key}`);
  }
  for (const reason of ["expired", "connect_timeout", "connection_failed", "peer_left", "peer_lost", "in_match", "server_error"]) assert.ok(words.en[`duel.notice_${reason}`], reason);
  for (const reason of ["result", "peer_left", "connection_lost", "timed_out"]) assert.ok(words.en[`duel.ended_${reason}`], reason);
  for (const outcome of ["agreed", "disputed", "unreported", "abandoned"]) assert.ok(words.en[`duel.${outcome}`], outcome);
});

/** Files that a browser fetches for `page`: its markup and all that its modules import at once. */
function fetched(first) {
  const files = new Set();
  const visit = (path) => {
    if (files.has(path)) return;
    files.add(path);
    for (const [, named, bare] of readFileSync(path, "utf8").matchAll(/^(?:import|export) [^;]*?from "(.+?)";|^import "(.+?)";/gms)) {
      const from = named ?? bare;
      visit(from.startsWith("/assets/client/") ? `${CLIENT}/${from.slice(15)}` : resolve(dirname(path), from));
    }
  };
  visit(first);
  return files;
}
const weight = (files) => [...files].reduce((sum, path) => sum + statSync(path).size, 0);

test("the page weighs less than 150 KB before compression; the fight is fetched when somebody enters, and weighs less than that", () => {
  const first = fetched(`${WEB}duel/app.js`);
  for (const name of ["duel/index.html", "duel/duel.css", "duel/words/ko.js", "style.css", "icon.svg", "i18n/ko.js"]) first.add(`${WEB}${name}`);
  assert.ok(first.has(`${WEB}duel/views.js`) && first.has(`${WEB}duel/icons.js`) && !first.has(`${WEB}duel/game.js`));
  assert.ok(weight(first) < 150_000, `${weight(first)} bytes`);
  const later = [...fetched(`${WEB}duel/fight.js`), `${WEB}duel/metronome.js`].filter((path) => !first.has(path));
  assert.ok(weight(later) < 120_000, `${weight(later)} bytes`);
});

test("the rollback core needs nothing but its own two files", () => {
  const core = [...fetched(`${WEB}duel/rollback.js`)].map((path) => path.slice(WEB.length));
  assert.deepEqual(core.sort(), ["duel/rollback-packet.js", "duel/rollback-time.js", "duel/rollback.js"]);
  for (const path of core) assert.doesNotMatch(readFileSync(`${WEB}${path}`, "utf8").replace(/^\s*(\*|\/\/|\/\*).*$/gm, ""), /\b(document|window|performance|Date|setTimeout|setInterval|WebSocket|RTC\w+|Math\.random)\b/, path);
});

test("the example of docs/duel.md runs: two of it come to the same state", async () => {
  const [, code] = /```js\n(import \{ Rollback \}[\s\S]*?)```/.exec(readFileSync(`${WEB}../docs/duel.md`, "utf8"));
  const body = code.replace(/^import .*$/m, "").replace("local: 0,", "local,") + "\nreturn session;";
  const { Rollback } = await import("../duel/rollback.js");
  const sides = [0, 1].map((local) => ({ local, channel: { send: () => {} }, held: 0, seen: null }));
  let ms = 0;
  for (const side of sides) {
    const names = { Rollback, local: side.local, channel: side.channel, buttons: () => side.held, draw: (state) => (side.seen = state), performance: { now: () => ms }, console: { log() {} }, setInterval: (step) => (side.step = step) };
    side.session = new Function(...Object.keys(names), body)(...Object.values(names));
    side.channel.send = (bytes) => sides[1 - side.local].channel.onmessage({ data: bytes });
  }
  for (let i = 0; i < 200; i++) {
    ms += 1000 / 60;
    sides.forEach((side, n) => ((side.held = i % (7 + n) < 4 ? 1 + n : 0), side.step()));
  }
  const [a, b] = sides.map(({ session }) => session);
  const both = Math.min(a.confirmed, b.confirmed);
  assert.ok(both > 150 && a.digestAt(both) === b.digestAt(both));
  assert.notDeepEqual(sides[0].seen, { x: [0, 100] });
});
