// A Korean player on a phone: makes a room, changes its settings, fills it with bots, plays by touch to the end.

import assert from "node:assert/strict";

export const title = "a phone in Korean: room, settings, a short game to its end, the other language";

export async function run({ open, log }) {
  const me = await open({ name: "phone-ko", lang: "ko-KR", width: 390, height: 844, reducedMotion: "reduce" });
  const { page } = me;
  await page.goto("/");
  await page.getByRole("button", { name: "바로 시작하기" }).waitFor();
  assert.equal(await page.locator("html").getAttribute("lang"), "ko");
  await me.checkLayout("landing");
  await me.shot("1-landing");

  await page.locator('[data-test="create"]').click();
  await page.getByRole("dialog").waitFor();
  await me.shot("2-create");
  await me.checkLayout("new room");
  await page.locator("label.toggle", { hasText: "화상과 음성" }).click();
  await page.locator('[data-test="create-now"]').click();
  await me.waitForPhase("waiting");
  await me.shot("2-room");
  await settings(me);
  await page.locator('[data-test="fill"]').click();
  await page.locator('[data-test="start"]:not([disabled])').waitFor();
  await me.checkLayout("full room");
  await me.shot("3-full");
  await page.setViewportSize({ width: 360, height: 740 });
  await me.checkLayout("full room at 360");
  await page.locator('[data-test="start"]').click();

  const seen = new Set();
  await me.waitForPhase("day");
  await say(page);
  await me.play({
    minutes: 5,
    onPhase: async (phase) => {
      if (seen.has(phase)) return;
      seen.add(phase);
      await page.waitForTimeout(700);
      await me.shot(`4-${phase}`);
      await me.checkLayout(phase);
    },
  });
  log(`phases: ${[...seen].join(", ")}`);
  assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector(".tile")).transitionDuration), "0s", "reduced motion is heeded");
  await theEnd(me);
}

async function settings(me) {
  const { page } = me;
  await page.getByRole("button", { name: "설정", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("radio", { name: "빠르게" }).check();
  for (const [label, seconds] of [["낮", 3], ["투표", 6], ["변론", 2], ["판결", 6], ["최후의 말", 1], ["밤", 5]]) await dialog.getByLabel(label, { exact: true }).fill(String(seconds));
  await dialog.getByRole("radio", { name: "직업" }).check();
  await me.shot("2-settings");
  await me.checkLayout("settings");
  await dialog.getByRole("button", { name: "설정 저장" }).click();
  await dialog.waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "설정", "the focus is back where it was");
  await page.getByText("설정이 바뀌었어요").waitFor();
}

/** Says something; again if the day broke, and the field with it, while it was typed. */
async function say(page) {
  const [text, field] = ["안녕하세요, 저는 시민이에요", page.locator("#say")];
  const said = page.locator(".said").getByText(text).first();
  for (let tries = 1; ; tries++) {
    await field.fill(text);
    await field.press("Enter");
    try {
      return await said.waitFor({ timeout: 5_000 });
    } catch (error) {
      if (tries === 3) throw error;
    }
  }
}

/** The end, its replay, and the same in the other language; the choice outlives a reload. */
async function theEnd(me) {
  const { page } = me;
  await me.shot("5-over");
  await page.locator('[data-test="replay"]').click();
  await page.locator('[data-test="scrub"]').waitFor();
  await page.waitForTimeout(4000);
  await me.checkLayout("replay");
  await me.shot("6-replay");
  await page.locator('[data-test="replay-close"]').click();
  await page.locator(".lang").click();
  await page.getByRole("button", { name: "Play again" }).waitFor();
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  await page.reload();
  await page.locator('html[lang="en"]').waitFor();
}
