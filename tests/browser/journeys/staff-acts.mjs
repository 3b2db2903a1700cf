// What an ADMIN does in the console is done: each button is clicked to its end, and what came of it is looked at from the
// other side, as the player, the service or the API sees it.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

export const title = "staff: an ADMIN acts, and what he does is done";

const base = process.env.BASE_URL;
const run_id = Math.random().toString(36).slice(2, 8);

export async function run({ open, log }) {
  const { ADMIN_TOKEN: token, CONSOLE_PLAYER: known } = process.env;
  assert.ok(token && known, "ADMIN_TOKEN and CONSOLE_PLAYER are those of scripts/make_console_data.py");
  const admin = await open({ name: "acts-admin", width: 1320, height: 900, reducedMotion: "reduce" });
  await signIn(admin, token);
  const title = await makesAnEvent(admin);
  log(`made ${title}`);
  await rewardsIt(admin);
  await turnsItOnAndPauses(admin);
  await retriesAndDrops(admin, title);
  log("a dead letter was taken, another dropped");
  await mutesAndLifts(admin, await guest());
  await bans(admin, await guest());
  await changesARole(admin, await account());
  await kicks(admin, await open({ name: "acts-kicked" }));
  log("muted, banned, promoted and kicked");
  await givesAServiceItsToken(admin);
  await savesTheClaims(admin);
}

// The API, as others meet it

async function call(method, path, { token, body } = {}) {
  const headers = { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  const response = await fetch(`${base}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  return { status: response.status, body: await response.json().catch(() => null) };
}

async function made(path, body) {
  const answer = await call("POST", path, { body });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body;
}

const guest = () => made("/accounts/guest", {});
const account = () => made("/accounts", { username: `acts_${run_id}`, password: "a long password" });

/** Until it is so: another node, or the next poll, may have to hear of it. */
async function eventually(what, check) {
  for (let tries = 0; tries < 50; tries++) {
    if (await check()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail(what);
}

// The console, as he uses it

async function signIn({ page }, token) {
  await page.goto("/admin");
  if (!(await page.getByLabel("Access token").isVisible())) await page.getByText("With an access token").click();
  await page.getByLabel("Access token").fill(token);
  await page.getByRole("button", { name: "Sign in with it" }).click();
  await page.locator('[data-test="role"]', { hasText: "ADMIN" }).waitFor();
}

/** Opens a form by its button, fills it by its labels, and sends it. */
async function does({ page }, name, { within = page.locator("main"), verb = name, fill = {}, choose = {}, check = [], says }) {
  await within.getByRole("button", { name, exact: true }).first().click();
  const dialog = page.getByRole("dialog");
  for (const [label, text] of Object.entries(fill)) await dialog.getByLabel(label).fill(text);
  for (const [label, value] of Object.entries(choose)) await dialog.getByLabel(label).selectOption(value);
  for (const label of check) await dialog.getByLabel(label).check();
  await dialog.getByRole("button", { name: verb, exact: true }).click();
  await dialog.waitFor({ state: "detached" });
  if (says) await page.getByRole("status").filter({ hasText: says }).waitFor();
}

const minute = (ms) => new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

async function makesAnEvent(admin) {
  const { page } = admin;
  const name = `Seventh level ${run_id}`;
  const fill = {
    Title: name, Description: "Who has come so far?", From: minute(Date.now() - 86_400_000), To: minute(Date.now() + 86_400_000),
    "Condition (JSON)": '{"all": [{"count": "level_up", "gte": 1}]}',
  };
  await page.goto("/admin#/events");
  await does(admin, "New event", { verb: "Save", fill });
  await page.getByRole("row", { name: new RegExp(name) }).getByRole("link").click();
  await page.getByRole("heading", { level: 1, name }).waitFor();
  await page.getByText("level_up: at least 1 times").waitFor();
  return name;
}

async function rewardsIt(admin) {
  const { page } = admin;
  await does(admin, "New reward", { verb: "Save", fill: { Name: "seven stars", Amount: "7", "Stock (empty: no limit)": "70" }, choose: { Kind: "item" } });
  const row = page.getByRole("row", { name: /seven stars/ });
  await row.waitFor();
  assert.match(await row.innerText(), /item\s+7\s+70/);
}

async function turnsItOnAndPauses(admin) {
  const { page } = admin;
  const status = page.locator("main .head .tag").first();
  await does(admin, "Activate", {});
  await status.filter({ hasText: /^active$/ }).waitFor();
  const id = new URL(page.url()).hash.split("/").at(-1);
  const { tokens } = await guest();
  const sees = async () => (await call("GET", `/events/${id}`, { token: tokens.access_token })).status;
  assert.equal(await sees(), 200, "players see it while it is on");
  await does(admin, "Pause", {});
  await status.filter({ hasText: /^inactive$/ }).waitFor();
  assert.equal(await sees(), 404, "and not while it is paused");
  await admin.shot("1-event");
}

/** One that is sound now is taken, and counted; one that is given up is gone. */
async function retriesAndDrops(admin, title) {
  const { page } = admin;
  const preview = async () => {
    await page.goto("/admin#/events");
    await page.getByRole("row", { name: new RegExp(title) }).getByRole("link").click();
    await page.getByRole("button", { name: "Preview" }).click();
    return Number.parseInt(await page.locator("main [role=status]").filter({ hasText: /players meet it now/ }).innerText(), 10);
  };
  assert.equal(await preview(), 0);
  await page.goto("/admin#/dead-letters");
  const sound = page.getByRole("row", { name: /level_up/ });
  await sound.waitFor();
  const rows = await page.locator("tbody tr").count();
  await does(admin, "Retry", { within: sound, says: "It is tried again." });
  await sound.waitFor({ state: "detached" });
  await eventually("the fact that was tried again is counted", async () => (await preview()) === 1);
  await page.goto("/admin#/dead-letters");
  await page.locator("tbody tr").nth(rows - 2).waitFor();
  assert.equal(await sound.count(), 0, "it has not come back");
  const last = page.locator("tbody tr").nth(rows - 2);
  await does(admin, "Drop", { within: last, says: "It is dropped." });
  await page.locator("tbody tr").nth(rows - 2).waitFor({ state: "detached" });
  await admin.shot("2-letters");
  await inTheLog(admin, ["dead_letter.dropped", "dead_letter.retried"]);
}

async function inTheLog({ page }, actions) {
  await page.goto("/admin#/audit");
  for (const action of actions) await page.getByText(action, { exact: true }).first().waitFor();
}

async function mutesAndLifts(admin, { account }) {
  const { page } = admin;
  await page.goto(`/admin#/players/${account.id}`);
  await page.getByRole("heading", { level: 1, name: account.nickname }).waitFor();
  await does(admin, "Mute", { fill: { Reason: `shouts ${run_id}` }, says: "may not chat" });
  await page.goto("/admin#/mutes");
  const row = page.getByRole("row", { name: new RegExp(`shouts ${run_id}`) });
  await row.waitFor();
  await admin.checkLayout("mutes");
  await admin.shot("3-mutes");
  await does(admin, `Lift mute of ${account.nickname}`, { within: row, verb: "Lift mute", says: "may chat" });
  await row.waitFor({ state: "detached" });
}

async function bans(admin, { account, tokens }) {
  const { page } = admin;
  assert.equal((await call("GET", "/me", { token: tokens.access_token })).status, 200);
  await page.goto(`/admin#/players/${account.id}`);
  await page.getByRole("heading", { level: 1, name: account.nickname }).waitFor();
  await does(admin, "Ban", { fill: { Reason: `cheats ${run_id}` }, says: "is banned" });
  await page.getByText("banned", { exact: true }).waitFor();
  await page.getByRole("table", { name: "Bans" }).getByText(`cheats ${run_id}`).waitFor();
  await eventually("his token opens nothing", async () => (await call("GET", "/me", { token: tokens.access_token })).status === 401);
  const back = await call("POST", "/sessions/refresh", { body: { refresh_token: tokens.refresh_token } });
  assert.deepEqual([back.status, back.body.code], [403, "account_banned"]);
  await does(admin, "Lift ban", {});
  await page.getByText("banned", { exact: true }).waitFor({ state: "detached" });
  const again = await call("POST", "/sessions/refresh", { body: { refresh_token: tokens.refresh_token } });
  assert.equal(again.status, 200, "and he is let in again");
}

async function changesARole(admin, { account, tokens }) {
  const { page } = admin;
  await page.goto(`/admin#/players/${account.id}`);
  await page.getByRole("button", { name: "Role", exact: true }).click();
  await admin.shot("4-role");
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await does(admin, "Role", { verb: "Change role", choose: { Role: "AUDITOR" }, says: "has another role" });
  await page.getByRole("definition").filter({ hasText: /^AUDITOR$/ }).waitFor();
  const back = await call("POST", "/sessions/refresh", { body: { refresh_token: tokens.refresh_token } });
  const { access_token: token } = back.body.tokens;
  assert.equal((await call("GET", "/me", { token })).body.account.role, "AUDITOR");
  assert.equal((await call("GET", "/admin/audit", { token })).status, 200, "he reads what an auditor reads");
}

async function kicks(admin, player) {
  const { page } = admin;
  await player.page.goto("/");
  const name = player.page.locator("#name");
  await name.waitFor();
  const nickname = await name.inputValue();
  await player.page.getByRole("button", { name: "Play now" }).click();
  await player.page.locator(".stage").waitFor();
  await page.goto("/admin#/players");
  await page.locator('[data-test="find-player"]').fill(nickname);
  await page.keyboard.press("Enter");
  await page.getByRole("row", { name: new RegExp(nickname) }).getByRole("link", { name: "look" }).click();
  const kick = `Kick ${nickname}`;
  await page.getByRole("button", { name: kick }).waitFor();
  await page.getByText("live", { exact: true }).waitFor();
  await does(admin, kick, { verb: "Kick", fill: { "Reason, for the audit log": "asleep" }, says: "is out" });
  await player.page.locator(".stage").waitFor({ state: "detached", timeout: 10_000 });
  await inTheLog(admin, ["room.kicked", "account.role_changed", "account.unbanned", "account.banned"]);
}

async function givesAServiceItsToken(admin) {
  const { page } = admin;
  const name = `quests ${run_id}`;
  await page.goto("/admin#/service-tokens");
  await does(admin, "New token", { verb: "Issue", fill: { "Name of the service": name }, check: ["Tell what players did (activity.write)"], says: "issued" });
  const token = await page.locator('[data-test="token"]').innerText();
  await admin.checkLayout("service tokens");
  await admin.shot("5-token");
  const fact = { id: crypto.randomUUID(), kind: "quest_completed", account: process.env.CONSOLE_PLAYER, body: { quest: "bridge" } };
  const tell = () => call("POST", "/activity", { token, body: { facts: [fact] } });
  assert.equal((await tell()).status, 202, "the service may tell what players did");
  await page.getByRole("button", { name: "I have it" }).click();
  assert.equal(await page.locator('[data-test="token"]').count(), 0, "it is shown once");
  await does(admin, `Revoke ${name}`, { verb: "Revoke", says: "opens nothing" });
  await page.getByRole("row", { name: new RegExp(name) }).getByText("revoked").waitFor();
  assert.equal((await tell()).status, 401, "and may no more");
}

async function savesTheClaims({ page }) {
  await page.goto("/admin#/claims");
  const saved = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save as CSV" }).click();
  const file = await saved;
  assert.equal(file.suggestedFilename(), "claims.csv");
  const lines = (await readFile(await file.path(), "utf8")).trim().split("\r\n");
  assert.equal(lines[0], "id,event,reward,account,kind,name,amount,status,reason,created_at,updated_at");
  assert.ok(lines.length > 10, `${lines.length} lines`);
}
