// Owns: one match with one opponent from its acceptance on: the way to a data channel, and what the signalling server
// must hear of it. Called by `app.js`. The fight itself is `match.js`.

import { Peer } from "./peer.js";

export class Encounter {
  #me;
  #say;
  #api;
  #match;
  #on;
  #peer = null;
  #ice;
  #queue = Promise.resolve();
  #over = false;

  /**
   * `match`: {sessionId, opponentId, side}, as in `lobby.js`; side 0 asked, and offers. `say(type, payload)` → the server.
   * `on`: {open(), message(data), state(name), lost()}
   */
  constructor({ me, match, api, say, on }) {
    Object.assign(this, { sessionId: match.sessionId });
    this.#me = me;
    this.#match = match;
    this.#api = api;
    this.#say = say;
    this.#on = on;
    this.#ice = this.#iceServers();
    this.#then(async () => {
      await this.#renew();
      if (match.side === 0) await this.#peer.offer();
    });
  }

  /** What the server passes on from the other side. */
  hear(type, { sessionId, sdp, candidate }) {
    if (sessionId !== this.sessionId) return;
    this.#then(async () => {
      if (type === "sdp_offer_received") {
        if (!this.#peer.knows(sdp)) await this.#renew(); // the other page was reloaded
        await this.#peer.describe("offer", sdp);
      } else if (type === "sdp_answer_received" && !this.#peer.knows(sdp)) {
        await this.#renew();
        await this.#peer.offer();
      } else if (type === "sdp_answer_received") await this.#peer.describe("answer", sdp);
      else if (type === "ice_candidate_received") await this.#peer.candidate(candidate);
    });
  }

  /** The line to the server is back: what it may have missed. */
  back() {
    if (this.#peer?.open) this.#report("connected");
  }

  send(bytes) {
    return this.#peer?.send(bytes) ?? false;
  }

  route() {
    return this.#peer?.route() ?? Promise.resolve(null);
  }

  failed() {
    this.#report("failed");
  }

  close() {
    this.#over = true;
    this.#peer?.close();
  }

  #report(state) {
    this.#say("report_connection", { sessionId: this.sessionId, state });
  }

  /** One after the other: a candidate must not overtake the description before it. */
  #then(work) {
    this.#queue = this.#queue.then(() => (this.#over ? undefined : work())).catch((error) => {
      if (this.#over) return;
      console.warn("duel: no connection", error);
      this.#report("failed");
    });
  }

  async #renew() {
    const ice = await this.#ice;
    this.#peer?.close();
    const sent = (type, content) => this.#say(type, { senderId: this.#me.id, receiverId: this.#match.opponentId, sessionId: this.sessionId, ...content });
    this.#peer = new Peer({
      ice,
      offers: this.#match.side === 0,
      on: {
        ...this.#on,
        offer: (sdp) => sent("send_sdp_offer", { sdp }),
        answer: (sdp) => sent("send_sdp_answer", { sdp }),
        candidate: (candidate) => sent("send_ice_candidate", { candidate }),
        open: () => {
          this.#report("connected");
          this.#on.open();
        },
      },
    });
  }

  /** STUN and TURN of this server; a server without them lets us try what the network allows by itself. */
  async #iceServers() {
    try {
      return await this.#api.call("GET", "/ice-servers");
    } catch {
      return { iceServers: [] };
    }
  }
}
