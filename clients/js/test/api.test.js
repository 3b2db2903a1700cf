// Accounts and tokens over REST.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Api, memoryStore } from "../playhouse.js";
import { fakeFetch, identity } from "./fakes.js";

const TOKENS = { access_token: "a2", token_type: "Bearer", expires_in: 900, refresh_token: "r2" };

test("a guest is signed in at once and remembered", async () => {
  const store = memoryStore();
  const fetch = fakeFetch({ "POST /accounts/guest": ({ nickname }) => [201, { account: { id: "p", nickname, guest: true }, tokens: TOKENS }] });
  const api = new Api({ fetch, store, now: () => 1000 });
  assert.equal((await api.signInAsGuest("보라")).nickname, "보라");
  assert.equal(store.load().tokens.expires_at, 901_000);
  assert.equal(new Api({ fetch, store }).account.id, "p");
});

test("an error carries the problem document's code", async () => {
  const api = new Api({ fetch: fakeFetch({ "POST /accounts/guest": () => [409, { code: "nickname_taken", detail: "taken" }] }) });
  await assert.rejects(api.signInAsGuest("보라"), { status: 409, code: "nickname_taken" });
  await assert.rejects(api.nicknameAvailable("x"), { status: 0, code: "network" });
});

test("a lapsing access token is traded first, once for all who wait", async () => {
  const fetch = fakeFetch({ "POST /sessions/refresh": () => [200, { tokens: TOKENS }], "POST /ws-tickets": () => [201, { ticket: "k" }] });
  const api = new Api({ fetch, store: memoryStore(identity({ expires_at: 1000 })), now: () => 1000 });
  await Promise.all([api.wsTicket(), api.wsTicket()]);
  assert.deepEqual(fetch.calls.map((c) => c.path), ["/sessions/refresh", "/ws-tickets", "/ws-tickets"]);
  assert.equal(fetch.calls[1].auth, "Bearer a2");
});

test("a 401 trades the token and asks again; a refused refresh signs out", async () => {
  let good = true;
  const fetch = fakeFetch({
    "POST /sessions/refresh": () => (good ? [200, { tokens: TOKENS }] : [401, { code: "unauthorized" }]),
    "POST /ws-tickets": () => (fetch.calls.at(-1).auth === "Bearer a2" && good ? [201, { ticket: "k" }] : [401, { code: "unauthorized" }]),
  });
  const store = memoryStore(identity());
  const api = new Api({ fetch, store });
  assert.equal(await api.wsTicket(), "k");
  good = false;
  let out = 0;
  api.onSignedOut = () => out++;
  await assert.rejects(api.wsTicket(), { code: "signed_out" });
  assert.deepEqual([out, store.load()], [1, null]);
});

test("a token that another tab has traded is taken from the store", async () => {
  const store = memoryStore(identity({ expires_at: 0 }));
  const fetch = fakeFetch({ "POST /ws-tickets": () => [201, { ticket: "k" }] });
  const api = new Api({ fetch, store, now: () => 1000 });
  store.save(identity({ access_token: "a9", refresh_token: "r9", expires_at: 900_000 }));
  await api.wsTicket();
  assert.equal(fetch.calls[0].auth, "Bearer a9");
});

test("who comes back from a provider is signed in; who leaves is signed out there too", async () => {
  const fetch = fakeFetch({
    "GET /sessions/oidc": () => [200, { provider: { name: "the club" } }],
    "POST /sessions/oidc/start": () => [201, { authorize_url: "https://id.example/", state: "s", attempt: "a" }],
    "POST /sessions/oidc": ({ attempt, state, code }) => [201, { account: { id: attempt + state + code, nickname: "Ann", guest: false }, tokens: TOKENS }],
    "DELETE /sessions/current": () => [204, null],
  });
  const store = memoryStore();
  const api = new Api({ fetch, store, now: () => 1000 });
  assert.equal((await api.signInProvider()).name, "the club");
  const { state, attempt } = await api.departToProvider();
  assert.equal((await api.signInFromProvider({ attempt, state, code: "c" })).id, "asc");
  assert.equal(store.load().tokens.refresh_token, "r2");
  await api.endSignIn();
  assert.deepEqual([fetch.calls.at(-1).auth, store.load()], ["Bearer a2", null]);
});
