// Owns: what the media journeys look at in a page: its peer connections' statistics by player, what the server told it,
// and a line of its own to the server for what no button says. Injected before the page's own scripts; the page knows
// nothing of it. Called by the journeys `media-*`.

/** Runs in the page: keeps every peer connection and the last word of the server on some matters. */
export function watch() {
  const Pc = window.RTCPeerConnection;
  const Socket = window.WebSocket;
  const Sound = window.AudioContext;
  // A page that resumes is not told again who it is.
  const LINES = 400;
  const known = JSON.parse(sessionStorage.getItem("seen") ?? "{}");
  const seen = (window.__seen = { pcs: [], sounds: [], tracks: [], roles: null, socket: null, refusals: [], resets: { pub: 0, sub: 0 }, story: [], me: known.me, role: known.role, phase: known.phase });
  window.RTCPeerConnection = class extends Pc {
    constructor(...args) {
      super(...args);
      seen.pcs.push(this);
      const name = `pc${seen.pcs.length}`;
      for (const state of ["signalingState", "iceGatheringState", "iceConnectionState", "connectionState"]) this.addEventListener(state.toLowerCase() + "change", () => write(`${name} ${state} ${this[state]}`));
    }
  };
  window.AudioContext = class extends Sound {
    constructor(...args) {
      super(...args);
      seen.sounds.push(this);
    }
  };
  window.WebSocket = class extends Socket {
    constructor(...args) {
      super(...args);
      seen.socket = this;
      this.addEventListener("message", ({ data }) => (tell("<", data), note(JSON.parse(data))));
    }
    send(data) {
      tell(">", data);
      super.send(data);
    }
  };
  /** What was said about media, for a failure to be told by: who forgot whom, and when. */
  function tell(way, data) {
    const { type, payload, id, re } = JSON.parse(data);
    const matters = type === "error" || type === "ok" || /^(media|session)\./.test(type);
    if (!matters || type === "media.speaking") return;
    write(`${way} ${type} ${[payload?.pc, payload?.code, payload?.mode, re ?? id].filter((word) => word !== undefined).join(" ")}`);
  }
  function write(line) {
    seen.story.push(`${new Date().toISOString().slice(14, 23)} ${line}`);
    if (seen.story.length > LINES) seen.story.shift();
  }
  function note({ type, payload }) {
    if (type === "media.offer") seen.tracks = payload.tracks;
    if (type === "media.reset") seen.resets[payload.pc] += 1;
    if (type === "media.allowed") seen.allowed = payload;
    if (type === "session.welcome") seen.me = payload.player_id;
    if (type === "room.state") {
      seen.me = payload.you;
      seen.role = payload.game?.you?.role ?? seen.role;
      if (payload.game?.phase) seen.phase = payload.game;
    }
    if (type === "game.role") seen.role = payload.role;
    if (type === "game.phase") seen.phase = payload;
    if (type === "game.over") seen.roles = payload.roles;
    if (/^(session|room|game)\./.test(type)) sessionStorage.setItem("seen", JSON.stringify({ me: seen.me, role: seen.role, phase: seen.phase }));
    if (type === "error" || type === "media.refused") seen.refusals.push({ type, ...payload });
  }
}

/** Injected too: a camera that five browsers on two cores can encode, in two layers. */
export const smallCamera = `(${function () {
  const { mediaDevices } = navigator;
  const real = mediaDevices.getUserMedia.bind(mediaDevices);
  mediaDevices.getUserMedia = (wanted) => real({ ...wanted, ...(wanted.video && { video: { width: 480, height: 270, frameRate: 10 } }) });
}.toString()})();`;

/** Injected too: a browser that has no H.264. */
export const withoutH264 = `(${function () {
  const { prototype } = RTCPeerConnection;
  const codecs = RTCRtpReceiver.getCapabilities("video").codecs.filter(({ mimeType }) => mimeType !== "video/H264");
  for (const name of ["createOffer", "createAnswer"]) {
    const real = prototype[name];
    prototype[name] = function (...args) {
      for (const line of this.getTransceivers()) if (line.receiver.track.kind === "video") line.setCodecPreferences(codecs);
      return real.apply(this, args);
    };
  }
}.toString()})();`;

/** From now on this client is tampered with: it sends, whatever its page wants. */
export const tamper = (page) =>
  page.evaluate(() => {
    RTCRtpSender.prototype.setParameters = async () => {};
    RTCRtpSender.prototype.replaceTrack = async () => {};
  });

/** Another game: what was known of the last one is not. */
export const forget = (page) => page.evaluate(() => (sessionStorage.removeItem("seen"), (window.__seen.role = null)));

export const watching = `(${watch.toString()})();`;

/** What tells where a picture is stuck: on the way, put together, decoded, or waiting for its moment. */
const PICTURE = ["framesReceived", "framesAssembledFromMultiplePackets", "keyFramesDecoded", "framesDropped", "packetsLost", "packetsDiscarded", "nackCount", "pliCount", "freezeCount", "totalDecodeTime", "jitterBufferDelay", "jitterBufferTargetDelay", "jitterBufferEmittedCount", "frameWidth"];
/** And of a layer that is sent: padding counts among the packets, and a layer without frames is paused. */
const LAYER = ["packetsSent", "framesEncoded", "keyFramesEncoded", "pliCount", "targetBitrate", "qualityLimitationReason"];

/** `{received: {player_id: {audio, video, frames, energy, picture}}, sent: {audio, video, codec, layers}}`, all counters of packets but frames, energy and what is in `picture` and `layers`. */
export function statistics(page) {
  return page.evaluate(async ([PICTURE, LAYER]) => {
    const { pcs, tracks } = window.__seen;
    const received = {};
    const sent = { audio: 0, video: 0 };
    for (const pc of pcs.filter((pc) => pc.connectionState !== "closed")) {
      const report = await pc.getStats();
      const sends = pc.getSenders().some((sender) => sender.track);
      for (const line of report.values()) {
        if (line.type === "outbound-rtp") sent[line.kind] += line.packetsSent;
        if (line.type === "outbound-rtp" && line.kind === "video" && line.codecId) sent.codec = report.get(line.codecId).mimeType;
        if (line.type === "media-source" && line.kind === "video") (sent.link ??= {}).captured = line.frames;
        if (line.type === "candidate-pair" && line.nominated && sends) Object.assign((sent.link ??= {}), { estimate: line.availableOutgoingBitrate, rtt: line.currentRoundTripTime });
        if (line.type === "outbound-rtp" && line.rid) (sent.layers ??= {})[line.rid] = Object.fromEntries(LAYER.map((name) => [name, line[name]]));
        const track = line.type === "inbound-rtp" && tracks.find((t) => t.mid === line.mid);
        if (!track) continue;
        const from = (received[track.player_id] ??= { audio: 0, video: 0, frames: 0, energy: 0, picture: null });
        from[line.kind] += line.packetsReceived;
        if (line.kind === "video") from.picture = Object.fromEntries(PICTURE.map((name) => [name, line[name] ?? 0]));
        from.frames += line.framesDecoded ?? 0;
        from.energy += line.totalAudioEnergy ?? 0;
      }
    }
    return { received, sent };
  }, [PICTURE, LAYER]);
}

/** How many of the page's audio contexts run: each costs a thread for as long as it does. */
export const sounds = (page) => page.evaluate(() => window.__seen.sounds.filter(({ state }) => state !== "closed").length);

export const seen = (page, name) => page.evaluate((key) => window.__seen[key], name);

/** Says something to the server that has no button, without waiting for an answer. */
export const say = (page, type, payload = {}) => page.evaluate((frame) => window.__seen.socket.send(JSON.stringify(frame)), { type, payload });

/** What came between two looks, from one player: `{audio, video, frames, energy}`; of his picture what a failure is told by. */
export function gained(before, after, from) {
  const none = { audio: 0, video: 0, frames: 0, energy: 0 };
  const [a, b] = [before.received[from] ?? none, after.received[from] ?? none];
  const gain = Object.fromEntries(Object.keys(none).map((key) => [key, b[key] - a[key]]));
  if (a.picture && b.picture) gain.picture = Object.fromEntries(PICTURE.map((key) => [key, [a.picture[key], b.picture[key]]]));
  return gain;
}

/** Through the dialog into the room's media. */
export async function joinMedia(page) {
  await page.locator('[data-test="media-join"]:not([disabled])').click();
  await inMedia(page);
}

/** Both connections stand; nobody to receive is as good. */
export async function inMedia(page) {
  const bar = page.locator('.media-bar[data-pub="connected"]:is([data-sub="connected"], [data-sub="ready"])');
  await bar.waitFor({ timeout: 45_000 }).catch(async (error) => {
    throw new Error(`${error.message}\n${(await seen(page, "story")).join("\n")}`);
  });
}

export async function makeRoom(page, name) {
  await page.goto("/");
  await page.locator('[data-test="create"]').click();
  await page.locator("#room-name").fill(name);
  await page.locator('[data-test="create-now"]').click();
  await page.locator('.stage[data-phase="waiting"]').waitFor();
  return page.url();
}

export async function joinRoom(page, link) {
  await page.goto(link);
  await page.locator("form.start button[type=submit]").click();
  await page.locator('.stage[data-phase="waiting"]').waitFor();
}

/** Waits until `look` gives something true. */
export async function until(what, look, ms = 10_000) {
  const deadline = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`not in ${ms} ms: ${what}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}
