#!/usr/bin/env node
// Owns: running the browser journeys against a live node.
//
//   BASE_URL=http://127.0.0.1:8080 node run.mjs [journey …]
//
// BASE_URL   the address of a node with media.enabled (required)
// OPERATOR_TOKEN, AUDITOR_TOKEN, ADMIN_TOKEN  access tokens of staff, for the console (scripts/make_staff.py makes them)
// CONSOLE_PLAYER  the account that scripts/make_console_data.py prints: that node has something in every screen
// ADMIN_NAME, ADMIN_PASSWORD  of an ADMIN who signs in to the console (playhouse admin create makes one)
// OIDC_PORT  where the node looks for its OpenID Connect provider: the journey `sign-in` starts one there
// TURN_PORT, TURN_SECRET  of the TURN server that the node tells players of: the journey `duel-relay` starts it there
// DUEL_SECONDS  how long the duel is played (default 60)
// PLAYHOUSE  the program of which media-failover starts nodes of its own (default: the debug build)
// ARTIFACTS  where screenshots go (default: a new temporary directory)
// CHROMIUM   the browser (default /usr/bin/chromium)
//
// Exits with 1 if a journey fails or a page's console has an error.

import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { launch, Visitor } from "./harness.mjs";

const base = process.env.BASE_URL;
if (!base) {
  console.error("BASE_URL is not set: start a node and pass its address, e.g. BASE_URL=http://127.0.0.1:8080");
  process.exit(2);
}
const artifacts = process.env.ARTIFACTS || mkdtempSync(join(tmpdir(), "playhouse-browser-"));
const folder = fileURLToPath(new URL("journeys", import.meta.url));
const wanted = process.argv.slice(2);
const names = readdirSync(folder).map((file) => file.replace(/\.mjs$/, "")).filter((name) => !wanted.length || wanted.includes(name));

async function runJourney(browser, name) {
  const { title, run, setAside } = await import(`./journeys/${name}.mjs`);
  if (setAside && !wanted.length) {
    console.log(`NOT RUN ${title}: ${setAside}`);
    return true;
  }
  const visitors = [];
  const log = (text) => console.log(`  ${name}: ${text}`);
  const open = async (options) => {
    const visitor = await Visitor.open(browser, { base, artifacts, ...options });
    visitors.push(visitor);
    return visitor;
  };
  const began = Date.now();
  try {
    await run({ open, log });
    for (const visitor of visitors) await visitor.close();
    console.log(`ok   ${title} (${Math.round((Date.now() - began) / 1000)} s)`);
    return true;
  } catch (error) {
    console.error(`FAIL ${title}\n${error.stack}`);
    for (const visitor of visitors) {
      await visitor.shot("failed").catch(() => {});
      if (visitor.errors.length) console.error(`  ${visitor.name}: ${visitor.errors.join("\n  ")}`);
      await visitor.context.close().catch(() => {});
    }
    return false;
  }
}

const browser = await launch();
// Journeys with cameras encode and decode, duels count frames: one after the other, so that what stands still does so by
// the rules alone.
const alone = (name) => /^(media-|duel)/.test(name);
const [heavy, light] = [names.filter(alone), names.filter((name) => !alone(name))];
const results = await Promise.all(light.map((name) => runJourney(browser, name)));
for (const name of heavy) results.push(await runJourney(browser, name));
await browser.close();
console.log(`screenshots: ${artifacts}`);
process.exit(results.length && results.every(Boolean) ? 0 : 1);
