// Owns: the fight's view: the stage, what lies over it (connecting, trouble, the end), touch buttons, the plots.
// Pure but for the two canvases it hands to `act`. The rest of the page is `views.js`.

import { h } from "../lib/dom.js";
import { t } from "../i18n/index.js";
import { icon } from "../icons.js";
import { button } from "../ui.js";
import { INPUT } from "./moves.js";
import { challenge, noticeText } from "./views.js";

export function arena(state, ui, act) {
  const { match } = state;
  const names = sides(state);
  const figures = ui.figures ?? {};
  return h(
    "main",
    // What the page shows is also said in attributes, for whoever looks on from outside.
    { class: `arena ${ui.touch ? "touch" : ""} ${match.sessionId === "practice" ? "practice" : ""}`, id: "main", key: "arena", "data-stage": match.stage, "data-side": match.side, "data-frame": figures.confirmed ?? 0, "data-check": (figures.checks ?? []).map(({ frame, sum }) => `${frame}:${sum}`).join(" "), "data-rollbacks": figures.rollbacks ?? 0, "data-p50": figures.p50 ?? 0, "data-stalls": figures.stalls ?? 0, "data-waits": figures.waits ?? 0, "data-session": match.sessionId },
    h(
      "div",
      { class: "theatre" },
      h("canvas", { class: "fight", key: "fight", opaque: true, role: "img", "aria-label": t("duel.stage", { a: names[0], b: names[1] }), mount: act.mountStage, unmount: act.unmountStage }),
      curtain(state, ui, act),
    ),
    ui.touch && pads(act),
    panel(state, ui, act, figures),
    h("p", { class: "sr", role: "status", "aria-live": "polite" }, ui.spoken),
  );
}

/** Names of players 0 and 1. */
export const sides = ({ me, match }) => (match.side === 0 ? [me?.name ?? t("duel.you"), match.opponentName] : [match.opponentName, me?.name ?? t("duel.you")]);

/** What is laid over the stage; null while the fight goes on. */
function curtain(state, ui, act) {
  const { match } = state;
  const name = match.opponentName;
  if (match.stage === "over") return ending(state, ui, act);
  if (match.stage === "accepting") return wait(t("duel.accepting", { name }));
  if (match.stage === "connecting") return wait(t("duel.connecting", { name }), t("duel.connecting_hint"));
  if (match.trouble === "interrupted") return h("p", { class: "over strip", role: "alert", key: "strip" }, h("i", { class: "pulse", "aria-hidden": "true" }), t("duel.trouble_interrupted", { name }));
  if (ui.figures?.status !== "running") return wait(t("duel.syncing"));
  return null;
}

const wait = (title, hint) => h("div", { class: "over", role: "status", key: "wait" }, h("i", { class: "pulse", "aria-hidden": "true" }), h("h2", null, title), hint && h("p", null, hint));

function ending(state, ui, act) {
  const { match } = state;
  const name = match.opponentName;
  const wanted = state.incoming.find(({ requesterId }) => requesterId === match.opponentId);
  return h(
    "div",
    { class: "over end", role: "group", "aria-label": verdict(match), key: "end", "data-test": "end" },
    h("div", { role: "alert" }, h("h2", null, verdict(match)), h("p", { class: "hint" }, explanation(match, !!ui.within))),
    // What comes later has its place from the start.
    h("p", { class: "rating" }, match.rating && rating(match.rating)),
    h("p", { class: "late", role: "alert" }, noticeText(state.notice)),
    match.sessionId === "practice"
      ? button(t("duel.again"), act.practise, { kind: "primary", iconName: "again" })
      : ui.within
        ? h("p", { class: "within", "data-test": "within" }, match.ended && ui.within.said)
        : state.asked
          ? h("p", { role: "status" }, t("duel.rematch_asked", { name }))
          : match.trouble !== "desync" && rematch(state, wanted, act),
    button(t(ui.within ? "duel.cup_to" : "duel.to_lobby"), act.leave, { "data-test": "to-lobby" }),
    h("div", { class: "challengers" }, state.incoming.filter((request) => request !== wanted).map((request) => challenge(request, act))),
  );
}

/** Always there, so that nothing moves under a finger; to be pressed once the other one is free. */
function rematch({ match, lobby }, wanted, act) {
  const free = match.ended && lobby?.some(({ playerId, status }) => playerId === match.opponentId && status === "available");
  const [text, press] = wanted ? [t("duel.rematch_wanted", { name: match.opponentName }), () => act.accept(wanted.sessionId)] : [t("duel.rematch"), () => act.ask(match.opponentId)];
  return button(text, press, { kind: "primary", iconName: "again", disabled: !wanted && !free, "data-test": "rematch" });
}

function verdict({ trouble, result, ended, side, opponentName: name }) {
  if (trouble === "desync") return t("duel.trouble_desync");
  if (result) return result.winner === 2 ? t("duel.over_draw") : result.winner === side ? t("duel.you_win") : t("duel.you_lose", { name });
  if (trouble === "disconnected") return t("duel.trouble_disconnected", { name });
  return t(`duel.ended_${ended?.reason ?? "result"}`, { name });
}

const hex = (n) => (n ?? 0).toString(16).padStart(8, "0");

/** A match of a bracket that somebody has left counts there: what it came to is said below. */
function explanation({ trouble, detail, ended, sessionId }, within) {
  if (trouble === "desync") return [t("duel.desync_hint", { frame: detail.frame, ours: hex(detail.ours), theirs: hex(detail.theirs) }), ended && ` ${t(`duel.${ended.outcome}`)}`];
  if (sessionId === "practice" || (within && ended?.outcome === "abandoned")) return null;
  return ended ? t(`duel.${ended.outcome ?? "abandoned"}`) : trouble ? t("duel.abandoned") : t("duel.reporting");
}

const rating = ({ now, change }) => h("span", { "data-test": "rating" }, t("duel.rating"), " ", h("b", null, Math.round(now)), change !== null && h("i", { class: change < 0 ? "down" : "up" }, `${change < 0 ? "−" : "+"}${Math.abs(Math.round(change))}`));

// ---- touch ------------------------------------------------------------------------------------------------------------

const BUTTONS = [["left", "left"], ["right", "right"], ["jump", "jump"], ["guard", "guard"], ["light", "thrust"], ["heavy", "cut"], ["grab", "grab"]];

function pads(act) {
  const pad = ([name, picture]) => {
    const bits = name === "grab" ? INPUT.light | INPUT.heavy : INPUT[name];
    return h("button", { type: "button", class: `pad ${name}`, "data-bits": bits, "aria-label": t(`duel.b_${name}`) }, icon(picture), h("span", { "aria-hidden": "true" }, t(`duel.b_${name}`)));
  };
  return h("div", { class: "pads", key: "pads", mount: act.mountPads }, h("div", { class: "way" }, BUTTONS.slice(0, 4).map(pad)), h("div", { class: "arms" }, BUTTONS.slice(4).map(pad)));
}

// ---- the plots --------------------------------------------------------------------------------------------------------

function panel({ match }, ui, act, figures) {
  const number = (value, digits = 0) => (Number.isFinite(value) ? value.toFixed(digits) : "–");
  return h(
    "section",
    { class: "meters", "aria-label": t("duel.meters") },
    lane(act, "ping", t("duel.ping"), number(figures.ping), "ms"),
    lane(act, "depth", t("duel.rollback"), number(figures.lastDepth), t("duel.unit_frames"), t("duel.most", { n: number(figures.maxDepth) })),
    lane(act, "frame", t("duel.frame_time"), number(figures.p50, 1), "ms", `p99 ${number(figures.p99, 1)}`),
    h("dl", { class: "facts" },
      fact(t("duel.frame"), figures.confirmed ?? 0), fact(t("duel.checksum"), figures.checks?.length ? h("code", null, `${figures.checks[0].frame} ${figures.checks[0].sum}`) : "–"),
      ui.way && fact(t("duel.way"), h("span", { "data-test": "way", "data-way": ui.way }, t(`duel.way_${ui.way}`)))),
    match.sessionId === "practice" && line(ui, act),
  );
}

const fact = (name, value) => h("div", null, h("dt", null, name), h("dd", null, value));

function lane(act, name, label, value, unit, more) {
  return h(
    "figure",
    { class: `lane ${name}`, key: name },
    h("figcaption", null, h("span", null, label), h("b", { "data-test": name }, value), h("small", null, unit), more && h("small", { class: "more" }, more)),
    h("canvas", { opaque: true, "aria-hidden": "true", mount: (el) => act.mountLane(name, el) }),
  );
}

/** How bad the puppet's line is. */
function line({ line: { delay, jitter, loss } }, act) {
  const slider = (name, value, most) =>
    h("label", null, h("span", null, t(`duel.line_${name}`), " ", h("b", null, value)), h("input", { type: "range", min: 0, max: most, value, oninput: (e) => act.setLine({ [name]: Number(e.target.value) }) }));
  return h("fieldset", { class: "line" }, h("legend", null, t("duel.line")), slider("delay", delay, 200), slider("jitter", jitter, 60), slider("loss", loss, 20));
}
