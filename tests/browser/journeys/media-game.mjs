// Five people with cameras and a bot through a whole game: in each phase, pair by pair, packets come exactly where the
// rules of spec 1.6 let them; a page that reloads on the way; sleepers and a
// dead player with a tampered client send all the same, and nothing of it is forwarded.

import assert from "node:assert/strict";
import { forget, gained, inMedia, joinMedia, joinRoom, makeRoom, say, seen, smallCamera, statistics, tamper, until, watching } from "../media.mjs";

export const title = "five people with cameras, a whole game: who hears and sees whom, pair by pair in each phase";
/** Runs only when it is asked for by name. */
export const setAside = "it takes three minutes, and five browsers that get their turns: run it by name, node tests/browser/run.mjs media-game";

const NAMES = ["ida", "jon", "kim", "lou", "mae"];
const TIMES = { day_ms: 25_000, vote_ms: 16_000, defence_ms: 15_000, verdict_ms: 16_000, final_words_ms: 15_000, night_ms: 16_000 };
/** After a change of phase: what was on its way has come, and what begins has begun. */
const SETTLE_MS = 1_200;
const LOOK_MS = 2_500;
/** Sounds that stand still: none. Pictures too; and what flows gives at least so many packets in a look. */
const FLOWS = 20;

export async function run({ open, log }) {
  const visitors = [];
  for (const [i, name] of NAMES.entries()) {
    visitors.push(await open({ name: `game-${name}`, script: watching + smallCamera, lang: i === 1 ? "ko-KR" : "en-US", ...(i === 4 && { width: 390, height: 844 }) }));
  }
  const table = await deal(visitors, log);
  const game = { table, dead: new Set(), checked: {}, log };
  await play(game);
  log(`pairs checked: ${JSON.stringify(game.checked)}`);
}

/** A game in which both mafia have cameras, so that a night has something to hear: dealt again until it is so. */
async function deal(visitors, log) {
  for (let round = 1; round <= 6; round++) {
    const link = await makeRoom(visitors[0].page, "A whole game");
    await timed(visitors[0], log);
    for (const visitor of visitors.slice(1)) {
      const { page } = visitor;
      await joinRoom(page, link);
      await timed(visitor, log);
      await page.locator(".centre .btn.primary").click(); // ready
    }
    const { page } = visitors[0];
    await say(page, "room.settings", { ...TIMES, vote_tie: "night", roles: { mafia: 2, doctor: 0 } });
    await say(page, "room.add_bot");
    for (const { page } of visitors.slice(1)) await say(page, "room.ready", { ready: true });
    await page.locator('[data-test="start"]:not([disabled])').waitFor();
    await checkWaiting(visitors, log);
    await page.locator('[data-test="start"]').click();
    const table = [];
    for (const visitor of visitors) {
      const role = await until("a role", () => seen(visitor.page, "role"));
      table.push({ visitor, page: visitor.page, id: await seen(visitor.page, "me"), role });
    }
    if (table.filter((p) => p.role === "mafia").length === 2) return table;
    log(`round ${round}: the bot is of the mafia; dealt again`);
    for (const { page } of visitors) {
      await say(page, "room.leave");
      await page.locator("main.landing").waitFor();
      await forget(page);
    }
  }
  throw new Error("the bot was of the mafia six times");
}

async function timed({ page, name }, log) {
  const began = Date.now();
  await joinMedia(page);
  log(`${name} joined in ${Date.now() - began} ms`);
}

async function checkWaiting(visitors, log) {
  const table = [];
  for (const visitor of visitors) table.push({ visitor, page: visitor.page, id: await seen(visitor.page, "me") });
  await check({ table, dead: new Set(), checked: {}, log }, { over: true });
}

/** Statistics of all pages, twice. */
async function twoLooks(pages) {
  const before = await Promise.all(pages.map(statistics));
  await new Promise((done) => setTimeout(done, LOOK_MS));
  const after = await Promise.all(pages.map(statistics));
  return before.map((b, i) => [b, after[i]]);
}

// ---- the rules, once more, from the spec alone --------------------------------------------------------------

/** `[sound, picture]` of `from` for `to`. */
function allowed({ phase, accused, over }, dead, from, to) {
  if (over) return [true, true];
  if (dead.has(from.id)) return [false, false];
  if (phase === "night") {
    const both = from.role === "mafia" && (to.role === "mafia" || dead.has(to.id));
    return [both, both];
  }
  const hearing = phase === "defence" || phase === "final_words";
  return [!hearing || from.id === accused, true];
}

/** What flows flows in one of so many looks, for a busy machine stutters; what must not flow does not in any. */
const LOOKS = 3;

async function check(game, where) {
  const { table, dead } = game;
  const name = `${where.over ? "over" : where.phase}${dead.size ? ` with ${dead.size} dead` : ""}`;
  const seenOf = new Map();
  let [looks, missing] = [null, [`${name}: the phase was over before anybody could look`]];
  for (let look = 1; look <= LOOKS; look++) {
    const found = await twoLooks(table.map((p) => p.page));
    if (where.phase && !(await isStill(table, where))) break; // the last look was into two phases
    looks = found;
    missing = [];
    for (const [i, to] of table.entries()) {
      for (const from of table.filter((p) => p !== to)) {
        const got = gained(...looks[i], from.id);
        const { layers, link } = looks[table.indexOf(from)][1].sent;
        const what = `${name}: ${from.visitor.name} (${from.role}) → ${to.visitor.name} (${to.role}): ${JSON.stringify({ ...got, layers, link })}`;
        const pair = `${from.id} ${to.id}`;
        const flows = seenOf.get(pair) ?? { sound: false, picture: false };
        seenOf.set(pair, flows);
        missing.push(...weigh(got, allowed(where, dead, from, to), flows, what));
      }
    }
    if (!missing.length) break;
    game.log(`looked again: ${missing.length} of ${name}: ${missing[0]}`);
  }
  if (missing.length) assert.fail(missing.join("\n"));
  game.checked[name] = (game.checked[name] ?? 0) + seenOf.size;
  return looks;
}

async function isStill(table, { phase, day }) {
  const phases = await Promise.all(table.map((p) => seen(p.page, "phase")));
  return phases.every((p) => p?.phase === phase && p.day === day);
}

/** What should flow and has not yet, in any look; fails on what must not. Decoders may be behind: what had come before the phase is decoded late. */
function weigh(got, [sound, picture], flows, what) {
  if (!sound) assert.equal(got.audio, 0, `must not be heard: ${what}`);
  if (!picture) {
    assert.equal(got.video, 0, `must not be seen: ${what}`);
    const [before, after] = got.picture?.framesReceived ?? [0, 0];
    assert.equal(after, before, `must not be seen: ${what}`);
  }
  flows.sound ||= !sound || (got.audio > FLOWS && got.energy > 0);
  flows.picture ||= picture ? got.frames > 5 : got.frames === 0;
  return [...(flows.sound ? [] : [`should be heard: ${what}`]), ...(flows.picture ? [] : [`${picture ? "should" : "must not"} be seen: ${what}`])];
}

// ---- the game -----------------------------------------------------------------------------------------------

async function phaseIs(game, name, settle = SETTLE_MS) {
  const look = async () => {
    const phases = await Promise.all(game.table.map((p) => seen(p.page, "phase")));
    return phases.every((p) => p?.phase === name) && phases[0];
  };
  const phase = await until(`the phase ${name}`, look, 60_000);
  await new Promise((done) => setTimeout(done, settle));
  return phase;
}

const shots = (game, moment) => Promise.all(game.table.map((p) => p.visitor.shot(moment)));

async function play(game) {
  const { table } = game;
  const citizens = table.filter((p) => p.role !== "mafia");
  const mafia = table.filter((p) => p.role === "mafia");
  const [first, second] = citizens;

  await check(game, await phaseIs(game, "day"));
  await shots(game, "1-day");
  await reload(game, table.find((p) => p !== first));
  await tamper(first.page); // when he is dead he sends all the same
  await vote(game, first);
  await night(game, mafia, null, first);
  await check(game, await phaseIs(game, "day"));
  await shots(game, "4-day-with-a-dead");
  await quietVote(game);
  await night(game, mafia, second, first);
  await check(game, { over: true, ...(await over(game)) });
  await shots(game, "6-over");
}

/** A page is loaded anew in the middle of the day: it is back in the media by itself. */
async function reload(game, { page, visitor }) {
  await page.reload();
  await inMedia(page);
  await page.mouse.click(4, 4); // from now on the page may be heard
  game.log(`${visitor.name} was loaded anew`);
}

async function vote(game, victim) {
  await phaseIs(game, "vote", 0);
  await Promise.all(game.table.map(({ page }) => say(page, "game.vote", { suspect: victim.id })));
  const defence = await phaseIs(game, "defence");
  assert.equal(defence.accused, victim.id);
  await check(game, defence);
  await shots(game, "2-defence");
  const verdict = await phaseIs(game, "verdict");
  await check(game, verdict);
  await Promise.all(game.table.filter((p) => p.id !== victim.id).map(({ page }) => say(page, "game.verdict", { execute: true })));
  const words = await phaseIs(game, "final_words");
  await check(game, words);
  game.dead.add(victim.id);
}

/** Nobody is to die: whoever stands trial is spared. */
async function quietVote(game) {
  await check(game, await phaseIs(game, "vote"));
  const { page } = game.table[0];
  await until("the night", async () => {
    const phase = await seen(page, "phase");
    if (phase.phase === "verdict") for (const p of game.table) await say(p.page, "game.verdict", { execute: false });
    return phase.phase === "night";
  }, 60_000);
}

async function night(game, mafia, victim, tampered) {
  const { table, dead } = game;
  const phase = await phaseIs(game, "night");
  const looks = await check(game, phase);
  if (victim) for (const { page } of mafia) await say(page, "game.night", { target: victim.id });
  else await shots(game, "3-night");
  for (const [i, player] of table.entries()) {
    const sleeps = player.role !== "mafia" && !dead.has(player.id);
    const [before, after] = looks[i];
    const sent = after.sent.video - before.sent.video + after.sent.audio - before.sent.audio;
    if (sleeps || player === tampered) assert.ok(sent > FLOWS, `${player.visitor.name} sends all the same: ${sent}`);
    if (sleeps) assert.equal(await player.page.locator(".heard").getAttribute("data-heard"), "night");
  }
  if (mafia.length === 2) assert.equal(await mafia[0].page.locator(".heard").getAttribute("data-heard"), "1");
}

/** Two mafia against two after the second night: the game is over. */
async function over(game) {
  await until("the end", async () => (await Promise.all(game.table.map((p) => seen(p.page, "roles")))).every(Boolean), 60_000);
  await new Promise((done) => setTimeout(done, SETTLE_MS + 1_000));
  return {};
}
