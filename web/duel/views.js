// Owns: what the duel's page looks like outside the fight: entry, lobby, challenges. Pure functions of the state of
// `lobby.js` and the page's own `ui`; presses go to `act`. The fight's view is `arena.js`, a bracket's `cup.js`.

import { h } from "../lib/dom.js";
import { t } from "../i18n/index.js";
import { icon } from "../icons.js";
import { avatar, button, iconButton } from "../ui.js";
import { others } from "./lobby.js";

/** `ui.within`: {title, said}, of a match of a bracket. */
export function bar({ me, match }, ui, act) {
  return h(
    "header",
    { class: "bar", key: "bar" },
    h("a", { class: "skip", href: "#main" }, t("duel.skip")),
    h("a", { class: "brand", href: "/", "aria-label": t("app.home") }, mark(), h("b", null, "Playhouse")),
    h("span", { class: "where-name" }, ui.within?.title ?? t("duel.title")),
    h("span", { class: "grow" }),
    me && !match && h("span", { class: "who" }, me.name),
    h("button", { type: "button", class: "btn quiet lang", "aria-label": t("app.other_language"), lang: ui.lang === "ko" ? "en" : "ko", onclick: act.switchLanguage }, icon("globe"), h("span", null, t("app.other_language"))),
    match && button(match.stage === "playing" ? t("duel.give_up") : t("duel.leave"), act.leave, { kind: "quiet", iconName: "door", className: "leave", "data-test": "leave", "aria-label": match.stage === "playing" ? t("duel.give_up") : t("duel.leave") }),
  );
}

const mark = () =>
  h("svg", { viewBox: "0 0 32 32", class: "mark", "aria-hidden": "true" },
    h("path", { class: "mark-a", d: "M3 5c5 2 11 2 15 0v10c0 7-4 11-7.5 12C7 26 3 22 3 15z" }),
    h("path", { class: "mark-b", d: "M14 9c5 2 10 2 15 0v9c0 6-4 10-7.5 11-3.5-1-7.5-5-7.5-11z" }),
    h("path", { class: "mark-c", d: "M7 12h2M12 12h2M8 19c2-1.5 4-1.5 6 0M18 16h2M24 16h2M19 21.5c2 1.5 4 1.5 6 0" }),
  );

export function foyer(state, ui, act) {
  return h(
    "main",
    { class: "landing foyer", id: "main", key: "foyer" },
    h(
      "section",
      { class: "hero" },
      h("h1", null, t("duel.tagline")),
      h("p", { class: "pitch" }, t("duel.pitch")),
      state.me ? ways(state, ui, act) : entry(ui, act),
      h("p", { class: "error", role: "alert", key: "error" }, ui.error ?? noticeText(state.notice)),
      state.notice?.kind === "closed" && state.me && button(t("duel.use_here"), act.useHere, { iconName: "door" }),
    ),
    h("section", { class: "others" }, state.incoming.map((request) => challenge(request, act)), state.me && lobby(state, act), howTo()),
  );
}

function entry(ui, act) {
  return h(
    "form",
    { class: "start", key: "entry", onsubmit: (e) => (e.preventDefault(), act.enter()) },
    h(
      "div",
      { class: "field" },
      h("label", { for: "name" }, t("land.name")),
      h(
        "div",
        { class: "with-button" },
        h("input", { id: "name", name: "nickname", autocomplete: "nickname", maxlength: 16, spellcheck: "false", autocapitalize: "off", value: ui.name, "aria-describedby": "name-hint", oninput: (e) => act.setName(e.target.value) }),
        iconButton("dice", t("land.shuffle"), act.shuffleName),
      ),
      h("small", { id: "name-hint" }, t("land.name_hint")),
    ),
    h("button", { type: "submit", class: "btn primary big", disabled: ui.busy, "data-test": "enter" }, icon("door"), h("span", null, ui.busy ? t("duel.entering") : t("duel.enter"))),
    practice(act),
  );
}

function ways(state, ui, act) {
  return h(
    "div",
    { class: "start", key: "ways" },
    state.canSeek && !state.seeking && h("button", { type: "button", class: "btn primary big", onclick: act.seek, disabled: state.link !== "online" || !!state.asked, "data-test": "seek" }, icon("swords"), h("span", null, t("duel.find"))),
    state.seeking && h("div", { class: "seeking", role: "status" }, h("i", { class: "pulse", "aria-hidden": "true" }), h("span", null, t("duel.finding")), button(t("duel.find_stop"), act.stopSeeking, { kind: "quiet" })),
    practice(act),
  );
}

export const practice = (act) => h("div", { class: "alone" }, button(t("duel.practice"), act.practise, { iconName: "puppet", "data-test": "practise" }), h("small", null, t("duel.practice_hint")));

export function lobby(state, act) {
  const list = others(state);
  return h(
    "div",
    { class: "card lobby", key: "lobby" },
    h("h2", null, t("duel.lobby")),
    state.asked && h("div", { class: "asked", role: "status" }, h("i", { class: "pulse", "aria-hidden": "true" }), h("span", null, t("duel.asked", { name: state.asked.name })), button(t("duel.cancel"), act.withdraw, { kind: "quiet", "data-test": "withdraw" })),
    !state.lobby && h("p", { class: "hint", role: "status" }, t("duel.lobby_wait")),
    state.lobby && !list.length && h("p", { class: "hint" }, t("duel.lobby_empty")),
    list.length > 0 && h("ul", null, list.map((player, i) => row(player, i, state, act))),
  );
}

function row({ playerId, playerName, status }, i, state, act) {
  const free = status === "available";
  return h(
    "li",
    { key: playerId },
    avatar({ nickname: playerName, color: hue(playerId) }, "small"),
    h("span", { class: "room-name" }, playerName),
    free
      ? button(t("duel.challenge"), () => act.ask(playerId), { disabled: !!state.asked || !!state.seeking, "aria-label": t("duel.challenge_name", { name: playerName }), "data-test": "challenge" })
      : h("span", { class: "tag" }, t("duel.in_match")),
  );
}

/** One of twelve colours, the same for a player each time. */
export const hue = (id) => [...String(id)].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 9973, 7) % 12;

export function challenge({ requesterId, requesterName, sessionId }, act) {
  return h(
    "div",
    { class: "card incoming", key: sessionId, role: "group", "aria-label": t("duel.incoming", { name: requesterName }) },
    h("p", { role: "alert" }, avatar({ nickname: requesterName, color: hue(requesterId) }), h("b", null, t("duel.incoming", { name: requesterName }))),
    h("div", { class: "pair" },
      button(t("duel.decline"), () => act.decline(sessionId), { "data-test": "decline" }),
      button(t("duel.accept"), () => act.accept(sessionId), { kind: "primary", iconName: "swords", "data-test": "accept" })),
    h("i", { class: "fuse", "aria-hidden": "true" }),
  );
}

const KEY_ROWS = [["A D", "k_move"], ["W", "k_jump"], ["S", "k_guard"], ["J", "k_light"], ["K", "k_heavy"], ["L", "k_grab"]];

export const howTo = () =>
  h(
    "details",
    { class: "card keys", open: globalThis.innerWidth > 860, key: "keys" },
    h("summary", null, h("h2", null, t("duel.keys"))),
    h("dl", null, KEY_ROWS.map(([keys, text]) => [h("dt", null, keys.split(" ").map((key) => h("kbd", null, key))), h("dd", null, t(`duel.${text}`))])),
  );

export function noticeText(notice) {
  if (!notice) return null;
  if (notice.kind === "declined") return t("duel.notice_declined", notice);
  if (notice.kind === "failed") return t(`duel.notice_${notice.reason}`, notice);
  const key = `duel.notice_${notice.code ?? notice.kind}`;
  const text = t(key, notice);
  return text === key ? t("duel.notice_other", notice) : text;
}
