// Three people want seats of one evening: the line, the hall, the payment, and then the room that a paid seat opens. In
// English on wide screens, in Korean on a phone, once by keyboard alone, once through a tunnel.

import assert from "node:assert/strict";

export const title = "showtimes: a line, a hall, a payment, for three people at once";

const base = process.env.BASE_URL;
/** And what this journey breaks by itself. */
const REFUSED = /status of (402|403|409|503)|ERR_FAILED/;
/** A browser under test has no loudspeaker: the bells are counted where they are made. */
const BELLS = "window.bells = 0; const start = OscillatorNode.prototype.start; OscillatorNode.prototype.start = function (at) { window.bells += 1; return start.call(this, at); };";

export async function run({ open, log }) {
  assert.ok(process.env.OPERATOR_TOKEN, "OPERATOR_TOKEN is an operator's access token");
  const show = await plan();
  const ann = await open({ name: "show-ann", script: BELLS });
  const bob = await open({ name: "show-bob", lang: "ko-KR", width: 390, height: 844 });
  const cat = await open({ name: "show-cat", width: 1024, height: 720, reducedMotion: "reduce" });
  for (const one of [ann, bob, cat]) one.expected = REFUSED;
  await comesIn(ann, show);
  await waits(bob, show, "줄 서기");
  await waits(cat, show, "Get in line");
  await keepsItsPlace(cat);
  log("one is in, two wait");
  await buys(ann, bob);
  log("a paid seat lets the next one in, who sees it sold");
  await buysOnAPhone(bob);
  await buysByKeyboard(cat);
  log("a phone through a tunnel, and a keyboard");
  await oneSeatForTwo(open);
  await entersTheRoom(ann, show);
}

// The API, as staff meet it

async function call(method, path, body, key) {
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${process.env.OPERATOR_TOKEN}`, ...(key && { "Idempotency-Key": key }) };
  const response = await fetch(`${base}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  const answer = await response.json().catch(() => null);
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}

const rows = (letters, n) => [...letters].flatMap((row) => Array.from({ length: n }, (_, i) => `${row}${i + 1}`));

async function showtime(wish, labels) {
  const { showtime: made } = await call("POST", "/showtimes", { starts_at: Date.now() + 300_000, price_points: 30, ...wish });
  await call("POST", `/showtimes/${made.id}/seats`, { labels });
  return made;
}

/** A queue that lets in one at a time, and two evenings. */
async function plan() {
  const { queue } = await call("POST", "/queues", { name: "Final", capacity: 1, claim_ttl_ms: 120_000 });
  const final = await showtime({ title: "The final of the northern villages", queue: queue.id, room: { capacity: 4, settings: { media: false } } }, rows("ABCD", 8));
  await showtime({ title: "Open rehearsal", price_points: 0 }, rows("A", 6));
  return final;
}

const accountOf = ({ page }) => page.evaluate(() => JSON.parse(localStorage.getItem("playhouse.identity")).account.id);

async function gives(visitor, amount) {
  await call("POST", `/admin/accounts/${await accountOf(visitor)}/wallet/top-ups`, { amount, reason: "a journey" }, `gift-${Math.random()}`);
}

// The page

async function signIn(visitor) {
  await visitor.page.locator('[data-test="take-part"]').click();
}

async function comesIn(ann, show) {
  const { page } = ann;
  await page.goto("/queue");
  await page.getByRole("heading", { level: 1, name: "Showtimes" }).waitFor();
  await ann.checkLayout("before one has a name");
  await signIn(ann);
  await page.getByRole("link", { name: `Choose ${show.title}` }).waitFor();
  await ann.checkLayout("the list");
  await ann.shot("list");
  await page.getByRole("link", { name: `Choose ${show.title}` }).click();
  await page.locator('[data-test="enter"]').click();
  await page.locator('[data-test="seat-A1"]').waitFor({ timeout: 20_000 });
  assert.equal(new URL(page.url()).pathname, `/queue/${show.queue}`);
  assert.equal(await page.evaluate(() => window.bells), 2, "the chime is two bells");
  await ann.checkLayout("the hall");
}

async function waits(visitor, show, verb) {
  const { page } = visitor;
  await page.goto(`/queue/${show.queue}`);
  await signIn(visitor);
  await page.getByRole("button", { name: verb }).click();
  await page.locator('[data-test="waiting"]').waitFor({ timeout: 20_000 });
  await visitor.checkLayout("the line");
  await visitor.shot("waiting");
}

/** A reload, and a lost network. */
async function keepsItsPlace(cat) {
  const { page } = cat;
  const number = page.locator(".q-number");
  const before = await number.innerText();
  await page.getByText("1", { exact: true }).waitFor(); // Bob is ahead
  await page.reload();
  await page.locator('[data-test="waiting"]').waitFor();
  assert.equal(await number.innerText(), before, "the same number");
  await cat.goOffline();
  await page.waitForTimeout(1_500);
  await cat.goOnline();
  assert.equal(await number.innerText(), before);
}

async function buys(ann, bob) {
  const { page } = ann;
  await page.locator('[data-test="seat-B4"]').click();
  await page.getByRole("button", { name: "Hold seat B4" }).click();
  await page.locator('[data-test="held"]').waitFor();
  await page.locator('[data-test="short"]').getByText("30 points short").waitFor();
  assert.ok(await page.locator('[data-test="pay"]').isDisabled());
  await ann.shot("short");
  assert.match(await page.locator(".q-hold .clock-number").first().innerText(), /^[45]:\d\d$/, "it counts down from five minutes");
  await gives(ann, 100);
  await page.locator('[data-test="balance"]', { hasText: "100" }).waitFor({ timeout: 15_000 });
  await ann.checkLayout("a hold");
  await ann.shot("held");
  await page.locator('[data-test="pay"]').click();
  await page.locator('[data-test="paid"]').getByText("Seat B4 is yours").waitFor();
  await page.locator('[data-test="balance"]', { hasText: "70" }).waitFor();
  await page.getByRole("button", { name: "Get in line for another seat" }).waitFor();
  await ann.shot("paid");
  await bob.page.locator('[data-test="seat-B4"].sold').waitFor({ timeout: 20_000 });
}

async function buysOnAPhone(bob) {
  const { page } = bob;
  await bob.checkLayout("the hall on a phone");
  await bob.shot("hall");
  await page.locator('[data-test="seat-C2"]').click();
  await page.locator('[data-test="hold"]').click();
  await page.locator('[data-test="held"]').waitFor();
  await page.locator('[data-test="give-back"]').click();
  await page.locator('[data-test="seat-C2"].free').waitFor();
  await page.locator('[data-test="seat-C3"]').click();
  await page.locator('[data-test="hold"]').click();
  await page.locator('[data-test="held"]').waitFor();
  await gives(bob, 45);
  await page.locator('[data-test="pay"]:not([disabled])').waitFor({ timeout: 15_000 });
  await bob.checkLayout("a hold on a phone");
  await bob.shot("held");
  // The answer of the payment is lost in a tunnel.
  await page.route("**/payment", async (route) => {
    await route.fetch();
    await route.abort();
  }, { times: 1 });
  await page.locator('[data-test="pay"]').click();
  await page.locator('[data-test="paid"]').waitFor({ timeout: 20_000 });
  await page.locator('[data-test="balance"]', { hasText: "15" }).waitFor(); // once
  await page.reload();
  await page.locator('[data-test="paid"]').waitFor();
  await bob.shot("paid");
}

async function buysByKeyboard(cat) {
  const { page } = cat;
  await page.locator('[data-test="seat-A1"]').waitFor({ timeout: 20_000 });
  await gives(cat, 30);
  await page.locator('[data-test="seat-A1"]').focus();
  for (const key of ["ArrowRight", "ArrowDown", "Enter"]) await page.keyboard.press(key);
  await page.locator('[data-test="seat-B2"][aria-pressed="true"]').waitFor();
  assert.equal(await page.locator('[data-test="seat-B4"]').getAttribute("aria-label"), "B4, sold");
  await page.keyboard.press("Tab");
  assert.match(await page.evaluate(() => document.activeElement.textContent), /Hold seat B2/);
  await page.keyboard.press("Enter");
  await page.locator('[data-test="pay"]:not([disabled])').waitFor({ timeout: 15_000 });
  await page.locator('[data-test="pay"]').focus();
  await page.keyboard.press("Enter");
  await page.locator('[data-test="paid"]').waitFor();
  await page.locator('[data-test="balance"]', { hasText: "0 points" }).waitFor();
}

/** No line: two at the same seat, one is told in words. */
async function oneSeatForTwo(open) {
  const [dan, eve] = [await open({ name: "show-dan" }), await open({ name: "show-eve", width: 360, height: 740 })];
  for (const one of [dan, eve]) {
    one.expected = REFUSED;
    await one.page.goto("/queue");
    await signIn(one);
    await one.page.getByRole("link", { name: "Choose Open rehearsal" }).first().click();
    await one.page.locator('[data-test="seat-A3"]').click();
  }
  await eve.page.route("**/seats?changed_within_ms=*", (route) => route.abort()); // she does not see it coming
  await dan.page.locator('[data-test="hold"]').click();
  await dan.page.locator('[data-test="held"]').waitFor();
  await eve.page.locator('[data-test="hold"]').click();
  await eve.page.locator('[data-test="error"]').getByText("Somebody was faster").waitFor();
  await eve.page.unroute("**/seats?changed_within_ms=*");
  await eve.page.locator('[data-test="seat-A3"].held').waitFor({ timeout: 20_000 });
  await eve.checkLayout("a seat that is gone");
  await eve.shot("taken");
  await dan.page.locator('[data-test="pay"]').click();
  await dan.page.locator('[data-test="paid"]').waitFor();
  await dan.shot("free-paid");
}

async function entersTheRoom(ann, show) {
  const { page } = ann;
  await page.locator('[data-test="enter-room"]').click();
  await page.waitForURL(/\/r\/[A-Z0-9]{6}$/);
  await page.locator(".where-name", { hasText: show.title.slice(0, 20) }).waitFor({ timeout: 20_000 });
  await ann.shot("room");
}
