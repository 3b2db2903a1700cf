// The way to the provider and back, as a browser would see it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { depart, takeReturn } from "../signin.js";

const AWAY = { authorize_url: "https://id.example/authorize?state=s1", state: "s1", attempt: "secret" };

function browser(pathname = "/") {
  const kept = new Map();
  const it = {
    location: { pathname, hash: "", search: "", assign: (url) => (it.went = url) },
    history: { replaceState: (_state, _title, url) => (it.shown = url) },
    sessionStorage: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) },
    arrivesAt: (address) => Object.assign(it.location, { pathname: "/", hash: "", search: "" }, address),
  };
  return it;
}

const leaves = async (it) => depart({ departToProvider: async () => AWAY }, it);

test("who goes to the provider comes back to where he was, with nothing left in the address", async () => {
  for (const address of [{ hash: "#state=s1&code=c%2F1" }, { search: "?code=c%2F1&state=s1&iss=https%3A%2F%2Fid.example" }]) {
    const it = browser("/r/ABCDEF");
    await leaves(it);
    assert.equal(it.went, AWAY.authorize_url);
    it.arrivesAt(address);
    assert.deepEqual(takeReturn(it), { attempt: "secret", state: "s1", code: "c/1" });
    assert.equal(it.shown, "/r/ABCDEF");
  }
});

test("a return that nobody here began, or that comes twice, signs nobody in", async () => {
  const it = browser();
  it.arrivesAt({ hash: "#state=s1&code=c1" });
  assert.deepEqual(takeReturn(it), { error: "sign_in_failed" });
  await leaves(it);
  it.arrivesAt({ hash: "#state=another&code=c1" });
  assert.deepEqual(takeReturn(it), { error: "sign_in_failed" });
  it.arrivesAt({ hash: "#state=s1&code=c1" });
  assert.deepEqual(takeReturn(it), { error: "sign_in_failed" });
});

test("the provider's no is said as what it is", async () => {
  for (const [error, code] of [["access_denied", "sign_in_refused"], ["server_error", "sign_in_failed"]]) {
    const it = browser();
    await leaves(it);
    it.arrivesAt({ hash: `#state=s1&error=${error}` });
    assert.deepEqual(takeReturn(it), { error: code });
  }
});

test("any other address is left alone", () => {
  for (const address of [{}, { hash: "#main" }, { search: "?state=open" }]) {
    const it = browser();
    it.arrivesAt(address);
    assert.deepEqual([takeReturn(it), it.shown], [null, undefined]);
  }
});
