// Somebody alone on a phone, in Korean: practises by touch against the puppet, upright and on its side; the other language;
// reduced motion; a keyboard alone.

import assert from "node:assert/strict";

export const title = "the duel on a phone: practice by touch in Korean, on its side, reduced motion; the same by keyboard";

export async function run({ open, log }) {
  await phone(open, log);
  await keyboard(open);
}

async function phone(open, log) {
  const me = await open({ name: "duel-phone-ko", lang: "ko-KR", width: 390, height: 844, reducedMotion: "reduce" });
  const { page } = me;
  await page.goto("/duel");
  await page.getByRole("button", { name: "로비에 들어가기" }).waitFor();
  assert.equal(await page.locator("html").getAttribute("lang"), "ko");
  await me.checkLayout("entry");
  await me.shot("1-entry");
  await page.locator("summary").click();
  await me.checkLayout("keys");
  await page.locator('[data-test="practise"]').click();
  await page.locator('.arena[data-stage="playing"] .pads').waitFor();
  await page.waitForTimeout(2_600);
  await me.checkLayout("fight");
  await touches(me);
  await me.shot("2-fight");
  await page.setViewportSize({ width: 844, height: 390 });
  await page.waitForTimeout(700);
  await me.checkLayout("on its side");
  await me.shot("3-side");
  await page.setViewportSize({ width: 360, height: 740 });
  await page.waitForTimeout(400);
  await me.checkLayout("at 360");
  await page.locator(".line input").first().fill("150");
  await page.waitForTimeout(4_000);
  const ping = Number(await page.locator('[data-test="ping"]').innerText());
  assert.ok(ping > 180, `the line is as bad as asked for: ${ping} ms`);
  await me.shot("4-bad-line");
  await page.locator(".lang").click();
  await page.getByText("Frame time").waitFor();
  await me.checkLayout("fight in English");
  const { frame, rollbacks, p50 } = await page.locator(".arena").evaluate((el) => ({ ...el.dataset }));
  log(`${frame} frames, ${rollbacks} rollbacks, p50 ${p50} ms`);
  assert.ok(Number(rollbacks) > 0);
  await page.locator('[data-test="leave"]').click();
  await page.getByRole("button", { name: "Enter the lobby" }).waitFor();
}

/** A finger that comes down lights a button and is let go of; one that slides presses the next. */
async function touches({ page, context }) {
  const client = await context.newCDPSession(page);
  const middle = async (name) => {
    const { x, y, width, height } = await page.locator(`.pad.${name}`).boundingBox();
    return { x: x + width / 2, y: y + height / 2 };
  };
  const touch = (type, ...points) => client.send("Input.dispatchTouchEvent", { type, touchPoints: points.map((point, id) => ({ ...point, id })) });
  const held = () => page.locator(".pad.held").evaluateAll((list) => list.map((el) => el.classList[1]).sort());
  const [left, right, light] = [await middle("left"), await middle("right"), await middle("light")];
  await touch("touchStart", right);
  assert.deepEqual(await held(), ["right"]);
  await touch("touchMove", left);
  assert.deepEqual(await held(), ["left"]);
  await touch("touchStart", left, light);
  assert.deepEqual(await held(), ["left", "light"]);
  await touch("touchEnd");
  assert.deepEqual(await held(), []);
}

async function keyboard(open) {
  const me = await open({ name: "duel-keyboard" });
  const { page } = me;
  await page.goto("/duel");
  await page.locator('[data-test="practise"]').waitFor();
  await page.locator("#name").focus();
  for (let i = 0; i < 6 && !(await page.evaluate(() => document.activeElement.dataset.test === "practise")); i++) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.locator('.arena[data-stage="playing"]').waitFor();
  await page.waitForTimeout(2_600);
  await page.keyboard.down("KeyD");
  await page.waitForTimeout(900);
  await page.keyboard.press("KeyK", { delay: 60 });
  await page.keyboard.up("KeyD");
  await page.waitForTimeout(500);
  assert.match(await page.locator('[aria-live="polite"]').innerText(), /Round 1/, "what happens is said too");
  await me.shot("1-fight");
  await page.setViewportSize({ width: 1600, height: 900 });
  await page.waitForTimeout(400);
  await me.checkLayout("on a wide screen");
  await me.shot("2-wide");
}
