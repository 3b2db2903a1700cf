// Owns: the console's pictures of hours and weeks: claims as bars, events as spans of a calendar, a balance as steps.
// Pure: what is drawn follows from the arguments. Text is never in a stretched picture: axes are HTML.

import { h } from "../lib/dom.js";

const HOUR_MS = 3_600_000;
/** From the bottom of a bar to its top. */
const ENDS = ["granted", "compensated", "rejected", "running"];

/** A time on an axis: of day, or the day if the axis is long. */
function tick(ms, span) {
  const at = new Date(ms);
  return at.toLocaleString("en-GB", span > 36 * HOUR_MS ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit" });
}

const axis = (from, to, last) => h("div", { class: "axis", "aria-hidden": "true" }, h("span", null, tick(from, to - from)), h("span", null, tick((from + to) / 2, to - from)), h("span", null, last ?? tick(to, to - from)));

/** Claims by the time they were made, stacked by what became of them: `{step_ms, items: [{at, granted, …}]}`. */
export function claimsOverTime({ step_ms, items }) {
  const totals = ENDS.map((name) => [name, items.reduce((sum, item) => sum + item[name], 0)]);
  const most = Math.max(1, ...items.map((item) => ENDS.reduce((sum, name) => sum + item[name], 0)));
  const [wide, high] = [1000 / items.length, 96];
  const bars = items.flatMap((item, i) => {
    let top = 100;
    return ENDS.filter((name) => item[name]).map((name) => {
      const height = (item[name] / most) * high;
      top -= height;
      return h("rect", { class: name, x: (i * wide + 1).toFixed(1), y: top.toFixed(2), width: (wide - 2).toFixed(1), height: height.toFixed(2) }, h("title", null, `${tick(item.at, step_ms * items.length)}: ${item[name]} ${name}`));
    });
  });
  const all = totals.reduce((sum, [, count]) => sum + count, 0);
  return h("figure", { class: "over-time" },
    h("div", { class: "plot" }, h("span", { class: "most", "aria-hidden": "true" }, most.toLocaleString("en")),
      h("svg", { viewBox: "0 0 1000 100", preserveAspectRatio: "none", role: "img", "aria-label": `${all} claims: ${totals.map(([name, count]) => `${count} ${name}`).join(", ")}` }, h("path", { class: "ground", d: "M0 99.5H1000" }), bars)),
    axis(items[0].at, items.at(-1).at + step_ms, "now"),
    h("figcaption", { class: "legend" }, totals.map(([name, count]) => h("span", null, h("i", { class: name }), `${name} ${count.toLocaleString("en")}`))));
}

/** Events as spans on one calendar, the newest above, with a line for now: `[{id, title, status, starts_at, ends_at}]`. */
export function calendar(events, now) {
  const shown = events.filter((event) => event.status !== "ended" || event.ends_at > now - 30 * 24 * HOUR_MS);
  if (!shown.length) return null;
  const from = Math.min(now, ...shown.map((event) => Math.max(event.starts_at, now - 60 * 24 * HOUR_MS)));
  const to = Math.max(now, ...shown.map((event) => Math.min(event.ends_at, now + 120 * 24 * HOUR_MS)));
  const [left, right] = [from - (to - from) * 0.02, to + (to - from) * 0.02];
  const x = (ms) => Math.min(100, Math.max(0, ((ms - left) / (right - left)) * 100));
  const place = (event) => ({ left: `${x(event.starts_at).toFixed(2)}%`, width: `${Math.max(0.6, x(event.ends_at) - x(event.starts_at)).toFixed(2)}%` });
  const days = (event) => Math.max(1, Math.round((event.ends_at - event.starts_at) / (24 * HOUR_MS)));
  return h("div", { class: "calendar" },
    h("ol", null, shown.map((event) => h("li", { key: event.id },
      h("a", { href: `#/events/${event.id}` }, event.title),
      h("div", { class: "lane" }, h("i", { class: event.status, style: place(event), title: `${event.status}, ${days(event)} days` }), h("b", { style: { left: `${x(now).toFixed(2)}%` } }))))),
    h("div", { class: "under-lanes" }, axis(left, right)),
    h("p", { class: "legend" }, ["draft", "active", "inactive", "ended"].map((name) => h("span", null, h("i", { class: name }), name)), h("span", null, h("i", { class: "now" }), "now")));
}

/** A balance over time, from the newest entries of its ledger and what it is now: `[{amount, at}]`, newest first. */
export function balance(entries, now, points) {
  if (!entries.length) return null;
  let value = points;
  const steps = [{ at: now, value }];
  for (const entry of entries) {
    steps.push({ at: entry.at, value });
    value -= entry.amount;
    steps.push({ at: entry.at, value });
  }
  steps.reverse();
  const [from, most] = [steps[0].at, Math.max(1, ...steps.map((step) => step.value))];
  const x = (ms) => (1000 * (ms - from)) / Math.max(1, now - from);
  const y = (value) => 98 - (value / most) * 94;
  const line = steps.map((step, i) => `${i ? "L" : "M"}${x(step.at).toFixed(1)} ${y(step.value).toFixed(2)}`).join("");
  return h("figure", { class: "over-time" },
    h("div", { class: "plot" }, h("span", { class: "most", "aria-hidden": "true" }, most.toLocaleString("en")),
      h("svg", { viewBox: "0 0 1000 100", preserveAspectRatio: "none", role: "img", "aria-label": `The balance over ${entries.length} entries: from ${steps[0].value} to ${points} points` },
        h("path", { class: "under", d: `${line}L1000 100L0 100Z` }), h("path", { class: "line", d: line }))),
    axis(from, now, "now"));
}

/** How much of a stock is left. */
export function stock({ stock, left }) {
  if (stock === null || stock === undefined) return "no limit";
  const rest = left ?? 0;
  return h("span", { class: "stock" }, `${rest.toLocaleString("en")} of ${stock.toLocaleString("en")}`, h("meter", { min: 0, max: Math.max(1, stock), value: rest, "aria-label": "left" }));
}
