// Owns: finding a player, and what is known of him: where he sits and what he has played, mutes, reports, wallet and
// inventory, claims, sessions, connections and bans, where the server has them.

import { h } from "../../lib/dom.js";
import { button } from "../../ui.js";
import { claimStatus, facts, loaded, more, panel, short, table, tag, time } from "../parts.js";
import { balance } from "../timelines.js";
import { liftForm } from "./mutes.js";
import { reportTable } from "./reports.js";
import { reservationStatus } from "./showtimes.js";

const ROLES = ["USER", "OPERATOR", "AUDITOR", "ADMIN"];
const OWNED = [["player-wallet", "wallet", ""], ["player-ledger", "wallet/ledger", "?limit=20"], ["player-inventory", "inventory", "?limit=20"], ["player-matches", "matches", "?limit=10"]];

export const players = {
  name: "players",
  title: "Players",
  icon: "people",
  reads({ filters, session }, [, id]) {
    if (!id) return [{ key: "players", path: `/admin/players?limit=50&search=${encodeURIComponent(filters?.players ?? "")}`, once: true }];
    const of = encodeURIComponent(id);
    const claims = session.has("GET", "/admin/claims") ? [{ key: "player-claims", path: `/admin/claims?account=${of}`, once: true }] : [];
    const seats = session.has("GET", "/admin/reservations") ? [{ key: "player-seats", path: `/admin/reservations?account=${of}&limit=20`, once: true }] : [];
    const account = session.has("GET", "/admin/accounts/{id}") ? [{ key: "player-account", path: `/admin/accounts/${of}`, once: true }] : [];
    const owned = OWNED.filter(([, path]) => session.has("GET", `/admin/accounts/{id}/${path}`)).map(([key, path, limit]) => ({ key, path: `/admin/accounts/${of}/${path}${limit}`, once: true }));
    const connections = session.has("GET", "/admin/session-log") ? [{ key: "player-connections", path: `/admin/session-log?account=${of}&limit=20`, once: true }] : [];
    return [{ key: "player", path: `/admin/players/${of}`, once: true }, ...account, ...claims, ...owned, ...seats, ...connections];
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
    h("div", { class: "head" }, h("h1", null, player.nickname), isBanned(state) && tag("banned", "bad"), mute && tag("muted", "bad"), h("span", { class: "grow" }), state.session.mayAct && actions(state, act, player, mute)),
    h("div", { class: "two" },
      panel("Account", facts([["Id", h("span", { class: "mono" }, id)], ["Kind", player.guest ? "guest" : "full"], ["Role", player.role], ["Since", time(player.created_at)], ["Room", player.room_id ? h("a", { href: `#/rooms/${player.room_id}` }, h("span", { class: "mono" }, player.room_id)) : "none"]])),
      panel("Chat", mute
        ? facts([["State", "silenced"], ["Reason", mute.reason], ["Until", mute.ends_at ? time(mute.ends_at) : "it is lifted"], ["Since", time(mute.at)]])
        : h("p", null, "May chat."))),
    owned(state, act),
    state.data["player-claims"] && panel("Claims", claimTable(state, act)),
    state.data["player-seats"] && panel("Seats of showtimes", seatTable(state, act)),
    h("div", { class: "two" },
      panel("Reports about him", reportTable(reports, { about: false })),
      state.data["player-matches"] && panel("Matches played", loaded(state.data["player-matches"], ({ items }) => [table("Matches played", [["Began", (m) => time(m.started_at)], ["Took", (m) => (m.ended_at ? `${Math.max(1, Math.round((m.ended_at - m.started_at) / 60_000))} min` : "–"), "n"], ["Won by", (m) => m.winner ?? "nobody"], ["Match", (m) => short(m.match_id)]], items, { key: "match_id", empty: "None has ended yet." }), more(state.data["player-matches"], act, "player-matches")]))),
    state.data["player-account"] && loaded(state.data["player-account"], ({ sign_ins, bans }) => h("div", { class: "two" },
      panel("Sessions", table("Sessions", [["Signed in", (s) => time(s.created_at)], ["Good until", (s) => time(s.expires_at)], ["", (s) => (s.revoked_at ? tag("ended") : s.expires_at > Date.now() ? tag("open", "good") : tag("lapsed"))]], sign_ins, { empty: "None." })),
      panel("Bans", table("Bans", [["Since", (b) => time(b.created_at)], ["Until", (b) => (b.ends_at ? time(b.ends_at) : "for good")], ["Reason", (b) => b.reason], ["", (b) => b.lifted_at && tag("lifted")]], bans, { empty: "None." })))),
    state.data["player-connections"] && panel("Connections", connectionTable(state, act)),
  ]);
}

/** From where he was connected, and how it ended. */
function connectionTable({ data }, act) {
  const size = (n) => (n < 10_000 ? `${n} B` : `${Math.round(n / 1_000)} kB`);
  return loaded(data["player-connections"], ({ items }) => [
    table("Connections", [
      ["From", (c) => time(c.connected_at)],
      ["To", (c) => (c.disconnected_at ? time(c.disconnected_at) : tag("open", "good"))],
      ["By", (c) => c.transport],
      ["Address", (c) => c.address ?? "–"],
      ["Node", (c) => c.node_name ?? short(c.node)],
      ["Ended", (c) => c.reason ?? ""],
      ["Sent", (c) => `${c.messages_in}, ${size(c.bytes_in)}`, "n"],
      ["Received", (c) => `${c.messages_out}, ${size(c.bytes_out)}`, "n"],
    ], items, { empty: "None in the log." }),
    more(data["player-connections"], act, "player-connections"),
  ]);
}

/** Points with their ledger, and things. */
function owned({ data }, act) {
  if (!data["player-wallet"]) return null;
  return h("div", { class: "two" },
    panel("Wallet", loaded(data["player-wallet"], ({ balance: points }) => [
      h("p", { class: "points" }, h("b", null, points.toLocaleString("en")), " points"),
      loaded(data["player-ledger"], ({ items }) => [
        balance(items, Date.now(), points),
        table("Ledger", [["When", (e) => time(e.at)], ["Points", (e) => h("span", { class: e.amount < 0 ? "paid" : "got" }, `${e.amount < 0 ? "−" : "+"}${Math.abs(e.amount).toLocaleString("en")}`), "n"], ["Why", (e) => e.reason], ["For", (e) => short(e.ref)]], items, { empty: "Nothing came and nothing went." }),
        more(data["player-ledger"], act, "player-ledger"),
      ]),
    ])),
    panel("Inventory", loaded(data["player-inventory"], ({ items }) => [
      table("Inventory", [["What", (t) => [t.name, " ", tag(t.kind)]], ["How many", (t) => t.amount.toLocaleString("en"), "n"], ["Code", (t) => (t.code ? h("span", { class: "mono" }, t.code) : "–")], ["Since", (t) => time(t.first_at)]], items.map((t) => ({ ...t, id: `${t.kind} ${t.name} ${t.code}` })), { empty: "Owns nothing." }),
      more(data["player-inventory"], act, "player-inventory"),
    ])));
}

const claimTable = ({ data }, act) =>
  loaded(data["player-claims"], ({ items }) => [
    table("Claims", [["Made", (c) => time(c.created_at)], ["Reward", (c) => [c.name, " ", tag(c.kind)]], ["Amount", (c) => c.amount.toLocaleString("en"), "n"], ["Status", claimStatus], ["Event", (c) => h("a", { href: `#/events/${c.event}` }, short(c.event))], ["Reason", (c) => c.reason ?? "–"]], items, { empty: "Nothing was claimed." }),
    more(data["player-claims"], act, "player-claims"),
  ]);

const seatTable = ({ data }, act) =>
  loaded(data["player-seats"], ({ items }) => [
    table("Seats of showtimes", [["Made", (r) => time(r.created_at)], ["Showtime", (r) => h("a", { href: `#/showtimes/${r.showtime}` }, short(r.showtime))], ["Seat", (r) => short(r.seat)], ["Points", (r) => r.price_points.toLocaleString("en"), "n"], ["Status", reservationStatus], ["Held until", (r) => time(r.hold_expires_at)]], items, { empty: "None was held or bought." }),
    more(data["player-seats"], act, "player-seats"),
  ]);

const isBanned = ({ data }) => data["player-account"]?.value?.bans.some((ban) => !ban.lifted_at && (!ban.ends_at || ban.ends_at > Date.now()));

function actions(state, act, player, mute) {
  const { session } = state;
  const path = `/admin/players/${encodeURIComponent(player.id)}`;
  const ban = "/admin/accounts/{id}/ban";
  return [
    mute
      ? button("Lift mute", () => act.openForm(liftForm(act, player.id, player.nickname)))
      : button("Mute", () => act.openForm(muteForm(act, player, path))),
    session.has("POST", "/admin/accounts/{id}/unban") && session.rules && isBanned(state) && button("Lift ban", () => act.openForm({ title: `Let ${player.nickname} in again`, verb: "Lift ban", fields: [], submit: () => act.call("POST", `/admin/accounts/${encodeURIComponent(player.id)}/unban`) })),
    session.has("POST", "/admin/accounts/{id}/wallet/top-ups") && button("Give points", () => act.openForm(topUpForm(act, player))),
    session.rules && !player.guest && player.id !== session.account.id && button("Role", () => act.openForm(roleForm(act, player))),
    session.has("POST", ban) && session.rules && button("Ban", () => act.openForm(banForm(act, player)), { kind: "danger" }),
  ];
}

const muteForm = (act, player, path) => ({
  title: `Mute ${player.nickname}`, verb: "Mute", kind: "danger", done: `${player.nickname} may not chat.`,
  text: "He plays on, but nobody hears him. He is told the reason.",
  fields: [{ name: "reason", label: "Reason", required: true, maxlength: 500 }, { name: "minutes", label: "Minutes (empty: until it is lifted)", type: "number", min: 1, max: 525600 }],
  submit: ({ reason, minutes }) => act.call("POST", `${path}/mute`, minutes ? { reason, minutes: Number(minutes) } : { reason }),
});

const topUpForm = (act, player) => ({
  title: `Give ${player.nickname} points`, verb: "Give", done: `${player.nickname} has them.`,
  fields: [{ name: "amount", label: "Points", type: "number", min: 1, max: 1000000, required: true }, { name: "reason", label: "Reason", required: true, maxlength: 500 }],
  submit: ({ amount, reason }) => act.call("POST", `/admin/accounts/${encodeURIComponent(player.id)}/wallet/top-ups`, { amount: Number(amount), reason }),
});

const roleForm = (act, player) => ({
  title: `Role of ${player.nickname}`, verb: "Change role", kind: "danger", done: `${player.nickname} has another role.`,
  text: "His sessions end at once, everywhere; when he is back he has the new role.",
  fields: [{ name: "role", label: "Role", options: ROLES, value: player.role }],
  submit: ({ role }) => act.call("POST", `/admin/accounts/${encodeURIComponent(player.id)}/role`, { role }),
});

const banForm = (act, player) => ({
  title: `Ban ${player.nickname}`, verb: "Ban", kind: "danger", done: `${player.nickname} is banned.`,
  text: "His sessions end at once, everywhere.",
  fields: [{ name: "reason", label: "Reason", required: true, maxlength: 500 }, { name: "until", label: "Until (empty: for good)", type: "datetime-local" }],
  submit: ({ reason, until }) => act.call("POST", `/admin/accounts/${encodeURIComponent(player.id)}/ban`, until ? { reason, ends_at: new Date(until).getTime() } : { reason }),
});
