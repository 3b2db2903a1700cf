// Two people duel over a good line: challenges that cross, giving up, a rematch to the end on whose result both agree; a page
// loaded anew in the middle; the same account in a second window.

import assert from "node:assert/strict";
import { until } from "../media.mjs";
import { challenge, enter, facts, rowOf } from "./duel.mjs";

export const title = "a duel to the end: crossing challenges, giving up, a result both agree on, ratings, rematch, a reload, a second window";

/** Rounds of fifteen seconds, for both: nobody needs to wait for four minutes. */
const brief = (open) => async (options) => {
  const visitor = await open(options);
  await visitor.page.route("**/assets/duel/moves.js", async (route) => {
    const response = await route.fetch();
    const text = await response.text();
    assert.match(text, /clock: 60 \* 60,/);
    await route.fulfill({ response, body: text.replace("clock: 60 * 60,", "clock: 60 * 15,") });
  });
  return visitor;
};

export async function run({ open, log }) {
  const ann = await enter(brief(open), null, { name: "result-ann" });
  const bora = await enter(brief(open), null, { name: "result-bora", lang: "ko-KR" });
  await crossing(ann, bora);
  await givingUp(ann, bora);
  await toTheEnd(ann, bora, log);
  await reload(ann, bora);
  await secondWindow(ann);
}

const playing = (...people) => Promise.all(people.map(({ page }) => page.locator('.arena[data-stage="playing"]').waitFor({ timeout: 25_000 })));
const over = ({ page }, timeout = 25_000) => page.locator('[data-test="end"]').waitFor({ timeout });

/** Both press at the same moment: one match. Whoever was late accepts, as anybody would. */
async function crossing(ann, bora) {
  await Promise.all([[ann, bora], [bora, ann]].map(([me, other]) => rowOf(me, other).locator('[data-test="challenge"]').click()));
  for (const { page } of [ann, bora]) await page.locator('[data-test="accept"]').click({ timeout: 1_000 }).catch(() => {});
  await playing(ann, bora);
  const both = await Promise.all([ann, bora].map(facts));
  assert.equal(both[0].session, both[1].session, "one match, not two");
  assert.notEqual(both[0].side, both[1].side);
}

async function givingUp(ann, bora) {
  await ann.page.locator('[data-test="leave"]').click();
  await ann.page.locator(".lobby").waitFor();
  await over(bora);
  await bora.page.getByText(`${ann.nickname}의 퇴장`).waitFor();
  await bora.shot("1-left-alone");
  await bora.page.locator('[data-test="to-lobby"]').click();
  await rowOf(ann, bora).locator('[data-test="challenge"]:not([disabled])').waitFor();
}

/** So long from one end of the stage to the other. */
const WALK_MS = 1_800;

/** Ann attacks to both sides, Bora stands still: two rounds, and both machines report the same. */
async function toTheEnd(ann, bora, log) {
  await challenge(ann, bora);
  let done = false;
  const attack = async () => {
    const { keyboard } = ann.page;
    for (let i = 0; !done; i++) {
      const way = i % 2 ? "KeyA" : "KeyD";
      await keyboard.down(way);
      await new Promise((there) => setTimeout(there, WALK_MS)); // a blow in the air brings nobody nearer
      for (let n = 0; n < 12 && !done; n++) await keyboard.press(n % 3 === 2 ? "KeyK" : "KeyJ", { delay: 40 });
      await keyboard.up(way);
    }
  };
  const fight = attack();
  await Promise.all([over(ann, 200_000), over(bora, 200_000)]).finally(() => (done = true));
  await fight;
  await ann.page.getByRole("heading", { name: "You win!" }).waitFor();
  await bora.page.getByRole("heading", { name: `${ann.nickname}의 승리` }).waitFor();
  await ann.page.getByText("Both machines agree on the result.").waitFor();
  await bora.page.getByText("두 기기의 결과가 같아요.").waitFor();
  for (const me of [ann, bora]) {
    await me.page.locator('[data-test="rating"]').waitFor();
    await me.shot("2-result");
    await me.checkLayout("the result");
  }
  const way = await ann.page.locator('[data-test="way"]').getAttribute("data-way");
  const { frame, rollbacks, p50 } = await facts(ann);
  log(`${frame} frames, ${rollbacks} rollbacks, p50 ${p50} ms, way: ${way}`);
  await ann.page.locator('[data-test="rematch"]:not([disabled])').click();
  await bora.page.getByText(`${ann.nickname}의 재대결 신청`).click();
  await playing(ann, bora);
}

/** Who loads his page anew has left the match, and is told so; the other one is told too. */
async function reload(ann, bora) {
  await bora.page.reload();
  await bora.page.locator(".lobby").waitFor();
  await over(ann);
  await ann.page.locator('[data-test="to-lobby"]').click();
  await rowOf(ann, bora).locator('[data-test="challenge"]:not([disabled])').waitFor();
}

/** The newest window has the line; the older one says so and can take it back. */
async function secondWindow(ann) {
  const second = await ann.context.newPage();
  await second.goto("/duel");
  await second.locator(".lobby").waitFor();
  await ann.page.getByText("This account has the duel open somewhere else.").waitFor();
  await ann.page.getByRole("button", { name: "Use it here" }).click();
  await ann.page.locator(".lobby ul, .lobby .hint").first().waitFor();
  await until("the older window is in the lobby again", () => second.getByText("This account has the duel open somewhere else.").isVisible());
}
