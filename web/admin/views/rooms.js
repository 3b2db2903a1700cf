// Owns: all rooms, and one room from the inside, as it goes on. Who looks into a room is noted in the audit log; while he
// stays, once in ten minutes.

import { h } from "../../lib/dom.js";
import { button } from "../../ui.js";
import { lines, phases } from "../charts.js";
import { facts, json, loaded, more, panel, short, table, tag, time } from "../parts.js";

const query = (values) => Object.entries(values).filter(([, value]) => value).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");

export const rooms = {
  name: "rooms",
  title: "Rooms",
  icon: "rooms",
  reads({ filters }, [, id]) {
    if (id) return [{ key: "room", path: `/admin/rooms/${encodeURIComponent(id)}` }];
    return [{ key: "rooms", path: `/admin/rooms?limit=50&${query(filters?.rooms ?? {})}` }];
  },
  show: (state, act, [, id]) => (id ? one(state, act, id) : all(state, act)),
};

function all(state, act) {
  const wanted = state.filters?.rooms ?? {};
  const choose = (event) => {
    event.preventDefault();
    state.filters = { ...state.filters, rooms: Object.fromEntries(new FormData(event.target)) };
    for (const read of rooms.reads(state, [])) act.load(read.key, read.path);
  };
  return [
    h("h1", null, "Rooms"),
    h("form", { class: "filters", role: "search", onsubmit: choose },
      h("label", null, "Id, code or name", h("input", { name: "search", type: "search", mount: (el) => (el.value = wanted.search ?? "") })),
      h("label", null, "State", h("select", { name: "status", mount: (el) => (el.value = wanted.status ?? ""), onchange: (e) => e.target.form.requestSubmit() }, [["", "any"], ["playing", "playing"], ["waiting", "waiting"]].map(([value, text]) => h("option", { value }, text)))),
      h("button", { type: "submit", class: "btn" }, "Find")),
    panel(null, loaded(state.data.rooms, ({ items }) => [
      table("Rooms", [
        ["Code", (room) => h("a", { class: "mono", href: `#/rooms/${room.room_id}` }, room.code)],
        ["Name", (room) => room.name],
        ["State", (room) => [tag(room.status, room.status === "playing" ? "good" : ""), " ", room.visibility === "private" && tag("private")]],
        ["Game", (room) => room.game],
        ["Seats", (room) => `${room.members} of ${room.capacity}`, "n"],
        ["Made", (room) => time(room.created_at)],
      ], items, { key: "room_id", empty: "No room." }),
      more(state.data.rooms, act, "rooms"),
    ])),
  ];
}

function one(state, act, id) {
  return [
    h("div", { class: "head" },
      h("h1", null, state.data.room?.value?.room.name ?? "Room"),
      state.data.room?.value && h("span", { class: "tag good", title: "Read again every few seconds" }, "live"),
      h("span", { class: "grow" }),
      state.session.mayAct && state.data.room?.value && button("End room", () => act.openForm(endForm(act, id)), { kind: "danger" })),
    loaded(state.data.room, (shown) => inside(state, act, id, shown)),
  ];
}

function inside({ session }, act, id, { room, match_id, started_at, banned, chat, events }) {
  const names = new Map(room.members.map((member) => [member.player_id, member.nickname]));
  const nameOf = (player) => names.get(player) ?? `…${String(player).slice(-8)}`;
  return [
    h("div", { class: "two" },
      panel("Room", facts([["Code", h("span", { class: "mono" }, room.code)], ["Id", h("span", { class: "mono" }, id)], ["Game", room.game], ["State", room.status], ["Visibility", room.visibility], ["Made", time(room.created_at)], ["Match", match_id && h("span", { class: "mono" }, match_id)], ["Began", started_at && time(started_at)], ["Banned", banned.length ? banned.map((player) => [short(player), " "]) : null]]),
        h("details", null, h("summary", null, "Settings"), json(room.settings))),
      panel("Members", table("Members", [
        ["Player", (m) => (m.bot ? m.nickname : h("a", { href: `#/players/${m.player_id}` }, m.nickname))],
        ["", (m) => [m.role === "leader" && tag("leader", "warm"), m.bot && tag("bot"), m.spectator && tag("watches"), m.alive === false && tag("dead", "bad"), m.connected ? null : tag("away")]],
        ["", (m) => session.mayAct && button("Kick", () => act.openForm(kickForm(act, id, m)), { kind: "plain", "aria-label": `Kick ${m.nickname}` })],
      ], room.members, { key: "player_id" }))),
    events.length > 0 && panel("The game so far", phases(events, Date.now()),
      h("ol", { class: "log", tabindex: "0", "aria-label": "Event log, newest first" }, lines(events, nameOf).reverse().map(({ at, text }, i) => h("li", { key: i }, h("time", null, clock(at - (started_at ?? at))), h("span", { class: "mono" }, text))))),
    panel("Chat of all channels", chat.length ? h("ol", { class: "log", tabindex: "0", "aria-label": "Chat" }, chat.map((said, i) => h("li", { key: i }, time(said.at), h("span", null, tag(said.channel), " ", h("b", null, said.nickname), ` ${said.text}`)))) : h("p", { class: "empty" }, "Nobody has said anything.")),
  ];
}

const clock = (ms) => `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, "0")}`;

const endForm = (act, id) => ({
  title: "End this room", verb: "End room", kind: "danger", done: "The room has ended.",
  text: "A game in it is aborted and everybody is put out.",
  fields: [{ name: "reason", label: "Reason, for the audit log", required: true, maxlength: 500 }],
  to: ["rooms"],
  submit: ({ reason }) => act.call("POST", `/admin/rooms/${encodeURIComponent(id)}/end`, { reason }),
});

const kickForm = (act, id, member) => ({
  title: `Kick ${member.nickname}`, verb: "Kick", kind: "danger", done: `${member.nickname} is out.`,
  text: "He leaves the room, and the game that is on.",
  fields: [{ name: "reason", label: "Reason, for the audit log", required: true, maxlength: 500 }, { name: "ban", label: "He may not come back to this room", type: "checkbox" }],
  submit: ({ reason, ban }) => act.call("POST", `/admin/rooms/${encodeURIComponent(id)}/kick`, { player_id: member.player_id, ban, reason }),
});
