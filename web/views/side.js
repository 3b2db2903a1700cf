// Owns: the column beside the table: one's own role, the last will, and the chat with its happenings.

import { h } from "../lib/dom.js";
import { avatar, button } from "../ui.js";
import { icon } from "../icons.js";
import { t } from "../i18n/index.js";
import { nameOf, writing } from "../state/view.js";
import { happening } from "../words.js";

export function side(state, act) {
  return h("aside", { class: "side", key: "side" }, state.game?.you.role && roleCard(state, act), chat(state, act));
}

function roleCard(state, act) {
  const { you, investigations = [] } = state.game;
  const partners = (you.partners ?? []).map((id) => nameOf(state, id));
  return h(
    "section",
    { key: "role", class: `role-card ${you.role} ${you.alive ? "" : "dead"}`, "aria-label": t("role.yours") },
    h("span", { class: "emblem" }, icon(you.role)),
    h(
      "div",
      { class: "role-text" },
      h("small", null, t("role.yours")),
      h("b", null, t(`role.${you.role}`)),
      h("p", null, t(`goal.${you.role}`)),
      partners.length > 0 && h("p", { class: "strong" }, t("role.partners", { names: partners.join(", ") })),
      investigations.map((found) => h("p", { class: "strong", key: found.target }, t(found.mafia ? "found.mafia" : "found.clean", { name: nameOf(state, found.target) }))),
    ),
    state.room.settings.wills !== false && you.alive && will(state, act),
  );
}

function will(state, act) {
  const { ui, game } = state;
  const draft = ui.will ?? game.you.will ?? "";
  const saved = draft !== "" && draft === game.you.will;
  return h(
    "details",
    { class: "will" },
    h("summary", null, icon("quill"), h("span", null, t("will.title")), saved && h("span", { class: "tag" }, t("will.saved"))),
    h("textarea", { rows: 3, maxlength: 300, "aria-label": t("will.title"), placeholder: t("will.hint"), value: draft, oninput: (e) => act.draftWill(e.target.value) }),
    button(t("will.save"), act.saveWill, { iconName: "check", disabled: saved || draft === (game.you.will ?? "") }),
  );
}

// ---- chat ---------------------------------------------------------------------------------------------------

export function chat(state, act) {
  const may = writing(state);
  const { ui } = state;
  const muted = ui.muted ?? {};
  const entries = state.feed.filter((e) => !(e.kind === "chat" && muted[e.from]));
  return h(
    "section",
    { key: "chat", class: "chat", "aria-label": t("chat.title") },
    h("ol", { class: "feed", role: "log", "aria-live": "polite", tabindex: "0", "aria-label": t("chat.title"), onscroll: noteReading, update: stickToEnd }, entries.length ? entries.map((entry) => line(state, entry)) : h("li", { class: "none", key: "none" }, t("chat.empty"))),
    h(
      "form",
      { class: `say ch-${may.channel ?? "closed"}`, onsubmit: (e) => (e.preventDefault(), act.say()) },
      may.channel && may.channel !== "room" && may.channel !== "day" && h("span", { class: `tag ${may.channel}` }, t(`chat.${may.channel}`)),
      h("input", {
        id: "say", maxlength: 500, autocomplete: "off", "aria-label": t("chat.title"), value: ui.draft, disabled: !may.channel,
        placeholder: may.channel ? t(`chat.placeholder_${may.channel}`) : t(`chat.closed_${may.closed}`), oninput: (e) => act.draft(e.target.value),
      }),
      h("button", { type: "submit", class: "icon-btn send", "aria-label": t("chat.send"), title: t("chat.send"), disabled: !may.channel || !ui.draft.trim() }, icon("send")),
    ),
  );
}

/** The newest line stays in sight unless the reader has scrolled up. */
function stickToEnd(el) {
  if (el._readingBack) return;
  requestAnimationFrame(() => (el.scrollTop = el.scrollHeight)); // once it stands in the page
}

const noteReading = ({ target: el }) => (el._readingBack = el.scrollHeight - el.scrollTop - el.clientHeight > 120);

function line(state, entry) {
  if (entry.kind !== "chat") {
    const said = happening(state, entry);
    return said && h("li", { class: `event ${entry.kind} ${entry.phase ?? ""}`, key: entry.n }, h("span", null, said));
  }
  const mine = entry.from === state.me;
  const person = state.roster[entry.from] ?? { nickname: entry.nickname, color: 0 };
  return h(
    "li",
    { class: `said ch-${entry.channel} ${mine ? "mine" : ""}`, key: entry.n },
    avatar(person, "small"),
    h(
      "div",
      null,
      h("b", { class: `name c${person.color}` }, entry.nickname, (entry.channel === "mafia" || entry.channel === "graveyard") && h("span", { class: `tag ${entry.channel}` }, t(`chat.${entry.channel}`))),
      h("p", null, entry.text),
    ),
  );
}
