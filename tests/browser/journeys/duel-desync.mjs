// Somebody plays by other rules than his opponent: his thrusts do more. Both machines find out, stop, and say so plainly.

import assert from "node:assert/strict";
import { challenge, enter, facts } from "./duel.mjs";

export const title = "a duel between two versions of the rules: both sides see the desync and stop";

/** The rules as this person's browser gets them. */
async function otherRules({ page }) {
  await page.route("**/assets/duel/moves.js", async (route) => {
    const response = await route.fetch();
    const text = await response.text();
    assert.match(text, /damage: 5,/);
    await route.fulfill({ response, body: text.replace("damage: 5,", "damage: 6,") });
  });
}

export async function run({ open, log }) {
  const honest = await enter(open, null, { name: "desync-honest" });
  const other = await enter(async (options) => {
    const visitor = await open(options);
    await otherRules(visitor);
    return visitor;
  }, null, { name: "desync-other", lang: "ko-KR" });
  await challenge(honest, other);
  await honest.page.waitForTimeout(3_500);
  assert.equal((await facts(honest)).stage, "playing", "nothing differs before a thrust lands");
  for (let i = 0; i < 40 && (await facts(honest)).stage === "playing"; i++) {
    await honest.page.keyboard.press("KeyD", { delay: 350 });
    await honest.page.keyboard.press("KeyJ", { delay: 50 });
  }
  await honest.page.getByRole("heading", { name: "The two machines no longer agree" }).waitFor();
  await other.page.getByRole("heading", { name: "두 기기의 계산이 어긋났어요" }).waitFor();
  const told = await honest.page.locator(".end .hint").innerText();
  const [, frame, ours, theirs] = /frame (\d+) this machine computed ([0-9a-f]{8}), the other ([0-9a-f]{8})/.exec(told);
  assert.notEqual(ours, theirs);
  const same = await other.page.locator(".end .hint").innerText();
  await honest.page.getByText("the staff can look at it").waitFor();
  log(`found at frame ${frame}: ${ours} here, ${theirs} there`);
  assert.match(same, /[0-9a-f]{8}, 상대는 [0-9a-f]{8}로/);
  for (const me of [honest, other]) {
    assert.equal(await me.page.locator('[data-test="rematch"]').count(), 0, "nobody is asked to go on with it");
    await me.shot("1-desync");
    await me.checkLayout("desync");
    await me.page.locator('[data-test="to-lobby"]').click();
    await me.page.locator(".lobby").waitFor();
  }
}
