// A stranger presses one button and plays a whole game against bots; on the way he reloads the page and drives
// through a tunnel; at the end he watches the replay and plays again.

import assert from "node:assert/strict";

export const title = "one person and seven bots: a whole game, a reload, a drop, the replay";

export async function run({ open, log }) {
  const me = await open({ name: "desktop-en" });
  const { page } = me;
  await page.goto("/");
  await page.getByRole("heading", { level: 1 }).waitFor();
  await firstImpression(page, log);
  await me.checkLayout("landing");
  await me.shot("1-landing");

  const began = Date.now();
  await page.getByRole("button", { name: "Play now" }).click();
  await me.waitForPhase("day");
  assert.equal(await page.locator(".tile").count(), 8);
  assert.equal(new URL(page.url()).pathname.length, "/r/ABCDEF".length, "the address is the room's link");
  const role = await page.locator(".role-card b").innerText();
  log(`in a game ${Date.now() - began} ms after the click, as ${role}`);
  await clockAgrees(page);
  await me.shot("2-day");

  await reload(me, role);
  await anotherWindow(me, role);
  const seen = new Set();
  let dropped = false;
  await me.play({
    onPhase: async (phase) => {
      if (seen.has(phase)) return;
      seen.add(phase);
      if (phase === "vote" || phase === "night") await page.waitForTimeout(2500);
      if (phase !== "over") await me.shot(`3-${phase}`);
      if (phase === "vote" && !dropped) {
        dropped = true;
        await tunnel(me);
      }
    },
  });
  log(`the game took ${Math.round((Date.now() - began) / 1000)} s; phases: ${[...seen].join(", ")}`);
  assert.ok(dropped && seen.has("vote") && seen.has("night"));
  await theEnd(me);
  await replay(me);

  await page.locator('[data-test="again"]').click();
  await me.waitForPhase("day");
  await me.shot("7-again");
  await leave(me);
}

async function firstImpression(page, log) {
  const { paint, bytes } = await page.evaluate(() => ({
    paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
    bytes: [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].reduce((sum, e) => sum + e.decodedBodySize, 0),
  }));
  log(`first contentful paint ${Math.round(paint)} ms; ${Math.round(bytes / 1000)} kB on the first page`);
  assert.ok(bytes < 150_000, `${bytes} bytes`);
  assert.ok(paint < 30_000, `${paint} ms`); // 200 ms is the aim on a quiet machine: a figure to read, not a test of the machine
}

/** The clock counts down and never shows more than the phase has. */
async function clockAgrees(page) {
  const read = async () => {
    const [minutes, seconds] = (await page.locator(".clock-number").innerText()).split(":").map(Number);
    return minutes * 60 + seconds;
  };
  const first = await read();
  await page.waitForTimeout(2100);
  const second = await read();
  assert.ok(first <= 12 && first - second >= 1 && first - second <= 3, `${first} s, then ${second} s`);
}

async function reload(me, role) {
  const { page } = me;
  const lines = await page.locator(".feed li").count();
  await page.reload();
  await page.locator(".clock").waitFor();
  assert.equal(await page.locator(".role-card b").innerText(), role, "the role is known again");
  assert.ok((await page.locator(".feed li").count()) >= lines, "what was said is still there");
  assert.equal(await page.locator(".tile").count(), 8);
  await me.shot("2-reloaded");
}

/** A new session in mid-game gets the whole view at once; then the first window takes the game back. */
async function anotherWindow(me, role) {
  const other = await me.context.newPage();
  await other.goto("/");
  await other.locator(".clock").waitFor();
  assert.equal(await other.locator(".role-card b").innerText(), role);
  assert.equal(await other.locator(".tile").count(), 8);
  await me.page.getByText("This account is open in another window.").waitFor();
  await me.page.getByRole("button", { name: "Play here" }).click();
  await me.page.locator(".banner").waitFor({ state: "detached" });
  await me.page.locator(".clock").waitFor();
  await other.close();
}

async function tunnel(me) {
  const { page } = me;
  await me.goOffline();
  await page.getByText("Reconnecting…").waitFor({ timeout: 10_000 });
  await me.shot("4-reconnecting");
  await page.waitForTimeout(1500);
  await me.goOnline();
  assert.notEqual(await me.phase(), "waiting", "still in the game");
  await page.locator(".clock").waitFor();
}

async function theEnd(me) {
  const { page } = me;
  await page.waitForTimeout(400);
  await me.shot("5-over");
  await me.checkLayout("end");
  const hidden = await page.locator(".feed").evaluate((el) => el.scrollHeight - el.scrollTop - el.clientHeight);
  assert.ok(hidden < 40, `the newest line is in sight (${hidden} px below)`);
  assert.match(await page.locator(".verdict-line").innerText(), /win|broken off|Nobody/);
  assert.equal(await page.locator(".tile .role").count(), 8, "all roles are shown");
  assert.match(await page.locator(".seed code").getAttribute("title"), /^[0-9a-f]{64}$/);
}

async function replay(me) {
  const { page } = me;
  await page.locator('[data-test="replay"]').click();
  const scrub = page.locator('[data-test="scrub"]');
  await scrub.waitFor();
  const start = Number(await scrub.inputValue());
  await page.waitForTimeout(2500);
  assert.ok(Number(await scrub.inputValue()) > start, "it plays by itself");
  await page.locator('[data-test="replay-play"]').click();
  await page.waitForTimeout(300); // a step from just before the click is drawn
  const held = await scrub.inputValue();
  await page.waitForTimeout(1200);
  assert.equal(await scrub.inputValue(), held, "and stops when told to");
  const last = Number(await scrub.getAttribute("max"));
  await scrub.fill(String(Math.floor(last / 2)));
  await page.waitForTimeout(300);
  await me.shot("6-replay");
  await me.checkLayout("replay");
  await scrub.fill(String(last));
  await page.locator('.stage[data-phase="over"]').waitFor();
  await me.shot("6-replay-end");
  await page.keyboard.press("Escape");
  await page.locator('[data-test="again"]').waitFor();
}

async function leave({ page }) {
  await page.getByRole("button", { name: "Leave" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Leave" }).click();
  await page.getByRole("button", { name: "Play now" }).waitFor();
  assert.equal(new URL(page.url()).pathname, "/");
}
