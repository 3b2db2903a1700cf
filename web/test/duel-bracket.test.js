// The bracket on the duel's page: comes in, keeps what it hears, reads out how one stands, and is shown.

import assert from "node:assert/strict";
import test from "node:test";

import { Bracket, rounds, standing } from "../duel/bracket.js";
import { cupFoyer } from "../duel/cup.js";
import { initial } from "../duel/lobby.js";

const person = (id, seed) => ({ player_id: id, nickname: id.toUpperCase(), seed });
const bye = (id) => ({ players: [id, null], status: "decided", winner: id, by: "bye" });
const won = (winner, loser, by = "result") => ({ players: [winner, loser], status: "decided", winner, by, sessionId: `${winner}${loser}` });
const on = (a, b, status = "playing") => ({ players: [a, b], status, sessionId: `${a}${b}` });
const cup = (status, ...pairs) => ({ showtime: "s", title: "Cup", status, starts_at: 90_000, players: ["a", "b", "c", "d", "e"].map((id, i) => person(id, i + 1)), rounds: pairs.map((pairs) => ({ ends_at: 1_000, pairs })) });
/** Five: the three best have byes. */
const first = [bye("a"), on("d", "e"), bye("b"), bye("c")];
const view = cup("running", first);

/** A client whose answers are these, in order: a payload, or an error with a code. */
function client(answers) {
  const [listeners, asked] = [{}, []];
  return {
    listeners, asked,
    on: (event, listener) => (listeners[event] = listener),
    connect: async () => {},
    request: async (type, payload) => {
      asked.push([type, payload.showtime]);
      const answer = answers.shift();
      if (answer.code) throw answer;
      return answer;
    },
  };
}

function bracket(answers) {
  const [fake, told] = [client(answers), []];
  return { fake, told, it: new Bracket(fake, "s", (part) => told.push(part)) };
}

test("who comes in is shown how it stands, and hears of its own bracket alone", async () => {
  const { fake, told, it } = bracket([{ bracket: view }]);
  await it.join();
  assert.deepEqual(fake.asked, [["bracket.join", "s"]]);
  fake.listeners["bracket.state"]({ bracket: { ...view, showtime: "other" } });
  fake.listeners["bracket.state"]({ bracket: { ...cup("over", [won("d", "e")]), winner: "d" } });
  assert.deepEqual(told.map(({ bracket }) => bracket.status), ["running", "over"]);
});

test("a session that begins is asked for the bracket alone by who has come in before: the first only joins", async () => {
  const { fake, it } = bracket([{ bracket: view }, { bracket: view }]);
  fake.connect = async () => fake.listeners.session();
  await it.join();
  assert.deepEqual(fake.asked, [["bracket.join", "s"]]);
  fake.listeners.session(); // after a drop
  assert.deepEqual(fake.asked.at(-1), ["bracket.state", "s"]);
});

test("its matches are known, also when they were played again", async () => {
  const { fake, it } = bracket([{ bracket: view }]);
  await it.join();
  fake.listeners["bracket.state"]({ bracket: cup("running", [bye("a"), { ...on("d", "e"), sessionId: "again" }, bye("b"), bye("c")]) });
  assert.deepEqual(["de", "again", "other", undefined].map((id) => it.plays(id)), [true, true, false, false]);
});

test("who is late sees one that runs, and who may not come in is told why", async () => {
  const late = bracket([{ code: "game_in_progress" }, { bracket: view }]);
  await late.it.join();
  assert.deepEqual(late.told, [{ bracket: view, code: null }]);
  const stranger = bracket([{ code: "seat_required" }]);
  await stranger.it.join();
  assert.deepEqual(stranger.told, [{ code: "seat_required" }]);
});

test("who is too early comes in by himself when the doors open", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { fake, told, it } = bracket([{ code: "doors_closed", retryAfterMs: 5_000 }, { bracket: view }]);
  await it.join();
  assert.deepEqual(told, [{ code: "doors_closed" }]);
  t.mock.timers.tick(5_000);
  await new Promise((done) => setImmediate(done));
  assert.deepEqual([fake.asked.length, told.at(-1)], [2, { bracket: view, code: null }]);
});

test("the tree has the rounds to come, with those who are sure to be in them", () => {
  const all = rounds(view, "b");
  assert.deepEqual(all.map(({ begun, rows }) => [begun, rows.length]), [[true, 4], [false, 2], [false, 1]]);
  assert.deepEqual(all[0].rows[0].players, [{ name: "A", seed: 1, won: true, mine: false }, { name: null, seed: undefined, won: false, mine: false }]);
  assert.deepEqual(all[1].rows.map(({ players }) => players.map(({ name, mine }) => [name, mine])), [[["A", false], [undefined, false]], [["B", true], ["C", false]]]);
  assert.deepEqual(all[2].rows[0].players.map(({ name }) => name), [undefined, undefined]);
  const nobody = cup("running", [bye("a"), { players: ["d", "e"], status: "decided", by: "no_show" }, bye("b"), bye("c")]);
  assert.deepEqual(rounds(nobody, "a")[1].rows[0].players.map(({ name }) => name), ["A", null], "neither has come");
});

test("one is told how one stands, in each place that there is", () => {
  const is = (bracket, me) => standing(bracket, me);
  assert.deepEqual(is(cup("open"), "a"), { is: "open" });
  assert.deepEqual(is(cup("open"), "z"), { is: "watch" });
  assert.deepEqual(is(view, "z"), { is: "watch" });
  assert.deepEqual(is(view, "d"), { is: "play", name: "E", status: "playing" });
  assert.deepEqual(is(view, "a"), { is: "next", name: undefined, among: ["D", "E"], by: "bye" });
  assert.deepEqual(is(view, "b"), { is: "next", name: "C", among: [], by: "bye" });
  const played = [bye("a"), won("d", "e", "no_show"), bye("b"), bye("c")];
  assert.deepEqual(is(cup("running", played), "d"), { is: "next", name: "A", among: [], by: "no_show" });
  assert.deepEqual(is(cup("running", played), "e"), { is: "out", name: "D", by: "no_show" });
  const semi = cup("running", played, [won("a", "d", "forfeit"), on("b", "c", "disputed")]);
  assert.deepEqual(is(semi, "d"), { is: "out", name: "A", by: "forfeit" });
  assert.deepEqual(is(semi, "c"), { is: "play", name: "B", status: "disputed" });
  assert.deepEqual(is(semi, "a"), { is: "next", name: undefined, among: ["B", "C"], by: "forfeit" });
  const taken = cup("running", played, [on("a", null), on("b", "c")]);
  assert.deepEqual(is(taken, "d"), { is: "out", name: "E", by: "seat" }, "he had won, and has lost his seat");
  const over = { ...cup("over", played, [won("a", "d"), won("b", "c")], [won("b", "a")]), winner: "b" };
  assert.deepEqual([is(over, "b"), is(over, "a"), rounds(over, "a").length], [{ is: "champion" }, { is: "over", name: "B" }, 3]);
  assert.deepEqual(is({ ...over, winner: undefined }, "a"), { is: "over", name: undefined });
});

/** Marks of what is shown. */
function marks(vnode, found = new Set()) {
  if (vnode?.props?.["data-test"]) found.add(vnode.props["data-test"]);
  for (const child of vnode?.children ?? []) marks(child, found);
  return found;
}

test("whose duel is open in another window is given a way to it; who has no seat, one to a seat", () => {
  const shows = (me, link, bracket) => marks(cupFoyer({ ...initial({ id: me, name: me }), link }, { now: 0, showtime: "s", bracket, error: null }, {}));
  assert.ok(shows("d", "closed", { bracket: view }).has("go-to-duel"));
  assert.ok(!shows("d", "online", { bracket: view }).has("go-to-duel"));
  assert.ok(!shows("d", "online", { bracket: view }).has("practise"), "a match is due");
  assert.ok(shows("z", "online", { code: "seat_required" }).has("get-seat"));
  assert.ok(!shows("z", "online", { code: "doors_closed" }).has("get-seat"));
  assert.ok(shows("a", "online", { bracket: cup("open") }).has("count"));
});
