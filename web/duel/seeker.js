// Owns: 'find me an opponent' and the rating: what the duel's page asks the game server, not the signalling. Called by
// `app.js`. The session on `/ws` lives only while somebody looks for an opponent.

/** What a server says that knows no matchmaking. */
const UNKNOWN = new Set(["unknown_type", "bad_message", "not_allowed"]);

/** A result is rated a moment after it is known. */
const RATED_EVERY_MS = 700;
const RATED_TRIES = 8;

export class Seeker {
  #client;
  #told;
  #seeking = false;
  #before = null;

  /** `told({seeking, canSeek?, notice?})`: what has changed. */
  constructor(client, told) {
    this.#client = client;
    this.#told = told;
    client.on("matchmaking.found", ({ mode }) => mode === "duel" && this.#found());
    client.on("closed", () => this.#seeking && this.stop());
  }

  async start() {
    if (this.#seeking) return;
    this.#seeking = true;
    this.#told({ seeking: true, notice: null });
    try {
      await this.#client.connect();
      await this.#client.request("matchmaking.enter", { mode: "duel" });
    } catch (error) {
      if (!this.#seeking) return;
      this.#seeking = false;
      this.#client.close();
      this.#told(UNKNOWN.has(error.code) ? { seeking: null, canSeek: false, notice: { kind: "no_seek" } } : { seeking: null, notice: { kind: "refused", code: error.code } });
    }
  }

  /** Looks no longer; the server is told. */
  async stop() {
    if (!this.#seeking) return;
    this.#seeking = false;
    this.#told({ seeking: null });
    await this.#client.request("matchmaking.leave", { mode: "duel" }).catch(() => {});
    if (!this.#seeking) this.#client.close();
  }

  /** The match itself comes over the signalling: `match_request_accepted`. */
  #found() {
    if (!this.#seeking) return; // it is of a bracket
    this.#seeking = false;
    this.#client.close();
  }

  /** What the rating is before a match, so that the change can be told after it. */
  async remember() {
    this.#before = await this.#rating();
  }

  /** `{now, change}` once the match is rated, or null if this server does not rate it. `change` is null for a first match. */
  async rating() {
    const games = this.#before?.games ?? 0;
    for (let i = 0; this.#before !== null && i < RATED_TRIES; i++) {
      const now = await this.#rating();
      if (now?.games > games) return { now: now.rating, change: games ? now.rating - this.#before.rating : null };
      await new Promise((done) => setTimeout(done, RATED_EVERY_MS));
    }
    return null;
  }

  /** `{rating, games}`, `{games: 0}` of somebody new, null if the server keeps none. */
  async #rating() {
    try {
      const { ratings } = await this.#client.api.call("GET", "/me/ratings");
      return ratings.find(({ mode }) => mode === "duel") ?? { games: 0 };
    } catch {
      return null;
    }
  }
}
