// Owns: how the page of showtimes looks. From what it knows to descriptions of elements; no state of its own.

import { currentLanguage, errorText, t } from "../i18n/index.js";
import { icon } from "../icons.js";
import { h } from "../lib/dom.js";
import { button, iconButton } from "../ui.js";
import { mineOf, progress, rowsOf, seatLook, waitWords } from "./state.js";
import "./words.js";

const ICONS = { free: null, chosen: "check", held: "hourglass", sold: "close", mine: "check", yours: "star" };

/** A sentence for what went wrong. */
export function why(error) {
  const key = `error.${error?.code}`;
  const text = t(key);
  return text === key ? errorText(error) : text;
}

export const when = (at) =>
  new Intl.DateTimeFormat(currentLanguage(), { dateStyle: "medium", timeStyle: "short" }).format(at);

const points = (n) => n.toLocaleString(currentLanguage());
const price = (n) => (n > 0 ? t("q.price", { n: points(n) }) : t("q.free_price"));

export function page(state, act) {
  return [header(state, act), state.showtimeId ? show(state, act) : list(state, act), banner(state, act), toasts(state)];
}

function header(state, act) {
  const mark = h("svg", { viewBox: "0 0 32 32", class: "mark", "aria-hidden": "true" },
    h("path", { class: "mark-a", d: "M3 5c5 2 11 2 15 0v10c0 7-4 11-7.5 12C7 26 3 22 3 15z" }),
    h("path", { class: "mark-b", d: "M14 9c5 2 10 2 15 0v9c0 6-4 10-7.5 11-3.5-1-7.5-5-7.5-11z" }));
  return h(
    "header",
    { class: "bar", key: "bar" },
    h("a", { class: "skip", href: "#main" }, t("q.title")),
    h("a", { class: "brand", href: "/", "aria-label": t("app.home") }, mark, h("b", null, "Playhouse")),
    h("span", { class: "grow" }),
    state.balance !== null && h("span", { class: "tag q-points", "data-test": "balance", "aria-label": t("q.balance_label", { n: points(state.balance) }) }, icon("coin"), t("q.balance", { n: points(state.balance) })),
    state.nickname && h("span", { class: "who q-who" }, state.nickname),
    iconButton(state.sound ? "bell" : "bell_off", t(state.sound ? "q.sound_off" : "q.sound_on"), act.toggleSound, { "aria-pressed": String(state.sound), "data-test": "sound" }),
    h("button", { type: "button", class: "btn quiet lang", "aria-label": t("app.other_language"), lang: state.lang === "ko" ? "en" : "ko", onclick: act.switchLanguage }, icon("globe"), h("span", null, t("app.other_language"))),
  );
}

// ---- all showtimes ------------------------------------------------------------------------------------------

function list(state, act) {
  return h(
    "main",
    { class: "q-list", id: "main", key: "list" },
    h("h1", null, t("q.title")),
    h("p", { class: "pitch" }, t("q.pitch")),
    !state.nickname && signIn(state, act),
    state.error && alert(state),
    state.nickname && state.showtimes === null && h("p", { class: "hint", role: "status" }, t("land.busy")),
    state.showtimes?.length === 0 && h("p", { class: "card hint" }, t("q.none")),
    state.showtimes?.length > 0 && h("ul", { class: "q-shows" }, state.showtimes.map((it) => showRow(it, act))),
  );
}

function showRow(it, act) {
  const path = it.queue ? `/queue/${it.queue}?showtime=${it.id}` : `/queue?showtime=${it.id}`;
  return h(
    "li",
    { key: it.id },
    h(
      "a",
      { class: "card q-show", href: path, "data-test": "showtime", "aria-label": t("q.open", { title: it.title }), onclick: (e) => (e.metaKey || e.ctrlKey || (e.preventDefault(), act.open(it))) },
      h("b", null, it.title),
      h("span", { class: "hint" }, t("q.starts", { when: when(it.starts_at) })),
      h("span", { class: "q-tags" }, h("span", { class: "tag" }, icon("coin"), price(it.price_points)), it.queue && h("span", { class: "tag" }, icon("people"), t("q.with_line"))),
    ),
  );
}

function signIn({ name, busy }, act) {
  return h(
    "form",
    { class: "start", key: "sign-in", onsubmit: (e) => (e.preventDefault(), act.signIn()) },
    h(
      "div",
      { class: "field" },
      h("label", { for: "name" }, t("land.name")),
      h("input", { id: "name", name: "nickname", autocomplete: "nickname", maxlength: 16, spellcheck: "false", value: name, "aria-describedby": "name-hint", oninput: (e) => act.setName(e.target.value) }),
      h("small", { id: "name-hint" }, t("land.name_hint")),
    ),
    h("button", { type: "submit", class: "btn primary big", disabled: !!busy, "data-test": "take-part" }, icon("door"), h("span", null, busy ? t("land.busy") : t("q.sign_in"))),
  );
}

const alert = ({ error }) => h("p", { class: "error", role: "alert", key: "error", "data-test": "error" }, why(error));

// ---- one showtime -------------------------------------------------------------------------------------------

function show(state, act) {
  const { showtime, line } = state;
  if (state.nickname && !showtime) return h("main", { class: "q-list", id: "main", key: "gone" }, h("p", { class: "card hint", role: "status" }, t(state.gone ? "q.gone" : "land.busy")), state.gone && button(t("q.back"), act.home, { kind: "quiet" }));
  const inHall = showtime && (line.kind === "admitted" || line.kind === "none");
  const seats = mineOf(state, "held").length + mineOf(state, "paid").length > 0;
  return h(
    "main",
    { class: `q-page ${inHall || seats ? "in-hall" : ""}`, id: "main", key: "show" },
    h(
      "section",
      { class: "q-head" },
      h("a", { class: "q-back", href: "/queue", onclick: (e) => (e.preventDefault(), act.home()) }, t("q.back")),
      showtime && h("h1", null, showtime.title),
      showtime && h("p", { class: "hint" }, `${t("q.starts", { when: when(showtime.starts_at) })} · ${price(showtime.price_points)}`),
    ),
    !state.nickname && h("section", { class: "q-main", key: "who" }, signIn(state, act), state.error && alert(state)),
    showtime && h("section", { class: "q-main", key: "main" }, inHall ? hall(state, act) : place(state, act)),
    showtime && (inHall || seats) && h("aside", { class: "q-side", key: "side" }, side(state, act, inHall)),
  );
}

/** The place in the line, or the way into it. */
function place(state, act) {
  const { line } = state;
  switch (line.kind) {
    case "waiting": return waiting(state, act);
    case "entering": return h("div", { class: "card q-line", key: "entering", role: "status" }, h("p", { class: "q-big" }, t("line.entering")));
    case "done":
    case "outside": return mineOf(state, "paid").length ? another(act, state) : outside(state, act, "line.enter", h("p", { class: "hint" }, t("line.enter_hint")));
    case "down":
      return h("div", { class: "card q-line", key: "down", "data-test": "line-down" }, h("p", { role: "alert" }, t("line.down")),
        button(t("line.down_try"), act.skipLine, { kind: "primary", iconName: "seat", "data-test": "skip-line" }), button(t("line.down_again"), act.enter, { kind: "quiet", iconName: "again" }));
    case "sold_out":
    case "draining":
      return h("div", { class: "card q-line", key: line.kind, "data-test": `line-${line.kind}` }, h("p", { role: "status" }, t(`line.${line.kind}`)), button(t("q.back"), act.home, { kind: "quiet" }));
    default: return outside(state, act, "line.again", h("p", { role: "status", "data-test": `line-${line.kind}` }, t(`line.${line.kind}`)));
  }
}

/** Who has a seat may want one for a friend: a new turn in the line, and not the first thing on the page. */
const another = (act, state) =>
  h("div", { class: "card q-line", key: "another", "data-test": "another" }, h("p", { class: "hint" }, t("line.another_hint")), button(t("line.another"), act.enter, { iconName: "people", disabled: !!state.busy }));

function outside(state, act, verb, words) {
  return h(
    "div",
    { class: "card q-line", key: "outside" },
    words,
    state.error && alert(state),
    h("button", { type: "button", class: "btn primary big", disabled: !!state.busy, onclick: act.enter, "data-test": "enter" }, icon("people"), h("span", null, t(verb))),
  );
}

/** Spoken in steps: a reader of the screen is not told of every one who goes. */
const spoken = (ahead) => (ahead > 20 ? Math.ceil(ahead / 10) * 10 : ahead);

function waiting({ line }, act) {
  const [key, numbers] = waitWords(line.eta_ms);
  return h(
    "div",
    { class: "card q-line", key: "waiting", "data-test": "waiting" },
    h("p", { class: "q-number" }, t("line.your_number", { n: points(line.number) })),
    line.ahead > 0
      ? h("p", { class: "q-ahead", "aria-hidden": "true" }, h("b", { "data-test": "ahead" }, points(line.ahead)), h("span", null, t("line.ahead_label")))
      : h("p", { class: "q-ahead", "aria-hidden": "true" }, h("b", { class: "words", "data-test": "ahead" }, t("line.next"))),
    h("p", { class: "sr", role: "status" }, line.ahead > 0 ? t("line.ahead", { n: spoken(line.ahead) }) : t("line.next")),
    h("div", { class: "q-track", "aria-hidden": "true", style: { "--done": progress(line).toFixed(4) } }, h("i")),
    h("p", { class: "q-eta", "data-test": "eta" }, t(key, numbers)),
    h("p", { class: "hint q-how" }, h("i", { class: `q-dot ${line.live ? "on" : ""}`, "aria-hidden": "true" }), line.stale ? t("q.offline") : t(line.live ? "line.live" : "line.polled")),
    h("p", { class: "hint" }, t("line.keep")),
    button(t("line.leave"), act.leave, { kind: "quiet", iconName: "door", "data-test": "leave-line" }),
  );
}

// ---- the hall -----------------------------------------------------------------------------------------------

function hall(state, act) {
  const { seats } = state;
  if (seats === null) return h("p", { class: "card hint", role: "status", key: "drawing" }, t("hall.loading"));
  if (!seats.length) return h("p", { class: "card hint", role: "status", key: "empty" }, t("hall.empty"));
  const rows = rowsOf(seats);
  const reachable = state.chosen ?? seats.find((seat) => seat.status === "free")?.id ?? seats[0].id;
  const free = seats.filter((seat) => seat.status === "free").length;
  return h(
    "div",
    { class: "q-hall", key: "hall" },
    h("div", { class: "q-scene", "aria-hidden": "true" }, t("hall.stage")),
    h(
      "div",
      { class: "q-rows", role: "group", "aria-label": t("hall.seats"), onkeydown: (e) => act.walk(e, rows) },
      rows.map((row) =>
        h("div", { key: row.name, class: "q-row", role: "group", "aria-label": t("hall.row", { label: row.name || "1" }) },
          row.name && h("span", { class: "q-row-name", "aria-hidden": "true" }, row.name),
          h("div", { class: "q-row-seats" }, row.seats.map((seat) => seatButton(state, act, seat, reachable))))),
    ),
    legend(),
    h("p", { class: "hint q-left", "data-test": "seats-left" }, t("hall.left", { n: free, all: seats.length })),
  );
}

function seatButton(state, act, seat, reachable) {
  const look = seatLook(state, seat);
  const sign = ICONS[look];
  return h(
    "button",
    {
      key: seat.id, type: "button", class: `q-seat ${look}`, "data-seat": seat.id, "data-test": `seat-${seat.label}`, tabindex: seat.id === reachable ? "0" : "-1",
      "aria-label": `${seat.label}, ${t(`seat.${look}`)}`, "aria-pressed": String(look === "chosen"), "aria-disabled": look === "free" || look === "chosen" ? null : "true",
      title: `${seat.label} · ${t(`seat.${look}`)}`, onclick: () => act.choose(seat.id),
    },
    sign ? icon(sign) : h("span", null, /\d+$/.exec(seat.label)?.[0] ?? seat.label),
  );
}

const legend = () =>
  h("ul", { class: "q-legend", "aria-hidden": "true" }, ["free", "held", "sold", "mine", "yours"].map((look) =>
    h("li", { key: look }, h("i", { class: `q-seat ${look}` }, ICONS[look] && icon(ICONS[look])), h("span", null, t(`seat.${look}`)))));

// ---- beside the hall ----------------------------------------------------------------------------------------

function side(state, act, inHall) {
  const held = mineOf(state, "held");
  const paid = mineOf(state, "paid");
  return [
    state.error && alert(state),
    held.map((it) => holdCard(state, act, it)),
    inHall && chooser(state, act, held.length > 0),
    state.line.kind === "admitted" && h("p", { class: "card q-pass", key: "pass" }, h("span", null, t("line.pass_left")), clock(state.line.expires_at)),
    paid.map((it) => paidCard(state, act, it)),
  ];
}

const clock = (at, from) => h("span", { class: "clock", role: "timer", "data-ends-at": at, ...(from && { "data-from": from }) }, h("span", { class: "clock-number" }));
const labelOf = (state, id) => state.seats?.find((seat) => seat.id === id)?.label ?? "…";

function chooser(state, act, second) {
  const label = state.chosen && labelOf(state, state.chosen);
  if (second && !label) return null;
  return h(
    "div",
    { class: "card q-choose", key: "choose" },
    label
      ? h("button", { type: "button", class: "btn primary big", disabled: !!state.busy, onclick: act.hold, "data-test": "hold" }, icon("seat"), h("span", null, state.busy === "hold" ? t("hall.taking") : t("hall.take", { label })))
      : h("p", { class: "q-prompt", role: "status" }, icon("seat"), t("hall.choose")),
    label && h("p", { class: "hint" }, price(state.showtime.price_points)),
  );
}

function holdCard(state, act, it) {
  const label = labelOf(state, it.seat);
  const left = (state.balance ?? 0) - it.price_points;
  const verb = it.price_points > 0 ? t("hold.pay", { n: points(it.price_points) }) : t("hold.confirm");
  return h(
    "div",
    { class: "card q-hold", key: it.id, "data-test": "held" },
    h("h2", null, t("hold.title", { label })),
    h("div", { class: "q-count" }, clock(it.hold_expires_at, it.created_at), h("span", { class: "hint" }, t("hold.left")), h("span", { class: "clock q-bar", "data-ends-at": it.hold_expires_at, "data-from": it.created_at, "aria-hidden": "true" }, h("span", { class: "clock-number" }), h("span", { class: "clock-bar" }, h("i")))),
    h("dl", { class: "q-sum" }, h("dt", null, t("hold.price")), h("dd", null, points(it.price_points)), h("dt", null, t("hold.after")), h("dd", { class: left < 0 ? "error" : "" }, state.balance === null ? "…" : points(left))),
    left < 0 && state.balance !== null && h("p", { class: "error", role: "status", "data-test": "short" }, t("hold.short", { n: points(-left) })),
    state.again && h("p", { class: "hint", role: "status" }, t("hold.again")),
    h("button", { type: "button", class: "btn primary big", disabled: !!state.busy || (left < 0 && state.balance !== null), onclick: () => act.pay(it.id), "data-test": "pay" }, icon("coin"), h("span", null, state.busy === "pay" ? t("hold.paying") : verb)),
    button(t("hold.give_back"), () => act.giveBack(it.id), { kind: "quiet", disabled: !!state.busy, "data-test": "give-back" }),
  );
}

function paidCard(state, act, it) {
  return h("div", { class: "card q-paid", key: it.id, "data-test": "paid" }, icon("star"), h("div", null, h("b", null, t("paid.title", { label: labelOf(state, it.seat) })), h("p", { class: "hint" }, t("paid.when", { title: state.showtime.title, when: when(state.showtime.starts_at) }))),
    state.showtime.room && button(t("paid.enter"), act.enterRoom, { kind: "primary", iconName: "door", disabled: !!state.busy, "data-test": "enter-room" }),
    state.showtime.bracket && h("a", { class: "btn primary", href: `/duel?bracket=${state.showtime.id}`, "data-test": "enter-bracket" }, icon("door"), h("span", null, t("paid.bracket"))));
}

// ---- over the page ------------------------------------------------------------------------------------------

function banner({ unreached, link }, act) {
  if (!unreached && link !== "reconnecting") return null;
  return h("div", { class: "banner", role: "alert", key: "banner" }, h("i", { class: "pulse", "aria-hidden": "true" }), h("span", null, t("q.offline")), button(t("link.retry"), act.retryNow, { kind: "quiet" }));
}

const toasts = ({ toasts: now }) =>
  h("div", { class: "toasts", "aria-live": "assertive", key: "toasts" }, now.map((it) => h("div", { class: "toast", key: it.n }, h("span", { class: "toast-icon" }, icon("check")), h("div", null, h("p", null, t(it.key, it.params))))));
