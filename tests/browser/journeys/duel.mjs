// Two people duel: lobby, challenge, a data channel over a bad line, a minute of play in which both machines stay in the
// same state, a result that both agree on or one who leaves; and what each of them is told.
//
// DUEL_SECONDS  how long they play (default 60)

import assert from "node:assert/strict";
import { BadLine } from "../badline.mjs";
import { until } from "../media.mjs";

export const title = "a duel: challenge, rollback over 100 ms ± 20 ms and 2 % loss, equal checksums, a tunnel, a restarted server, a crash";

const SECONDS = Number(process.env.DUEL_SECONDS ?? 60);

export async function run({ open, log }) {
  const line = new BadLine({ delay: 100, jitter: 20, loss: 0.02 });
  const ann = await enter(open, line, { name: "duel-ann" });
  const bora = await enter(open, line, { name: "duel-bora", lang: "ko-KR" });
  try {
    await refusals(ann, bora);
    await challenge(ann, bora);
    const play = await minute(ann, bora, log);
    assert.equal(line.direct, 0, "every address was taken over");
    assert.ok(line.carried > SECONDS * 60, `${line.carried} packets went through the bad line, ${line.dropped} were lost in it`);
    log(`${line.carried} packets carried, ${line.dropped} dropped; ${play.compared} checksums compared`);
    await tunnel(ann, bora, line);
    await hangUp(ann, bora, line);
    await leaving(ann, bora, log);
  } finally {
    line.close();
  }
}

/** A guest in the lobby. */
export async function enter(open, line, options) {
  const me = await open(options);
  await line?.stand(me.page);
  await me.page.goto("/duel");
  await me.page.locator("#name").waitFor();
  await me.checkLayout("entry");
  me.nickname = `${options.name.replace(/\W/g, "")}${Math.floor(Math.random() * 1e5)}`;
  await me.page.locator("#name").fill(me.nickname);
  await me.page.locator('[data-test="enter"]').click();
  await me.page.locator(".lobby").waitFor();
  return me;
}

export const rowOf = (me, other) => me.page.locator(".lobby li", { hasText: other.nickname });

async function refusals(ann, bora) {
  await rowOf(ann, bora).locator('[data-test="challenge"]').click();
  await bora.page.locator('[data-test="decline"]').waitFor();
  await bora.checkLayout("a challenge");
  await bora.shot("1-challenged");
  await bora.page.locator('[data-test="decline"]').click();
  await ann.page.getByText(`${bora.nickname} declined.`).waitFor();
  await rowOf(bora, ann).locator('[data-test="challenge"]').click();
  await bora.page.locator('[data-test="withdraw"]').click();
  await ann.page.locator('[data-test="accept"]').waitFor({ state: "detached" });
}

/** Ann asks, Bora accepts; both are on the stage when the channel stands. */
export async function challenge(ann, bora) {
  await rowOf(ann, bora).locator('[data-test="challenge"]:not([disabled])').click();
  await bora.page.locator('[data-test="accept"]').click();
  await Promise.all([ann, bora].map(({ page }) => page.locator('.arena[data-stage="playing"]').waitFor({ timeout: 25_000 })));
}

/** Keeps the checksums that a page shows, by match and frame; gives its facts. */
export async function note(me, checks) {
  const shown = await facts(me);
  for (const entry of shown.check.split(" ").filter(Boolean)) checks.set(`${shown.session} ${entry.split(":")[0]}`, entry.split(":")[1]);
  return shown;
}

/** How many frames both have shown; each with the same checksum. */
export function compare([a, b]) {
  const shared = [...a.keys()].filter((frame) => b.has(frame));
  for (const frame of shared) assert.equal(a.get(frame), b.get(frame), `frame ${frame}`);
  return shared.length;
}

export const facts = ({ page }) => page.locator(".arena").evaluate((el) => ({ ...el.dataset }));

const KEYS = [["KeyD", 260], ["KeyA", 260], ["KeyJ", 50], ["KeyJ", 50], ["KeyK", 50], ["KeyW", 60], ["KeyS", 300], ["KeyL", 50], ["ArrowRight", 200], ["KeyX", 50]];

/** Presses what comes into its head, until `over()`. */
export async function fidget({ page }, over) {
  while (!over()) {
    const [key, ms] = KEYS[Math.floor(Math.random() * KEYS.length)];
    await page.keyboard.down(key);
    await page.waitForTimeout(ms);
    await page.keyboard.up(key);
    await page.waitForTimeout(60);
  }
}

/** Both play; every checksum that both show for a frame is the same. */
async function minute(ann, bora, log) {
  const end = Date.now() + SECONDS * 1000;
  const checks = [new Map(), new Map()];
  const done = () => Date.now() > end;
  const watch = async () => {
    while (!done()) {
      for (const [i, me] of [ann, bora].entries()) {
        const { stage } = await note(me, checks[i]);
        if (stage === "over") await again(me);
      }
      await ann.page.waitForTimeout(150);
    }
  };
  const shots = async () => {
    for (const [i, moment] of ["2-early", "3-play", "4-late"].entries()) {
      await ann.page.waitForTimeout((SECONDS * 1000) / 4);
      await Promise.all([ann, bora].map((me) => me.shot(moment)));
      if (i === 0) for (const me of [ann, bora]) await me.checkLayout("fight");
    }
  };
  await Promise.all([fidget(ann, done), fidget(bora, done), watch(), shots()]);
  const compared = compare(checks);
  assert.ok(compared >= SECONDS / 2, `${compared} checksums of the same frames`);
  const both = await Promise.all([ann, bora].map(facts));
  for (const [i, { rollbacks, p50, frame, stalls, waits }] of both.entries()) {
    log(`side ${i}: ${frame} frames, ${rollbacks} rollbacks, p50 ${p50} ms, ${stalls} stalls, ${waits} waits`);
    assert.ok(Number(rollbacks) > SECONDS / 2, `${rollbacks} rollbacks`);
    // 16.7 on a machine at rest; a busy one makes up for late steps at once, which draws the median down.
    assert.ok(Math.abs(Number(p50) - 16.7) < 3, `half of all steps come after ${p50} ms`);
  }
  const ping = Number(await ann.page.locator('[data-test="ping"]').innerText());
  assert.ok(ping > 170 && ping < 320, `${ping} ms there and back`);
  return { compared };
}

/** A match that is over within the minute: both agreed, and it goes on with another. */
async function again({ page }) {
  await page.locator('[data-test="end"]').waitFor();
  await page.locator('[data-test="rematch"]').click({ timeout: 10_000 }).catch(() => {});
}

const running = (ann, bora) => until("a match runs", async () => (await Promise.all([ann, bora].map(facts))).every(({ stage }) => stage === "playing"), 30_000);

/** Both play on: frames that did not exist a moment ago become final. */
async function goesOn(ann, bora) {
  for (const me of [ann, bora]) {
    const { frame } = await facts(me);
    await until(`${me.name} plays on`, async () => Number((await facts(me)).frame) > Number(frame) + 30, 15_000);
  }
}

/** Two seconds in a tunnel: both are told, and the fight goes on where it was. */
async function tunnel(ann, bora, line) {
  await running(ann, bora);
  const { loss } = line;
  line.loss = 1;
  await Promise.all([ann.page.locator(".strip").waitFor(), bora.page.locator(".strip").waitFor()]);
  await ann.shot("5-tunnel");
  await ann.page.waitForTimeout(900);
  line.loss = loss;
  await Promise.all([ann, bora].map(({ page }) => page.locator(".strip").waitFor({ state: "detached", timeout: 15_000 })));
  await goesOn(ann, bora);
}

/** The server is started again: the fight does not need it. */
async function hangUp(ann, bora, line) {
  await line.hangUp();
  await goesOn(ann, bora);
  for (const { page } of [ann, bora]) await page.locator(".banner").waitFor({ state: "detached" });
}

/** One page is closed in the middle: the other is told, and finds himself back in the lobby. */
async function leaving(ann, bora, log) {
  await running(ann, bora);
  const began = Date.now();
  await bora.page.close(); // as a browser that crashes: no word to anybody
  await ann.page.locator(".strip").waitFor({ timeout: 4_000 });
  log(`the other one was told of the silence after ${Date.now() - began} ms`);
  await ann.page.getByText(new RegExp(`${bora.nickname} (has left|is gone)`)).waitFor({ timeout: 14_000 });
  log(`and of the end after ${Date.now() - began} ms`);
  await ann.shot("6-left");
  await ann.checkLayout("the end");
  await ann.page.locator('[data-test="to-lobby"]').click();
  await ann.page.locator(".lobby").waitFor();
  await rowOf(ann, bora).waitFor({ state: "detached" });
}
