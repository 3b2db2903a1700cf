// Owns: players' reports: the list, and one with its evidence. Reading one is written to the audit log.

import { h } from "../../lib/dom.js";
import { button } from "../../ui.js";
import { facts, json, loaded, more, panel, short, table, tag, time } from "../parts.js";

export const reports = {
  name: "reports",
  title: "Reports",
  icon: "flag",
  reads({ filters }, [, id]) {
    if (id) return [{ key: "report", path: `/admin/reports/${encodeURIComponent(id)}`, once: true }];
    return [{ key: "reports", path: `/admin/reports?limit=50&status=${filters?.reports ?? "open"}` }];
  },
  show: (state, act, [, id]) => (id ? one(state, act, id) : all(state, act)),
};

const person = (id, nickname) => (nickname ? h("a", { href: `#/players/${id}` }, nickname) : short(id));

export const reportTable = (items, { about = true } = {}) =>
  table("Reports", [
    ["When", (r) => h("a", { href: `#/reports/${r.id}` }, time(r.at))],
    ["About", (r) => person(r.about, r.about_nickname)],
    ["By", (r) => person(r.by_account, r.by_nickname)],
    ["Reason", (r) => r.reason],
    ["State", (r) => (r.resolved_at ? tag("resolved", "good") : tag("open", "warm"))],
  ].filter(([title]) => about || title !== "About"), items, { empty: "No report." });

function all(state, act) {
  const now = state.filters?.reports ?? "open";
  const choose = (event) => {
    state.filters = { ...state.filters, reports: event.target.value };
    for (const read of reports.reads(state, [])) act.load(read.key, read.path);
  };
  return [
    h("div", { class: "head" }, h("h1", null, "Reports"), h("span", { class: "grow" }), h("label", null, "State ", h("select", { value: now, onchange: choose }, ["open", "resolved"].map((value) => h("option", { value }, value))))),
    panel(null, loaded(state.data.reports, ({ items }) => [reportTable(items), more(state.data.reports, act, "reports")])),
  ];
}

function one(state, act, id) {
  return loaded(state.data.report, ({ report, log }) => [
    h("div", { class: "head" }, h("h1", null, "Report"), h("span", { class: "grow" }),
      state.session.mayAct && !report.resolved_at && button("Resolve", () => act.openForm({
        title: "Resolve this report", verb: "Resolve", done: "The report is closed.",
        fields: [{ name: "note", label: "What you found and did", type: "textarea", required: true, maxlength: 500 }],
        submit: ({ note }) => act.call("POST", `/admin/reports/${encodeURIComponent(id)}/resolve`, { note }),
      }), { kind: "primary" })),
    panel(null, facts([["About", person(report.about, report.about_nickname)], ["By", person(report.by_account, report.by_nickname)], ["When", time(report.at)], ["Reason", report.reason], ["Room", h("a", { href: `#/rooms/${report.room_id}` }, h("span", { class: "mono" }, report.room_id))], ["Resolved", report.resolved_at && time(report.resolved_at)], ["Note", report.note]])),
    panel("What was said", log.chat?.length ? h("ol", { class: "log", tabindex: "0", "aria-label": "Chat" }, log.chat.map((said, i) => h("li", { key: i }, time(said.at), h("span", null, tag(said.channel), " ", h("b", null, said.nickname), ` ${said.text}`)))) : h("p", { class: "empty" }, "Nothing.")),
    panel("What happened in the room", json(log.room)),
  ]);
}
