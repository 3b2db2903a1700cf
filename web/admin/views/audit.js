// Owns: the audit log: who of the staff changed or looked at what.

import { h } from "../../lib/dom.js";
import { loaded, more, panel, short, table, tag, time } from "../parts.js";

const PLACES = { account: "players", room: "rooms", report: "reports", event: "events" };

/** `account/ID`, with the way to it. */
function target(entry) {
  const [kind, id] = entry.target.split("/");
  const place = PLACES[kind];
  return [kind, " ", place && id ? h("a", { href: `#/${place}/${id}` }, short(id)) : short(id)];
}

/** What else was noted: a time as a time. */
function detail(entry) {
  const said = Object.entries(entry.detail ?? {}).filter(([, value]) => value !== null);
  const shown = (name, value) => (name.endsWith("_at") && Number.isInteger(value) ? time(value) : typeof value === "object" ? JSON.stringify(value) : String(value));
  return said.length ? h("ul", { class: "noted" }, said.map(([name, value]) => h("li", { key: name }, h("span", null, `${name.replace(/_/g, " ")} `), shown(name, value)))) : "–";
}

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
          ["On", target],
          ["Detail", detail],
        ], items),
        more(state.data.audit, act, "audit"),
      ])),
    ];
  },
};
