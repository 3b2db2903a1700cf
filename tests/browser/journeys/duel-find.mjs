// Two people who know nobody: each asks for an opponent and they find each other; one has second thoughts before.

import assert from "node:assert/strict";
import { enter, facts } from "./duel.mjs";

export const title = "a duel by matchmaking: find me an opponent, stop looking, found";

export async function run({ open, log }) {
  const ann = await enter(open, null, { name: "find-ann" });
  const bora = await enter(open, null, { name: "find-bora", lang: "ko-KR", width: 390, height: 844 });
  await ann.page.locator('[data-test="seek"]').click();
  await ann.page.getByText("Looking for an opponent of your strength…").waitFor();
  await ann.checkLayout("looking");
  await ann.shot("1-looking");
  await ann.page.getByRole("button", { name: "Stop looking" }).click();
  await bora.page.locator('[data-test="seek"]').click();
  await ann.page.waitForTimeout(1_500);
  assert.equal(await ann.page.locator(".arena").count(), 0, "who has stopped is not found");
  const began = Date.now();
  await ann.page.locator('[data-test="seek"]').click();
  await Promise.all([ann, bora].map(({ page }) => page.locator('.arena[data-stage="playing"]').waitFor({ timeout: 30_000 })));
  log(`found and on the stage after ${Date.now() - began} ms`);
  const both = await Promise.all([ann, bora].map(facts));
  assert.equal(both[0].session, both[1].session);
  await bora.page.waitForTimeout(2_500);
  await bora.shot("2-phone");
  await bora.checkLayout("a match on a phone");
  await ann.page.locator('[data-test="leave"]').click();
  await bora.page.locator('[data-test="end"]').waitFor();
  await bora.shot("3-left");
}
