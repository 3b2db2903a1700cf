// Three people in one room, each through another node of three. The node that holds the room and its media is killed
// without a word; another takes the room over, says so, and the pages have pictures again by themselves.

import assert from "node:assert/strict";
import { Cluster } from "../cluster.mjs";
import { gained, joinMedia, joinRoom, makeRoom, seen, statistics, until, watching } from "../media.mjs";

export const title = "the node that holds the room is killed: pictures are back by themselves within 10 s";

const NAMES = ["ann", "ben", "cai"];
/** Spec 6.3, and a page's own way to it. */
const BACK_MS = 10_000;

export async function run({ open, log }) {
  const cluster = await Cluster.start();
  try {
    await failOver(cluster, open, log);
  } finally {
    await cluster.stop();
  }
}

async function failOver(cluster, open, log) {
  const people = [];
  for (const [i, name] of NAMES.entries()) people.push(await open({ name: `over-${name}`, script: watching, base: await cluster.door(cluster.nodes[i]) }));
  const url = new URL(await makeRoom(people[0].page, "On a node that dies"));
  await joinMedia(people[0].page);
  for (const { page } of people.slice(1)) {
    await joinRoom(page, url.href.slice(url.origin.length));
    await joinMedia(page);
  }
  await allSeeAll(people, 30_000);
  for (const round of [1, 2]) await kill(cluster, people, round, log);
  for (const visitor of people) await visitor.close(); // before the last node goes
}

/** Two nodes of three may go: the room goes on on the last. */
async function kill(cluster, people, round, log) {
  const node = await cluster.holder();
  const resets = await Promise.all(people.map(({ page }) => seen(page, "resets")));
  people.forEach((visitor) => (visitor.offline = true)); // sockets to that node break
  const began = Date.now();
  cluster.kill(node);
  await Promise.all(people.map(({ name, page }, i) => until(`${name} is told to begin anew`, () => toldSince(page, resets[i]), 3 * BACK_MS)));
  const told = Date.now() - began;
  const times = await allSeeAll(people, 3 * BACK_MS, began);
  log(`${round}: ${node.name} killed; all were told after ${seconds(told)} s, pictures were back after ${times.map(seconds).join(", ")} s`);
  if (Math.max(...times) >= BACK_MS) for (const { name, page } of people) log(`${name}:\n${(await seen(page, "story")).join("\n")}`);
  assert.ok(Math.max(...times) < BACK_MS, `within ${BACK_MS} ms: ${times}`);
  people.forEach((visitor) => (visitor.offline = false));
}

const seconds = (ms) => (ms / 1_000).toFixed(1);

async function toldSince(page, before) {
  const now = await seen(page, "resets");
  return now.pub > before.pub && now.sub > before.sub;
}

/** Waits until everybody decodes frames of everybody; after how many ms each pair did. */
function allSeeAll(people, longest, began = Date.now()) {
  const pairs = people.flatMap((to) => people.filter((from) => from !== to).map((from) => [from, to]));
  return Promise.all(
    pairs.map(async ([from, to]) => {
      const id = await seen(from.page, "me");
      await until(`${to.name} sees ${from.name}`, () => flows(to.page, id), longest);
      return Date.now() - began;
    }),
  );
}

async function flows(page, id) {
  const before = await statistics(page);
  await page.waitForTimeout(300);
  return gained(before, await statistics(page), id).frames > 1;
}
