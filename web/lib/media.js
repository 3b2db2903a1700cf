// Owns: the two peer connections of one player: `pub` sends (we offer), `sub` receives (the server offers); how they are
// made, renegotiated, mended and thrown away. Called by `media.js`. Knows no DOM, no device and no game.

const CLOSED = { closed: true };
/** A connection that says `disconnected` for so long is mended; one that takes so long to stand has failed. */
const GRACE_MS = 4_000;
const STAND_MS = 12_000;
/** The picture in three sizes: each receiver gets the one that his link carries. */
const LAYERS = [["q", 4, 120_000], ["h", 2, 350_000], ["f", 1, 1_000_000]].map(([rid, scaleResolutionDownBy, maxBitrate]) => ({ rid, scaleResolutionDownBy, maxBitrate }));
const PAUSES_MS = [500, 1_000, 2_000, 4_000, 8_000];

export class MediaLink {
  #env;
  #pub = null; // {pc, senders, timers, restarted}
  #sub = null; // {pc, timers}
  #queue = Promise.resolve(); // offers of the server, one after the other
  #echoes = { pub: [], sub: [] }; // to come: the server answers a reset with one: what comes before it is of the old connection
  #tries = { pub: 0, sub: 0 };
  #again = { pub: 0, sub: 0 };
  #eras = { pub: 0, sub: 0 }; // which connection it is: what was said to an earlier one does not count
  #resting = false;
  #rested = Promise.resolve();
  #open = false;
  #missed = new Set(); // of which something could not be said, for the line was cut
  #flags = null; // {audio, video}: what I say I send
  #sends = null; // {audio, video}: tracks or null; null sends nothing at all
  #tracks = new Map(); // player_id → {audio?, video?}

  /**
   * @param {object} env
   * @param {(type: string, payload: object) => Promise} env.send a request of the protocol
   * @param {() => RTCPeerConnection} env.create
   * @param {(tracks: Map) => void} env.onTracks what may be received now, by player
   * @param {(link: {pub: string, sub: string}) => void} env.onState off | connecting | connected | failed; ready: nothing to receive yet; full
   */
  constructor(env) {
    this.#env = { setTimeout: (run, ms) => globalThis.setTimeout(run, ms), clearTimeout: (id) => globalThis.clearTimeout(id), ...env };
    this.state = { pub: "off", sub: "off" };
  }

  /** Begins. What a page before this one has left at the server is thrown away. */
  start(sends) {
    this.#open = true;
    this.#sends = sends;
    this.#fresh("pub");
    this.#fresh("sub");
  }

  /** Leaves media. */
  stop() {
    if (this.#open) for (const pc of ["pub", "sub"]) this.#say("media.state", { pc, state: "closed" });
    this.#open = false;
    for (const pc of ["pub", "sub"]) this.#discard(pc, "off");
  }

  /** Puts another track, or none, where `kind` is sent. No renegotiation. */
  async replace(kind, track) {
    if (!this.#sends) return;
    this.#sends[kind] = track;
    await this.#pub?.senders[kind]?.replaceTrack(track);
  }

  /** Lets everything rest, or go on, at the source: the dead send nothing. */
  rest(resting) {
    this.#resting = resting;
    return (this.#rested = this.#rested.then(() => this.#applyRest())); // one after the other: senders take no two at once
  }

  async #applyRest() {
    for (const sender of Object.values(this.#pub?.senders ?? {})) {
      const parameters = sender.getParameters();
      for (const encoding of parameters.encodings ?? []) encoding.active = !this.#resting;
      await sender.setParameters(parameters).catch(() => {}); // not negotiated yet: once it stands
    }
  }

  /** What I send now, for the others' lights; what I say I do not send the server drops. */
  tell(audio, video) {
    this.#flags = { audio, video };
    if (this.#pub?.offered) this.#sayFlags();
  }

  #sayFlags = () => this.#flags && this.#say("media.state", { pc: "pub", state: "ready", ...this.#flags });

  /** Once more after a failure. */
  retry() {
    for (const pc of ["pub", "sub"]) {
      if (this.state[pc] !== "failed") continue;
      this.#tries[pc] = 0;
      this.#fresh(pc);
    }
  }

  /** The session is back. After `replay` nothing was missed but answers to what was being said. */
  resumed(mode) {
    if (!this.#open) return;
    const missed = this.#missed;
    this.#missed = new Set();
    if (mode !== "replay") this.#echoes = { pub: [], sub: [] };
    if (mode !== "replay" || missed.has("sub")) this.#fresh("sub");
    if (this.#pub?.asked || missed.has("pub") || (mode !== "replay" && this.state.pub !== "connected")) this.#fresh("pub");
  }

  /** A push of the server. */
  receive(type, payload) {
    if (!this.#open) return;
    if (type === "media.offer") {
      const { sub: era } = this.#eras;
      if (!this.#echoes.sub.length) this.#queue = this.#queue.then(() => era === this.#eras.sub && this.#answer(payload));
    }
    if (type === "media.answer") this.#answered(payload);
    else if (type === "media.reset") this.#reset(payload.pc);
    else if (type === "media.refused") this.#refused(payload);
  }

  // ---- both ---------------------------------------------------------------------------------------------------

  #say(type, payload) {
    return this.#env.send(type, payload).then(() => true, (error) => (this.#unsaid(type, payload, error), false));
  }

  /** What could not be said: later, unless it makes no sense. A drop is mended by `resumed`. */
  #unsaid(type, { pc }, error) {
    if (type === "media.offer" && error?.code === "not_allowed") this.#discard("pub", "off");
    else if (["try_again", "moving", "rate_limited"].includes(error?.code)) this.#mend(pc);
    else if (["closed", "connection_lost"].includes(error?.code)) this.#missed.add(pc);
  }

  /** The echo of our own, or the server has lost the connection. */
  #reset(pc) {
    if (!this.#echoes[pc].shift()) return this.#fresh(pc, false);
    if (pc === "sub" && !this.#sub) this.#env.clearTimeout(this.#again.sub); // it knows; an offer comes when there is one
  }

  async #sayReset(pc) {
    const echo = {};
    this.#echoes[pc].push(echo);
    if (!(await this.#say("media.reset", { pc }))) this.#echoes[pc] = this.#echoes[pc].filter((other) => other !== echo);
  }

  /** Throws the connection away and begins another. */
  async #fresh(pc, tell = true) {
    this.#discard(pc, "connecting");
    if (!this.#open || (pc === "pub" && !this.#sends)) return this.#set(pc, "off");
    if (pc === "sub") {
      this.#set(pc, "ready"); // an offer comes once there is something to receive
      if (!tell) return void this.#say("media.state", { pc, state: "ready" });
      this.#watch(pc);
      return this.#sayReset(pc);
    }
    const made = this.#make(pc);
    made.senders = {};
    for (const kind of ["audio", "video"]) {
      const sendEncodings = kind === "video" ? LAYERS.map((layer) => ({ ...layer })) : [{}];
      const line = made.pc.addTransceiver(this.#sends[kind] ?? kind, { direction: "sendonly", sendEncodings });
      made.senders[kind] = line.sender;
    }
    if (tell) this.#sayReset(pc);
    await this.#offer(made);
  }

  #make(name) {
    const pc = this.#env.create();
    const made = { pc };
    if (name === "pub") this.#pub = made;
    else this.#sub = made;
    this.#set(name, "connecting");
    pc.onconnectionstatechange = () => this.#at(name) === made && this.#changed(name, made);
    this.#watch(name);
    return made;
  }

  #at = (name) => (name === "pub" ? this.#pub : this.#sub);

  #discard(name, state) {
    this.#eras[name] += 1;
    this.#env.clearTimeout(this.#again[name]);
    const made = this.#at(name);
    if (name === "pub") this.#pub = null;
    else {
      this.#sub = null;
      if (this.#tracks.size) this.#show(new Map());
    }
    if (made) {
      Object.assign(made, CLOSED);
      made.pc.onconnectionstatechange = null;
      made.pc.close();
    }
    this.#set(name, state);
  }

  #set(name, state) {
    if (this.state[name] === state) return;
    this.state = { ...this.state, [name]: state };
    this.#env.onState(this.state);
  }

  #show(tracks) {
    this.#tracks = tracks;
    this.#env.onTracks(tracks);
  }

  /** If it does not stand in time it is mended. */
  #watch(name, ms = STAND_MS) {
    this.#env.clearTimeout(this.#again[name]);
    this.#again[name] = this.#env.setTimeout(() => this.state[name] !== "connected" && this.#mend(name), ms);
  }

  #changed(name, made) {
    const now = made.pc.connectionState;
    if (now === "connected") {
      this.#env.clearTimeout(this.#again[name]);
      this.#tries[name] = 0;
      made.restarted = false;
      if (name === "pub" && this.#resting) this.rest(true);
      this.#set(name, "connected");
    } else if (now === "failed") this.#mend(name);
    else if (now === "disconnected") {
      this.#env.clearTimeout(this.#again[name]);
      this.#again[name] = this.#env.setTimeout(() => made.pc.connectionState !== "connected" && this.#mend(name), GRACE_MS);
    }
  }

  /** ICE anew first, where we offer; then a new connection, each time after a longer pause; then no more. */
  #mend(name) {
    if (!this.#open || this.state[name] === "off" || this.state[name] === "full") return;
    const made = this.#at(name);
    if (name === "pub" && made?.stood && !made.restarted) {
      made.restarted = true;
      this.#set(name, "connecting");
      this.#watch(name);
      this.#offer(made, true);
      return;
    }
    const pause = PAUSES_MS[this.#tries[name]++];
    if (pause === undefined) {
      this.#discard(name, "failed");
      this.#say("media.state", { pc: name, state: "failed" });
      return;
    }
    this.#discard(name, "connecting");
    this.#again[name] = this.#env.setTimeout(() => this.#open && this.#fresh(name), pause);
  }

  // ---- pub ----------------------------------------------------------------------------------------------------

  /** What goes wrong with a connection that is no more is nobody's business. */
  async #careful(name, made, work) {
    try {
      await work();
    } catch {
      if (!made.closed) this.#mend(name);
    }
  }

  #offer = (made, iceRestart = false) => this.#careful("pub", made, () => this.#sayOffer(made, iceRestart));

  async #sayOffer(made, iceRestart) {
    await made.pc.setLocalDescription(await made.pc.createOffer({ iceRestart }));
    if (made.closed) return;
    made.asked = true;
    const said = await this.#say("media.offer", { pc: "pub", sdp: made.pc.localDescription.sdp });
    if (said && !made.offered) {
      made.offered = true;
      this.#sayFlags();
    }
  }

  async #answered({ sdp }) {
    const made = this.#pub;
    if (!made?.asked || this.#echoes.pub.length) return; // to an offer of a connection that is no more
    made.asked = false;
    await this.#careful("pub", made, () => made.pc.setRemoteDescription({ type: "answer", sdp }));
    made.stood = true;
  }

  #refused({ pc, reason }) {
    if (reason === "full") this.#discard(pc, "full");
    else this.#mend(pc);
  }

  // ---- sub ----------------------------------------------------------------------------------------------------

  async #answer({ sdp, tracks }) {
    if (!this.#open) return;
    const made = this.#sub ?? this.#make("sub");
    await this.#careful("sub", made, () => this.#sayAnswer(made, sdp, tracks));
  }

  async #sayAnswer(made, sdp, tracks) {
    await made.pc.setRemoteDescription({ type: "offer", sdp });
    await made.pc.setLocalDescription(await made.pc.createAnswer());
    if (made.closed) return;
    if (!(await this.#say("media.answer", { pc: "sub", sdp: made.pc.localDescription.sdp })) || made.closed) return;
    const lines = new Map(made.pc.getTransceivers().map((line) => [line.mid, line.receiver.track]));
    const shown = new Map();
    for (const { mid, player_id, kind } of tracks) {
      const track = lines.get(mid);
      if (track) shown.set(player_id, { ...shown.get(player_id), [kind]: track });
    }
    this.#show(shown);
  }
}
