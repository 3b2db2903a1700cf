// Owns: the leader's settings form. Edits a draft; only "save" sends it, and only what has changed. Fetched when first opened.

import { h } from "../lib/dom.js";
import "../i18n/forms.js";
import { button, dialog, segments, toggle } from "../ui.js";
import { t } from "../i18n/index.js";
import { PACES, paceOf, TIMES } from "../paces.js";

export function settings(state, act) {
  const draft = state.ui.settings;
  if (!draft) return null;
  const set = (part) => act.draftSettings({ ...draft, ...part });
  return dialog(
    { key: "settings", label: t("set.title"), onclose: act.closeSettings, className: "settings" },
    h(
      "form",
      { onsubmit: (e) => (e.preventDefault(), act.saveSettings()) },
      h("h2", null, t("set.title")),
      h("div", { class: "scroll" }, pace(draft, set), roles(draft, set), rules(draft, set)),
      state.ui.error && h("p", { class: "error", role: "alert" }, state.ui.error),
      h("div", { class: "pair" }, button(t("set.cancel"), act.closeSettings, { kind: "quiet" }), h("button", { type: "submit", class: "btn primary" }, h("span", null, t("set.save")))),
    ),
  );
}

function pace(draft, set) {
  const current = paceOf(draft);
  const options = [...Object.keys(PACES), ...(current === "custom" ? ["custom"] : [])].map((id) => [id, t(`set.${id}`)]);
  return [
    segments("pace", t("set.pace"), options, current, (id) => PACES[id] && set(PACES[id])),
    h(
      "fieldset",
      { class: "numbers" },
      h("legend", null, t("set.times")),
      TIMES.map((key) => number(key, t(`set.${key}`), draft[key] / 1000, key === "final_words_ms" ? 0 : 1, 600, (v) => set({ [key]: Math.round(v * 1000) }))),
    ),
  ];
}

function roles(draft, set) {
  const counts = draft.roles ?? {};
  const change = (role, value) => set({ roles: { ...counts, [role]: value } });
  return h(
    "fieldset",
    { class: "numbers" },
    h("legend", null, t("set.roles")),
    ["mafia", "doctor", "police", "escort", "jester"].map((role) =>
      number(role, t(`role.${role}`), counts[role] ?? "", role === "mafia" ? 1 : 0, 4, (v) => change(role, v === null && role === "mafia" ? null : (v ?? 0)), role === "mafia" ? t("set.by_count") : ""),
    ),
  );
}

function rules(draft, set) {
  return [
    segments("reveal", t("set.reveal"), ["none", "side", "full"].map((id) => [id, t(`set.reveal_${id}`)]), draft.reveal_on_death, (id) => set({ reveal_on_death: id })),
    segments("tie", t("set.tie"), ["day", "night"].map((id) => [id, t(`set.tie_${id}`)]), draft.vote_tie, (id) => set({ vote_tie: id })),
    h(
      "div",
      { class: "toggles" },
      toggle(t("set.media"), !!draft.media, (v) => set({ media: v, living_chat: !v })),
      toggle(t("set.living_chat"), draft.living_chat ?? !draft.media, (v) => set({ living_chat: v })),
      ["night_early_close", "wills", "anonymous_votes", "allow_spectators"].map((key) => toggle(t(`set.${key}`), !!draft[key], (v) => set({ [key]: v }))),
    ),
  ];
}

function number(key, label, value, min, max, onchange, placeholder = "") {
  return h(
    "label",
    { key, class: "number" },
    h("span", null, label),
    h("input", { type: "number", min, max, step: "any", value: String(value), placeholder, onchange: (e) => onchange(e.target.value === "" ? null : Number(e.target.value)) }),
  );
}
