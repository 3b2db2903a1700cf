// The console's pure parts: what a game's log becomes, and conditions in words.

import assert from "node:assert/strict";
import { test } from "node:test";
import { lines, phases } from "../admin/charts.js";
import { balance, calendar, claimsOverTime } from "../admin/timelines.js";
import { preview } from "../admin/views/events.js";
import { queues, seconds, wish } from "../admin/views/queues.js";


const at = (ms, effects, input = null) => ({ at: ms, input, effects });
const push = (name, payload, to = "all") => ({ kind: "push", name, payload, to });
const [ann, bob] = ["01a1fe7d-9753-760d-b7ad-813841009665", "01a1fe7d-9753-760d-b7ad-813841009666"];
const events = [
  at(0, [push("game.role", { role: "mafia" }, { only: [ann] }), push("game.phase", { day: 1, phase: "day" })]),
  at(4_000, [push("game.votes", { votes: {} })], { kind: "command", by: ann, name: "game.vote", payload: { suspect: bob } }),
  at(6_000, [push("game.phase", { day: 1, phase: "night" }), push("game.death", { player_id: bob })]),
  at(9_000, [], { kind: "connection", player_id: bob, connected: false }),
];
const nameOf = (id) => ({ [ann]: "Ann", [bob]: "Bob" })[id] ?? "?";

test("a log is told in lines with names, tallies left out", () => {
  const told = lines(events, nameOf).map(({ text }) => text);
  assert.deepEqual(told.slice(0, 3), ['→ Ann: game.role {"role":"mafia"}', '→ all: game.phase {"day":1,"phase":"day"}', 'Ann: game.vote {"suspect":Bob}']);
  assert.equal(told.at(-1), "Bob drops");
  assert.ok(!told.some((text) => text.includes("game.votes")));
});

test("a timeline has a band a phase, as long as it was, and a line a death", () => {
  const svg = phases(events, 10_000).children.find(({ tag }) => tag === "svg");
  const bands = svg.children.filter((node) => node.tag === "rect");
  assert.deepEqual(bands.map(({ props }) => [props.class, props.x, props.width]), [["p day", 0, 600], ["p night", 600, 400]]);
  assert.equal(svg.children.filter((node) => node.props.class === "dead").length, 1);
  assert.equal(phases([], 0), null);
});

test("a condition is read in words", () => {
  const text = (node) => (typeof node === "string" ? node : node.children.map(text).join(" "));
  const told = text(preview({ all: [{ count: "game_won", where: { game: "mafia" }, gte: 3 }, { days_active: { gte: 2 } }] }));
  assert.match(told.replace(/\s+/g, " "), /All of: .*game_won \(game: mafia\): at least 3 times .*days_active: at least 2/);
  assert.equal(text(preview({ all: [] })), "None: everybody.");
});

const within = (node, fits) => (typeof node === "string" ? [] : [...(fits(node) ? [node] : []), ...node.children.flatMap((child) => within(child, fits))]);
const picture = (node) => within(node, ({ tag }) => tag === "svg")[0];

test("claims are bars that stand on one another, and their sum is said", () => {
  const none = { granted: 0, rejected: 0, compensated: 0, running: 0 };
  const items = [{ ...none, at: 0 }, { ...none, at: 1_000, granted: 3, rejected: 1 }];
  const svg = picture(claimsOverTime({ step_ms: 1_000, items }));
  assert.equal(svg.props["aria-label"], "4 claims: 3 granted, 0 compensated, 1 rejected, 0 running");
  const bars = svg.children.filter(({ tag }) => tag === "rect").map(({ props }) => [props.class, Number(props.x), Number(props.y), Number(props.height)]);
  assert.deepEqual(bars, [["granted", 501, 28, 72], ["rejected", 501, 4, 24]]);
});

test("a calendar shows each event from its start to its end, and now", () => {
  const [day, now] = [86_400_000, 1_700_000_000_000];
  const event = (id, status, from, to) => ({ id, title: id, status, starts_at: now + from * day, ends_at: now + to * day });
  const drawn = calendar([event("on", "active", -5, 5), event("to come", "draft", 5, 10), event("long ago", "ended", -400, -390)], now);
  const spans = within(drawn, ({ props }) => props.title).map(({ props }) => [props.class, Object.values(props.style).map(parseFloat).map(Math.round)]);
  assert.deepEqual(spans, [["active", [2, 64]], ["draft", [66, 32]]]);
  assert.equal(calendar([event("long ago", "ended", -400, -390)], now), null);
});

test("a balance goes back from what it is by its entries", () => {
  const svg = picture(balance([{ amount: -20, at: 300 }, { amount: 50, at: 100 }], 500, 40));
  assert.equal(svg.props["aria-label"], "The balance over 2 entries: from 10 to 40 points");
  assert.equal(balance([], 0, 0), null);
});

test("a queue's form says seconds, the API milliseconds, and no rate is null", () => {
  const form = { name: "Final", capacity: "50", rate_per_s: "", claim_ttl_ms: "1.5", pass_ttl_ms: "600", abandon_after_ms: "60", sold_out: "keep" };
  assert.deepEqual(wish(form), { name: "Final", capacity: 50, rate_per_s: null, claim_ttl_ms: 1500, pass_ttl_ms: 600_000, abandon_after_ms: 60_000, sold_out: "keep" });
  assert.equal(wish({ ...form, rate_per_s: "2.5" }).rate_per_s, 2.5);
  assert.deepEqual([seconds(1500), seconds(600_000)], ["1.5 s", "10 min"]);
});

test("a queue that nobody answers for says so, and its line is not drawn as empty", () => {
  const queue = { id: ann, name: "", state: "open", capacity: 5, rate_per_s: null, claim_ttl_ms: 1, pass_ttl_ms: 1, abandon_after_ms: 1, sold_out: "keep", sold_out_at: null, waiting: null, active: null, admitted_per_s: null, admitted: 0, no_shows: 0, expiries: 0, abandoned: 0, created_at: 0, updated_at: 0 };
  const state = { session: { mayAct: false }, series: {}, data: { queue: { value: { queue } } } };
  const [read] = queues.reads(state, ["queues", ann]);
  read.then({ queue });
  assert.deepEqual(state.series, {});
  const text = (node) => (typeof node === "string" ? node : (node?.children ?? []).map(text).join(" "));
  const told = queues.show(state, {}, ["queues", ann]).filter(Boolean).map(text).join(" ");
  assert.match(told, /No node with the role queue answers/);
  assert.match(told, /– of 5 places are taken/);
});
