// Owns: finding a player, and what is known of him: where he sits, mutes, reports, and his account's bans, claims and
// wallet where the server has them.

import { h } from "/assets/lib/dom.js";
import { button } from "/assets/ui.js";
import { facts, loaded, more, panel, table, tag, time } from "../parts.js";
import { reportTable } from "./reports.js";

export const players = {
  name: "players",
  title: "Players",
  icon: "people",
  reads({ filters, session }, [, id]) {
    if (!id) return [{ key: "players", path: `/admin/players?limit=50&search=${encodeURIComponent(filters?.players ?? "")}`, once: true }];
    const of = encodeURIComponent(id);
    const claims = session.has("GET", "/admin/claims") ? [{ key: "player-claims", path: `/admin/claims?account=${of}`, once: true }] : [];
    return [{ key: "player", path: `/admin/players/${of}`, once: true }, ...claims];
  },
  show: (state, act, [, id]) => (id ? one(state, act, id) : find(state, act)),
};

function find(state, act) {
  const search = (event) => {
    event.preventDefault();
    state.filters = { ...state.filters, players: new FormData(event.target).get("search") };
    for (const read of players.reads(state, [])) act.load(read.key, read.path);
  };
  return [
    h("h1", null, "Players"),
    h("form", { class: "filters", role: "search", onsubmit: search },
      h("label", null, "Nickname or id", h("input", { name: "search", type: "search", "data-test": "find-player", mount: (el) => (el.value = state.filters?.players ?? "") })),
      h("button", { type: "submit", class: "btn" }, "Find")),
    panel(null, loaded(state.data.players, ({ items }) => [
      table("Players", [
        ["Nickname", (p) => h("a", { href: `#/players/${p.id}` }, p.nickname)],
        ["", (p) => [p.guest && tag("guest"), p.role !== "USER" && tag(p.role, "warm")]],
        ["Room", (p) => (p.room_id ? h("a", { href: `#/rooms/${p.room_id}` }, "look") : "–")],
        ["Since", (p) => time(p.created_at)],
        ["Id", (p) => h("span", { class: "mono" }, p.id)],
      ], items, { empty: "Nobody has such a name." }),
      more(state.data.players, act, "players"),
    ])),
  ];
}

function one(state, act, id) {
  return loaded(state.data.player, ({ player, mute, reports }) => [
    h("div", { class: "head" }, h("h1", null, player.nickname), h("span", { class: "grow" }), state.session.mayAct && actions(state, act, player, mute)),
    h("div", { class: "two" },
      panel("Account", facts([["Id", h("span", { class: "mono" }, id)], ["Kind", player.guest ? "guest" : "full"], ["Role", player.role], ["Since", time(player.created_at)], ["Room", player.room_id ? h("a", { href: `#/rooms/${player.room_id}` }, h("span", { class: "mono" }, player.room_id)) : "none"]])),
      panel("Chat", mute
        ? facts([["State", tag("muted", "bad")], ["Reason", mute.reason], ["Until", mute.ends_at ? time(mute.ends_at) : "it is lifted"], ["Since", time(mute.at)]])
        : h("p", null, "May chat."))),
    panel("Reports about him", reportTable(reports)),
    state.data["player-claims"] && panel("Claims", loaded(state.data["player-claims"], ({ items }) => table("Claims", [["Reward", (c) => c.reward_name ?? c.reward], ["Status", (c) => tag(c.status)], ["Made", (c) => time(c.created_at)]], items))),
  ]);
}

function actions({ session }, act, player, mute) {
  const path = `/admin/players/${encodeURIComponent(player.id)}`;
  const ban = "/admin/accounts/{id}/ban";
  return [
    mute
      ? button("Lift mute", () => act.openForm({ title: `Let ${player.nickname} chat again`, verb: "Lift mute", fields: [], submit: () => act.call("DELETE", `${path}/mute`) }))
      : button("Mute", () => act.openForm(muteForm(act, player, path))),
    session.has("POST", ban) && session.account.role === "ADMIN" && button("Ban", () => act.openForm(banForm(act, player)), { kind: "danger" }),
  ];
}

const muteForm = (act, player, path) => ({
  title: `Mute ${player.nickname}`, verb: "Mute", kind: "danger", done: `${player.nickname} may not chat.`,
  text: "He plays on, but nobody hears him. He is told the reason.",
  fields: [{ name: "reason", label: "Reason", required: true, maxlength: 500 }, { name: "minutes", label: "Minutes (empty: until it is lifted)", type: "number", min: 1, max: 525600 }],
  submit: ({ reason, minutes }) => act.call("POST", `${path}/mute`, minutes ? { reason, minutes: Number(minutes) } : { reason }),
});

const banForm = (act, player) => ({
  title: `Ban ${player.nickname}`, verb: "Ban", kind: "danger", done: `${player.nickname} is banned.`,
  text: "His sessions end at once, everywhere.",
  fields: [{ name: "reason", label: "Reason", required: true, maxlength: 500 }, { name: "until", label: "Until (empty: for good)", type: "datetime-local" }],
  submit: ({ reason, until }) => act.call("POST", `/admin/accounts/${encodeURIComponent(player.id)}/ban`, until ? { reason, ends_at: new Date(until).getTime() } : { reason }),
});
