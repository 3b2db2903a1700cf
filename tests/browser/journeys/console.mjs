// An operator finds a player who misbehaves, silences him, looks into his room and ends it; an auditor sees all of it
// and can change nothing; the API page shows what there is.

import assert from "node:assert/strict";

export const title = "staff: the console by its API alone, an auditor without buttons, the API page";

export async function run({ open, log }) {
  const { OPERATOR_TOKEN: operator, AUDITOR_TOKEN: auditor } = process.env;
  assert.ok(operator && auditor, "OPERATOR_TOKEN and AUDITOR_TOKEN are access tokens of staff");
  const player = await open({ name: "console-player" });
  const nickname = await begins(player);
  const staff = await open({ name: "console-operator", width: 1320, height: 900 });
  await signIn(staff, operator);
  await overview(staff);
  await silences(staff, nickname);
  await isSilent(player);
  const room = await looksInto(staff, nickname);
  await ends(staff, player);
  log(`${nickname} was silenced and room ${room} ended`);
  await looksOnly(await open({ name: "console-auditor", width: 1320, height: 900 }), auditor, nickname);
  await onAPhone(await open({ name: "console-phone", width: 390, height: 844 }), operator);
  await byPassword(await open({ name: "console-admin", width: 1320, height: 900 }));
  await theApi(await open({ name: "api", width: 1200, height: 900 }), operator);
}

async function begins({ page, waitForPhase }) {
  await page.goto("/");
  const name = page.locator("#name");
  await name.waitFor();
  const nickname = await name.inputValue();
  await page.getByRole("button", { name: "Play now" }).click();
  await page.locator('.stage[data-phase="day"]').waitFor();
  return nickname;
}

async function signIn(staff, token) {
  const { page } = staff;
  await page.goto("/admin");
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  const way = page.getByText("With an access token");
  if (!(await page.getByLabel("Access token").isVisible())) await way.click();
  await staff.shot("0-sign-in");
  await page.getByLabel("Access token").fill(token);
  await page.getByRole("button", { name: "Sign in with it" }).click();
  await page.locator('[data-test="role"]').waitFor();
}

async function overview(staff) {
  const { page } = staff;
  await page.getByRole("img", { name: /Games being played: now [1-9]/ }).waitFor({ timeout: 10_000 });
  await page.getByRole("table", { name: "Nodes" }).getByText("takes work").waitFor();
  await page.waitForTimeout(7000); // a line needs some points
  await staff.checkLayout("overview");
  await staff.shot("1-now");
}

async function silences(staff, nickname) {
  const { page } = staff;
  await page.getByRole("link", { name: "Players" }).click();
  await page.locator('[data-test="find-player"]').fill(nickname.slice(1));
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: nickname }).click();
  await page.getByRole("button", { name: "Mute" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Reason").fill("insults");
  await dialog.getByLabel(/^Minutes/).fill("10");
  await staff.shot("2-mute");
  await dialog.getByRole("button", { name: "Mute" }).click();
  await page.getByText("muted", { exact: true }).waitFor();
  await staff.checkLayout("player");
  await staff.shot("3-player");
}

async function isSilent({ page }) {
  await page.waitForTimeout(1500); // what a node needs to hear of it
  await page.locator("#say").fill("you are all fools");
  await page.locator("#say").press("Enter");
  await page.getByText(/muted|silenced/i).first().waitFor();
}

async function looksInto(staff, nickname) {
  const { page } = staff;
  await page.getByRole("link", { name: "Rooms", exact: true }).click();
  await page.getByLabel("State").selectOption("playing");
  await staff.shot("4-rooms");
  await staff.checkLayout("rooms");
  await page.getByRole("row", { name: new RegExp(nickname) }).getByRole("link").click();
  await page.getByRole("heading", { name: "The game so far" }).waitFor();
  const timeline = page.getByRole("img", { name: /^([4-9]|\d\d+) phases over/ });
  await timeline.waitFor({ timeout: 150_000 }); // it grows by itself, as the game goes on
  await page.getByText(/game\.role/).first().waitFor();
  await staff.checkLayout("room");
  await page.screenshot({ path: `${staff.artifacts}/${staff.name}-5-room.png`, fullPage: true });
  return page.locator("dd .mono").first().innerText();
}

async function ends(staff, player) {
  const { page } = staff;
  await page.getByRole("button", { name: "End room" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(/^Reason/).fill("insults in chat");
  await dialog.getByRole("button", { name: "End room" }).click();
  await page.getByText("The room has ended.").waitFor();
  await player.page.locator(".stage").waitFor({ state: "detached", timeout: 10_000 });
  await player.shot("9-room-ended");
}

async function looksOnly(staff, token, nickname) {
  const { page } = staff;
  await signIn(staff, token);
  for (const screen of await page.getByRole("navigation", { name: "Sections" }).getByRole("link").allInnerTexts()) {
    await page.getByRole("link", { name: screen, exact: true }).click();
    await page.getByRole("heading", { level: 1, name: screen }).waitFor();
    await page.getByText("Loading…").first().waitFor({ state: "detached" });
    const buttons = await page.locator("main button").allInnerTexts();
    assert.deepEqual(buttons.filter((name) => !["Find", "Show more", "Save as CSV"].includes(name)), [], `nothing to change at ${screen}`);
  }
  await page.getByRole("link", { name: "Audit log" }).click();
  for (const action of ["room.ended", "room.watched", "account.muted"]) await page.getByText(action, { exact: true }).first().waitFor();
  await staff.checkLayout("audit");
  await staff.shot("1-audit");
  await page.getByRole("link", { name: "Players" }).click();
  await page.locator('[data-test="find-player"]').fill(nickname);
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: nickname }).click();
  await page.getByText("muted", { exact: true }).waitFor();
  assert.equal(await page.getByRole("button", { name: /mute|ban/i }).count(), 0, "an auditor has no buttons");
  await staff.shot("2-player");
  const path = `/api/v1/admin/players/${new URL(page.url()).hash.split("/").at(-1)}/mute`;
  staff.offline = true; // the browser notes the refusal that we ask for
  const status = await page.evaluate(([path, token]) => fetch(path, { method: "DELETE", headers: { Authorization: `Bearer ${token}` } }).then((r) => r.status), [path, token]);
  assert.equal(status, 403, "and the server refuses him anyway");
}

async function onAPhone(staff, token) {
  await signIn(staff, token);
  await staff.page.getByRole("table", { name: "Nodes" }).waitFor();
  await staff.checkLayout("overview on a phone");
  await staff.shot("1-now");
}

/** An ADMIN of `playhouse admin create` signs in as a person does. */
async function byPassword(staff) {
  const { page } = staff;
  const { ADMIN_NAME: name, ADMIN_PASSWORD: password } = process.env;
  assert.ok(name && password, "ADMIN_NAME and ADMIN_PASSWORD are those of an ADMIN");
  await page.goto("/admin");
  await page.getByLabel("Username").fill(name);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.locator('[data-test="role"]', { hasText: "ADMIN" }).waitFor();
  for (const screen of await page.getByRole("navigation", { name: "Sections" }).getByRole("link").allInnerTexts()) {
    await page.getByRole("link", { name: screen, exact: true }).click();
    await page.getByRole("heading", { level: 1, name: screen }).waitFor();
    await page.getByText("Loading…").first().waitFor({ state: "detached" });
  }
}

async function theApi(reader, token) {
  const { page } = reader;
  await page.goto("/docs");
  await page.getByRole("heading", { name: /^Playhouse API/ }).waitFor();
  await page.getByLabel("Access token for trying").fill(token);
  await page.getByLabel("Find", { exact: true }).fill("whose token");
  await page.getByText("Whose token this is").click();
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText("200 OK", { exact: true }).waitFor();
  await page.getByText(/"role": "OPERATOR"/).waitFor();
  await reader.shot("1-docs");
  await page.getByLabel("Find", { exact: true }).fill("");
  await reader.checkLayout("the API page");
  await reader.shot("2-docs");
}
