// Owns: 'find me an opponent' and the rating: what the duel's page asks the game server, not the signalling. Called by
// `app.js`. The session on `/ws` lives only while somebody looks for an opponent.

/** What a server says that knows no matchmaking. */
const UNKNOWN = new Set(["unknown_type", "bad_message", "not_allowed"]);

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
    this.#seeking = false;
    this.#client.close();
  }

  /** `{now, change}` after a match, or null if this server keeps no ratings. */
  async rating() {
    return null;
  }
}
