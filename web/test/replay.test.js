// The replay goes through the same reducer as a live game.

import assert from "node:assert/strict";
import { test } from "node:test";
import { buildReplay, chapters, pause } from "../state/replay.js";
import { lines, roleOf } from "../state/view.js";

const push = (name, payload, to = "all") => ({ kind: "push", to, name, payload });
const phase = (name, at, more = {}) => push("game.phase", { phase: name, day: 1, started_at: at, ends_at: at + 10, ...more });
const match = {
  match_id: "m", room_id: "r", game: "mafia", version: 1, settings: {}, seed: "ff", started_at: 1000, ended_at: 9000, winner: "citizens",
  seats: ["a", "b", "c", "d"].map((id) => ({ player_id: id, nickname: id, bot: id !== "a" })), roles: { a: "doctor", b: "mafia", c: "citizen", d: "citizen" },
  entries: [
    { n: 1, at: 1000, input: { kind: "start" }, effects: [push("game.role", { role: "mafia" }, { only: ["b"] }), phase("day", 1000), { kind: "media", streams: [] }] },
    { n: 2, at: 3000, input: { kind: "deadline" }, effects: [phase("vote", 3000)] },
    { n: 3, at: 3500, input: { kind: "command", by: "a", name: "game.vote", payload: { suspect: "b" } }, effects: [push("game.votes", { tally: { b: ["a"] }, abstained: [] })] },
    { n: 4, at: 5000, input: { kind: "deadline" }, effects: [phase("verdict", 5000, { accused: "b" })] },
    { n: 5, at: 5500, input: { kind: "command", by: "c", name: "game.verdict", payload: { execute: true } }, effects: [push("game.verdict_tally", { yes: 1, no: 0 })] },
    { n: 6, at: 9000, input: { kind: "deadline" }, effects: [push("game.death", { player_id: "b", cause: "executed", day: 1 }), { kind: "over", winner: "citizens", roles: { a: "doctor", b: "mafia" } }] },
  ],
};

test("every entry is a step; all roles are shown from the start", () => {
  const film = buildReplay(match);
  assert.equal(film.steps.length, 7);
  assert.equal(roleOf(film.steps[0].state, "b"), "mafia");
  assert.deepEqual(lines(film.steps[3].state), [{ from: "a", to: "b", kind: "vote" }]);
  assert.deepEqual(film.steps[5].state.game.verdicts, { c: true });
  assert.equal(film.steps[6].state.over.winner, "citizens");
});

test("the timeline knows where phases begin and shortens the dull stretches", () => {
  const film = buildReplay(match);
  assert.deepEqual(chapters(film).map((c) => c.phase), ["day", "vote", "verdict", "over"]);
  assert.equal(pause(film, 2), 900, "a turn of phase is held");
  assert.equal(pause(film, 3), 1200, "1.5 s of nothing is cut");
  assert.equal(pause(film, 3, 4), 300);
});
