// Two people: one makes a room, the other comes by its link; ready lights, leader's rights, plain words for errors,
// and everything by keyboard.

import assert from "node:assert/strict";

export const title = "two people: the link, ready lights, the leader's rights, errors in plain words, the keyboard";

export async function run({ open }) {
  const host = await open({ name: "host" });
  const guest = await open({ name: "guest", lang: "ko-KR", width: 1024, height: 700 });
  await wrongCode(guest);
  const link = await makeRoom(host);
  await join(guest, link);
  await ready(host, guest);
  await transferAndBack(host, guest);
  await talk(host, guest);
  await kick(host, guest, link);
  await secondWindow(host);
}

async function wrongCode({ page }) {
  await page.goto("/");
  await page.getByLabel("방 코드").fill("zzzzzz");
  await page.getByRole("button", { name: "들어가기", exact: true }).click();
  await page.getByRole("alert").getByText("이 코드의 방이 없어요.").waitFor();
}

async function makeRoom(host) {
  const { page } = host;
  await page.goto("/");
  await page.locator("#name").focus();
  await page.keyboard.press("Tab"); // another name
  await page.keyboard.press("Tab");
  assert.match(await page.evaluate(() => document.activeElement.textContent), /Play now/, "the primary action is next to the name");
  await page.locator('[data-test="create"]').focus();
  await page.keyboard.press("Enter");
  await page.getByLabel("Room name").fill("Friday night");
  await page.getByRole("radio", { name: "With link only" }).check();
  await page.locator("label.toggle", { hasText: "Video and voice" }).click();
  await page.getByLabel("Room name").focus();
  await page.keyboard.press("Enter");
  await host.waitForPhase("waiting");
  await page.getByText("Friday night").first().waitFor();
  return page.url();
}

async function join(guest, link) {
  const { page } = guest;
  await page.goto(link);
  await page.getByRole("button", { name: /방에 들어가기/ }).waitFor();
  await guest.shot("1-invited");
  await page.getByRole("button", { name: /방에 들어가기/ }).click();
  await guest.waitForPhase("waiting");
  assert.equal(await page.locator(".tile:not(.empty)").count(), 2);
}

async function ready(host, guest) {
  for (let i = 0; i < 2; i++) {
    await host.page.getByRole("button", { name: "Add a bot" }).click();
    await host.page.locator(`.tile:not(.empty) >> nth=${2 + i}`).waitFor();
  }
  const start = host.page.locator('[data-test="start"]');
  await start.waitFor();
  assert.ok(await start.isDisabled(), "one is not ready");
  await host.page.getByText("Waiting for 1 to get ready").waitFor();
  await guest.page.getByRole("button", { name: "준비하기" }).click();
  await host.page.locator('[data-test="start"]:not([disabled])').waitFor();
  await host.shot("2-startable");
  await guest.shot("2-ready");
}

async function transferAndBack(host, guest) {
  const name = (visitor) => visitor.page.locator(".tile.me .tile-name span").innerText();
  const [hostName, guestName] = [await name(host), await name(guest)];
  await host.page.locator(".tile", { hasText: guestName }).focus();
  await host.page.keyboard.press("Enter");
  await host.page.getByRole("button", { name: "Make leader" }).click();
  await guest.page.getByRole("button", { name: "설정", exact: true }).waitFor();
  await guest.page.locator(".tile", { hasText: hostName }).click();
  await guest.page.getByRole("button", { name: "방장 넘기기" }).click();
  await host.page.getByRole("button", { name: "Settings" }).waitFor();
}

async function talk(host, guest) {
  await host.page.keyboard.press("/");
  assert.equal(await host.page.evaluate(() => document.activeElement.id), "say");
  await host.page.keyboard.type("hello <b>there</b>");
  await host.page.keyboard.press("Enter");
  await guest.page.locator(".said").getByText("hello <b>there</b>").waitFor();
}

async function kick(host, guest, link) {
  const guestName = await guest.page.locator(".tile.me .tile-name span").innerText();
  await host.page.locator(".tile", { hasText: guestName }).click();
  await host.page.getByRole("button", { name: "Remove and keep out" }).click();
  await guest.page.getByText("방장이 당신을 내보냈어요.").waitFor();
  await guest.page.goto(link);
  await guest.page.getByRole("button", { name: /방에 들어가기/ }).click();
  await guest.page.getByRole("alert").getByText("이 방에는 다시 들어갈 수 없어요.").waitFor();
}

/** The newest session wins; the older one says so and can take it back. */
async function secondWindow(host) {
  const second = await host.context.newPage();
  await second.goto("/");
  await second.locator('.stage[data-phase="waiting"]').waitFor();
  await host.page.getByText("This account is open in another window.").waitFor();
  await host.shot("3-replaced");
  await host.page.getByRole("button", { name: "Play here" }).click();
  await second.getByText("This account is open in another window.").waitFor();
  await host.page.locator(".banner").waitFor({ state: "detached" });
  await second.close();
}
