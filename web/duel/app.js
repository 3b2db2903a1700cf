// Owns: putting the duel's page together: account ↔ signalling ↔ state ↔ fight ↔ drawing. One-way: words of the server
// and presses change the state (`lobby.js`), `follow` starts and ends what must run because of it, `draw` shows it.

import { localStore, Playhouse } from "/assets/client/playhouse.js";
import { currentLanguage, detectLanguage, errorText, learn, setLanguage, t } from "../i18n/index.js";
import { h, patch } from "../lib/dom.js";
import { suggestName } from "../names.js";
import { scene } from "../scene.js";
import "./icons.js";
import { Link } from "./link.js";
import { initial, reduce } from "./lobby.js";
import { Seeker } from "./seeker.js";
import { bar, foyer } from "./views.js";

/** After the data channel has closed, how long the server's word on why is waited for. */
const LOST_MS = 1_000;

/** What a fight needs (`fight.js`), once somebody has entered. */
let stage = null;
const client = new Playhouse({ store: localStore() });
const who = ({ account }) => (account ? { id: account.id, name: account.nickname } : null);
await speak(detectLanguage(remembered("playhouse.lang"), navigator.languages));
const ui = {
  lang: currentLanguage(), name: client.account?.nickname ?? remembered("playhouse.name") ?? suggestName(currentLanguage()), busy: false, error: null,
  showtime: new URLSearchParams(location.search).get("bracket"), bracket: null, within: null, now: 0, figures: null, spoken: "", way: null, touch: matchMedia("(pointer: coarse)").matches, line: { delay: 60, jitter: 10, loss: 2 },
};
let state = initial(who(client));
let encounter = null; // the way to the opponent, or the puppet
let fight = null;
let report = null; // the result, until the server has it
let canvas = null;
let pads = null;
const lanes = {};

const link = new Link(client.api, {
  message(type, payload) {
    if (type === "match_started" && !state.match) return leaveLost(payload);
    dispatch(type, payload);
    encounter?.hear?.(type, payload);
    if (type === "match_ended" && payload.result?.outcome === "agreed") showRating(payload.sessionId);
    return undefined;
  },
  state(name, code) {
    dispatch("local.link", { link: name, code });
    if (name !== "online") return;
    link.say("join_lobby", { playerId: state.me.id });
    encounter?.back?.();
    if (report) link.say("report_result", report);
  },
});
const seeker = new Seeker(client, (part) => dispatch("local.seeking", part));
/** What a bracket needs, if the page is one's. */
const cup = ui.showtime && (await import("./cup.js"));
const bracket = cup && new cup.Bracket(client, ui.showtime, (part) => show({ bracket: { ...ui.bracket, ...part } }));

// ---- state → what runs ----------------------------------------------------------------------------------------------

function dispatch(type, payload) {
  const before = state;
  state = reduce(state, type, payload);
  if (state === before) return;
  follow(before.match, state.match);
  redraw();
}

function follow(before, match) {
  if (before?.sessionId !== match?.sessionId) end();
  if (!before !== !match) scrollTo(0, 0);
  if (!match) return;
  if (!before || before.sessionId !== match.sessionId) seeker.stop();
  if (match.stage === "connecting" && !encounter) meet(match);
  if (match.stage === "playing" && !fight) begin(match);
  if (match.stage === "over" && match.ended) report = null;
  if (match.stage === "over" && !match.result) fight?.halt();
}

function end() {
  fight?.stop();
  encounter?.close();
  [fight, encounter, report] = [null, null, null];
  Object.assign(ui, { figures: null, spoken: "", way: null });
}

function meet(match) {
  const { sessionId } = match;
  seeker.remember();
  encounter = new stage.Encounter({
    me: state.me, match, api: client.api, say: (type, payload) => link.say(type, payload),
    on: {
      open: () => setTimeout(async () => show({ way: await encounter?.route() }), 500),
      message: (data) => fight?.receive(data),
      state: () => {},
      lost: () => setTimeout(() => lost(sessionId), LOST_MS),
    },
  });
}

/** The channel is gone and nobody has said why. */
function lost(sessionId) {
  if (state.match?.sessionId !== sessionId || state.match.stage === "over") return;
  if (state.match.stage === "connecting") encounter?.failed();
  else troubled(sessionId, "disconnected");
}

function begin(match) {
  const { sessionId, side } = match;
  const alone = sessionId === "practice";
  const controls = new stage.Controls();
  fight = new stage.Match({
    sessionId, side, controls,
    send: (bytes) => (alone ? encounter?.receive(bytes) : encounter?.send(bytes)),
    on: {
      trouble: (trouble, detail) => troubled(sessionId, trouble, detail),
      result: (result) => finished(sessionId, result),
      told: (figures) => show({ figures }),
      spoken: (key, params) => show({ spoken: t(key, { ...params, ...spokenNames(params) }) }),
    },
  });
  for (const [name, element] of Object.entries(lanes)) fight.meters.attach(name, element);
  if (pads) controls.touch(pads);
  fight.show(painter());
  fight.start();
}

function spokenNames({ winner }) {
  const names = stage.sides(state);
  const { side } = state.match;
  return { name: names[winner], me: names[side], other: names[1 - side] };
}

function troubled(sessionId, trouble, detail) {
  dispatch("local.trouble", { sessionId, trouble, detail });
  if (sessionId === "practice") return;
  if (trouble === "desync") tell({ sessionId, winnerId: null, frames: detail.frame, checksum: detail.ours.toString(16).padStart(8, "0") });
  if (trouble === "disconnected") {
    encounter?.failed();
    link.say("leave_match", { sessionId });
  }
}

function finished(sessionId, result) {
  dispatch("local.result", { sessionId, result });
  if (sessionId === "practice") return;
  const { side, opponentId } = state.match;
  const winnerId = result.winner === 2 ? null : result.winner === side ? state.me.id : opponentId;
  tell({ sessionId, winnerId, frames: result.frames, checksum: result.checksum });
}

/** What we saw goes to the server; again after a drop, until it has said how the match ended. */
function tell(result) {
  report = result;
  link.say("report_result", result);
}

/** The page was loaded anew in the middle of a match: its state is gone, and the other one should know. */
function leaveLost({ sessionId }) {
  link.say("leave_match", { sessionId });
  dispatch("local.notice", { notice: { kind: "reloaded" } });
}

async function showRating(sessionId) {
  const rating = await seeker.rating();
  if (rating) dispatch("local.rating", { sessionId, rating });
}

// ---- presses --------------------------------------------------------------------------------------------------------

const act = {
  async switchLanguage() {
    await speak(currentLanguage() === "ko" ? "en" : "ko");
    remember("playhouse.lang", currentLanguage());
    show({ lang: currentLanguage() });
  },
  setName: (name) => show({ name: name.trim() }),
  shuffleName: () => show({ name: suggestName(ui.lang) }),
  async enter() {
    show({ busy: true, error: null });
    try {
      await client.signInAsGuest(ui.name);
      remember("playhouse.name", ui.name);
      await enterLobby();
    } catch (error) {
      show({ error: errorText(error) });
    }
    show({ busy: false });
  },
  useHere: () => (client.account ? enterLobby() : dispatch("local.account", { me: null })),
  seek: () => seeker.start(),
  stopSeeking: () => seeker.stop(),
  ask(targetId) {
    dispatch("local.asked", { targetId });
    link.say("request_match", { requesterId: state.me.id, targetId });
  },
  withdraw() {
    const { asked } = state;
    if (asked?.sessionId) link.say("cancel_match_request", { requesterId: state.me.id, targetId: asked.targetId, sessionId: asked.sessionId });
    dispatch("local.withdrawn");
  },
  accept(sessionId) {
    const { requesterId } = state.incoming.find((request) => request.sessionId === sessionId);
    link.say("accept_match", { accepterId: state.me.id, requesterId, sessionId });
    dispatch("local.accepted", { sessionId, requesterId });
  },
  decline(sessionId) {
    const { requesterId } = state.incoming.find((request) => request.sessionId === sessionId);
    link.say("decline_match", { declinerId: state.me.id, requesterId, sessionId });
    dispatch("local.declined", { sessionId });
  },
  leave() {
    const { sessionId, stage } = state.match;
    if (sessionId !== "practice" && stage !== "over") link.say("leave_match", { sessionId });
    dispatch("local.leave");
  },
  async practise() {
    await load();
    if (state.match) dispatch("local.leave");
    dispatch("local.practice", { name: t("duel.puppet") });
    encounter = new stage.Puppet("practice", (bytes) => fight?.receive(bytes));
    encounter.line = ui.line;
    show({ way: "practice" });
  },
  setLine(part) {
    show({ line: { ...ui.line, ...part } });
    if (state.match?.sessionId === "practice") encounter.line = ui.line;
  },
  mountStage(element) {
    canvas = element;
    if (fight) fight.show(painter());
    else painter().draw(stage.opening());
  },
  unmountStage: () => (canvas = null),
  mountPads(element) {
    pads = element;
    fight?.touch(element);
  },
  mountLane(name, element) {
    lanes[name] = element;
    fight?.meters.attach(name, element);
  },
};

function painter() {
  return canvas && new stage.Painter(canvas, { names: stage.sides(state), me: state.match.side, say: t, still: matchMedia("(prefers-reduced-motion: reduce)").matches });
}

async function enterLobby() {
  dispatch("local.account", { me: who(client) });
  await load();
  link.open();
  bracket?.join();
}

async function load() {
  stage ??= await import("./fight.js");
}

async function speak(tag) {
  const [, { default: sentences }] = await Promise.all([setLanguage(tag), import(`./words/${tag}.js`)]);
  learn({ [tag]: sentences });
}

client.api.onSignedOut = () => {
  link.close();
  dispatch("local.account", { me: null });
};

// ---- state → page ---------------------------------------------------------------------------------------------------

const root = document.getElementById("app");
let frame = 0;
const redraw = () => (frame ||= requestAnimationFrame(draw));

function show(part) {
  Object.assign(ui, part);
  redraw();
}

/** Of which bracket this match is, and how one stands in it. */
function within({ me, match }) {
  const stands = ui.bracket?.bracket;
  if (!stands || !match || !bracket.plays(match.sessionId)) return null;
  return { title: cup.where(stands), said: cup.say(cup.standing(stands, me.id))[0] };
}

function draw() {
  frame = 0;
  Object.assign(ui, { within: within(state), now: client.state === "online" ? client.serverNow() : Date.now() });
  document.documentElement.lang = ui.lang;
  document.title = `${state.match ? stage.sides(state).join(" – ") : t("duel.title")} · Playhouse`;
  const lost = state.link === "reconnecting" && h("div", { class: "banner", role: "status", key: "banner" }, h("i", { class: "pulse", "aria-hidden": "true" }), t("duel.reconnecting"));
  patch(root, [bar(state, ui, act), main(), lost]);
}

function main() {
  if (state.match) return stage.arena(state, ui, act);
  return cup && state.me ? cup.cupFoyer(state, ui, act) : foyer(state, ui, act);
}

if (cup) setInterval(() => ui.bracket?.bracket?.status === "open" && redraw(), 1_000); // its countdown
addEventListener("online", () => link.retryNow());
addEventListener("pagehide", () => {
  const { match } = state;
  if (match && match.sessionId !== "practice" && match.stage !== "over") link.say("leave_match", { sessionId: match.sessionId });
});
addEventListener("pageshow", (event) => event.persisted && location.reload());

patch(document.getElementById("scene"), scene());
draw();
if (state.me) load().then(() => (link.open(), bracket?.join()));

function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
