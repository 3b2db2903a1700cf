// The bracket on the duel's page: comes in, keeps what it hears, and is shown.

import assert from "node:assert/strict";
import test from "node:test";

import { Bracket, rounds } from "../duel/bracket.js";

const view = { showtime: "s", title: "Cup", status: "running", players: [{ player_id: "a", nickname: "Ann" }, { player_id: "b", nickname: "Bob" }], rounds: [{ pairs: [{ players: ["a", null], status: "decided", winner: "a", by: "bye" }, { players: ["b", null], status: "decided", winner: "b", by: "bye" }] }, { pairs: [{ players: ["a", "b"], status: "playing", sessionId: "x" }] }] };

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
  fake.listeners["bracket.state"]({ bracket: { ...view, status: "over" } });
  assert.deepEqual(told.map(({ bracket }) => bracket.status), ["running", "over"]);
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

test("rounds are shown with names, winners and oneself", () => {
  const [first, final] = rounds(view, "b");
  assert.deepEqual(first.rows[0].players, [{ name: "Ann", won: true, mine: false }, { name: null, won: false, mine: false }]);
  assert.deepEqual([first.last, final.last], [false, true]);
  assert.deepEqual(final.rows[0].players[1], { name: "Bob", won: false, mine: true });
});
