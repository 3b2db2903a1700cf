// Owns: the named paces of a game, and which settings a leader has changed.

export const TIMES = ["day_ms", "vote_ms", "defence_ms", "verdict_ms", "final_words_ms", "night_ms"];

/** Phase times in ms. `quick` is what "Play now" uses: a whole game in about two minutes. */
export const PACES = {
  quick: { day_ms: 12000, vote_ms: 15000, defence_ms: 6000, verdict_ms: 8000, final_words_ms: 3000, night_ms: 10000 },
  normal: { day_ms: 90000, vote_ms: 30000, defence_ms: 20000, verdict_ms: 15000, final_words_ms: 8000, night_ms: 30000 },
  slow: { day_ms: 180000, vote_ms: 60000, defence_ms: 45000, verdict_ms: 30000, final_words_ms: 15000, night_ms: 60000 },
};

export const paceOf = (s) => Object.keys(PACES).find((name) => TIMES.every((key) => PACES[name][key] === s[key])) ?? "custom";

/** What of `draft` differs from `before`, for `room.settings`. */
export function changes(before, draft) {
  return Object.fromEntries(Object.entries(draft).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(before[key])));
}
