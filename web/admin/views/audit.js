// Owns: the audit log: who of the staff changed or looked at what.

import { h } from "../../lib/dom.js";
import { loaded, more, panel, short, table, tag, time } from "../parts.js";

export const audit = {
  name: "audit",
  title: "Audit log",
  icon: "book",
  shown: (session) => ["AUDITOR", "ADMIN"].includes(session.account?.role),
  reads: () => [{ key: "audit", path: "/admin/audit?limit=50" }],
  show(state, act) {
    return [
      h("h1", null, "Audit log"),
      panel(null, loaded(state.data.audit, ({ items }) => [
        table("Audit log", [
          ["When", (entry) => time(entry.at)],
          ["Who", (entry) => [entry.actor ? h("a", { href: `#/players/${entry.actor}` }, short(entry.actor)) : "the machine", " ", tag(entry.role)]],
          ["What", (entry) => h("b", null, entry.action)],
          ["On", (entry) => h("span", { class: "mono" }, entry.target)],
          ["Detail", (entry) => h("span", { class: "mono" }, JSON.stringify(entry.detail))],
        ], items),
        more(state.data.audit, act, "audit"),
      ])),
    ];
  },
};
