// Owns: the bracket of a showtime on the duel's page (`/duel?bracket=…`): comes into it with the paid seat, and keeps what
// the server says of it. Called by `app.js`; the matches themselves come over the signalling, as any that is arranged.
// The session on `/ws` stays open while the bracket is on.

/** Times of which a refusal says that they may be better. */
const MAY_RETRY = new Set(["doors_closed", "try_again", "moving", "rate_limited"]);
const LONGEST_WAIT_MS = 30_000;

export class Bracket {
  #client;
  #showtime;
  #told;
  #timer = null;

  /** `told({bracket?, code?})`: how it stands now, or why one is not in it. */
  constructor(client, showtime, told) {
    [this.#client, this.#showtime, this.#told] = [client, showtime, told];
    client.on("bracket.state", ({ bracket }) => bracket.showtime === showtime && told({ bracket, code: null }));
    client.on("session", () => this.#look()); // what was pushed meanwhile may be lost
  }

  /** Comes in; who is in is shown how it stands. */
  async join() {
    clearTimeout(this.#timer);
    try {
      await this.#client.connect();
      const { bracket } = await this.#ask("bracket.join");
      this.#told({ bracket, code: null });
    } catch (error) {
      if (error.code === "game_in_progress" && (await this.#look())) return; // it runs, and one has a seat
      this.#told({ code: error.code ?? "closed" });
      if (!MAY_RETRY.has(error.code)) return;
      this.#timer = setTimeout(() => this.join(), Math.min(error.retryAfterMs ?? 1_000, LONGEST_WAIT_MS));
    }
  }

  async #look() {
    try {
      const { bracket } = await this.#ask("bracket.state");
      this.#told({ bracket, code: null });
      return true;
    } catch {
      return false;
    }
  }

  #ask(type) {
    return this.#client.request(type, { showtime: this.#showtime });
  }
}

/** `[{last, rows: [{key, status, by, players: [{name, won, mine}]}]}]`: what is shown of the rounds. */
export function rounds(bracket, me) {
  const names = new Map(bracket.players.map(({ player_id, nickname }) => [player_id, nickname]));
  const pair = ({ players, status, winner, by }, n) => ({
    key: n, status, by,
    players: players.map((id) => ({ name: id ? names.get(id) : null, won: !!id && id === winner, mine: id === me })),
  });
  return bracket.rounds.map(({ pairs }) => ({ last: pairs.length === 1, rows: pairs.map(pair) }));
}
