// Owns: putting the console together: address → screen, what is read from the API and when, forms, signing in.
// One-way: actions change `state`, `draw` shows it. Screens are pure functions of it.

import { h, patch } from "../lib/dom.js";
import { button } from "../ui.js";
import { sampled } from "./charts.js";
import { consoleIcon } from "./icons.js";
import { formDialog, sentence } from "./parts.js";
import { Session } from "./session.js";
import { screens } from "./screens.js";
import { signIn } from "./views/signin.js";

const LOOK_EVERY_MS = 3000;
const NOTICE_MS = 5000;

const session = new Session();
const state = { session, route: [], data: {}, series: {}, form: null, issued: null, notice: null, entering: null };
const root = document.getElementById("console");

const act = {
  draw,
  go: (...path) => (location.hash = `#/${path.map(encodeURIComponent).join("/")}`),
  async signIn(how, ...args) {
    state.entering = { how, busy: true };
    draw();
    try {
      await session[how](...args);
      state.entering = null;
      await enter();
    } catch (error) {
      state.entering = { how, error: sentence(error) };
      draw();
    }
  },
  signOut() {
    session.api.call("DELETE", "/sessions/current").catch(() => {}); // it may have lapsed already
    session.signOut();
    Object.assign(state, { data: {}, series: {}, form: null, issued: null, entering: null });
    draw();
  },
  /** Reads a path of the API into `state.data[key]`. */
  async load(key, path, then) {
    const before = state.data[key];
    if (before?.path !== path) state.data[key] = { path };
    try {
      const value = await session.api.call("GET", path);
      if (state.data[key]?.path === path) state.data[key] = { path, value };
      then?.(value);
    } catch (error) {
      if (gone(error)) return;
      if (state.data[key]?.path === path) state.data[key] = { path, error, value: error.status === 0 ? before?.value : undefined };
    }
    draw();
  },
  /** The next page of a list. */
  async more(key) {
    const entry = state.data[key];
    const path = `${entry.path}${entry.path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(entry.value.next_cursor)}`;
    try {
      const next = await session.api.call("GET", path);
      entry.value = { items: [...entry.value.items, ...next.items], next_cursor: next.next_cursor };
      entry.grown = true;
    } catch (error) {
      if (!gone(error)) act.notice(sentence(error));
    }
    draw();
  },
  /** A file of the API, saved on this machine under a name. */
  async save(path, name) {
    try {
      const url = URL.createObjectURL(await session.file(path));
      Object.assign(document.createElement("a"), { href: url, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(url), NOTICE_MS); // the browser has begun to read it by then
    } catch (error) {
      if (!gone(error)) act.notice(sentence(error));
    }
  },
  openForm(form) {
    state.form = { ...form, key: crypto.randomUUID?.() ?? String(Math.random()) }; // a form sent twice is done once
    draw();
  },
  closeForm() {
    state.form = null;
    draw();
  },
  async submit(form, values) {
    Object.assign(form, { busy: true, error: null });
    draw();
    try {
      await form.submit(values);
      state.form = null;
      act.notice(form.done ?? "Done.");
      if (form.to && state.route.length > form.to.length) act.go(...form.to);
      else look(true);
    } catch (error) {
      if (gone(error)) return;
      Object.assign(form, { busy: false, error: sentence(error) });
    }
    draw();
  },
  async preview(id, wish) {
    try {
      state.previewed = { id, ...(await session.api.call("POST", "/events/preview", wish)) };
    } catch (error) {
      if (gone(error)) return;
      state.previewed = { id, error: sentence(error) };
    }
    draw();
  },
  call: (method, path, body) => session.api.call(method, path, body, { idempotencyKey: state.form?.key }),
  notice(text) {
    state.notice = text;
    draw();
    setTimeout(() => state.notice === text && ((state.notice = null), draw()), NOTICE_MS);
  },
};

/** 401: the session is over. */
function gone(error) {
  if (error.status !== 401) return false;
  session.signOut();
  Object.assign(state, { data: {}, form: null, issued: null, entering: { error: "Your sign-in has ended. Sign in again." } });
  draw();
  return true;
}

const known = () => screens.filter((screen) => screen.shown?.(session) ?? true);
const current = () => known().find((screen) => screen.name === (state.route[0] ?? "overview")) ?? known()[0];

/** Reads what the screen needs: all of it, or what changes by itself. */
function look(all) {
  const screen = current();
  for (const { key, path, once, unless, then } of screen.reads(state, state.route)) {
    if (!all && (once || document.hidden || state.data[key]?.grown || unless?.())) continue;
    act.load(key, path, then);
  }
}

async function tick() {
  if (!session.isStaff) return;
  if (!document.hidden) {
    try {
      const now = await session.api.call("GET", "/admin/overview");
      for (const [name, value] of Object.entries(now)) state.series[name] = sampled(state.series[name], value);
    } catch (error) {
      if (gone(error)) return;
    }
    look(false);
  }
  draw();
}

function routed() {
  state.route = location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
  if (!session.isStaff) return draw();
  document.title = `${current().title} · Playhouse console`;
  look(true);
  draw();
  window.scrollTo(0, 0);
  document.getElementById("main")?.focus({ preventScroll: true });
}

function bar() {
  return h("header", { class: "bar", key: "bar" },
    h("a", { class: "skip", href: "#main", onclick: (e) => (e.preventDefault(), document.getElementById("main")?.focus()) }, "To the content"),
    h("a", { class: "brand", href: "#/" }, h("b", null, "Playhouse"), h("small", null, "console")),
    h("span", { class: "grow" }),
    session.isStaff && h("span", { class: "who" }, session.account.nickname ?? session.account.username, h("span", { class: "tag", "data-test": "role" }, session.account.role)),
    session.isStaff && button("Sign out", act.signOut, { kind: "quiet" }));
}

function draw() {
  if (!session.isStaff) return patch(root, [bar(), signIn(state, act)]);
  const screen = current();
  patch(root, [
    bar(),
    h("div", { class: "shell", key: "shell" },
      h("nav", { "aria-label": "Sections" }, h("ul", null, known().map((one) => h("li", { key: one.name }, h("a", { href: `#/${one.name}`, "aria-current": one === screen ? "page" : null }, consoleIcon(one.icon), one.title))))),
      h("main", { id: "main", tabindex: "-1", key: screen.name }, screen.show(state, act, state.route))),
    state.form && formDialog(state.form, act),
    state.notice && h("div", { class: "notice", role: "status", key: "notice" }, state.notice),
  ]);
}

async function enter() {
  await session.discover();
  routed();
  tick();
}

addEventListener("hashchange", routed);
setInterval(tick, LOOK_EVERY_MS);
document.body.dataset.light = matchMedia("(prefers-color-scheme: light)").matches ? "day" : "night";
await session.discover().catch(() => {});
if (session.isStaff) enter();
else draw();
