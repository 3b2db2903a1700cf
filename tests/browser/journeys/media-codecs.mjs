// Two whose browsers know H.264 speak it; a third who does not makes the room fall back to VP8, and when he has left it comes
// back. Pictures flow each time by themselves.

import assert from "node:assert/strict";
import { gained, joinMedia, joinRoom, makeRoom, say, seen, smallCamera, statistics, until, watching, withoutH264 } from "../media.mjs";

export const title = "H.264 while all can, VP8 while one cannot: pictures flow through both changes";

export async function run({ open, log }) {
  const script = watching + smallCamera;
  const ann = await open({ name: "codecs-ann", script });
  const ben = await open({ name: "codecs-ben", script });
  const cy = await open({ name: "codecs-cy", script: script + withoutH264 });
  const link = await makeRoom(ann.page, "Two codecs");
  await joinMedia(ann.page);
  await joinRoom(ben.page, link);
  await joinMedia(ben.page);
  await allSee([ann, ben], "video/H264", log);
  const before = (await seen(ann.page, "resets")).pub;
  await joinRoom(cy.page, link);
  await joinMedia(cy.page);
  await allSee([ann, ben, cy], "video/VP8", log);
  assert.equal((await seen(ann.page, "resets")).pub, before + 1, "told to begin anew once");
  await say(cy.page, "room.leave");
  await allSee([ann, ben], "video/H264", log);
  assert.equal((await seen(ann.page, "resets")).pub, before + 2);
}

/** Everybody sends in this codec, and everybody sees everybody. */
async function allSee(visitors, codec, log) {
  const began = Date.now();
  const ids = await Promise.all(visitors.map(({ page }) => seen(page, "me")));
  let last;
  const look = async () => {
    const before = await Promise.all(visitors.map(({ page }) => statistics(page)));
    await new Promise((done) => setTimeout(done, 700));
    const after = await Promise.all(visitors.map(({ page }) => statistics(page)));
    const pairs = ids.flatMap((from) => ids.flatMap((to, i) => (from === to ? [] : [gained(before[i], after[i], from).frames])));
    last = { codecs: after.map(({ sent }) => sent.codec), pairs };
    return last.codecs.every((sent) => sent === codec) && pairs.every((frames) => frames > 2);
  };
  await until(`${codec} for all`, look, 30_000).catch((error) => assert.fail(`${error.message}: ${JSON.stringify(last)}`));
  log(`${codec} after ${Date.now() - began} ms: ${last.pairs.join(" ")} frames`);
}
