// Owns: what `game.*` pushes and the answers to one's own ballots do to the state. Pure. Called by `reduce.js`.

import { notice, tell } from "./reduce.js";

const game = (state, change) => ({ ...state, game: { ...state.game, ...change } });
const you = (state, change) => game(state, { you: { ...state.game.you, ...change } });

/** A new phase clears the ballots of the one before. */
function phase(state, { phase, day, started_at, ends_at, accused }) {
  const { choice: _, ...rest } = state.game.you;
  const next = game(state, {
    phase, day, started_at, ends_at,
    accused: accused ?? undefined,
    votes: phase === "vote" ? { tally: {}, abstained: [] } : undefined,
    verdict_tally: phase === "verdict" ? { yes: 0, no: 0 } : undefined,
    night: phase === "night" ? { choices: [] } : undefined,
    verdicts: undefined, // who said what: known in a replay alone
    tied: state.game.phase === "vote" && phase === "day",
    you: rest,
  });
  return tell(next, { kind: "phase", phase, day, accused, at: started_at, tied: next.game.tied });
}

function death(state, payload) {
  const { player_id } = payload;
  if (state.game.deaths.some((d) => d.player_id === player_id)) return state;
  let next = game(state, { deaths: [...state.game.deaths, payload] });
  if (player_id === state.me) next = you(next, { alive: false });
  const members = next.room.members.map((m) => (m.player_id === player_id ? { ...m, alive: false } : m));
  next = { ...next, room: { ...next.room, members } };
  next = tell(next, { kind: "death", ...payload });
  return notice(next, { kind: "death", ...payload });
}

function over(state, payload) {
  const { deaths, players, day, you: mine } = state.game;
  const ended = { ...payload, deaths, players, day, my_role: payload.roles?.[state.me] ?? mine.role, roster: state.roster };
  const members = state.room.members.map((m) => ({ ...m, ready: m.bot ? m.ready : false, alive: undefined }));
  const next = { ...state, over: ended, game: null, room: { ...state.room, status: "waiting", members } };
  return tell(next, { kind: "over", winner: payload.winner });
}

const handlers = {
  "game.phase": phase,
  "game.death": death,
  "game.over": over,
  "game.role": (state, { role, partners }) => you(state, { role, partners, alive: true }),
  "game.graveyard": (state, { roles }) => game(state, { roles }), // the dead may know
  "game.votes": (state, votes) => game(state, { votes }),
  "game.verdict_tally": (state, verdict_tally) => game(state, { verdict_tally }),
  "game.night_choice": (state, choice) => {
    const others = (state.game.night?.choices ?? []).filter((c) => c.by !== choice.by);
    return game(state, { night: { choices: [...others, choice] } });
  },
  "game.night_result": (state, { victim }) => {
    if (victim) return state; // `game.death` follows and says more
    return notice(tell(state, { kind: "quiet" }), { kind: "quiet" });
  },
  "game.investigation": (state, { target, mafia }) => {
    const found = { kind: "investigation", target, mafia, day: state.game.day };
    const next = game(state, { investigations: [...(state.game.investigations ?? []), { target, mafia }] });
    return notice(tell(next, found), found);
  },
  "game.absent": (state, { player_id }) => {
    const members = state.room.members.map((m) => (m.player_id === player_id ? { ...m, absent: true } : m));
    return tell({ ...state, room: { ...state.room, members } }, { kind: "absent", player_id });
  },
  "answer:game.vote": (state, _, { suspect }) => (state.game.phase === "vote" ? you(state, { choice: suspect }) : state),
  "answer:game.verdict": (state, _, { execute }) => (state.game.phase === "verdict" ? you(state, { choice: execute }) : state),
  "answer:game.night": (state, _, { target }) => (state.game.phase === "night" ? you(state, { choice: target }) : state),
  "answer:game.will": (state, _, { text }) => you(state, { will: text }),
};

/** `payload.request` of an answer is what had been asked. */
export function reduceGame(state, type, payload) {
  return handlers[type]?.(state, payload, payload.request ?? {}) ?? state;
}
