// Owns: the form for a new room: its name, who may find it, how many seats. Fetched when first opened.

import { h } from "../lib/dom.js";
import "../i18n/forms.js";
import { button, dialog, segments, toggle } from "../ui.js";
import { t } from "../i18n/index.js";

const SEATS = [4, 5, 6, 8, 10, 12];

export function create(state, act) {
  const { create: draft, busy, error } = state.ui;
  const set = (part) => act.draftRoom({ ...draft, ...part });
  return dialog(
    { key: "create", label: t("land.create"), onclose: act.closeCreate, className: "ask" },
    h(
      "form",
      { class: "plain", onsubmit: (e) => (e.preventDefault(), act.createRoom()) },
      h("h2", null, t("land.create")),
      h("div", { class: "field" }, h("label", { for: "room-name" }, t("new.name")), h("input", { id: "room-name", maxlength: 40, autocomplete: "off", value: draft.name, placeholder: t("new.name_hint", { name: state.ui.name }), oninput: (e) => set({ name: e.target.value }) })),
      segments("visibility", t("new.who"), [["public", t("new.public")], ["private", t("new.private")]], draft.visibility, (visibility) => set({ visibility })),
      segments("capacity", t("new.seats"), SEATS.map((n) => [n, String(n)]), draft.capacity, (capacity) => set({ capacity })),
      toggle(t("set.media"), draft.media, (media) => set({ media })),
      error && h("p", { class: "error", role: "alert" }, error),
      h("div", { class: "pair" }, button(t("set.cancel"), act.closeCreate, { kind: "quiet" }), h("button", { type: "submit", class: "btn primary", disabled: !!busy, "data-test": "create-now" }, h("span", null, t("new.create")))),
    ),
  );
}
