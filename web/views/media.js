// Owns: what video and voice add to the table: pictures in the tiles, speaking and muted lights, who hears me, and the
// bar with one's own microphone and camera. Called by the room's views; without media it adds nothing.

import "../i18n/media.js";
import { h } from "../lib/dom.js";
import { button, iconButton } from "../ui.js";
import { draw, icon } from "../icons.js";
import { t } from "../i18n/index.js";
import { isAlive, isMe, memberOf, nameOf } from "../state/view.js";
import { devices, show } from "./devices.js";

const NIGHT = "night";

draw({
  mic: ["M12 14.5a3 3 0 0 0 3-3v-5a3 3 0 0 0-6 0v5a3 3 0 0 0 3 3zM6 11.5a6 6 0 0 0 12 0M12 17.5V21"],
  mic_off: ["M15 10V6.5a3 3 0 0 0-5.7-1.3M9 9.5v2a3 3 0 0 0 4.6 2.5M6 11.5a6 6 0 0 0 9.6 4.8M18 11.5a6 6 0 0 1-.4 2.1M12 17.5V21M4 4l16 16"],
  camera: ["M3.5 7h11v10h-11zM14.5 10.5l6-3v9l-6-3"],
  camera_off: ["M7 7h7.5v7M14.5 17h-11V7M14.5 10.5l6-3v9l-3-1.5M4 4l16 16"],
  ear: ["M8 9a4.5 4.5 0 0 1 9 0c0 4-3.5 4-3.5 7.5a3 3 0 0 1-5 2.2M10.5 9a2 2 0 0 1 4 0c0 1.5-1.5 2-1.5 2"],
});

/** Nobody who may tell us so sees this player now: he sleeps. */
export function asleep(state, id) {
  const { game, media } = state;
  if (!media || game?.phase !== NIGHT || !isAlive(state, id)) return false;
  return isMe(state, id) ? game.you.role !== "mafia" : !media.allowed.sees.includes(id);
}

export const speaks = ({ media }, id) => !!media?.speaking[id];

/** Classes of a tile. */
export const mediaClasses = (state, id) => [state.media && asleep(state, id) && "asleep", speaks(state, id) && "speaking"];

/** The picture over the avatar, and the small lights on it. */
export function picture(state, act, id) {
  const { media, ui } = state;
  if (!media) return null;
  const sleeps = asleep(state, id) && h("span", { class: "sleep", key: "sleep" }, icon("moon"));
  if (memberOf(state, id)?.bot) return sleeps;
  const me = isMe(state, id);
  const theirs = media.states[id];
  const seen = me ? ui.media?.video && isAlive(state, id) : media.allowed.sees.includes(id) && theirs?.video;
  const stream = seen && !sleeps ? act.media?.picture(id) : null;
  const silent = me ? ui.media?.step === "in" && !ui.media.audio : theirs && theirs.state !== "off" && !theirs.audio;
  return [
    stream && h("video", { key: "video", class: "picture", muted: true, autoplay: true, playsinline: true, "aria-hidden": "true", "data-stream": id, update: (el) => show(el, stream) }),
    sleeps,
    theirs?.state === "failed" && h("span", { class: "light failed", key: "failed", title: t("media.their_failed") }, icon("camera_off")),
    theirs?.state !== "failed" && silent && isAlive(state, id) && h("span", { class: "light", key: "mic", title: t("media.their_muted") }, icon("mic_off")),
  ];
}

/** What a screen reader says of it. */
export function spoken(state, id) {
  const theirs = state.media?.states[id];
  if (!theirs || isMe(state, id)) return null;
  return [asleep(state, id) && t("media.asleep"), speaks(state, id) && t("media.speaks"), theirs.state === "failed" && t("media.their_failed"), theirs.state !== "off" && !theirs.audio && t("media.their_muted")].filter(Boolean).join(", ");
}

/** Who hears me now: `{n, names}` or `{why}`. Pure. Who listens in secret is not known here. */
export function hearers(state) {
  const { media, game, ui, me } = state;
  if (memberOf(state, me)?.spectator || ui.media?.watch) return { why: "watch" };
  if (game && !game.you.alive) return { why: "dead" };
  if (ui.media?.step !== "in" || ui.media.pub === "off") return { why: "off" };
  const names = media.allowed.heard_by.filter((id) => media.states[id]?.state === "connected").map((id) => nameOf(state, id));
  if (!ui.media.audio) return { why: "muted" };
  if (names.length) return { n: names.length, names };
  if (game?.phase === NIGHT) return { why: "night" };
  if (["defence", "final_words"].includes(game?.phase) && game.accused !== me) return { why: "hearing" };
  return { why: "alone" };
}

/** On one's own tile: an icon and words. */
export function heard(state) {
  if (!state.media || !state.ui.media) return null;
  const { why, n, names } = hearers(state);
  const text = why ? t(`media.nobody_${why}`, { name: nameOf(state, state.game?.accused) }) : t("media.heard_by", { n });
  return h("span", { class: `heard ${why ? "nobody" : ""}`, "data-heard": why ?? n, title: names && t("media.heard_by_names", { names: names.join(", ") }) }, icon(why ? "mic_off" : "ear"), h("span", null, text));
}

/** The bar at the table's edge: microphone, camera, devices; and what does not work. */
export function mediaBar(state, act) {
  const { media, ui } = state;
  if (!media || !act.media || !ui.media || ui.media.step === "choose") return null;
  const mine = ui.media;
  const lever = (kind, on, off, name) =>
    iconButton(mine[kind] ? name : `${name}_off`, t(mine[kind] ? off : on), () => act.media.toggle(kind), { className: mine[kind] ? "" : "off", "aria-pressed": String(!!mine[kind]), "aria-keyshortcuts": kind === "audio" ? "m" : "v", "data-test": `toggle-${kind}` });
  const inside = mine.step === "in";
  return h(
    "div",
    { class: "media-bar", role: "group", "aria-label": t("media.title"), key: "media-bar", "data-pub": mine.pub, "data-sub": mine.sub },
    inside && !mine.watch && [lever("audio", "media.mic_on", "media.mic_off", "mic"), lever("video", "media.cam_on", "media.cam_off", "camera")],
    iconButton("gear", t("media.devices"), act.media.ask, { "data-test": "devices" }),
    inside && mine.silent && button(t("media.hear"), act.media.listen, { kind: "primary", iconName: "ear" }),
    inside && trouble(mine, act),
    // Said when it changes, wherever the focus is.
    h("span", { class: "sr", role: "status" }, inside && !hearers(state).names ? t(`media.nobody_${hearers(state).why}`, { name: nameOf(state, state.game?.accused) }) : ""),
  );
}

function trouble({ pub, sub }, act) {
  if (pub === "failed" || sub === "failed") return h("span", { class: "trouble", role: "alert" }, h("span", null, t("media.failed")), button(t("media.retry"), act.media.retry, { kind: "plain", iconName: "again" }));
  if (pub === "full") return h("span", { class: "trouble" }, t("media.full"));
  if (pub === "connecting" || sub === "connecting") return h("span", { class: "trouble faint" }, t("media.connecting"));
  return null;
}

/** The dialog, when it is open. */
export const mediaDialog = (state, act) => act.media && state.ui.media?.step === "choose" && state.media && devices(state, act.media);
