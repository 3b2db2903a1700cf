// One camera and two who watch. One has a narrow link for a while: he gets a smaller picture that moves, the other keeps the
// large one; when his link is wide again so is his picture.

import assert from "node:assert/strict";
import { Link } from "../link.mjs";
import { joinMedia, joinRoom, makeRoom, until, watching } from "../media.mjs";

export const title = "layers of simulcast: who has a narrow link gets a smaller picture, and the large one when it is wide again";

const NARROW_KBPS = 450;
/** Of the layers that the page sends. */
const [LARGE, SMALLER] = [960, 480];
const DOWN_MS = 20_000;
const UP_MS = 90_000;

export async function run({ open, log }) {
  const link = await Link.open();
  try {
    const ann = await open({ name: "layer-ann", script: watching });
    const ben = await open({ name: "layer-ben", script: watching });
    const cai = await open({ name: "layer-cai", script: `${watching};${link.script}` });
    const room = await makeRoom(ann.page, "Near and far");
    await joinMedia(ann.page);
    await watch(ben.page, room);
    await watch(cai.page, room);
    link.lead(await until("the node's port", () => cai.page.evaluate(() => window.__node)));
    await layers(ann, ben, cai, link, log);
  } finally {
    link.close();
  }
}

async function layers(ann, ben, cai, link, log) {
  const sent = await until("three layers are sent", async () => ((await outbound(ann.page)).length === 3 ? outbound(ann.page) : null), 20_000);
  log(`sent: ${sent.map(({ rid, frameWidth }) => `${rid} ${frameWidth}`).join(", ")}`);
  for (const { name, page } of [ben, cai]) await until(`${name} gets the large one`, async () => (await picture(page)).frameWidth === LARGE, 30_000);

  link.kbps = NARROW_KBPS;
  let began = Date.now();
  await until("cai gets a smaller one", async () => (await picture(cai.page)).frameWidth <= SMALLER, DOWN_MS);
  log(`${NARROW_KBPS} kbit/s: a smaller picture after ${seconds(began)} s, ${link.lost} datagrams lost on the way`);
  await settled(ben, cai, log);

  link.kbps = Infinity;
  began = Date.now();
  await until("cai gets the large one again", async () => (await picture(cai.page)).frameWidth === LARGE, UP_MS);
  log(`wide again: the large picture after ${seconds(began)} s`);
  const [before, after] = await moved(cai.page, 3_000);
  assert.ok(after.framesDecoded - before.framesDecoded > 20, `it moves: ${JSON.stringify([before, after])}`);
  await restart(ann, cai);
}

/** The sender's network changes: ICE anew on the same connection; browsers name their layers no more by then. */
async function restart(ann, cai) {
  const count = () => ann.page.evaluate(() => window.__seen.pcs.length);
  const before = await count();
  await ann.page.evaluate(() => {
    const pub = window.__seen.pcs.find((pc) => pc.connectionState === "connected" && pc.getSenders().some((sender) => sender.track));
    Object.defineProperty(pub, "connectionState", { value: "failed", configurable: true }); // as its page sees it
    pub.onconnectionstatechange();
    delete pub.connectionState;
  });
  await cai.page.waitForTimeout(2_000);
  const [from, to] = await moved(cai.page, 4_000);
  assert.ok(to.framesDecoded - from.framesDecoded > 30, `it moves after an ICE restart: ${JSON.stringify([from, to])}`);
  assert.equal(await count(), before, "on the same connection");
}

/** The narrow link has drained: the small picture moves, and the other's is as large as it was. */
async function settled(ben, cai, log) {
  await cai.page.waitForTimeout(4_000);
  const [[small, smallAfter], [large, largeAfter]] = await Promise.all([moved(cai.page, 4_000), moved(ben.page, 4_000)]);
  const frames = [smallAfter.framesDecoded - small.framesDecoded, largeAfter.framesDecoded - large.framesDecoded];
  log(`in 4 s: ${frames[0]} frames of ${smallAfter.frameWidth}, ${frames[1]} of ${largeAfter.frameWidth}`);
  assert.ok(smallAfter.frameWidth <= SMALLER && largeAfter.frameWidth === LARGE);
  assert.ok(frames.every((n) => n > 30), `both move: ${frames}`);
}

const seconds = (began) => ((Date.now() - began) / 1_000).toFixed(1);

async function watch(page, room) {
  await joinRoom(page, room);
  await page.locator('[data-test="media-watch"]').click();
}

const inbound = (page, type) =>
  page.evaluate(async (type) => {
    const lines = [];
    for (const pc of window.__seen.pcs.filter((pc) => pc.connectionState === "connected")) lines.push(...[...(await pc.getStats()).values()].filter((line) => line.type === type && line.kind === "video"));
    return lines.map(({ rid, frameWidth, framesDecoded, framesSent }) => ({ rid, frameWidth, framesDecoded, framesSent }));
  }, type);

const outbound = async (page) => (await inbound(page, "outbound-rtp")).filter((layer) => layer.framesSent > 20);

/** The one picture that this page gets. */
const picture = async (page) => (await inbound(page, "inbound-rtp"))[0] ?? {};

async function moved(page, ms) {
  const before = await picture(page);
  await page.waitForTimeout(ms);
  return [before, await picture(page)];
}
