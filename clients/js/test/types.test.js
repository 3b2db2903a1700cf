// The types know every message that the server's own document of the protocol lists.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
/** Handled inside the package. */
const INSIDE = new Set(["ping", "session.resume", "session.welcome", "room.state"]);

test("every request and push of the protocol has its type", () => {
  const document = read("../../../docs/protocol.md").split("\n## Shapes")[0];
  const names = [...document.matchAll(/^\| `([a-z_]+(?:\.[a-z_]+)?)` \|/gm)].map(([, name]) => name).filter((name) => name.includes(".") && !INSIDE.has(name));
  assert.ok(names.length > 40, `${names.length} names`);
  const types = read("../playhouse.d.ts");
  assert.deepEqual(names.filter((name) => !types.includes(`"${name}":`)), []);
});
