// Owns: putting the page of showtimes together: client ↔ state ↔ drawing, the address bar, language, sound. The flow is
// one-way: words of the server and presses change the state, the state draws the page once a frame.

import { localStore, Playhouse } from "/assets/client/playhouse.js";
import { startClocks } from "../clockface.js";
import { currentLanguage, detectLanguage, setLanguage, t } from "../i18n/index.js";
import { draw as learnIcons } from "../icons.js";
import { patch } from "../lib/dom.js";
import { isName, suggestName } from "../names.js";
import { scene } from "../scene.js";
import { ring, wake } from "./chime.js";
import { createHall } from "./hall.js";
import { createLine, OUTSIDE } from "./line.js";
import { createState, mineOf, neighbour } from "./state.js";
import { load, save } from "./storage.js";
import { serverTime } from "./time.js";
import { page } from "./views.js";

const TOAST_MS = 5000;
const LIST_MS = 15_000;
/** Showtimes that began so long ago are not shown any more. */
const PAST_MS = 3 * 3_600_000;

learnIcons({
  seat: ["M7 12V6a2 2 0 0 1 2-2h6a2 2 0 0 1 2 2v6M5 11v5h14v-5M7 16v4M17 16v4"],
  coin: ["M12 19.5c4.1 0 7.5-3.4 7.5-7.5S16.1 4.5 12 4.5 4.5 7.9 4.5 12s3.4 7.5 7.5 7.5z", "M12 8.5v7M9.5 10.5h4a1.5 1.5 0 0 1 0 3h-3.5"],
  bell: ["M6 17V11a6 6 0 0 1 12 0v6l1.5 1.5h-15zM10 21h4"],
  bell_off: ["M6 17V11a6 6 0 0 1 9-5.2M18 11v6l1.5 1.5h-15M10 21h4M4 4l16 16"],
  hourglass: ["M7 4h10M7 20h10M8 4v4l4 4 4-4V4M8 20v-4l4-4 4 4v4"],
  star: ["M12 4l2.4 5 5.6.7-4.1 3.9 1 5.6-4.9-2.7-4.9 2.7 1-5.6L4 9.7 9.6 9z"],
});

const lang = await setLanguage(detectLanguage(load("playhouse.lang", raw), navigator.languages));
const client = new Playhouse({ store: localStore() });
const store = createState({
  lang, sound: load("playhouse.sound") ?? true, name: client.account?.nickname ?? load("playhouse.name", raw) ?? suggestName(lang), nickname: client.account?.nickname ?? null,
  showtimes: null, showtimeId: null, showtime: null, gone: false, line: OUTSIDE, seats: null, chosen: null, reservations: null, balance: null,
  busy: null, error: null, again: false, link: "idle", unreached: false, toasts: [],
});
const time = serverTime(client);
const line = createLine({ client, store, onAdmitted: admitted, now: time.now });
const hall = createHall({ client, store, line, tell });

/** Other pages keep plain text under these names. */
function raw() {
  return { getItem: (key) => JSON.stringify(localStorage.getItem(key)), setItem: (key, text) => localStorage.setItem(key, JSON.parse(text)) };
}

function tell(key, params) {
  const entry = { n: Math.random(), key, params };
  store.set(({ toasts }) => ({ toasts: [...toasts, entry].slice(-3) }));
  setTimeout(() => store.set(({ toasts }) => ({ toasts: toasts.filter((it) => it !== entry) })), TOAST_MS);
}

function admitted() {
  if (store.state.sound) ring();
  tell("line.admitted_toast");
}

// ---- what one can do ----------------------------------------------------------------------------------------

const act = {
  setName: (name) => store.set({ name, error: null }),
  async signIn() {
    wake();
    const name = store.state.name.trim();
    if (!isName(name)) return store.set({ error: { code: "invalid_nickname" } });
    store.set({ busy: "sign-in", error: null });
    try {
      const account = await client.signInAsGuest(name);
      save("playhouse.name", account.nickname, raw);
      store.set({ nickname: account.nickname, busy: null });
      await start();
    } catch (error) {
      store.set({ busy: null, error: error.status === 422 ? { code: "invalid_nickname" } : error });
    }
  },
  open(it) {
    const path = it.queue ? `/queue/${it.queue}` : "/queue";
    history.pushState(null, "", `${path}?showtime=${it.id}`);
    route();
  },
  home() {
    history.pushState(null, "", "/queue");
    route();
  },
  enter() {
    wake();
    store.set({ error: null });
    connect();
    line.enter();
  },
  leave: () => line.leave(),
  skipLine: () => (line.skip(), hall.begin()),
  choose: (id) => hall.choose(id),
  hold: () => (wake(), hall.hold()),
  pay: (id) => hall.pay(id),
  giveBack: (id) => hall.giveBack(id),
  /** Into the showtime's room, with the seat that one has paid for: the game's own page shows it. */
  async enterRoom() {
    store.set({ busy: "room", error: null });
    try {
      await client.connect();
      const { room } = await client.request("room.join", { showtime: store.state.showtime.id });
      location.assign(`/r/${room.code}`);
    } catch (error) {
      store.set({ busy: null, error });
    }
  },
  retryNow: () => (client.connection.retryNow(), hall.look()),
  toggleSound() {
    wake();
    save("playhouse.sound", !store.state.sound);
    store.set(({ sound }) => ({ sound: !sound }));
    if (store.state.sound) ring();
  },
  async switchLanguage() {
    await setLanguage(store.state.lang === "ko" ? "en" : "ko");
    save("playhouse.lang", currentLanguage(), raw);
    store.set({ lang: currentLanguage() });
  },
  /** Arrows walk over the seats. */
  walk(event, rows) {
    const next = neighbour(rows, event.target.dataset?.seat, event.key);
    if (!next) return;
    event.preventDefault();
    root.querySelector(`[data-seat="${next.id}"]`)?.focus();
  },
};

/** A socket that tells of the line, and of one's reservations: without it the page asks. */
function connect() {
  if (client.account && client.state === "idle") client.connect().catch(() => {});
}

client.on("state", (link) => store.set({ link }));
client.on("closed", () => {
  if (!client.account) store.set({ nickname: null, balance: null, reservations: null, error: { code: "signed_out" } });
});
addEventListener("online", () => act.retryNow());
addEventListener("offline", () => client.connection.suspect());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible") return;
  if (client.state !== "idle") client.connection.retryNow();
  if (store.state.showtime) (line.look(), hall.look());
});
addEventListener("popstate", route);

// ---- address → state ----------------------------------------------------------------------------------------

async function route() {
  const queue = /^\/queue\/([0-9a-f-]{36})$/.exec(location.pathname)?.[1] ?? null;
  let id = new URLSearchParams(location.search).get("showtime");
  hall.end();
  store.set({ showtimeId: id ?? (queue && "first"), showtime: null, gone: false, line: OUTSIDE, seats: null, chosen: null, error: null });
  if (!client.account) return;
  try {
    if (!id && queue) id = await firstOf(queue);
    if (!id && queue) return store.set({ gone: true });
    if (!id) return await listAll();
    const { showtime } = await client.api.call("GET", `/showtimes/${encodeURIComponent(id)}`);
    store.set({ showtime, showtimeId: id });
    await Promise.all([line.begin(), hall.lookAtMine().catch(() => {})]);
    if (store.state.line.ticket) connect();
  } catch (error) {
    if (error.status === 404) return store.set({ gone: true });
    if (error.status === 401) return store.set({ nickname: null });
    store.set({ error, unreached: error.status === 0 });
    setTimeout(route, LIST_MS / 5);
  }
}

async function listAll() {
  const from = Date.now() - PAST_MS;
  const { items } = await client.api.call("GET", `/showtimes?limit=100&from=${from}`);
  store.set({ showtimes: items, unreached: false });
}

/** The showtime that a queue's own link means: the next one. */
async function firstOf(queue) {
  await listAll();
  return store.state.showtimes.find((it) => it.queue === queue)?.id ?? null;
}

/** Where seats are to be looked at: in the hall, or while one of them is ours. */
let inHall = false;
store.subscribe((state) => {
  const here = !!state.showtime && (["admitted", "none"].includes(state.line.kind) || mineOf(state, "held").length + mineOf(state, "paid").length > 0);
  if (here === inHall) return;
  inHall = here;
  if (here) (connect(), hall.begin());
  else hall.end();
});

// ---- state → page -------------------------------------------------------------------------------------------

const root = document.getElementById("app");
const tick = startClocks(time.now);
let frame = 0;

function draw() {
  frame = 0;
  const { state } = store;
  document.documentElement.lang = state.lang;
  document.body.dataset.light = state.line.kind === "waiting" ? "night" : "eve";
  document.title = title(state);
  patch(root, page(state, act));
  tick();
}

function title({ showtime, line: place }) {
  const what = place.kind === "waiting" ? `${place.ahead > 0 ? t("line.ahead", { n: place.ahead }) : t("line.next")} · ` : place.kind === "admitted" ? `${t("line.admitted")} · ` : "";
  return `${what}${showtime?.title ?? t("q.title")} · Playhouse`;
}

store.subscribe(() => (frame ||= requestAnimationFrame(draw)));

async function start() {
  await time.measure();
  await route();
}

patch(document.getElementById("scene"), scene());
draw();
await start();
setInterval(() => document.visibilityState === "visible" && client.account && !store.state.showtimeId && listAll().catch(() => {}), LIST_MS);
