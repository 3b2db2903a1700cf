// Owns: the replay: the same table through the eyes of one who knows everything, and a timeline to move on.

import "../i18n/replay.js";
import { h } from "../lib/dom.js";
import { iconButton } from "../ui.js";
import { t } from "../i18n/index.js";
import { chapters } from "../state/replay.js";
import { happening } from "../words.js";
import { stage } from "./stage.js";

const NOTHING = new Proxy({}, { get: () => () => false });

export function replayView({ ui }, act) {
  const { replay } = ui;
  if (!replay.film) {
    return h("main", { class: "replay loading", id: "main", key: "replay" }, h("p", { class: "hint", role: "status" }, ui.error ?? t("replay.loading")), iconButton("close", t("replay.close"), act.closeReplay));
  }
  const { state } = replay.film.steps[replay.n];
  return h("main", { class: "room replay", id: "main", key: "replay" }, stage(state, NOTHING, { live: false }), feed(state), timeline(replay, act));
}

function feed(state) {
  const events = state.feed.slice(-40);
  const toEnd = (el) => requestAnimationFrame(() => (el.scrollTop = el.scrollHeight));
  return h(
    "aside",
    { class: "side", key: "side" },
    h("section", { class: "chat", "aria-label": t("replay.title") }, h("h2", { class: "replay-title" }, t("replay.title")), h("ol", { class: "feed", tabindex: "0", update: toEnd }, events.map((e) => h("li", { class: `event ${e.kind} ${e.phase ?? ""}`, key: e.n }, h("span", null, happening(state, e)))))),
  );
}

function timeline({ film, n, playing, speed }, act) {
  const last = film.steps.length - 1;
  const marks = (film.marks ??= chapters(film));
  return h(
    "section",
    { class: "timeline", "aria-label": t("replay.title"), key: "timeline" },
    iconButton(playing ? "pause" : "play", t(playing ? "replay.pause" : "replay.play"), act.toggleReplay, { className: "primary", "data-test": "replay-play" }),
    h(
      "div",
      { class: "track" },
      h("div", { class: "marks", "aria-hidden": "true" }, marks.map((m) => h("i", { key: m.n, class: m.phase, style: { "--at": `${((m.n / last) * 100).toFixed(2)}%` } }))),
      h("input", { type: "range", min: 0, max: last, step: 1, value: String(n), "aria-label": t("replay.position"), "aria-valuetext": chapterText(marks, n), oninput: (e) => act.seekReplay(Number(e.target.value)), "data-test": "scrub" }),
    ),
    h("output", { class: "when" }, clockText(film.steps[n].at - film.from), h("small", null, chapterText(marks, n))),
    h("button", { type: "button", class: "btn quiet", "aria-label": `${t("replay.speed")} ${speed}×`, onclick: act.replaySpeed }, h("span", null, `${speed}×`)),
    iconButton("close", t("replay.close"), act.closeReplay, { "data-test": "replay-close" }),
  );
}

function chapterText(marks, n) {
  const mark = marks.findLast((m) => m.n <= n);
  if (!mark) return t("replay.start");
  if (mark.phase === "over") return t("replay.over");
  if (mark.phase === "night") return t("phase.night_n", { n: mark.day });
  return `${t("phase.day_n", { n: mark.day })} · ${t(`phase.${mark.phase}`)}`;
}

const clockText = (ms) => `${Math.floor(ms / 60000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, "0")}`;
