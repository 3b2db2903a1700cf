// Every screen of the console as each role sees it, wide and on a phone, on a node that is full of things to see
// (scripts/make_console_data.py): nothing sticks out, nothing is nameless, each role has its own buttons and no others.

import assert from "node:assert/strict";

export const title = "staff: every screen of a full console, by each role, wide and narrow";

/** Rights by the words on buttons: an auditor has none of them. */
const MAY = {
  ADMIN: { player: ["Ban", "Give points", "Mute"], events: ["New event"] },
  OPERATOR: { player: ["Give points", "Mute"], events: ["New event"] },
  AUDITOR: { player: [], events: [] },
};
const READS = ["Find", "Show more", "Save as CSV"];

export async function run({ open, log }) {
  const { CONSOLE_PLAYER: player, OPERATOR_TOKEN, AUDITOR_TOKEN, ADMIN_TOKEN } = process.env;
  assert.ok(player && ADMIN_TOKEN, "CONSOLE_PLAYER is an account that scripts/make_console_data.py prints, ADMIN_TOKEN an ADMIN's");
  for (const [role, token] of [["ADMIN", ADMIN_TOKEN], ["OPERATOR", OPERATOR_TOKEN], ["AUDITOR", AUDITOR_TOKEN]]) {
    for (const [size, width, height] of [["wide", 1320, 900], ["phone", 390, 844]]) {
      const staff = await open({ name: `screens-${role.toLowerCase()}-${size}`, width, height, reducedMotion: "reduce" });
      await signIn(staff, token, role);
      await walk(staff, role);
      await thePlayer(staff, role, player);
      await aShowtime(staff, role);
      await anEvent(staff, role);
      await staff.checkLayout("an event");
      if (role === "ADMIN") await forms(staff, player);
      if (role === "ADMIN") await pictures(staff, size);
    }
    log(`${role} has seen everything`);
  }
}

async function signIn(staff, token, role) {
  const { page } = staff;
  await page.goto("/admin");
  if (!(await page.getByLabel("Access token").isVisible())) await page.getByText("With an access token").click();
  await page.getByLabel("Access token").fill(token);
  await page.getByRole("button", { name: "Sign in with it" }).click();
  await page.locator('[data-test="role"]', { hasText: role }).waitFor();
}

const ready = (page) => page.getByText("Loading…").first().waitFor({ state: "detached" });

async function look(staff, what, role) {
  const { page } = staff;
  await ready(page);
  await staff.checkLayout(what);
  await page.screenshot({ path: `${staff.artifacts}/${staff.name}-${what.toLowerCase().replace(/\W+/g, "-")}.png`, fullPage: true });
  assert.equal(await page.locator("main .error").count(), 0, `${what}: nothing was refused`);
  if (role === "AUDITOR") {
    const buttons = await page.locator("main button").allInnerTexts();
    assert.deepEqual(buttons.filter((name) => !READS.includes(name)), [], `an auditor changes nothing at ${what}`);
  }
}

async function walk(staff, role) {
  const { page } = staff;
  for (const screen of await page.getByRole("navigation", { name: "Sections" }).getByRole("link").allInnerTexts()) {
    await page.getByRole("link", { name: screen, exact: true }).click();
    await page.getByRole("heading", { level: 1, name: screen }).waitFor();
    await look(staff, screen, role);
  }
  for (const [list, heading] of [["reports", "What was said"], ["dead-letters", "What it says"]]) {
    await page.goto(`/admin#/${list}`);
    await page.getByRole("row").nth(1).getByRole("link").first().click();
    await page.getByRole("heading", { name: heading }).waitFor();
    await look(staff, `one of ${list}`, role);
  }
}

async function thePlayer(staff, role, player) {
  const { page } = staff;
  await page.goto(`/admin#/players/${player}`);
  for (const name of ["Ledger", "Inventory", "Claims", "Reports", "Sessions"]) await page.getByRole("table", { name, exact: true }).waitFor();
  await page.getByRole("img", { name: /^The balance over \d+ entries: from 0 to 150 points$/ }).waitFor();
  await page.getByText("150 points").waitFor();
  await page.getByText("커피 쿠폰").first().waitFor();
  await look(staff, "a player", role);
  const named = await page.locator("main .head button").allInnerTexts();
  assert.deepEqual(named.sort(), MAY[role].player, `what ${role} may do to a player`);
}

async function anEvent(staff, role) {
  const { page } = staff;
  await page.goto("/admin#/events");
  await page.locator(".calendar li").nth(3).waitFor();
  assert.deepEqual(await page.locator("main .head button").allInnerTexts(), MAY[role].events);
  await page.getByRole("row", { name: /Winter tournament/ }).getByRole("link").click();
  await page.getByRole("img", { name: /^[1-9]\d* claims: [1-9]\d* granted/ }).waitFor();
  await page.getByRole("meter").first().waitFor();
  await look(staff, "an event", role);
}

async function aShowtime(staff, role) {
  const { page } = staff;
  await page.goto("/admin#/showtimes");
  assert.deepEqual(await page.locator("main .head button").allInnerTexts(), role === "AUDITOR" ? [] : ["New showtime"]);
  await page.getByRole("row", { name: /A night of the old hands/ }).getByRole("link").first().click();
  // The ban of one who held a seat has given it back; the other holds end after five minutes.
  await page.getByRole("img", { name: /^(47 free, 4 held|51 free, 0 held), 9 sold$/ }).waitFor();
  await look(staff, "a showtime", role);
}

/** Each form fits, says what it wants, and goes without a trace. */
async function forms(staff, player) {
  const { page } = staff;
  const winter = await page.evaluate(() => location.hash);
  for (const [hash, names] of [[`#/players/${player}`, ["Ban", "Give points", "Mute"]], ["#/events", ["New event"]], ["#/showtimes", ["New showtime"]], [winter, ["Edit", "New reward", "Pause"]]]) {
    await page.goto(`/admin${hash}`);
    await ready(page);
    for (const name of names) {
      await page.locator("main").getByRole("button", { name, exact: true }).first().click();
      const dialog = page.getByRole("dialog");
      await dialog.waitFor();
      await staff.checkLayout(`the form ${name}`);
      await staff.shot(`form-${name.toLowerCase().replace(" ", "-")}`);
      await dialog.getByRole("button", { name: "Cancel" }).click();
      await dialog.waitFor({ state: "detached" });
    }
  }
}

/** The figures of claims follow what is chosen. */
async function pictures(staff, size) {
  const { page } = staff;
  await page.goto("/admin#/claims");
  const told = page.getByRole("img", { name: /claims: / });
  await told.waitFor();
  const count = async () => Number.parseInt(await told.getAttribute("aria-label"), 10);
  const day = await count();
  await page.getByLabel("Period").selectOption("last week");
  for (let tries = 0; tries < 50 && (await count()) <= day; tries++) await page.waitForTimeout(100);
  assert.ok((await count()) > day, "a week has more than its last day");
  await page.getByLabel("Status").selectOption("compensated");
  await page.getByText("account_banned").first().waitFor();
  assert.equal(await page.getByRole("cell", { name: "granted", exact: true }).count(), 0);
  await staff.shot(`claims-compensated-${size}`);
}
