// Owns: the table: seats around it, what is written on it, the layer for the vote lines.
// `live` false (replay) draws the same table without anything to press.

import { h } from "../lib/dom.js";
import { avatar } from "../ui.js";
import { icon } from "../icons.js";
import { t } from "../i18n/index.js";
import { places } from "../oval.js";
import { canTarget, deathOf, isMe, memberOf, nameOf, roleOf, seats, voteCount } from "../state/view.js";
import { centre } from "./centre.js";
import { heard, mediaBar, mediaClasses, picture, spoken as aloud } from "./media.js";

export function stage(state, act, { live = true } = {}) {
  const ids = seats(state);
  const waiting = !state.game && !state.over;
  const empty = waiting ? Math.max(0, state.room.capacity - ids.length) : 0;
  const spots = places(ids.length + empty);
  const at = (i) => ({ "--x": `${(spots[i].x * 100).toFixed(2)}%`, "--y": `${(spots[i].y * 100).toFixed(2)}%` });
  return h(
    "section",
    { class: `stage ${waiting ? "waiting" : ""} ${state.media && live ? "media" : ""} n${ids.length + empty}`, "aria-label": state.room.name, "data-phase": state.over ? "over" : (state.game?.phase ?? "waiting"), key: "stage" },
    h("div", { class: "table", "aria-hidden": "true" }),
    h("svg", { class: "lines", "aria-hidden": "true", opaque: true }),
    h(
      "div",
      { class: "seats" },
      ids.map((id, i) => tile(state, act, id, at(i), live)),
      Array.from({ length: empty }, (_, i) => h("div", { class: "tile empty", key: `empty${i}`, style: at(ids.length + i), "aria-hidden": "true" }, h("span", { class: "avatar" }), h("span", { class: "tile-sub" }, t("room.empty")))),
    ),
    centre(state, act, live),
    live && mediaBar(state, act),
  );
}

function tile(state, act, id, style, live) {
  const { game, over } = state;
  const member = memberOf(state, id);
  const person = state.roster[id] ?? over?.roster?.[id];
  const death = deathOf(state, id);
  const role = roleOf(state, id);
  const target = live && canTarget(state, id);
  const chosen = game && ["vote", "night"].includes(game.phase) && game.you.choice === id;
  const count = game?.phase === "vote" ? voteCount(state, id) : 0;
  const classes = [
    "tile",
    isMe(state, id) && "me",
    death && !over && "dead",
    death && over && "fallen",
    target && "target",
    chosen && "chosen",
    game?.accused === id && "accused",
    game?.accused && game.accused !== id && "aside",
    member && !member.connected && "away",
    role && `is-${role}`,
    over && won(over, role) && "winner",
    ...(live ? mediaClasses(state, id) : []),
  ];
  const name = nameOf(state, id);
  const action = target ? t(game.phase === "vote" ? "act.vote" : "act.night", { name }) : name;
  const press = target ? () => act.choose(id) : live && !isMe(state, id) && act.canOpenMenu(id) ? () => act.openMenu(id) : null;
  const spoken = [action, status(state, id, member, death), role && t(`role.${role}`), live && aloud(state, id), count && t("act.votes", { n: count })];
  return h(
    "button",
    {
      type: "button", key: id, class: classes.filter(Boolean).join(" "), style, "data-player": id,
      "aria-label": spoken.filter(Boolean).join(", "), "aria-pressed": target ? String(!!chosen) : null,
      "aria-disabled": press ? null : "true", tabindex: press ? null : "-1", onclick: press,
    },
    h("span", { class: "face" }, avatar(person), live && picture(state, act, id), light(state, id, member), death && h("span", { class: "cross" }, icon("skull")), count > 0 && h("span", { class: "count", key: `count${count}` }, count), verdictMark(game, id)),
    h("span", { class: "tile-name" }, member?.role === "leader" && !game && !over && icon("crown", { label: t("room.leader") }), h("span", null, name), isMe(state, id) && h("small", { class: "you" }, t("room.you"))),
    subline(state, id, member, death, role),
    live && isMe(state, id) && heard(state),
  );
}

const won = (over, role) => (over.winner === "citizens" ? role !== "mafia" && role !== "jester" : over.winner === role);

/** What the small lamp says: ready in the waiting room, nothing in a game. */
function light(state, id, member) {
  if (state.game || state.over || !member || member.player_id === state.room.leader) return null;
  return h("span", { class: `lamp ${member.ready ? "on" : ""}` }, member.ready && icon("check"));
}

function verdictMark(game, id) {
  const vote = game?.verdicts?.[id];
  return vote === undefined ? null : h("span", { class: `verdict-mark ${vote ? "yes" : "no"}` }, icon(vote ? "gavel" : "check"));
}

function status(state, id, member, death) {
  if (death) return t(`end.died_${death.cause}`, { n: death.day });
  if (!member) return null;
  if (!member.connected && !member.bot) return t("room.away");
  if (member.absent) return t("room.absent");
  if (state.game || state.over) return null;
  if (member.player_id === state.room.leader) return t("room.leader");
  return member.bot ? t("room.bot") : t(member.ready ? "room.ready_light" : "room.not_ready");
}

function subline(state, id, member, death, role) {
  const roleTag = role && h("span", { class: `tag role ${role}` }, icon(role), t(`role.${role}`));
  if (state.over) {
    const fate = death ? t(`end.died_${death.cause}`, { n: death.day }) : t("end.survived");
    return h("span", { class: "tile-sub" }, roleTag, h("span", { class: "fate" }, fate));
  }
  if (roleTag) return h("span", { class: "tile-sub" }, roleTag);
  const text = status(state, id, member, death);
  if (text) return h("span", { class: "tile-sub" }, text);
  return h("span", { class: "tile-sub" }, member?.bot ? h("span", { class: "faint" }, t("room.bot")) : "");
}
