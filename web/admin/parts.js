// Owns: what many screens of the console share: tables, times, facts, forms in dialogs. No state of its own.

import { h } from "../lib/dom.js";
import { button, dialog } from "../ui.js";

/** A time of day here, with the date if it is another day. */
export function time(ms) {
  if (ms === null || ms === undefined) return "–";
  const at = new Date(ms);
  const today = at.toDateString() === new Date().toDateString();
  const text = at.toLocaleString("en-GB", today ? { timeStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" });
  return h("time", { datetime: at.toISOString(), title: at.toISOString() }, text);
}

/** The first part of an id; the whole in its title. */
export const short = (id) => (id ? h("span", { class: "mono", title: id }, `…${String(id).slice(-8)}`) : "–");

export const tag = (text, kind = "") => h("span", { class: `tag ${kind}` }, text);

const BADLY = new Set(["rejected", "compensated"]);

/** What has become of a claim. */
export const claimStatus = ({ status }) => tag(status, status === "granted" ? "good" : BADLY.has(status) ? "bad" : "warm");

/** `columns`: [[title, (item) => content, className?], …] */
export function table(caption, columns, items, { empty = "Nothing here.", key = "id" } = {}) {
  if (!items?.length) return h("p", { class: "empty" }, empty);
  return h("div", { class: "scroll" },
    // Roles are said, for a phone shows rows as cards and a browser then takes them for no table.
    h("table", { role: "table" },
      h("caption", { class: "sr" }, caption),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map(([title, , name = ""]) => h("th", { role: "columnheader", scope: "col", class: name }, title)))),
      h("tbody", { role: "rowgroup" }, items.map((item) => h("tr", { role: "row", key: String(item[key]) }, columns.map(([title, show, name = ""]) => h("td", { role: "cell", class: name, "data-title": title }, h("div", null, show(item)))))))),
  );
}

export const facts = (rows) => h("dl", { class: "facts" }, rows.filter((row) => row[1] !== null && row[1] !== undefined).flatMap(([name, value]) => [h("dt", null, name), h("dd", null, value)]));

export const panel = (title, ...children) => h("section", { class: "panel" }, title && h("h2", null, title), children);

export const json = (value) => h("pre", { class: "mono", tabindex: "0" }, JSON.stringify(value, null, 2));

/** A list that is being read, could not be, or is there: `then` shows it. */
export function loaded(entry, then) {
  if (entry?.value !== undefined) return then(entry.value);
  if (entry?.error) return h("p", { class: "error", role: "alert" }, sentence(entry.error));
  return h("p", { class: "empty", role: "status" }, "Loading…");
}

/** Under a list that has a next page. */
export const more = (entry, act, key) => entry?.value?.next_cursor && button("Show more", () => act.more(key), { kind: "quiet" });

/** An error as a person reads it. */
export function sentence(error) {
  if (error.code === "network") return "The server cannot be reached.";
  if (error.code === "forbidden") return "Your role may not do this.";
  return error.message || error.code;
}

function field(spec) {
  const { name, label, type = "text", value, options, required = false, ...rest } = spec;
  if (type === "checkbox") return h("label", { key: name, class: "check" }, h("input", { type, name, ...(value ? { checked: true } : {}) }), h("span", null, label));
  const start = (el) => value !== undefined && (el.value = value);
  const input = options
    ? h("select", { name, mount: start }, options.map((option) => h("option", { value: option }, option)))
    : h(type === "textarea" ? "textarea" : "input", { name, required, mount: start, ...(type === "textarea" ? {} : { type }), ...rest });
  return h("label", { key: name }, h("span", null, label), input);
}

/** `form`: {title, verb, kind?, text?, fields, submit(values)}; what goes wrong is shown in it. */
export function formDialog(form, act) {
  const submit = (event) => {
    event.preventDefault();
    const data = new FormData(event.target);
    const read = ({ name, type }) => [name, type === "checkbox" ? data.has(name) : data.get(name)];
    act.submit(form, Object.fromEntries(form.fields.map(read)));
  };
  return dialog({ key: `form-${form.title}`, label: form.title, onclose: act.closeForm },
    h("form", { class: "form", onsubmit: submit },
      h("h2", null, form.title),
      form.text && h("p", { class: "hint" }, form.text),
      form.fields.map(field),
      form.error && h("p", { class: "error", role: "alert" }, form.error),
      h("div", { class: "pair" },
        button("Cancel", act.closeForm, { kind: "quiet" }),
        h("button", { type: "submit", class: `btn ${form.kind ?? "primary"}`, disabled: form.busy }, form.verb))),
  );
}
