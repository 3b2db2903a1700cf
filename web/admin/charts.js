// Owns: the console's pictures, drawn as inline SVG: figures over time, and what happened in a game.

import { h } from "../lib/dom.js";

const KEPT = 120;
/** Samples that fill a chart at least: a young line does not pretend to be old. */
const YOUNG = 20;

/** Adds a sample to a series; the oldest goes. */
export const sampled = (series = [], value) => [...series, value].slice(-KEPT);

/** A figure over the last minutes, with its line. */
export function figure(label, series, color) {
  const last = series.at(-1);
  return h("div", { class: "figure" }, h("span", null, label), h("b", null, last === undefined ? "–" : last.toLocaleString("en")), spark(label, series, color));
}

/** A line without its figure. */
export function spark(label, series, color) {
  const high = Math.max(1, ...series);
  const span = Math.max(YOUNG, series.length) - 1;
  const x = (i) => 100 - ((series.length - 1 - i) / span) * 100;
  const y = (value) => 38 - (value / high) * 36;
  const line = series.map((value, i) => `${i ? "L" : "M"}${x(i).toFixed(2)} ${y(value).toFixed(2)}`).join("");
  const said = series.length ? `${label}: now ${series.at(-1)}, between ${Math.min(...series)} and ${Math.max(...series)} since this page was opened` : label;
  return h("svg", { class: "spark", viewBox: "0 0 100 40", preserveAspectRatio: "none", role: "img", "aria-label": said, style: { "--c": color } },
    series.length > 1 && h("path", { class: "under", d: `${line}L100 40L${x(0).toFixed(2)} 40Z` }),
    h("path", { d: line || "M0 38" }));
}

/** Pushes of a kind in the entries of a match: `[{at, payload}]`. */
export function pushes(events, name) {
  return events.flatMap((entry) => (entry.effects ?? []).filter((effect) => effect.kind === "push" && effect.name === name).map((effect) => ({ at: entry.at, payload: effect.payload })));
}

/** Phases as bands and deaths as lines, from the first to the last entry that is known. */
export function phases(events, now) {
  const begun = pushes(events, "game.phase");
  if (!begun.length) return null;
  const [from, to] = [begun[0].at, Math.max(now, begun.at(-1).at + 1)];
  const x = (at) => ((at - from) / (to - from)) * 1000;
  const bands = begun.map(({ at, payload }, i) => {
    const end = begun[i + 1]?.at ?? to;
    const width = Math.max(1, x(end) - x(at));
    const name = `day ${payload.day}: ${payload.phase}, ${Math.round((end - at) / 1000)} s`;
    return h("rect", { class: `p ${payload.phase}`, x: x(at), y: 8, width, height: 28 }, h("title", null, name));
  });
  const days = begun.filter(({ payload }, i) => payload.day !== begun[i - 1]?.payload.day);
  const deaths = pushes(events, "game.death");
  return h("div", null,
    h("div", { class: "days", "aria-hidden": "true" }, days.map(({ at, payload }) => h("span", { style: { left: `${(x(at) / 10).toFixed(2)}%` } }, `day ${payload.day}`))),
    h("svg", { class: "phases", viewBox: "0 0 1000 44", preserveAspectRatio: "none", role: "img", "aria-label": `${begun.length} phases over ${days.length} days, ${deaths.length} deaths` },
      bands,
      deaths.map(({ at }) => h("path", { class: "dead", d: `M${x(at)} 2V42` }))),
    h("p", { class: "legend" }, [["day", "day"], ["vote", "vote"], ["verdict", "defence to last words"], ["night", "night"], ["death", "death"]].map(([name, text]) => h("span", null, h("i", { class: name }), text))),
  );
}

/** Entries of a match as lines of text: `[{at, text}]`. */
export function lines(events, nameOf) {
  const plain = (value) => JSON.stringify(value ?? {}).replace(/"([0-9a-f-]{36})"/g, (_, id) => nameOf(id));
  return events.flatMap((entry) => {
    const said = [];
    const input = entry.input;
    if (input?.kind === "command") said.push(`${nameOf(input.by)}: ${input.name} ${plain(input.payload)}`);
    else if (input?.kind === "left") said.push(`${nameOf(input.player_id)} leaves`);
    else if (input?.kind === "connection") said.push(`${nameOf(input.player_id)} ${input.connected ? "is back" : "drops"}`);
    else if (input?.kind === "abandoned") said.push("nobody is left to play");
    for (const effect of entry.effects ?? []) {
      if (effect.kind !== "push" || ["game.votes", "game.verdict_tally", "game.night_choice"].includes(effect.name)) continue;
      const to = effect.to === "all" ? "all" : (effect.to?.only ?? []).map(nameOf).join(", ");
      said.push(`→ ${to}: ${effect.name} ${plain(effect.payload)}`);
    }
    return said.map((text) => ({ at: entry.at, text }));
  });
}
