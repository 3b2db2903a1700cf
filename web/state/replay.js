// Owns: turning the event log of a finished game (`GET /api/v1/matches/{id}`) into one state for each step, with the
// same reducer that a live game uses. Pure. Everything is shown: the log belongs to its participants, after the end.

import { initial, reduce } from "./reduce.js";

const SKIPPED = new Set(["game.role", "game.graveyard"]); // one player's own view of what is shown to all here

/** `{steps: [{at, state}], from, to}`; the first step is the deal, before the first event. */
export function buildReplay(match) {
  let state = opening(match);
  const steps = [{ at: match.started_at, state }];
  for (const entry of match.entries) {
    const before = state;
    state = verdictOf(state, entry.input);
    for (const effect of entry.effects ?? []) {
      if (effect.kind === "push" && !SKIPPED.has(effect.name)) state = reduce(state, effect.name, effect.payload);
      else if (effect.kind === "over") state = ended(state, effect);
    }
    if (state !== before) steps.push({ at: entry.at, state });
  }
  return { steps, from: match.started_at, to: steps.at(-1).at };
}

function opening(match) {
  const members = match.seats.map((seat, i) => ({ ...seat, ready: true, role: i ? "member" : "leader", connected: true, spectator: false }));
  const room = {
    room_id: match.room_id, code: "", name: "", visibility: "private", capacity: members.length, status: "playing",
    game: match.game, settings: match.settings ?? {}, leader: members[0]?.player_id, created_at: match.started_at, members, log: [],
  };
  const started = reduce({ ...initial(), me: null }, "room.started", { room });
  return { ...started, game: { ...started.game, roles: match.roles } };
}

/** Who said yes and who no is no push; the log has it as input. */
function verdictOf(state, input) {
  const payload = input?.payload;
  if (input?.kind !== "command" || input.name !== "game.verdict" || state.game?.phase !== "verdict") return state;
  return { ...state, game: { ...state.game, verdicts: { ...state.game.verdicts, [input.by]: payload.execute } } };
}

function ended(state, { winner, roles }) {
  return state.over ? state : reduce(state, "game.over", { winner, roles, days: state.game?.day });
}

/** How long to show step `n` before the next one, in ms: real gaps, the dull ones shortened. */
export function pause({ steps }, n, speed = 1) {
  const gap = n + 1 < steps.length ? steps[n + 1].at - steps[n].at : 0;
  const phaseTurns = steps[n].state.game?.phase !== steps[n - 1]?.state.game?.phase;
  return Math.max(phaseTurns ? 900 : 120, Math.min(gap, 1200)) / speed;
}

/** Where the phases begin, for the marks on the timeline: `[{n, phase, day}]`. */
export function chapters({ steps }) {
  const marks = [];
  for (let n = 1; n < steps.length; n++) {
    const { game, over } = steps[n].state;
    const before = steps[n - 1].state.game;
    if (game && (game.phase !== before?.phase || game.day !== before?.day)) marks.push({ n, phase: game.phase, day: game.day });
    else if (over && before) marks.push({ n, phase: "over", day: over.days });
  }
  return marks;
}
