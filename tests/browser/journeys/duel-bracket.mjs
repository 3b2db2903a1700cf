// A bracket of five on `/duel?bracket=`: one who has no seat yet and buys it, byes, one who does not come, matches that end
// by giving up, the final on a phone in Korean, a champion; and what each of them is told on the way.
//
// The node says who has not come after `brackets.show_ms`: start it with a short one (scripts/test.sh does).

import assert from "node:assert/strict";

export const title = "a bracket of duels: a seat, byes, a no-show, giving up, the final, and a tree that tells it all";

const base = process.env.BASE_URL;
/** What one is refused before one has paid. */
const REFUSED = /status of (402|403|409|503)/;

export async function run({ open, log }) {
  assert.ok(process.env.OPERATOR_TOKEN, "OPERATOR_TOKEN is an operator's access token");
  const cup = await plan();
  const ann = await open({ name: "bracket-ann" });
  const bob = await open({ name: "bracket-bob", lang: "ko-KR", width: 390, height: 844 });
  const cat = await open({ name: "bracket-cat", width: 360, height: 740, reducedMotion: "reduce" });
  const dan = await open({ name: "bracket-dan", lang: "ko-KR", width: 1024, height: 720 });
  const eve = await open({ name: "bracket-eve" });
  await buysHerWayIn(ann, cup);
  for (const [n, one] of [bob, cat, dan].entries()) await comesIn(one, cup, n + 1);
  await everybodyIsSeen(ann, bob);
  await call("PATCH", `/showtimes/${cup.id}`, { starts_at: Date.now() + 12_000 });
  await comesIn(eve, cup, 4); // who comes in brings word of the new time
  await ann.page.locator('[data-test="count"]', { hasText: /0:\d\d/ }).waitFor();
  await eve.page.close(); // and is gone
  const began = Date.now();
  await byes(ann, bob, dan);
  await walkover(dan, ann);
  log(`who did not come was out after ${Math.round((Date.now() - began) / 1000)} s`);
  await semifinals(ann, bob, cat, dan);
  await final(ann, bob, cat, dan);
}

async function call(method, path, body, { token = process.env.OPERATOR_TOKEN, key } = {}) {
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${token}`, ...(key && { "Idempotency-Key": key }) };
  const response = await fetch(`${base}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  const answer = await response.json().catch(() => null);
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}

/** A showtime with a bracket, and its seats. */
async function plan() {
  const { showtime } = await call("POST", "/showtimes", { title: "Cup of the northern villages", starts_at: Date.now() + 600_000, price_points: 0, bracket: {} });
  const { items } = await call("POST", `/showtimes/${showtime.id}/seats`, { labels: ["A1", "A2", "A3", "A4", "A5"] });
  return { id: showtime.id, title: showtime.title, seats: items.map(({ id }) => id) };
}

const standing = ({ page }, is, timeout = 30_000) => page.locator(`[data-test="standing"][data-is="${is}"]`).waitFor({ timeout });
const playing = (...people) => Promise.all(people.map(({ page }) => page.locator('.arena[data-stage="playing"]').waitFor({ timeout: 40_000 })));

/** A guest at the door, with no seat. */
async function knocks(one, cup) {
  one.expected = REFUSED;
  await one.page.goto(`/duel?bracket=${cup.id}`);
  one.nickname = `${one.name.slice(8)}${Math.floor(Math.random() * 1e5)}`;
  await one.page.locator("#name").fill(one.nickname);
  await one.page.locator('[data-test="enter"]').click();
  await one.page.locator('[data-test="get-seat"]').waitFor();
}

/** From the door to the hall, a seat, and back. */
async function buysHerWayIn(ann, cup) {
  const { page } = ann;
  await knocks(ann, cup);
  await ann.checkLayout("at the door");
  await ann.shot("1-no-seat");
  await page.locator('[data-test="get-seat"]').click();
  await page.locator('[data-test="seat-A1"]').click();
  await page.locator('[data-test="hold"]').click();
  await page.locator('[data-test="pay"]:not([disabled])').click({ timeout: 20_000 });
  await page.locator('[data-test="enter-bracket"]').click({ timeout: 20_000 });
  await standing(ann, "open");
}

/** The same, of which the page knows only the end. */
async function comesIn(one, cup, seat) {
  await knocks(one, cup);
  const token = await one.page.evaluate(() => JSON.parse(localStorage.getItem("playhouse.identity")).tokens.access_token);
  const { reservation } = await call("POST", `/showtimes/${cup.id}/seats/${cup.seats[seat]}/reservations`, {}, { token });
  await call("POST", `/reservations/${reservation.id}/payment`, {}, { token, key: `bracket-${reservation.id}` });
  await one.page.reload();
  await standing(one, "open");
}

async function everybodyIsSeen(ann, bob) {
  await ann.page.getByText("Players in: 4").waitFor();
  await ann.page.getByRole("heading", { level: 1, name: "Cup of the northern villages" }).waitFor();
  for (const one of [ann, bob]) {
    await one.checkLayout("before the start");
    await one.shot("2-open");
  }
}

async function byes(ann, bob, dan) {
  await standing(ann, "next", 40_000);
  await ann.page.getByText("A bye: nobody to play in this round.").waitFor();
  await ann.page.getByText(new RegExp(`Next you meet (${dan.nickname} or eve|eve\\d+ or ${dan.nickname})`)).waitFor();
  await bob.page.getByText("부전승이에요.").waitFor();
  assert.equal(await ann.page.locator(".tree section").count(), 3, "the rounds to come are shown too");
  for (const one of [ann, bob]) {
    await one.checkLayout("a bye");
    await one.shot("3-bye");
  }
}

/** Nobody comes to the other side: he goes on, and the next round begins at once. */
async function walkover(dan, ann) {
  await dan.page.locator(".arena").waitFor({ timeout: 20_000 });
  await dan.shot("4-waits");
  await ann.page.locator(".arena").waitFor({ timeout: 90_000 });
}

async function semifinals(ann, bob, cat, dan) {
  await playing(ann, bob, cat, dan);
  await ann.page.locator(".where-name", { hasText: "Semi-finals" }).waitFor();
  await ann.page.waitForTimeout(2_500);
  await ann.shot("5-semifinal");
  await ann.checkLayout("a match of a bracket");
  await dan.page.locator('[data-test="leave"]').click();
  await standing(dan, "out");
  await dan.page.getByText(`포기해서 ${ann.nickname} 님이 올라가요.`).waitFor();
  await dan.checkLayout("out");
  await dan.shot("6-out");
  await ann.page.locator('[data-test="within"]', { hasText: "Next you meet" }).waitFor();
  assert.equal(await ann.page.locator('[data-test="rematch"]').count(), 0, "who is out of a bracket is not asked for a rematch");
  await ann.shot("6-goes-on");
  await ann.page.getByRole("button", { name: "Back to the bracket" }).click();
  await standing(ann, "next");
  await ann.page.getByText(new RegExp(`Next you meet (${bob.nickname} or ${cat.nickname}|${cat.nickname} or ${bob.nickname})`)).waitFor();
  await ann.checkLayout("between two rounds");
  await ann.shot("7-tree");
  await cat.page.locator('[data-test="leave"]').click();
  await standing(cat, "out");
  await cat.checkLayout("out, on a phone");
  await cat.shot("7-out");
}

async function final(ann, bob, cat, dan) {
  await playing(ann, bob);
  await bob.page.waitForTimeout(2_000);
  await bob.shot("8-final");
  await bob.checkLayout("the final on a phone");
  await bob.page.locator('[data-test="leave"]').click();
  await ann.page.locator('[data-test="within"]', { hasText: "You have won it all!" }).waitFor();
  await ann.page.locator('[data-test="to-lobby"]').click();
  await standing(ann, "champion");
  for (const one of [bob, cat, dan]) await standing(one, "over");
  await bob.page.getByText(`${ann.nickname} 님이 우승했어요!`).waitFor();
  for (const one of [ann, bob, cat, dan]) {
    await one.checkLayout("the end");
    await one.page.screenshot({ path: `${one.artifacts}/${one.name}-9-end.png`, fullPage: true });
  }
  const winners = await ann.page.locator(".tree section").evaluateAll((rounds) => rounds.map((round) => [...round.querySelectorAll(".contestant.won .name")].map((el) => el.textContent)));
  assert.deepEqual(winners, [[ann, dan, bob, cat].map((it) => it.nickname), [ann, bob].map((it) => it.nickname), [ann.nickname]]);
}
