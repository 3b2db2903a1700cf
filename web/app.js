// Owns: putting the page together: client ↔ store ↔ drawing, the address bar, language, what survives a reload.
// The flow is one-way: pushes and presses change the store, the store draws the page once a frame.

import { localStore, Playhouse } from "/assets/client/playhouse.js";
import { createActions } from "./actions.js";
import { startClocks } from "./clockface.js";
import { currentLanguage, detectLanguage, setLanguage, t } from "./i18n/index.js";
import { h, patch } from "./lib/dom.js";
import { suggestName } from "./names.js";
import { scene } from "./scene.js";
import { createStore } from "./state/store.js";
import { light, lines } from "./state/view.js";
import { header } from "./views/header.js";
import { landing } from "./views/landing.js";
import { overlays } from "./views/overlays.js";

const LIVE_KEY = "playhouse.live";
const TOAST_MS = 5000;
const ROOMS_EVERY_MS = 4000;
/** A new session of somebody who had a seat: how long to wait for its `room.state` before showing the first page. */
const SEAT_WAIT_MS = 2500;

const saved = takeSaved();
const back = /[#?&]state=/.test(location.hash + location.search) ? (await import("./signin.js")).takeReturn(window) : null;
const inviteCode = location.pathname.match(/^\/r\/([A-Za-z0-9]{6})$/)?.[1].toUpperCase() ?? null;
const lang = await setLanguage(detectLanguage(remembered("playhouse.lang"), navigator.languages));
const client = new Playhouse({ store: localStore(), session: saved?.session ?? null });
const known = client.account?.nickname ?? remembered("playhouse.name");
const store = createStore({
  lang, invite: inviteCode, name: known ?? suggestName(lang), suggested: !known, nickname: client.account?.nickname ?? null,
  member: client.account?.guest === false, provider: null,
  code: "", rooms: null, busy: null, error: null, menu: null, settings: null, create: null, leaving: false, draft: "", will: null,
  muted: {}, toasts: [], replay: null, copied: false, closed: null, media: null,
});
if (saved) store.restore(saved.state);

const page = {
  async setLanguage(tag) {
    await setLanguage(tag);
    remember("playhouse.lang", tag);
    store.ui({ lang: currentLanguage() });
  },
  rememberName: (name) => remember("playhouse.name", name),
  copyByHand(text) {
    const area = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  },
};
const act = createActions(client, store, page);

// ---- server → store -----------------------------------------------------------------------------------------

client.on("push", ({ type, payload }) => store.dispatch(type, payload ?? {}));
client.on("answer", ({ type, payload, request }) => store.dispatch(`answer:${type}`, { ...payload, request }));
client.on("state", (link) => {
  store.dispatch("local.link", { link });
  if (link === "online") store.ui({ closed: null });
});
client.on("session", (session) => {
  store.dispatch("local.session", session);
  const { room } = store.state;
  if (session.mode === "new" && room) awaitSeat(room.room_id);
});
client.on("closed", ({ code }) => {
  const signedOut = !client.account;
  store.ui({ closed: !signedOut && code !== 1000 ? code : null, nickname: client.account?.nickname ?? null });
  if (!signedOut) return;
  store.dispatch("local.outside");
  if (!store.state.ui.busy) store.ui({ rooms: null, error: t("error.signed_out") });
});

/** After `resume_failed`: a `room.state` comes if the seat is still ours. */
function awaitSeat(roomId) {
  const stop = client.on("room.state", () => (stop(), clearTimeout(timer)));
  const timer = setTimeout(() => {
    stop();
    if (store.state.room?.room_id !== roomId) return;
    store.dispatch("local.outside");
    store.dispatch("local.notice", { kind: "out", reason: "dropped" });
  }, SEAT_WAIT_MS);
}

addEventListener("offline", () => client.connection.suspect());
addEventListener("online", () => client.connection.retryNow());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && client.connection.retryNow());
addEventListener("pageshow", (event) => event.persisted && location.reload());
addEventListener("pagehide", () => {
  const session = client.snapshot();
  const { ui: _, ...state } = store.state;
  if (session && state.room) sessionStorage.setItem(LIVE_KEY, JSON.stringify({ session, state }));
});

// ---- store → page -------------------------------------------------------------------------------------------

const backdrop = document.getElementById("scene");
const root = document.getElementById("app");
const tick = startClocks(() => client.serverNow());
let frame = 0;
const redraw = () => (frame ||= requestAnimationFrame(draw));

/** Parts of the page that the first paint does not need; drawn again once they are here. */
const parts = {};
const sources = { media: () => import("./media.js"), room: () => import("./views/room.js"), replay: () => import("./views/replay.js"), settings: () => import("./views/settings.js"), create: () => import("./views/create.js") };
function part(name) {
  if (!(name in parts)) {
    parts[name] = null;
    sources[name]().then((loaded) => ((parts[name] = loaded), redraw()));
  }
  return parts[name];
}

store.subscribe(redraw);
store.subscribe((state) => document.hidden && (document.title = title(state))); // no frames there
addEventListener("resize", redraw);

function draw() {
  frame = 0;
  const { state } = store;
  const shown = state.ui.replay?.film?.steps[state.ui.replay.n].state ?? state;
  if (state.media && !act.media && part("media")) act.media = parts.media.createMedia({ client, store });
  document.documentElement.lang = state.ui.lang;
  document.body.dataset.light = light(shown);
  document.title = title(shown);
  const body = state.ui.replay ? part("replay")?.replayView(state, act) : state.room ? part("room")?.room(state, act) : landing(state, act);
  const form = state.ui.settings ? part("settings")?.settings(state, act) : state.ui.create && part("create")?.create(state, act);
  patch(root, [header(state, act), body ?? loading(), form, parts.room?.mediaDialog(state, act), overlays(state, act)]);
  const pairs = lines(shown).map((line) => ({ ...line, color: shown.roster[line.from]?.color ?? 0 }));
  if (state.ui.busy) part("room"); // on the way: fetched while the server answers
  parts.room?.drawLines(root.querySelector(".stage"), pairs);
  tick();
  address(state);
}

const loading = () => h("main", { id: "main", key: "loading" }, h("p", { class: "hint", role: "status" }, t("app.loading")));

function title({ room: where, game }) {
  if (game?.phase) return `${t(`phase.${game.phase}`)} · Playhouse`;
  return where?.name ? `${where.name} · Playhouse` : "Playhouse";
}

function address({ room: where, ui }) {
  const path = where?.code ? `/r/${where.code}` : ui.invite ? `/r/${ui.invite}` : "/";
  if (where && ui.invite) store.ui({ invite: null });
  if (location.pathname !== path) history.replaceState(null, "", path);
}

// ---- toasts -------------------------------------------------------------------------------------------------

let told = store.state.n;
store.subscribe(({ notices, ui }) => {
  const fresh = notices.filter((entry) => entry.n > told);
  if (!fresh.length) return;
  told = Math.max(told, ...fresh.map((entry) => entry.n));
  store.ui({ toasts: [...ui.toasts, ...fresh] });
  setTimeout(() => store.ui({ toasts: store.state.ui.toasts.filter((entry) => !fresh.includes(entry)) }), TOAST_MS);
});
// A will belongs to one game.
client.on("room.started", () => store.ui({ will: null, menu: null, settings: null, create: null }));

// ---- keys ---------------------------------------------------------------------------------------------------

addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName);
  if (event.key === "Escape" && store.state.ui.replay) act.closeReplay();
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const field = document.getElementById("say");
  if (event.key === "/" && field && !field.disabled) {
    event.preventDefault();
    field.focus();
  }
});

// ---- start --------------------------------------------------------------------------------------------------

patch(backdrop, scene());
draw();
act.askForProvider();
if (back) act.comeBack(back);
else if (client.account) client.connect().then(act.listRooms, () => {});
setInterval(() => document.visibilityState === "visible" && store.state.ui.nickname && act.listRooms(), ROOMS_EVERY_MS);

function takeSaved() {
  try {
    const text = sessionStorage.getItem(LIVE_KEY);
    sessionStorage.removeItem(LIVE_KEY); // a duplicated tab must not resume the same session
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
