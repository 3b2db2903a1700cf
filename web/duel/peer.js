// Owns: one RTCPeerConnection with one data channel, unreliable and unordered: what is lost stays lost, the rollback
// session sends it again anyway. Called by `encounter.js`. Says what must be signalled, signals nothing itself.

const CHANNEL = { negotiated: true, id: 0, ordered: false, maxRetransmits: 0 };
/** A path that stays broken so long is looked for anew (ICE restart), a few times. */
const BROKEN_MS = 2_500;
const RESTARTS = 3;
/** What waits to be sent beyond this is old news: the next packet says it all. Bytes. */
const MOST_BUFFERED = 1_200;

export class Peer {
  #on;
  #pc;
  #channel;
  #offers;
  #early = []; // candidates that came before the description
  #heard = new Set();
  #timer = 0;
  #restarts = 0;
  #closed = false;

  /**
   * `on`: {offer(sdp), answer(sdp), candidate(init), open(), message(data), state(name), lost()}
   * `ice`: {iceServers, iceTransportPolicy?}; `offers`: whether this side makes the offer.
   */
  constructor({ ice, offers, on }) {
    this.#on = on;
    this.#offers = offers;
    this.#pc = new RTCPeerConnection({ iceServers: ice.iceServers ?? [], iceTransportPolicy: ice.iceTransportPolicy ?? "all" });
    this.#channel = this.#pc.createDataChannel("duel", CHANNEL);
    this.#channel.binaryType = "arraybuffer";
    this.#channel.onopen = () => on.open();
    this.#channel.onmessage = ({ data }) => on.message(data);
    this.#channel.onclose = () => !this.#closed && on.lost();
    this.#pc.onicecandidate = ({ candidate }) => candidate?.candidate && on.candidate(candidate.toJSON());
    this.#pc.onconnectionstatechange = () => this.#changed();
  }

  /** Makes the first offer. */
  async offer(options) {
    await this.#pc.setLocalDescription(await this.#pc.createOffer(options));
    this.#on.offer(this.#pc.localDescription.sdp);
  }

  /** A description from the other side; one that we have already is ignored. */
  async describe(type, sdp) {
    if (this.#pc.remoteDescription?.sdp === sdp || (type === "answer" && this.#pc.signalingState !== "have-local-offer")) return;
    await this.#pc.setRemoteDescription({ type, sdp });
    for (const init of this.#early.splice(0)) await this.#add(init);
    if (type === "offer") {
      await this.#pc.setLocalDescription(await this.#pc.createAnswer());
      this.#on.answer(this.#pc.localDescription.sdp);
    }
  }

  /** Is `sdp` of the peer that we know? Else it has begun afresh, and so must we. */
  knows(sdp) {
    const print = (text) => /a=fingerprint:(.+)/.exec(text ?? "")?.[1].trim();
    return !this.#pc.remoteDescription || print(this.#pc.remoteDescription.sdp) === print(sdp);
  }

  async candidate(init) {
    const key = `${init.candidate} ${init.sdpMid} ${init.usernameFragment ?? ""}`;
    if (this.#heard.has(key) || this.#heard.size > 256) return;
    this.#heard.add(key);
    if (this.#pc.remoteDescription) await this.#add(init);
    else this.#early.push(init);
  }

  /** False if it was not sent: the channel is not open, or so slow that it would only be late. */
  send(bytes) {
    if (this.#channel.readyState !== "open" || this.#channel.bufferedAmount > MOST_BUFFERED) return false;
    this.#channel.send(bytes);
    return true;
  }

  get open() {
    return this.#channel.readyState === "open";
  }

  /** `relay` if the packets go over a TURN server, else `host`, `srflx`, `prflx`; null before there is a path. */
  async route() {
    const stats = await this.#pc.getStats();
    const all = [...stats.values()];
    const chosen = all.find(({ type }) => type === "transport")?.selectedCandidatePairId;
    return stats.get(stats.get(chosen)?.localCandidateId)?.candidateType ?? null;
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#channel.close();
    this.#pc.close();
  }

  async #add(init) {
    try {
      await this.#pc.addIceCandidate(init);
    } catch {
      // One bad candidate of several; if none is good, the connection fails and says so.
    }
  }

  #changed() {
    const { connectionState: state } = this.#pc;
    this.#on.state(state);
    clearTimeout(this.#timer);
    if (state === "failed") this.#restart();
    else if (state === "disconnected") this.#timer = setTimeout(() => this.#restart(), BROKEN_MS);
  }

  #restart() {
    if (this.#closed || !this.#offers || this.#restarts >= RESTARTS) return;
    this.#restarts += 1;
    this.offer({ iceRestart: true }).catch(() => {});
  }
}
