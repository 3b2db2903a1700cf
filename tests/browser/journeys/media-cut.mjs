// Media that break: the browser's connections fail, the page's line is cut, a room without media; the game goes on.

import assert from "node:assert/strict";
import { gained, inMedia, joinMedia, joinRoom, makeRoom, say, seen, statistics, until, watching } from "../media.mjs";

export const title = "media that break: a cut line, a connection that dies, the leader turns media off; the room goes on";

export async function run({ open, log }) {
  const ann = await open({ name: "cut-ann", script: watching });
  const ben = await open({ name: "cut-ben", script: watching });
  const link = await makeRoom(ann.page, "Through a tunnel");
  await joinMedia(ann.page);
  await joinRoom(ben.page, link);
  await joinMedia(ben.page);
  await flows(ann, ben);
  await tunnel(ann, ben);
  await deadConnection(ann, ben, log);
  await nonsense(ann, ben);
  await off(ann, ben);
}

async function flows(from, to) {
  const id = await seen(from.page, "me");
  return until(`${from.name} is seen by ${to.name}`, async () => {
    const before = await statistics(to.page);
    await to.page.waitForTimeout(500);
    return gained(before, await statistics(to.page), id).frames > 3;
  }, 25_000);
}

/** The socket drops and comes back: pictures go on. */
async function tunnel(ann, ben) {
  await ben.goOffline();
  await ben.page.locator(".banner").waitFor();
  await ben.page.waitForTimeout(1_500);
  await ben.goOnline();
  await flows(ann, ben);
  await flows(ben, ann);
}

/** A connection that is closed behind the page's back is replaced when the server says so, or the page notices. */
async function deadConnection(ann, ben, log) {
  const began = Date.now();
  await say(ben.page, "media.state", { pc: "pub", state: "failed" });
  await say(ben.page, "media.reset", { pc: "pub" }); // the server has thrown it away; the page knows nothing
  await flows(ben, ann);
  log(`a sending connection that the server lost was back after ${Date.now() - began} ms`);
}

/** What a broken client says is refused, and nobody else notices. */
async function nonsense(ann, ben) {
  const { page } = ben;
  const codes = [];
  for (const [type, payload, code] of [
    ["media.offer", { pc: "sub", sdp: "v=0" }, "bad_message"],
    ["media.offer", { pc: "pub", sdp: "x".repeat(20_000) }, "too_large"],
    ["media.answer", { pc: "sub", sdp: "v=0" }, "bad_message"],
  ]) {
    await page.evaluate(() => (window.__seen.refusals = []));
    await say(page, type, payload);
    codes.push([code, await until("a refusal", () => page.evaluate(() => window.__seen.refusals[0]?.code))]);
  }
  for (const [expected, code] of codes) assert.equal(code, expected);
  await flows(ann, ben);
}

async function off(ann, ben) {
  await say(ann.page, "room.settings", { media: false });
  await ben.page.locator(".stage:not(.media)").waitFor();
  await until("all connections are closed", () => ben.page.evaluate(() => window.__seen.pcs.every((pc) => pc.connectionState === "closed")));
  await say(ann.page, "chat.send", { text: "still here" });
  await ben.page.locator(".said").getByText("still here").waitFor();
  await say(ann.page, "room.settings", { media: true });
  await inMedia(ben.page);
  await flows(ann, ben);
}
