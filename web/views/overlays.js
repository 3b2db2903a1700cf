// Owns: what lies over the page: toasts, the connection banner, the player menu, the question before leaving.

import { h } from "../lib/dom.js";
import { avatar, button, dialog } from "../ui.js";
import { icon } from "../icons.js";
import { t } from "../i18n/index.js";
import { isLeader, memberOf, nameOf } from "../state/view.js";
import { happening } from "../words.js";

const TOASTS_AT_ONCE = 3;

export function overlays(state, act) {
  return [banner(state, act), toasts(state), menu(state, act), leaving(state, act)];
}

function banner(state, act) {
  const { link, ui } = state;
  if (link === "reconnecting") {
    return h("div", { class: "banner", role: "alert", key: "banner" }, h("i", { class: "pulse", "aria-hidden": "true" }), h("span", null, t("link.reconnecting")), button(t("link.retry"), act.retryNow, { kind: "quiet" }));
  }
  if (link === "closed" && ui.closed) {
    const text = ui.closed === 4001 ? t("link.replaced") : t("link.ended");
    return h("div", { class: "banner", role: "alert", key: "closed" }, h("span", null, text), button(t("link.use_here"), act.useHere, { kind: "primary" }));
  }
  return null;
}

function toasts(state) {
  const now = state.ui.toasts ?? [];
  return h("div", { class: "toasts", "aria-live": "assertive", key: "toasts" }, now.slice(-TOASTS_AT_ONCE).map((entry) => toast(state, entry)));
}

function toast(state, entry) {
  const who = entry.player_id ?? entry.target;
  const face = who ? avatar(state.roster[who] ?? state.over?.roster?.[who]) : h("span", { class: "toast-icon" }, icon(entry.icon ?? (entry.kind === "quiet" ? "sun" : entry.kind === "error" ? "close" : "check")));
  const text = entry.text ?? (entry.key ? t(entry.key) : null) ?? (entry.kind === "out" ? t(`out.${entry.reason}`) : entry.kind === "closed" ? t("out.closed") : happening(state, { ...entry, will: undefined }));
  return h("div", { class: `toast ${entry.kind}`, key: entry.n }, face, h("div", null, h("p", null, text), entry.will && h("q", null, entry.will)));
}

function menu(state, act) {
  const id = state.ui.menu;
  const member = id && state.room && memberOf(state, id);
  if (!member) return null;
  const name = nameOf(state, id);
  const leads = isLeader(state) && state.room.status === "waiting";
  const muted = !!state.ui.muted?.[id];
  const item = (label, what, iconName, kind = "quiet") => button(label, what, { kind, iconName, className: "row" });
  return dialog(
    { key: "menu", label: t("menu.title", { name }), onclose: act.closeMenu, className: "menu" },
    h("p", { class: "menu-head" }, avatar(state.roster[id]), h("b", null, name)),
    member.absent && state.game && item(t("do.kick_vote"), () => act.kickVote(id), "ballot", "danger"),
    leads && member.bot && item(t("menu.remove_bot"), () => act.removeBot(id), "close"),
    leads && !member.bot && item(t("menu.transfer"), () => act.transfer(id), "crown"),
    leads && !member.bot && item(t("menu.kick"), () => act.kick(id, false), "door"),
    leads && !member.bot && item(t("menu.ban"), () => act.kick(id, true), "lock", "danger"),
    item(t(muted ? "menu.unmute" : "menu.mute"), () => act.mute(id, !muted), "mute"),
    !member.bot && item(t("menu.report"), () => act.report(id), "flag"),
    item(t("menu.close"), act.closeMenu, "close"),
  );
}

function leaving(state, act) {
  if (!state.ui.leaving) return null;
  return dialog(
    { key: "leaving", label: t("room.leave"), onclose: act.stay, className: "ask" },
    h("p", null, t("room.leave_game")),
    h("div", { class: "pair" }, button(t("room.stay"), act.stay, { kind: "primary" }), button(t("room.leave"), act.leaveNow, { kind: "danger", iconName: "door" })),
  );
}
