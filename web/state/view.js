// Owns: questions about the state that several views ask: who sits where, what may I do now, what is the one
// primary action. Pure; it decides nothing that the server does not check again.

/** Names are kept for those who left. */
export const nameOf = (state, id) => state.roster[id]?.nickname ?? state.over?.roster?.[id]?.nickname ?? "?";

/** Player ids around the table; the viewer sits at the bottom, which is the first place. */
export function seats(state) {
  const ids = state.game?.players ?? (state.over ? state.over.players : state.room.members.map((m) => m.player_id));
  const shown = state.game || state.over ? ids : state.room.members.filter((m) => !m.spectator).map((m) => m.player_id);
  const at = shown.indexOf(state.me);
  return at > 0 ? [...shown.slice(at), ...shown.slice(0, at)] : shown;
}

export const memberOf = (state, id) => state.room?.members.find((m) => m.player_id === id);
export const deathOf = (state, id) => (state.game ?? state.over)?.deaths.find((d) => d.player_id === id);
export const isAlive = (state, id) => !deathOf(state, id);
export const isLeader = (state) => state.room?.leader === state.me;
export const isMe = (state, id) => state.me !== null && id === state.me;

/** The role of `id` as far as this player may know it. */
export function roleOf(state, id) {
  if (state.over) return state.over.roles?.[id];
  const { game } = state;
  if (!game) return undefined;
  if (isMe(state, id)) return game.you.role;
  if (game.roles?.[id]) return game.roles[id];
  if (game.you.partners?.includes(id)) return "mafia";
  return deathOf(state, id)?.role;
}

const iAct = (state) => state.game && state.game.you.alive && state.me !== null && state.game.players.includes(state.me);

/** `vote | verdict | night | null`: which ballot is open to me. */
export function ballot(state) {
  const { game } = state;
  if (!iAct(state)) return null;
  if (game.phase === "vote") return "vote";
  if (game.phase === "verdict" && game.accused !== state.me) return "verdict";
  if (game.phase === "night" && game.you.role && !["citizen", "jester"].includes(game.you.role)) return "night";
  return null;
}

/** Whether clicking this player's tile casts a ballot. */
export function canTarget(state, id) {
  const kind = ballot(state);
  if (!kind || kind === "verdict" || !isAlive(state, id) || !state.game.players.includes(id)) return false;
  if (kind === "vote") return true;
  const { role, partners = [] } = state.game.you;
  if (role === "mafia") return id !== state.me && !partners.includes(id);
  return role === "doctor" || id !== state.me;
}

/** The channel one may write to now, or the reason why not: `{channel}` or `{closed}`. */
export function writing(state) {
  const { room, game } = state;
  if (!room || state.link === "closed") return { closed: "offline" };
  const mine = memberOf(state, state.me);
  if (!game) return { channel: "room" };
  if (mine?.spectator || !game.players.includes(state.me)) return { closed: "spectator" };
  if (!game.you.alive) return { channel: "graveyard" };
  if (game.phase === "night") return game.you.role === "mafia" ? { channel: "mafia" } : { closed: "night" };
  if (!(room.settings.living_chat ?? !room.settings.media)) return { closed: "voice" };
  const hearing = game.phase === "defence" || game.phase === "final_words";
  return hearing && game.accused !== state.me ? { closed: "hearing" } : { channel: "day" };
}

/** Who voted for whom, as pairs, with what the viewer may see at night. `[{from, to, kind}]` */
export function lines(state) {
  const { game } = state;
  if (!game) return [];
  if (game.phase === "vote") {
    return Object.entries(game.votes?.tally ?? {}).flatMap(([to, voters]) => voters.map((from) => ({ from, to, kind: "vote" })));
  }
  if (game.phase === "night") {
    const seen = (game.night?.choices ?? []).filter((c) => c.target);
    const pairs = seen.map((c) => ({ from: c.by, to: c.target, kind: c.role }));
    const mine = game.you.choice;
    if (mine && !pairs.some((p) => p.from === state.me)) pairs.push({ from: state.me, to: mine, kind: game.you.role });
    return pairs;
  }
  return [];
}

/** How many ballots name `id`; counts alone when votes are anonymous. */
export function voteCount(state, id) {
  const votes = state.game?.votes;
  return votes?.counts?.[id] ?? votes?.tally?.[id]?.length ?? 0;
}

/** Which light the page is in: `eve` (outside), `day`, `dusk`, `night`. */
export function light(state) {
  if (state.over) return state.over.winner === "mafia" ? "night" : "day";
  if (!state.room) return "eve";
  const phase = state.game?.phase;
  if (phase === "night") return "night";
  return phase && phase !== "day" ? "dusk" : "day";
}

/** What keeps the leader from starting: the number of players missing, or of those not ready. */
export function hindrance({ room }) {
  const players = room.members.filter((m) => !m.spectator);
  const missing = Math.max(0, (room.settings.min_players ?? 4) - players.length);
  const unready = players.filter((m) => m.player_id !== room.leader && !m.bot && !m.ready).length;
  return { missing, unready };
}
