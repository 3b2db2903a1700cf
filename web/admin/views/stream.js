// Owns: claims (spec 2.2) and dead letters of the activity stream (spec 2.3). Shown where the server has them.

import { h } from "/assets/lib/dom.js";
import { button } from "/assets/ui.js";
import { json, loaded, more, panel, short, table, tag, time } from "../parts.js";

const GOOD = new Set(["granted"]);
const BAD = new Set(["rejected", "compensated"]);

export const claims = {
  name: "claims",
  title: "Claims",
  icon: "gift",
  shown: (session) => session.has("GET", "/admin/claims"),
  reads: () => [{ key: "claims", path: "/admin/claims?limit=50" }],
  show(state, act) {
    return [
      h("h1", null, "Claims"),
      panel(null, loaded(state.data.claims, ({ items }) => [
        table("Claims", [
          ["Made", (c) => time(c.created_at)],
          ["Player", (c) => h("a", { href: `#/players/${c.account ?? c.account_id}` }, short(c.account ?? c.account_id))],
          ["Reward", (c) => c.reward_name ?? short(c.reward ?? c.reward_id)],
          ["Status", (c) => tag(c.status, GOOD.has(c.status) ? "good" : BAD.has(c.status) ? "bad" : "warm")],
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
  reads: () => [{ key: "letters", path: "/admin/dead-letters?limit=50" }],
  show(state, act) {
    const path = (letter) => `/admin/dead-letters/${encodeURIComponent(letter.id)}`;
    return [
      h("h1", null, "Dead letters"),
      h("p", { class: "hint" }, "Messages that no consumer could take in five tries."),
      panel(null, loaded(state.data.letters, ({ items }) => [
        table("Dead letters", [
          ["When", (l) => time(l.at ?? l.failed_at)],
          ["Message", (l) => [h("b", null, l.kind ?? l.schema ?? "message"), " ", short(l.id)]],
          ["For", (l) => l.group ?? l.consumer ?? "–"],
          ["Error", (l) => h("details", null, h("summary", null, l.error ?? "error"), json(l.body ?? l))],
          ["", (l) => state.session.mayAct && [
            button("Retry", () => act.call("POST", `${path(l)}/retry`).then(() => act.notice("It is tried again."), (error) => act.notice(error.message)).then(() => act.load("letters", state.data.letters.path))),
            " ",
            button("Drop", () => act.openForm({ title: "Drop this message", verb: "Drop", kind: "danger", text: "What it says will not be done.", fields: [], submit: () => act.call("DELETE", path(l)) }), { kind: "danger" }),
          ]],
        ], items, { empty: "None: every message was taken." }),
        more(state.data.letters, act, "letters"),
      ])),
    ];
  },
};
