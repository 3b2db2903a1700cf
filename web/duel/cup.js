// Owns: what a bracket looks like: the tree, how one stands in it, who is in before the start. Pure functions of what
// `bracket.js` keeps. Fetched by `app.js` for `/duel?bracket=…` alone.

import { h } from "../lib/dom.js";
import { currentLanguage, t } from "../i18n/index.js";
import { icon } from "../icons.js";
import { avatar, button } from "../ui.js";
import { rounds, standing } from "./bracket.js";
import { challenge, howTo, hue, lobby, noticeText, practice } from "./views.js";

export { Bracket, standing } from "./bracket.js";

/** The page outside of matches. `ui.bracket`: {bracket?, code?}, null until the server has said anything; `ui.now`: its time. */
export function cupFoyer(state, ui, act) {
  const { bracket, code } = ui.bracket ?? {};
  const it = bracket && standing(bracket, state.me.id);
  const busy = it && ["open", "play", "next"].includes(it.is); // nobody else's challenge is wanted now
  return h(
    "main",
    { class: "landing foyer with-cup", id: "main", key: "cup" },
    h(
      "section",
      { class: "hero" },
      h("h1", null, bracket?.title ?? t("duel.cup")),
      it ? place(it, state, ui, act) : outside(code, ui),
      h("p", { class: "error", role: "alert", key: "error" }, ui.error ?? noticeText(state.notice)),
      state.notice?.kind === "closed" && it?.is !== "play" && button(t("duel.use_here"), act.useHere, { iconName: "door" }),
      it?.is !== "play" && practice(act),
    ),
    h(
      "section",
      { class: "others" },
      state.incoming.map((request) => challenge(request, act)),
      bracket && (bracket.status === "open" ? entrants(bracket, state.me.id) : tree(bracket, state.me.id)),
      !busy && lobby(state, act),
      !busy && howTo(),
    ),
  );
}

/** Why one is not in it. */
function outside(code, { showtime }) {
  const said = !code ? t("duel.cup_entering") : codeText(code);
  return h("div", { class: "card standing", key: "standing", "data-test": "bracket-refused" },
    h("p", { role: "status" }, said),
    code === "seat_required" && h("a", { class: "btn primary big", href: `/queue?showtime=${encodeURIComponent(showtime)}`, "data-test": "get-seat" }, icon("door"), h("span", null, t("duel.cup_seat"))));
}

function codeText(code) {
  const key = `duel.cup_${code}`;
  return t(key) === key ? t("duel.cup_refused", { code }) : t(key);
}

/** How one stands, in a headline and a line. */
export function say(it) {
  if (it.is === "play") return [t("duel.cup_h_play", it), t(it.status === "disputed" ? "duel.cup_disputed_hint" : "duel.cup_play_hint")];
  if (it.is === "next") return [upcoming(it), `${it.by === "bye" ? t("duel.cup_bye_hint") : it.by === "no_show" ? t("duel.cup_walkover_hint") : ""} ${t("duel.cup_next_hint")}`];
  if (it.is === "out") return [t("duel.cup_h_out"), it.by === "no_show" ? t("duel.cup_out_no_show") : it.by === "seat" ? t("duel.cup_out_seat") : t(`duel.cup_out_${it.by}`, { name: it.name ?? "?" })];
  if (it.is === "champion") return [t("duel.cup_h_champion"), null];
  if (it.is === "over") return [it.name ? t("duel.cup_won", it) : t("duel.cup_h_none"), null];
  return [t(it.is === "open" ? "duel.cup_h_open" : "duel.cup_h_watch"), it.is === "open" ? t("duel.cup_open_hint") : null];
}

function upcoming({ name, among }) {
  if (name) return t("duel.cup_h_next", { name });
  return among.length === 2 ? t("duel.cup_h_next_of", { a: among[0], b: among[1] }) : t("duel.cup_h_on");
}

function place(it, state, ui, act) {
  const [head, hint] = say(it);
  const { bracket } = ui.bracket;
  return h(
    "div",
    { class: `card standing is-${it.is}`, key: "standing", "data-test": "standing", "data-is": it.is },
    h("h2", { role: "status" }, (it.is === "champion" || it.is === "over") && icon("crown"), h("span", null, head)),
    it.is === "open" && h("p", { class: "begins-in", role: "timer", "data-test": "count" }, countdown(bracket.starts_at - ui.now)),
    hint && h("p", { class: "hint" }, hint),
    it.is === "play" && it.status !== "disputed" && goes(state, act),
  );
}

/** The match opens by itself, unless this window has not the line. */
const goes = (state, act) =>
  state.link === "closed"
    ? [h("p", { class: "hint" }, t("duel.cup_elsewhere")), h("button", { type: "button", class: "btn primary big", onclick: act.useHere, "data-test": "go-to-duel" }, icon("swords"), h("span", null, t("duel.cup_go")))]
    : h("p", { class: "seeking", role: "status" }, h("i", { class: "pulse", "aria-hidden": "true" }), h("span", null, t("duel.cup_opening")));

function countdown(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  return s ? t("duel.cup_starts", { time: `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}` }) : t("duel.cup_begins");
}

/** Before the start: who is in. */
function entrants({ players }, me) {
  const row = ({ player_id, nickname }) => h("li", { key: player_id, class: player_id === me ? "mine" : "" }, avatar({ nickname, color: hue(player_id) }, "small"), h("span", null, nickname));
  return h("div", { class: "card cup", key: "cup", "data-test": "bracket" }, h("h2", null, t("duel.cup_players", { n: players.length })), h("ul", { class: "entrants" }, players.map(row)));
}

/** The tree, a column a round; on a phone the rounds that are on and over, the newest first. */
function tree(bracket, me) {
  const all = rounds(bracket, me);
  const now = bracket.status === "running" ? bracket.rounds.length - 1 : -1;
  const until = (at) => new Date(at).toLocaleTimeString(currentLanguage(), { hour: "numeric", minute: "2-digit" });
  return h(
    "div",
    { class: "card cup", key: "cup", "data-test": "bracket" },
    h("h2", null, t("duel.cup")),
    h("div", { class: "tree", role: "group", tabindex: 0, "aria-label": t("duel.cup") }, all.map(({ rows, begun }, n) =>
      h("section", { key: n, class: `${begun ? "" : "ahead"}${n === now ? " now" : ""}`, "data-round": n }, h("h3", null, roundName(rows.length, n)), h("ol", null, rows.map(pairing))))),
    now >= 0 && h("p", { class: "hint" }, t("duel.cup_ends", { time: until(all[now].endsAt) })),
  );
}

const roundName = (pairs, n) => (pairs === 1 ? t("duel.cup_final") : pairs === 2 ? t("duel.cup_semi") : pairs === 4 ? t("duel.cup_quarter") : t("duel.round", { n: n + 1 }));

/** The title of a match of the bracket: which it is of, and which round. */
export function where(bracket) {
  const at = bracket.rounds.length - 1;
  return at < 0 ? bracket.title : `${bracket.title} · ${roundName(bracket.rounds[at].pairs.length, at)}`;
}

function pairing({ key, players, status, by }) {
  const foot = status === "decided" ? by !== "result" && t(`duel.cup_by_${by}`) : status !== "ahead" && t(`duel.cup_${status}`);
  const shown = by === "bye" ? players.filter(({ name }) => name !== null) : players;
  return h("li", { key, class: `${status}${players.some(({ mine }) => mine) ? " mine" : ""}` }, h("div", { class: "pairing" }, shown.map((it) => contestant(it, status)), foot && h("small", { class: "foot" }, foot)));
}

function contestant({ name, seed, won, mine }, status) {
  const lost = status === "decided" && !won;
  const text = name === undefined ? t("duel.cup_place_open") : name ?? t("duel.cup_nobody");
  return h("span", { class: `contestant${won ? " won" : ""}${lost ? " lost" : ""}${mine ? " mine" : ""}${name ? "" : " faint"}` },
    h("i", { class: "seed", "aria-hidden": "true" }, name ? seed : ""), h("span", { class: "name" }, text), won && icon("check", { label: t("duel.cup_goes_on") }));
}
