// Owns: the list of those who may not chat now, and letting one of them speak again.

import { h } from "../../lib/dom.js";
import { button } from "../../ui.js";
import { loaded, more, panel, short, table, time } from "../parts.js";

export const mutes = {
  name: "mutes",
  title: "Mutes",
  icon: "hush",
  reads: () => [{ key: "mutes", path: "/admin/mutes?limit=50" }],
  show(state, act) {
    return [
      h("h1", null, "Mutes"),
      h("p", { class: "hint" }, "They play, and nobody hears them."),
      panel(null, loaded(state.data.mutes, ({ items }) => [
        table("Mutes", [
          ["Player", (m) => h("a", { href: `#/players/${m.account_id}` }, m.nickname ?? short(m.account_id))],
          ["Reason", (m) => m.reason],
          ["Since", (m) => time(m.at)],
          ["Until", (m) => (m.ends_at ? time(m.ends_at) : "it is lifted")],
          ["By", (m) => h("a", { href: `#/players/${m.by_account}` }, short(m.by_account))],
          ["", (m) => state.session.mayAct && button("Lift mute", () => act.openForm(liftForm(act, m.account_id, m.nickname ?? "this player")), { "aria-label": `Lift mute of ${m.nickname ?? m.account_id}` })],
        ], items, { key: "account_id", empty: "Everybody may chat." }),
        more(state.data.mutes, act, "mutes"),
      ])),
    ];
  },
};

export const liftForm = (act, id, nickname) => ({
  title: `Let ${nickname} chat again`, verb: "Lift mute", done: `${nickname} may chat.`, fields: [],
  submit: () => act.call("DELETE", `/admin/players/${encodeURIComponent(id)}/mute`),
});
