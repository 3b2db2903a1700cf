// Two people in a waiting room: devices are tested before anything is sent; pictures and sound; mutes; a choice that is
// remembered; a reload; how soon the first picture comes.

import assert from "node:assert/strict";
import { gained, inMedia, joinMedia, joinRoom, makeRoom, seen, sounds, statistics, until, watching } from "../media.mjs";

export const title = "two people with cameras: device test, pictures, sound, mutes, reload, time to the first picture";

export async function run({ open, log }) {
  const ann = await open({ name: "media-ann", script: watching });
  const ben = await open({ name: "media-ben", script: watching, lang: "ko-KR", width: 390, height: 844, reducedMotion: "reduce" });
  const link = await makeRoom(ann.page, "With cameras");
  await deviceTest(ann);
  await joinMedia(ann.page);
  await until("nothing listens to the microphone any more", async () => (await sounds(ann.page)) === 0);
  await ann.page.locator('.heard[data-heard="alone"]').waitFor();
  await joinRoom(ben.page, link);
  await ben.page.getByRole("dialog", { name: "카메라와 마이크" }).waitFor();
  await ben.shot("1-devices");
  await ben.checkLayout("devices");
  await joinMedia(ben.page);
  await together(ann, ben);
  await mutes(ann, ben);
  await reload(ann, ben);
  await firstPicture(ann, ben, log);
  await withoutCamera(ann, ben);
}

/** Nothing is sent while the dialog is open. */
async function deviceTest(ann) {
  const { page } = ann;
  const dialog = page.getByRole("dialog", { name: "Camera and microphone" });
  await dialog.waitFor();
  await until("the preview moves", () => page.evaluate(() => document.querySelector(".preview video")?.currentTime > 0.3));
  const level = dialog.getByRole("meter");
  await until("the microphone is heard", async () => Number(await level.getAttribute("aria-valuenow")) > 20);
  await ann.shot("1-devices");
  await ann.checkLayout("devices");
  assert.equal((await seen(page, "pcs")).length, 0, "no connection before one joins");
  await dialog.locator("label.toggle", { hasText: "Camera" }).click();
  await dialog.getByRole("button", { name: "Join with voice" }).waitFor();
  assert.equal(await page.locator(".preview video").count(), 0);
  await dialog.locator("label.toggle", { hasText: "Camera" }).click();
  await page.locator(".preview video").waitFor();
}

const idOf = (visitor) => seen(visitor.page, "me");

/** What `to` got from `from` within so many ms. */
async function flow(from, to, ms = 2_000) {
  const id = await idOf(from);
  const before = await statistics(to.page);
  await to.page.waitForTimeout(ms);
  return gained(before, await statistics(to.page), id);
}

async function together(ann, ben) {
  await ann.page.locator(`video[data-stream="${await idOf(ben)}"]`).waitFor();
  await ben.page.locator(`video[data-stream="${await idOf(ann)}"]`).waitFor();
  for (const [from, to] of [[ann, ben], [ben, ann]]) {
    const got = await flow(from, to);
    assert.ok(got.frames > 10 && got.energy > 0, JSON.stringify(got));
  }
  await until("it is said who hears", async () => (await ann.page.locator(".heard").getAttribute("data-heard")) === "1");
  await until("a speaking light", () => ann.page.locator(".tile.speaking").count());
  await ann.shot("2-together");
  await ben.shot("2-together");
  await ann.checkLayout("together");
  await ben.checkLayout("together");
}

async function mutes(ann, ben) {
  const { page } = ben;
  const theirs = ann.page.locator(`.tile[data-player="${await idOf(ben)}"]`);
  await page.locator('[data-test="toggle-audio"]').click();
  await theirs.locator(".light").waitFor();
  await page.locator('.heard[data-heard="muted"]').waitFor();
  await page.waitForTimeout(500);
  let got = await flow(ben, ann);
  assert.equal(got.audio, 0, "a muted microphone is not forwarded");
  assert.ok(got.frames > 10, "his picture is");
  await page.keyboard.press("v");
  await ann.page.locator(`video[data-stream="${await idOf(ben)}"]`).waitFor({ state: "detached" });
  await ann.shot("3-muted");
  await page.locator('[data-test="toggle-audio"]').click();
  await page.keyboard.press("v");
  await ann.page.locator(`video[data-stream="${await idOf(ben)}"]`).waitFor();
  await page.waitForTimeout(1_500);
  got = await flow(ben, ann);
  assert.ok(got.frames > 10 && got.audio > 20, `both are back: ${JSON.stringify(got)}`);
}

async function reload(ann, ben) {
  await ann.page.reload();
  await inMedia(ann.page);
  assert.equal(await ann.page.getByRole("dialog").count(), 0, "nobody is asked twice");
  await ann.page.locator("h1").click({ force: true }); // a gesture: from now on the page may be heard
  for (const [from, to] of [[ann, ben], [ben, ann]]) {
    await until("pictures are back", async () => (await flow(from, to, 500)).frames > 3);
  }
}

/** From the press to the first frame of the other, some times over. */
async function firstPicture(ann, ben, log) {
  const from = await idOf(ann);
  const times = [];
  for (let i = 0; i < 9; i++) {
    await ben.page.locator('[data-test="devices"]').click();
    await ben.page.locator('[data-test="media-join"]:not([disabled])').waitFor();
    times.push(
      await ben.page.evaluate(async (player) => {
        const video = () => document.querySelector(`video[data-stream="${player}"]`);
        const began = performance.now();
        const old = video()?.srcObject;
        document.querySelector('[data-test="media-join"]').click();
        while (!video() || video().srcObject === old) await new Promise(requestAnimationFrame);
        await new Promise((seen) => video().requestVideoFrameCallback(seen));
        return performance.now() - began;
      }, from),
    );
    await ben.page.waitForTimeout(600);
  }
  times.sort((a, b) => a - b);
  log(`first picture after joining: p50 ${Math.round(times[4])} ms, longest ${Math.round(times[8])} ms`);
  assert.ok(times[4] < 1_000, times.map(Math.round).join(" "));
}

/** One who only watches sees and hears, and sends nothing. */
async function withoutCamera(ann, ben) {
  await ben.page.locator('[data-test="devices"]').click();
  await ben.page.locator('[data-test="media-watch"]').click();
  await until("he watches", async () => (await flow(ann, ben, 500)).frames > 3);
  assert.deepEqual((await statistics(ben.page)).sent, { audio: 0, video: 0 });
  await ben.page.locator('.heard[data-heard="watch"]').waitFor();
  await ann.page.locator(`video[data-stream="${await idOf(ben)}"]`).waitFor({ state: "detached" });
  await ben.shot("4-watching");
}
