// Owns: the bracket of a showtime on the duel's page (`/duel?bracket=…`): comes into it with the paid seat, keeps what the
// server says of it, and reads out of that who meets whom and how one stands. Called by `app.js` through `cup.js`, which
// shows it; the matches themselves come over the signalling, as any that is arranged. The session on `/ws` stays open.

/** Times of which a refusal says that they may be better. */
const MAY_RETRY = new Set(["doors_closed", "try_again", "moving", "rate_limited"]);
const LONGEST_WAIT_MS = 30_000;

export class Bracket {
  #client;
  #showtime;
  #told;
  #timer = null;
  #came = false;
  #sessions = new Set();

  /** `told({bracket?, code?})`: how it stands now, or why one is not in it. */
  constructor(client, showtime, told) {
    [this.#client, this.#showtime, this.#told] = [client, showtime, told];
    client.on("bracket.state", ({ bracket }) => bracket.showtime === showtime && this.#stands(bracket));
    client.on("session", () => this.#came && this.#look()); // what was pushed meanwhile may be lost
  }

  /** Comes in; who is in is shown how it stands. */
  async join() {
    clearTimeout(this.#timer);
    try {
      await this.#client.connect();
      const { bracket } = await this.#ask("bracket.join");
      this.#came = true;
      this.#stands(bracket);
    } catch (error) {
      this.#came = true;
      if (error.code === "game_in_progress" && (await this.#look())) return; // it runs, and one has a seat
      this.#told({ code: error.code ?? "closed" });
      if (!MAY_RETRY.has(error.code)) return;
      this.#timer = setTimeout(() => this.join(), Math.min(error.retryAfterMs ?? 1_000, LONGEST_WAIT_MS));
    }
  }

  /** Whether this match is, or was, one of the bracket. */
  plays(sessionId) {
    return this.#sessions.has(sessionId);
  }

  async #look() {
    try {
      const { bracket } = await this.#ask("bracket.state");
      this.#stands(bracket);
      return true;
    } catch {
      return false;
    }
  }

  #stands(bracket) {
    for (const { sessionId } of bracket.rounds.flatMap(({ pairs }) => pairs)) if (sessionId) this.#sessions.add(sessionId);
    this.#told({ bracket, code: null });
  }

  #ask(type) {
    return this.#client.request(type, { showtime: this.#showtime });
  }
}

/** A place that nobody has yet; `null` is one that nobody will have. */
const OPEN = { name: undefined, seed: undefined, won: false, mine: false };
const NOBODY = { ...OPEN, name: null };

/**
 * `[{begun, endsAt, rows: [{key, status, by, session, players: [{name, seed, won, mine}, …]}]}]`: the whole tree, with the
 * rounds that are to come (`status` `ahead`) as far as one can know them. `name`: null nobody, undefined not known yet.
 */
export function rounds(bracket, me) {
  const known = new Map(bracket.players.map((player) => [player.player_id, player]));
  const person = (id, winner) => ({ name: known.get(id)?.nickname ?? "?", seed: known.get(id)?.seed, won: id === winner, mine: id === me });
  const row = ({ players, status, winner, by, sessionId }, key) => ({ key, status, by, session: sessionId, players: players.map((id) => (id ? person(id, winner) : NOBODY)) });
  const all = bracket.rounds.map(({ pairs, ends_at }) => ({ begun: true, endsAt: ends_at, rows: pairs.map(row) }));
  while (bracket.status === "running" && all.length && all.at(-1).rows.length > 1) all.push(ahead(all.at(-1)));
  return all;
}

/** The round after this one: who has won stands in it already. */
function ahead({ rows }) {
  const place = (row) => (row?.status === "decided" ? row.players.find(({ won }) => won) ?? NOBODY : row ? OPEN : NOBODY);
  const pair = (key) => ({ key, status: "ahead", players: [rows[2 * key], rows[2 * key + 1]].map((row) => ({ ...place(row), won: false })) });
  return { begun: false, rows: Array.from({ length: Math.ceil(rows.length / 2) }, (_, key) => pair(key)) };
}

/**
 * How one stands. `is`: `watch`, `open` (it has not begun), `play` (a match is due: `name`, `status`), `next` (one goes on:
 * against `name`, or one of `among`; `by` is why), `out` (`name` goes on, `by`), `over` (`name` has won, or nobody), `champion`.
 */
export function standing(bracket, me) {
  const within = bracket.players.some(({ player_id }) => player_id === me);
  if (bracket.status === "open") return { is: within ? "open" : "watch" };
  if (bracket.status === "over") return bracket.winner === me ? { is: "champion" } : { is: "over", name: bracket.players.find(({ player_id }) => player_id === bracket.winner)?.nickname };
  const all = rounds(bracket, me);
  const [of, at] = [({ players }) => players.some(({ mine }) => mine), bracket.rounds.length - 1];
  const last = all.findLastIndex(({ rows }, n) => n <= at && rows.some(of));
  if (last < 0) return { is: "watch" };
  const place = all[last].rows.findIndex(of);
  const { players, status, by } = all[last].rows[place];
  const side = players.findIndex(({ mine }) => mine);
  const { name } = players[1 - side];
  if (status !== "decided") return { is: "play", name, status };
  if (!players[side].won || last < at) return { is: "out", name, by: players[side].won ? "seat" : by };
  const other = all[last + 1]?.rows[place >> 1]?.players[1 - (place % 2)] ?? NOBODY;
  const among = other.name === undefined ? all[last].rows[place ^ 1].players.map((it) => it.name).filter(Boolean) : [];
  return { is: "next", name: other.name, among, by };
}
