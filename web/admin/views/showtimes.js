// Owns: showtimes (spec 3.2): their list and forms, their seats, and who holds or has bought them. Shown where the server
// has them.

import { h } from "../../lib/dom.js";
import { button } from "../../ui.js";
import { facts, loaded, more, panel, short, table, tag, time } from "../parts.js";

const POLICIES = ["bypass", "refuse"];
const BRACKETS = ["none", "single_elimination"];
const PER_PAGE = 100;
const ROW_SEATS = 25;

export const showtimes = {
  name: "showtimes",
  title: "Showtimes",
  icon: "seat",
  shown: (session) => session.has("GET", "/showtimes"),
  reads(_, [, id]) {
    if (!id) return [{ key: "showtimes", path: "/showtimes?limit=50" }];
    const of = encodeURIComponent(id);
    return [
      { key: "showtime", path: `/showtimes/${of}`, once: true },
      { key: "seats", path: `/showtimes/${of}/seats?limit=${PER_PAGE}` },
      { key: "reservations", path: `/admin/reservations?showtime=${of}&limit=50` },
    ];
  },
  show: (state, act, [, id]) => (id ? one(state, act, id) : all(state, act)),
};

/** What a reservation has come to. */
export const reservationStatus = ({ status }) => tag(status, status === "paid" ? "good" : status === "held" ? "warm" : "");

const policy = (it) => (it.queue ? (it.on_queue_down === "bypass" ? "let by" : "told to wait") : "–");

function all(state, act) {
  return [
    h("div", { class: "head" }, h("h1", null, "Showtimes"), h("span", { class: "grow" }), state.session.mayAct && button("New showtime", () => act.openForm(showtimeForm(act)), { kind: "primary" })),
    panel(null, loaded(state.data.showtimes, ({ items }) => [
      table("Showtimes", [["Title", (it) => h("a", { href: `#/showtimes/${it.id}` }, it.title)], ["Starts", (it) => time(it.starts_at)], ["Points", (it) => it.price_points.toLocaleString("en"), "n"], ["Queue", (it) => (it.queue ? h("a", { href: `#/queues/${it.queue}` }, short(it.queue)) : "none")], ["If it is down", policy]], items, { empty: "No showtime yet." }),
      more(state.data.showtimes, act, "showtimes"),
    ])),
  ];
}

function one(state, act, id) {
  const path = `/showtimes/${encodeURIComponent(id)}`;
  return loaded(state.data.showtime, ({ showtime: it }) => [
    h("div", { class: "head" }, h("h1", null, it.title), h("span", { class: "grow" }),
      state.session.mayAct && button("Add seats", () => act.openForm(seatsForm(act, path))),
      state.session.mayAct && button("Edit", () => act.openForm(showtimeForm(act, it)))),
    h("div", { class: "two" },
      panel("Showtime", facts([["Starts", time(it.starts_at)], ["Points a seat", it.price_points.toLocaleString("en")], ["Queue", it.queue ? h("a", { class: "mono", href: `#/queues/${it.queue}` }, it.queue) : "none"], ["Without a pass, if the queue is down", policy(it)], ["Room", it.room ? `${it.room.capacity ?? 8} players` : "none"], ["Bracket", it.bracket ? "single elimination" : "none"], ["Players' page", h("a", { href: it.queue ? `/queue/${it.queue}?showtime=${it.id}` : `/queue?showtime=${it.id}` }, "open")], ["Made", time(it.created_at)], ["Changed", time(it.updated_at)]])),
      panel("Seats", loaded(state.data.seats, (page) => [seatMap(page), more(state.data.seats, act, "seats")]))),
    panel("Reservations", loaded(state.data.reservations, ({ items }) => [
      table("Reservations", [["Made", (r) => time(r.created_at)], ["Player", (r) => h("a", { href: `#/players/${r.account}` }, short(r.account))], ["Seat", (r) => seatLabel(state, r.seat)], ["Points", (r) => r.price_points.toLocaleString("en"), "n"], ["Status", reservationStatus], ["Held until", (r) => time(r.hold_expires_at)]], items, { empty: "Nobody has a seat yet." }),
      more(state.data.reservations, act, "reservations"),
    ])),
  ]);
}

const seatLabel = ({ data }, id) => data.seats?.value?.items.find((seat) => seat.id === id)?.label ?? short(id);

/** How many there are of each kind among those on the page, and each as a square. */
export function seatMap({ items, next_cursor }) {
  if (!items.length) return h("p", { class: "empty" }, "No seats yet.");
  const count = (status) => items.filter((seat) => seat.status === status).length;
  const said = `${count("free")} free, ${count("held")} held, ${count("sold")} sold${next_cursor ? ", and more" : ""}`;
  const square = (seat, n) => h("rect", { key: seat.id, class: `seat-${seat.status}`, x: (n % ROW_SEATS) * 12, y: Math.floor(n / ROW_SEATS) * 12, width: 10, height: 10, rx: 2 }, h("title", null, `${seat.label}: ${seat.status}`));
  const rows = Math.ceil(items.length / ROW_SEATS);
  return [h("p", null, said), h("svg", { class: "seat-map", role: "img", "aria-label": said, viewBox: `0 0 ${ROW_SEATS * 12} ${rows * 12}` }, items.map(square))];
}

const local = (ms) => (ms ? new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16) : undefined);

const showtimeForm = (act, it) => ({
  title: it ? "Edit this showtime" : "New showtime", verb: "Save",
  text: it && "Who holds a seat pays the price that it had when he won it.",
  fields: [
    { name: "title", label: "Title", required: true, maxlength: 120, value: it?.title },
    { name: "starts_at", label: "Starts", type: "datetime-local", required: true, value: local(it?.starts_at) },
    { name: "price_points", label: "Points a seat", type: "number", min: 0, required: true, value: it?.price_points ?? 0 },
    { name: "queue", label: "Queue (its id; empty: none)", value: it?.queue ?? "" },
    { name: "room", label: "Players in its room (empty: it has none)", type: "number", min: 4, max: 12, value: it ? (it.room ? (it.room.capacity ?? 8) : "") : "" },
    { name: "bracket", label: "Bracket of duels, instead of a room", options: BRACKETS, value: it?.bracket?.mode ?? "none" },
    { name: "on_queue_down", label: "Players without a pass, if the queue is down", options: POLICIES, value: it?.on_queue_down ?? "bypass" },
  ],
  submit({ title, starts_at, price_points, queue, room, bracket, on_queue_down }) {
    const wish = { title, starts_at: new Date(starts_at).getTime(), price_points: Number(price_points), queue: queue.trim() || null, room: room ? { ...it?.room, capacity: Number(room) } : null, bracket: bracket === "none" ? null : { mode: bracket }, on_queue_down };
    return it ? act.call("PATCH", `/showtimes/${encodeURIComponent(it.id)}`, wish) : act.call("POST", "/showtimes", wish);
  },
});

const seatsForm = (act, path) => ({
  title: "Add seats", verb: "Add", done: "The seats are there.",
  text: "Rows A to C of 10 seats are A1 to A10, B1 to B10, C1 to C10.",
  fields: [
    { name: "from", label: "First row", required: true, maxlength: 1, value: "A" },
    { name: "to", label: "Last row", required: true, maxlength: 1, value: "C" },
    { name: "seats", label: "Seats in each", type: "number", min: 1, max: 50, required: true, value: 10 },
  ],
  submit: (wish) => act.call("POST", `${path}/seats`, { labels: labels(wish) }),
});

/** A1 … for rows between two letters. */
export function labels({ from, to, seats }) {
  const [first, last] = [from, to].map((letter) => letter.trim().toUpperCase().codePointAt(0));
  const rows = Array.from({ length: Math.max(0, last - first + 1) }, (_, n) => String.fromCodePoint(first + n));
  return rows.flatMap((row) => Array.from({ length: Number(seats) }, (_, n) => `${row}${n + 1}`));
}
