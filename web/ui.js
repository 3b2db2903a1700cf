// Owns: small pieces that many views share: buttons, avatars, fields. No state of its own.

import { h } from "./lib/dom.js";
import { icon } from "./icons.js";

/** A button named by a verb. `kind`: primary | quiet | danger | plain. */
export function button(label, onclick, { kind = "plain", iconName, className = "", ...rest } = {}) {
  return h("button", { type: "button", class: `btn ${kind} ${className}`, onclick, ...rest }, iconName && icon(iconName), h("span", null, label));
}

/** A round button with an icon alone; `label` is what a screen reader says and a mouse sees. */
export function iconButton(name, label, onclick, rest = {}) {
  const { className = "", ...others } = rest;
  return h("button", { type: "button", class: `icon-btn ${className}`, onclick, "aria-label": label, title: label, ...others }, icon(name));
}

/** The two letters (or one syllable pair) that stand for a player. */
export function initials(nickname) {
  const letters = [...nickname.replace(/_/g, " ").trim()];
  if (/^[\x20-\x7e]/.test(letters.join(""))) {
    const words = nickname.split(/[_\s]+|(?<=[a-z])(?=[A-Z])/).filter(Boolean);
    return (words.length > 1 ? words[0][0] + words[1][0] : letters.slice(0, 2).join("")).toUpperCase();
  }
  return letters.slice(0, 2).join("");
}

/** A player's face: initials on his colour. `person` is a roster entry. */
export function avatar(person, className = "") {
  const color = person?.color ?? 0;
  return h("span", { class: `avatar c${color} ${className}`, "aria-hidden": "true" }, h("span", null, initials(person?.nickname ?? "?")));
}

/** A switch with its label. */
export function toggle(label, checked, onchange, disabled = false) {
  return h("label", { class: "toggle" }, h("input", { type: "checkbox", role: "switch", checked, disabled, onchange: (e) => onchange(e.target.checked) }), h("i", { "aria-hidden": "true" }), h("span", null, label));
}

/** One of several: a row of radio buttons that look like one control. */
export function segments(name, label, options, value, onchange) {
  return h(
    "fieldset",
    { class: "segments" },
    h("legend", null, label),
    h(
      "div",
      null,
      options.map(([id, text]) =>
        h("label", { key: id, class: value === id ? "on" : "" }, h("input", { type: "radio", name, value: id, checked: value === id, onchange: () => onchange(id) }), h("span", null, text)),
      ),
    ),
  );
}

/** A dialog that traps the keyboard natively and closes with Escape; the focus goes back to where it was. */
export function dialog({ key, label, onclose, className = "" }, ...children) {
  return h(
    "dialog",
    {
      key,
      class: `sheet ${className}`,
      "aria-label": label,
      oncancel: (e) => (e.preventDefault(), onclose()),
      onclick: (e) => e.target.tagName === "DIALOG" && onclose(),
      mount(el) {
        el._opener = document.activeElement;
        el.showModal();
      },
      unmount: (el) => el._opener?.isConnected && el._opener.focus(),
    },
    h("div", { class: "sheet-body" }, children),
  );
}
