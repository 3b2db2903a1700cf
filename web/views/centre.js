// Owns: what stands in the middle of the table: phase and clock, one sentence, and the one primary action.

import { h } from "../lib/dom.js";
import { button } from "../ui.js";
import { icon, PHASE_ICONS } from "../icons.js";
import { t } from "../i18n/index.js";
import { happening } from "../words.js";
import { ballot, hindrance, isLeader, isMe, memberOf, nameOf } from "../state/view.js";

export function centre(state, act, live) {
  const mode = state.over ? "over" : state.game ? "game" : "waiting";
  const inside = { over: ending, game: playing, waiting }[mode](state, act, live);
  return h("div", { class: `centre ${mode}` }, inside);
}

// ---- waiting ------------------------------------------------------------------------------------------------

function waiting(state, act) {
  const { room } = state;
  const leader = isLeader(state);
  const me = memberOf(state, state.me);
  const players = room.members.filter((m) => !m.spectator).length;
  const head = h("p", { class: "centre-head" }, icon(room.visibility === "private" ? "lock" : "people"), t("room.members", { n: players, capacity: room.capacity }));
  if (me?.spectator) return [head, hint(t("room.wait_leader", { name: nameOf(state, room.leader) }))];
  return leader ? [head, ...leading(state, act, players)] : [head, ...following(state, act, me)];
}

function leading(state, act, players) {
  const { missing, unready } = hindrance(state);
  const full = players >= state.room.capacity;
  const text = missing ? t("room.missing", { n: missing }) : unready ? t("room.unready_n", { n: unready }) : t("room.startable");
  const { busy, copied } = state.ui;
  const fill = button(t("room.fill"), act.fillWithBots, { kind: missing ? "plain" : "quiet", iconName: "bot", disabled: !!busy, "data-test": "fill" });
  const invite = button(t(copied ? "room.copied" : "room.copy"), act.copyLink, { kind: "primary", iconName: copied ? "check" : "link" });
  const start = button(t("room.start"), act.start, { kind: "primary", iconName: "play", disabled: !state.startable || !!busy, "data-test": "start" });
  return [
    hint(text),
    h(
      "div",
      { class: "actions" },
      missing ? [invite, fill] : start,
      h(
        "div",
        { class: "minor" },
        !missing && !full && fill,
        !full && button(t("room.add_bot"), act.addBot, { kind: "quiet", iconName: "plus" }),
        button(t("room.settings"), act.openSettings, { kind: "quiet", iconName: "gear" }),
      ),
    ),
  ];
}

function following(state, act, me) {
  const ready = !!me?.ready;
  const text = ready ? t("room.wait_leader", { name: nameOf(state, state.room.leader) }) : t("room.say_ready");
  return [
    hint(text),
    h("div", { class: "actions" }, button(t(ready ? "room.unready" : "room.ready"), () => act.ready(!ready), { kind: ready ? "plain" : "primary", iconName: ready ? "close" : "check" })),
  ];
}

// ---- a game -------------------------------------------------------------------------------------------------

function playing(state, act, live) {
  const { game } = state;
  if (!game.phase) return [hint(t("app.loading"))];
  const night = game.phase === "night";
  return [
    h(
      "p",
      { class: "centre-head" },
      icon(PHASE_ICONS[game.phase]),
      h("b", null, night ? t("phase.night_n", { n: game.day }) : t(`phase.${game.phase}`)),
      !night && h("span", null, t("phase.day_n", { n: game.day })),
    ),
    live && clock(game),
    hint(sentence(state, live)),
    game.phase === "verdict" && tally(game),
    live && h("div", { class: "actions" }, ballotButtons(state, act)),
  ];
}

function clock({ started_at, ends_at, phase }) {
  return h(
    "div",
    { class: "clock", key: `${phase}${started_at}`, "data-ends-at": ends_at, "data-from": started_at, role: "timer", "aria-live": "off" },
    h("span", { class: "clock-number", opaque: true }),
    h("span", { class: "clock-bar", "aria-hidden": "true" }, h("i")),
  );
}

/** One sentence: what happens, and what I can do about it. */
export function sentence(state, live = true) {
  const { game } = state;
  const name = nameOf(state, game.accused);
  const onTrial = isMe(state, game.accused);
  const hearing = { defence: "do.defence", verdict: "do.verdict", final_words: "do.final_words" }[game.phase];
  const mine = { defence: "do.defence_me", verdict: "do.verdict_me", final_words: "do.final_me" }[game.phase];
  if (!live) return hearing ? t(hearing, { name }) : lastNight(state);
  if (!game.players.includes(state.me)) return t("do.spectator");
  if (!game.you.alive) return t("do.dead");
  if (hearing) return onTrial ? t(mine) : t(hearing, { name });
  if (game.phase === "day") return t(game.tied ? "do.day_tied" : "do.day");
  const kind = ballot(state);
  const choice = game.you.choice;
  if (kind === "vote") return choice ? t("do.voted", { name: nameOf(state, choice) }) : t(choice === null ? "do.abstained" : "do.vote");
  if (kind === "night") return choice ? t("do.night_chosen", { name: nameOf(state, choice) }) : t(`do.night_${game.you.role}`);
  return t("do.night");
}

/** In a replay there is nothing to do: what the night brought is worth a sentence. */
function lastNight(state) {
  const news = state.feed.slice(-3).findLast((e) => ["death", "quiet", "over"].includes(e.kind));
  return state.game.phase === "day" && news ? happening(state, { ...news, will: undefined }) : "";
}

function ballotButtons(state, act) {
  const kind = ballot(state);
  const choice = state.game.you.choice;
  if (kind === "verdict") {
    return h(
      "div",
      { class: "pair" },
      button(t("do.execute"), () => act.verdict(true), { kind: `danger ${choice === true ? "on" : ""}`, iconName: "gavel", "aria-pressed": String(choice === true), "data-test": "execute" }),
      button(t("do.spare"), () => act.verdict(false), { kind: `safe ${choice === false ? "on" : ""}`, iconName: "check", "aria-pressed": String(choice === false), "data-test": "spare" }),
    );
  }
  if (kind === "vote") return button(t("do.abstain"), () => act.choose(null), { kind: choice === null ? "quiet on" : "quiet", "aria-pressed": String(choice === null) });
  if (kind === "night") return button(t("do.skip_night"), () => act.choose(null), { kind: choice === null ? "quiet on" : "quiet", "aria-pressed": String(choice === null) });
  return null;
}

function tally({ verdict_tally: { yes = 0, no = 0 } = {} }) {
  const share = yes + no ? yes / (yes + no) : 0.5;
  return h(
    "div",
    { class: "tally", role: "img", "aria-label": `${t("do.execute")} ${yes}, ${t("do.spare")} ${no}` },
    h("b", { class: "yes" }, yes),
    h("span", { class: "tally-bar", style: { "--yes": share.toFixed(3) } }, h("i")),
    h("b", { class: "no" }, no),
  );
}

// ---- the end ------------------------------------------------------------------------------------------------

function ending(state, act, live) {
  const { over, ui } = state;
  const role = over.my_role;
  const mine = role && { citizens: role !== "mafia" && role !== "jester", mafia: role === "mafia", jester: role === "jester" }[over.winner];
  const emblem = { citizens: "citizen", mafia: "mafia", jester: "jester" }[over.winner] ?? "moon";
  return [
    h("span", { class: `emblem ${over.winner}` }, icon(emblem)),
    h("h2", { class: "verdict-line" }, t(`end.${over.winner}`)),
    mine !== undefined && role && hint(t(mine ? "end.you_won" : "end.you_lost", { role: t(`role.${role}`) })),
    live &&
      h(
        "div",
        { class: "actions" },
        button(t("end.again"), act.playAgain, { kind: "primary", iconName: "again", disabled: !!ui.busy, "data-test": "again" }),
        h(
          "div",
          { class: "minor" },
          over.match_id && button(t("end.replay"), () => act.openReplay(over.match_id), { kind: "quiet", iconName: "eye", "data-test": "replay" }),
          button(t("end.room"), act.dismissEnd, { kind: "quiet", iconName: "people" }),
        ),
      ),
    h("p", { class: "seed" }, t("end.days", { n: over.days ?? over.day }), over.seed && [` · ${t("end.seed")} `, h("code", { title: over.seed }, over.seed.slice(0, 12))]),
  ];
}

const hint = (text) => h("p", { class: "hint", role: "status" }, text);
