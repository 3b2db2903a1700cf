// Owns: claims (spec 2.2) and dead letters of the activity stream (spec 2.3). Shown where the server has them.

import { h } from "../../lib/dom.js";
import { button } from "../../ui.js";
import { claimStatus, facts, json, loaded, more, panel, short, table, tag, time } from "../parts.js";
import { claimsOverTime } from "../timelines.js";

const STATES = ["requested", "checked", "reserved", "granting", "granted", "rejected", "compensated"];
const HOUR_MS = 3_600_000;
/** In hours; the first is chosen. */
const PERIODS = [["24", "last day"], ["1", "last hour"], ["168", "last week"], ["720", "last month"]];

export const claims = {
  name: "claims",
  title: "Claims",
  icon: "gift",
  shown: (session) => session.has("GET", "/admin/claims"),
  reads({ filters, session }) {
    const { status = "", hours = "24" } = filters?.claims ?? {};
    const history = session.has("GET", "/admin/claims/history") ? [{ key: "claims-history", path: `/admin/claims/history?hours=${hours}` }] : [];
    return [...history, { key: "claims", path: `/admin/claims?limit=50${status && `&status=${status}`}` }];
  },
  show(state, act) {
    const wanted = state.filters?.claims ?? {};
    const choose = (event) => {
      state.filters = { ...state.filters, claims: Object.fromEntries(new FormData(event.target.form)) };
      for (const read of claims.reads(state)) act.load(read.key, read.path);
    };
    const fileOf = ({ status, hours = "24" }) => `/admin/claims?format=csv&from=${Date.now() - hours * HOUR_MS}${status ? `&status=${status}` : ""}`;
    const options = (name, values) => h("select", { name, mount: (el) => (el.value = wanted[name] ?? values[0][0]), onchange: choose }, values.map(([value, text]) => h("option", { value }, text)));
    return [
      h("div", { class: "head" }, h("h1", null, "Claims"), h("span", { class: "grow" }), button("Save as CSV", () => act.save(fileOf(wanted), "claims.csv"), { title: "Claims of the chosen period and status" })),
      h("form", { class: "filters", role: "search" }, h("label", null, "Period", options("hours", PERIODS)), h("label", null, "Status", options("status", [["", "any"], ...STATES.map((name) => [name, name])]))),
      state.data["claims-history"] && panel("When they were made, and what became of them", loaded(state.data["claims-history"], claimsOverTime)),
      panel(null, loaded(state.data.claims, ({ items }) => [
        table("Claims", [
          ["Made", (c) => time(c.created_at)],
          ["Player", (c) => h("a", { href: `#/players/${c.account}` }, short(c.account))],
          ["Reward", (c) => [c.name, " ", tag(c.kind)]],
          ["Event", (c) => h("a", { href: `#/events/${c.event}` }, short(c.event))],
          ["Status", claimStatus],
          ["Reason", (c) => c.reason ?? "–"],
        ], items, { empty: "Nobody has claimed anything." }),
        more(state.data.claims, act, "claims"),
      ])),
    ];
  },
};

export const letters = {
  name: "dead-letters",
  title: "Dead letters",
  icon: "letter",
  shown: (session) => session.has("GET", "/admin/dead-letters"),
  reads: (_, [, id]) => (id ? [{ key: "letter", path: `/admin/dead-letters/${encodeURIComponent(id)}`, once: true }] : [{ key: "letters", path: "/admin/dead-letters?limit=50" }]),
  show: (state, act, [, id]) => (id ? one(state, act) : all(state, act)),
};

function all(state, act) {
  return [
    h("h1", null, "Dead letters"),
    h("p", { class: "hint" }, "Messages that a consumer could not take, however often it tried."),
    panel(null, loaded(state.data.letters, ({ items }) => [
      table("Dead letters", [
        ["Given up", (l) => h("a", { href: `#/dead-letters/${l.id}` }, time(l.died_at))],
        ["Message", (l) => h("b", null, l.kind)],
        ["For", (l) => l.group],
        ["Tries", (l) => l.tries, "n"],
        ["Error", (l) => l.error],
        ["", (l) => choices(state, act, l)],
      ], items, { empty: "None: every message was taken." }),
      more(state.data.letters, act, "letters"),
    ])),
  ];
}

function one(state, act) {
  return loaded(state.data.letter, (letter) => [
    h("div", { class: "head" }, h("h1", null, letter.kind), h("span", { class: "grow" }), choices(state, act, letter)),
    panel(null, facts([["Given up", time(letter.died_at)], ["Happened", time(letter.at)], ["For", letter.group], ["Tries", letter.tries], ["Error", letter.error], ["Player", letter.account && h("a", { href: `#/players/${letter.account}` }, short(letter.account))], ["Fact", h("span", { class: "mono" }, letter.fact_id)]])),
    panel("What it says", letter.body === null ? h("p", { class: "mono" }, letter.raw) : json(letter.body)),
  ]);
}

function choices({ session }, act, letter) {
  if (!session.mayAct) return null;
  const path = `/admin/dead-letters/${encodeURIComponent(letter.id)}`;
  return [
    button("Retry", () => act.openForm({ title: "Try this message again", verb: "Retry", done: "It is tried again.", to: ["dead-letters"], fields: [], submit: () => act.call("POST", `${path}/retry`) })),
    " ",
    button("Drop", () => act.openForm({ title: "Drop this message", verb: "Drop", kind: "danger", done: "It is dropped.", to: ["dead-letters"], text: "What it says will not be done.", fields: [], submit: () => act.call("DELETE", path) }), { kind: "danger" }),
  ];
}
