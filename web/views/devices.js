// Owns: the choice and test of camera and microphone, before anybody sees or hears anything, and again at any time.

import { h } from "../lib/dom.js";
import { button, dialog, toggle } from "../ui.js";
import { icon } from "../icons.js";
import { t } from "../i18n/index.js";
import { memberOf } from "../state/view.js";

export function devices(state, media) {
  const spectator = memberOf(state, state.me)?.spectator;
  return dialog(
    { key: "devices", label: t("media.title"), onclose: media.skip, className: "devices" },
    h("h2", null, t("media.title")),
    h("p", { class: "hint" }, t("media.pitch")),
    !spectator && [preview(state, media), device(state, media, "video", "camera"), device(state, media, "audio", "microphone"), level(state, media)],
    actions(state, media, spectator),
  );
}

function preview(state, media) {
  const stream = media.picture(state.me);
  return h(
    "div",
    { class: "preview", key: "preview" },
    stream && h("video", { key: "v", muted: true, autoplay: true, playsinline: true, "aria-label": t("media.picture"), update: (el) => show(el, stream) }),
    !stream && h("span", { class: "preview-none", "aria-hidden": "true" }, icon("camera_off")),
  );
}

/** A stream in an element; set as a property, once. */
export function show(el, stream) {
  el.muted = true; // the attribute alone does not mute
  if (el.srcObject !== stream) el.srcObject = stream;
}

function device({ ui: { media: ui } }, media, kind, name) {
  const { choice, errors, opening, devices: found } = ui;
  const error = errors?.[kind];
  const known = error && ["NotAllowedError", "NotFoundError", "NotReadableError"].includes(error);
  const options = [["", t("media.default")], ...(found?.[kind] ?? []).map(({ id, label }, i) => [id, label || t("media.device", { n: i + 1 })])];
  return h(
    "div",
    { class: "device", key: kind },
    toggle(t(`media.${name}`), choice[kind], (on) => media.choose({ [kind]: on })),
    h(
      "select",
      { "aria-label": t(`media.${name}`), disabled: !choice[kind], value: choice[name], onchange: (e) => media.choose({ [name]: e.target.value }) },
      options.map(([id, label]) => h("option", { key: id || "default", value: id, selected: id === choice[name] }, label)),
    ),
    opening?.[kind] && h("small", { role: "status" }, t("media.opening")),
    error && h("small", { class: "error", role: "alert" }, t(`media.error_${known ? error : "other"}`)),
  );
}

function level({ ui: { media: ui } }, media) {
  return (
    ui.choice.audio &&
    h("span", {
      key: "level", class: "level", role: "meter", opaque: true, "aria-label": t("media.level"), "aria-valuemin": "0", "aria-valuemax": "100",
      mount: (el) => media.level(el), update: (el) => media.keepLevel(el), unmount: (el) => media.stopLevel(el),
    })
  );
}

function actions({ ui: { media: ui } }, media, spectator) {
  const ready = (kind) => ui.choice[kind] && !ui.errors?.[kind];
  const key = ready("video") ? (ready("audio") ? "join" : "join_video") : ready("audio") ? "join_voice" : "join_silent";
  const busy = !!(ui.opening?.audio || ui.opening?.video);
  return h(
    "div",
    { class: "devices-actions", key: "actions" },
    !spectator && button(t(`media.${key}`), () => media.join(), { kind: "primary", iconName: ready("video") ? "camera" : "mic", disabled: busy, "data-test": "media-join" }),
    button(t("media.watch"), () => media.join({ watch: true }), { kind: spectator ? "primary" : "plain", iconName: "eye", "data-test": "media-watch" }),
    button(t("media.skip"), media.skip, { kind: "quiet", "data-test": "media-skip" }),
  );
}
