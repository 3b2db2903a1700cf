// What pushes do to the page's state: reads like the rules of spec 1.2–1.4.

import assert from "node:assert/strict";
import { test } from "node:test";
import { initial, reduce } from "../state/reduce.js";
import { ballot, canTarget, hindrance, light, lines, roleOf, seats, writing } from "../state/view.js";

const member = (player_id, more = {}) => ({ player_id, nickname: `n-${player_id}`, ready: false, role: "member", connected: true, bot: false, spectator: false, ...more });
const room = (ids = ["a", "b", "c", "d"], more = {}) => ({
  room_id: "r", code: "ABCDEF", name: "room", visibility: "public", capacity: 8, status: "waiting", game: "mafia",
  settings: { media: false, min_players: 4 }, leader: "a", created_at: 1, members: ids.map((id) => member(id)), log: [], ...more,
});
const run = (state, ...events) => events.reduce((s, [type, payload]) => reduce(s, type, payload), state);
const waiting = (me = "a") => run(initial(), ["local.session", { mode: "new", player_id: me }], ["answer:room.create", { room: room() }]);
const playing = (role = "citizen", me = "a") => run(waiting(me), ["room.started", { room: room() }], ["game.role", { role, partners: role === "mafia" ? ["b"] : undefined }], ["game.phase", { phase: "day", day: 1, started_at: 10, ends_at: 20 }]);
const phase = (name, more = {}) => ["game.phase", { phase: name, day: 1, started_at: 20, ends_at: 30, ...more }];

test("an unknown push changes nothing", () => {
  const state = waiting();
  assert.equal(reduce(state, "room.something_new", {}), state);
  assert.equal(reduce(state, "game.votes", { tally: {} }), state, "nor does a game's push without a game");
});

test("members come, get ready and go; each has a colour of his own", () => {
  let state = run(waiting(), ["room.member_joined", { member: member("e") }], ["room.member_ready", { player_id: "e", ready: true }]);
  assert.equal(state.room.members.at(-1).ready, true);
  assert.equal(new Set(Object.values(state.roster).map((p) => p.color)).size, 5);
  state = run(state, ["room.member_left", { player_id: "e", reason: "left" }]);
  assert.equal(state.room.members.length, 4);
  assert.equal(state.roster.e.nickname, "n-e", "his name is still known");
});

test("one who is removed is outside and is told why", () => {
  const state = run(waiting("b"), ["room.member_left", { player_id: "b", reason: "kicked" }]);
  assert.equal(state.room, null);
  assert.deepEqual([state.notices[0].kind, state.notices[0].reason], ["out", "kicked"]);
});

test("new settings un-ready all people; a drop while waiting un-readies one", () => {
  let state = run(waiting(), ["room.member_ready", { player_id: "b", ready: true }], ["room.settings_changed", { settings: { min_players: 5 } }]);
  assert.equal(state.room.members[1].ready, false);
  assert.deepEqual(hindrance(state), { missing: 1, unready: 3 });
  state = run(state, ["room.member_ready", { player_id: "b", ready: true }], ["room.member_connection", { player_id: "b", connected: false }]);
  assert.deepEqual([state.room.members[1].ready, state.room.members[1].connected], [false, false]);
});

test("the viewer sits at the bottom and the order around the table stays", () => {
  assert.deepEqual(seats(waiting("c")), ["c", "d", "a", "b"]);
});

test("in a vote the living may name anybody, themselves too, and lines follow the tally", () => {
  let state = run(playing(), phase("vote"));
  assert.equal(ballot(state), "vote");
  assert.ok(canTarget(state, "a") && canTarget(state, "b"));
  state = run(state, ["answer:game.vote", { request: { suspect: "b" } }], ["game.votes", { tally: { b: ["a", "c"] }, abstained: ["d"] }]);
  assert.equal(state.game.you.choice, "b");
  assert.deepEqual(lines(state).map((l) => l.from + l.to), ["ab", "cb"]);
  state = run(state, phase("verdict", { accused: "b" }));
  assert.equal(state.game.you.choice, undefined, "a new phase clears the ballot");
  assert.equal(light(state), "dusk");
});

test("the accused has no verdict, the dead no ballot", () => {
  assert.equal(ballot(run(playing("citizen", "b"), phase("verdict", { accused: "b" }))), null);
  const dead = run(playing(), ["game.death", { player_id: "a", cause: "killed", day: 1 }], phase("vote"));
  assert.equal(ballot(dead), null);
  assert.deepEqual(writing(dead), { channel: "graveyard" });
});

test("by night the mafia choose no partner, the doctor himself too, the citizen nobody", () => {
  const mafia = run(playing("mafia"), phase("night"));
  assert.deepEqual(["a", "b", "c"].map((id) => canTarget(mafia, id)), [false, false, true]);
  assert.deepEqual(writing(mafia), { channel: "mafia" });
  assert.ok(canTarget(run(playing("doctor"), phase("night")), "a"));
  const citizen = run(playing(), phase("night"));
  assert.equal(ballot(citizen), null);
  assert.deepEqual(writing(citizen), { closed: "night" });
});

test("only the accused writes in the defence; nobody living writes where voices are heard", () => {
  const defence = phase("defence", { accused: "b" });
  assert.deepEqual(writing(run(playing(), defence)), { closed: "hearing" });
  assert.deepEqual(writing(run(playing("citizen", "b"), defence)), { channel: "day" });
  const voiced = run(playing(), ["room.settings_changed", { settings: { media: true, living_chat: null } }]);
  assert.deepEqual(writing(voiced), { closed: "voice" });
});

test("roles are known as far as they may be: one's own, partners, revealed at death, all for the dead", () => {
  let state = playing("mafia");
  assert.deepEqual(["a", "b", "c"].map((id) => roleOf(state, id)), ["mafia", "mafia", undefined]);
  state = run(state, ["game.death", { player_id: "c", cause: "executed", day: 1, role: "doctor" }]);
  assert.equal(roleOf(state, "c"), "doctor");
  state = run(state, ["game.death", { player_id: "a", cause: "killed", day: 1 }], ["game.graveyard", { roles: { d: "jester" } }]);
  assert.equal(roleOf(state, "d"), "jester");
});

test("the same death told twice is one death", () => {
  const death = ["game.death", { player_id: "b", cause: "killed", day: 1 }];
  const once = run(playing(), death);
  assert.equal(reduce(once, ...death), once);
});

test("the end keeps what its page needs through the room.state that follows", () => {
  let state = run(playing("mafia"), ["game.over", { winner: "mafia", roles: { a: "mafia", b: "citizen" }, days: 2, seed: "ff", match_id: "m" }]);
  state = run(state, ["room.state", { room: room(), game: null, chat: {}, you: "a" }]);
  assert.deepEqual([state.over.winner, state.over.my_role, state.room.status, state.game], ["mafia", "mafia", "waiting", null]);
  assert.equal(roleOf(state, "b"), "citizen");
  assert.equal(run(state, ["room.started", { room: room() }]).over, null);
});

test("a new session after the end sees the end; one who did not play sees a waiting room", () => {
  const game = { phase: "night", day: 3, you: { role: null, alive: false }, deaths: [], players: [{ player_id: "a" }, { player_id: "b" }], roles: { a: "mafia", b: "citizen" }, winner: "mafia" };
  const back = (you) => reduce(initial(), "room.state", { room: room(), game, chat: {}, you });
  assert.deepEqual([back("a").over.winner, back("a").over.my_role], ["mafia", "mafia"]);
  assert.equal(back("c").over, null);
});

test("one who was away while the game ended sees the end, and not again once he has put it away", () => {
  const game = { phase: "night", day: 3, you: { role: "mafia", alive: true }, deaths: [], players: [{ player_id: "a" }, { player_id: "b" }], roles: { a: "mafia", b: "citizen" }, winner: "mafia" };
  const snapshot = ["room.state", { room: room(), game, chat: {}, you: "a" }];
  const state = run(playing("mafia"), snapshot);
  assert.deepEqual([state.over?.winner, state.over?.my_role, state.game], ["mafia", "mafia", null]);
  assert.equal(run(state, ["local.dismiss_end", {}], snapshot).over, null);
});

test("a snapshot in mid-game brings everything, and chat that was told is not told again", () => {
  const line = { channel: "day", from: "b", nickname: "n-b", text: "hm", at: 15 };
  const game = { phase: "vote", day: 2, started_at: 1, ends_at: 2, you: { role: "police", alive: true, choice: null, investigations: [{ target: "b", mafia: true }] }, deaths: [{ player_id: "x", cause: "left", day: 1 }], players: [{ player_id: "a" }, { player_id: "b" }] };
  const before = run(playing(), ["chat.message", line]);
  const state = reduce(before, "room.state", { room: room(["a", "b"], { status: "playing" }), game, chat: { day: [line, { ...line, at: 16 }] }, you: "a" });
  assert.equal(state.feed.filter((e) => e.kind === "chat").length, 2);
  assert.deepEqual([state.game.phase, state.game.you.choice, state.game.investigations.length], ["vote", null, 1]);
  const anew = reduce(initial(), "room.state", { room: room(["a", "b"], { status: "playing" }), game, chat: {}, you: "a" });
  assert.deepEqual(anew.game.players, ["a", "b", "x"], "one who has left keeps his place");
});
