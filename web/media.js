// Owns: one's own camera and microphone in a room: chosen, tested, sent, muted; and the others' streams as they come.
// Fetched with the first room that has media. Between the store, `lib/media.js` and `lib/devices.js`.

import "./i18n/media.js";
import { chosen, list, meter, open, remember } from "./lib/devices.js";
import { MediaLink } from "./lib/media.js";
import { memberOf } from "./state/view.js";

const JOINED_KEY = "playhouse.media"; // the room whose media this tab had joined: after a reload nobody is asked again
const KINDS = ["audio", "video"];
const WANTED = { audio: "microphone", video: "camera" };
/** Credentials of a relay end after minutes: before a new connection the server is asked for others. */
const ICE_AGE_MS = 240_000;

export function createMedia({ client, store, env = globalThis }) {
  const local = { audio: null, video: null };
  const videos = new Map(); // player_id → MediaStream
  const voices = new Map(); // player_id → <audio>
  let mine = null; // MediaStream of one's own picture
  let choice = chosen();
  let link = null;
  let here = null; // room_id whose media this is
  let resting = false;
  let iceAt = 0;

  const ui = () => store.state.ui.media;
  const set = (part) => store.ui({ media: part && { ...ui(), ...part } });

  // ---- devices ------------------------------------------------------------------------------------------------

  /** Opens what is wanted and not open; says why not. */
  async function openDevice(kind) {
    shut(kind);
    if (!choice[kind] || !ui()) return;
    const wanted = choice[WANTED[kind]];
    set({ opening: { ...ui()?.opening, [kind]: true }, errors: { ...ui()?.errors, [kind]: null } });
    let error = null;
    try {
      const track = await open(kind, wanted);
      if (!ui() || !choice[kind] || wanted !== choice[WANTED[kind]]) return track.stop(); // changed one's mind meanwhile
      local[kind] = track;
      track.onended = () => local[kind] === track && unplugged(kind);
      if (kind === "video") mine = new MediaStream([track]);
    } catch (thrown) {
      error = thrown.name;
    }
    if (ui()) set({ opening: { ...ui().opening, [kind]: false }, errors: { ...ui().errors, [kind]: error }, devices: await list() });
  }

  function shut(kind) {
    local[kind]?.stop();
    local[kind] = null;
    if (kind === "video") mine = null;
  }

  /** A device was pulled out: the game goes on without it. */
  function unplugged(kind) {
    shut(kind);
    link?.replace(kind, null);
    set({ [kind]: false });
    tell();
  }

  // ---- joining ------------------------------------------------------------------------------------------------

  async function ask() {
    set({ step: "choose", choice, errors: {}, opening: {}, devices: await list(), again: !!link });
    if (!spectates()) await Promise.all(KINDS.filter((kind) => !local[kind]).map(openDevice));
  }

  async function choose(part) {
    const kinds = KINDS.filter((kind) => part[kind] !== undefined || part[WANTED[kind]] !== undefined);
    choice = { ...choice, ...part };
    set({ choice });
    await Promise.all(kinds.map(openDevice));
  }

  const spectates = () => !!memberOf(store.state, store.state.me)?.spectator;

  /** `watch`: send nothing at all. */
  async function join({ watch = false } = {}) {
    if (!watch) remember(choice);
    note(here);
    set({ step: "in", audio: !!local.audio && !watch, video: !!local.video && !watch, pub: "off", sub: "off", watch });
    if (watch) KINDS.forEach(shut);
    link?.stop();
    link = new MediaLink({ send: (type, payload) => client.request(type, payload), create, onTracks, onState: (state) => ui() && set(state) });
    iceAt = Date.now();
    link.tell(!!local.audio, !!local.video);
    link.start(watch ? null : { ...local });
    resting = false;
    sync();
  }

  function create() {
    const { media } = store.state;
    if (Date.now() - iceAt > ICE_AGE_MS && media?.ice_servers.length) {
      iceAt = Date.now();
      client.request("room.state").catch(() => {}); // for the one after this
    }
    return new env.RTCPeerConnection({ iceServers: media?.ice_servers ?? [], bundlePolicy: "max-bundle" });
  }

  async function rejoin(id) {
    set({ step: "in", audio: false, video: false, pub: "connecting", sub: "connecting" });
    if (!spectates()) await Promise.all(KINDS.map(openDevice));
    if (here === id) await join({ watch: spectates() });
  }

  function leave() {
    link?.stop();
    link = null;
    KINDS.forEach(shut);
    onTracks(new Map());
    if (ui()) set(null);
  }

  function note(id) {
    try {
      if (id) sessionStorage.setItem(JOINED_KEY, id);
      else sessionStorage.removeItem(JOINED_KEY);
    } catch {
      // Asked again after a reload.
    }
  }

  const joinedBefore = (id) => {
    try {
      return sessionStorage.getItem(JOINED_KEY) === id;
    } catch {
      return false;
    }
  };

  // ---- the others ---------------------------------------------------------------------------------------------

  function onTracks(tracks) {
    for (const map of [videos, voices]) for (const id of [...map.keys()]) if (!tracks.has(id)) drop(map, id);
    for (const [id, { audio, video }] of tracks) {
      if (video && videos.get(id)?.getTracks()[0] !== video) videos.set(id, new MediaStream([video]));
      if (audio && voices.get(id)?.srcObject.getTracks()[0] !== audio) {
        drop(voices, id);
        voices.set(id, Object.assign(new Audio(), { srcObject: new MediaStream([audio]), autoplay: true }));
      }
    }
    listen();
    if (ui()) set({ streams: (ui().streams ?? 0) + 1 });
  }

  function drop(map, id) {
    const element = map.get(id);
    if (element instanceof Audio) element.srcObject = null;
    map.delete(id);
  }

  /** Browsers want a gesture before they let a page be heard. */
  function listen() {
    for (const voice of voices.values()) {
      voice.play().then(
        () => ui()?.silent && set({ silent: false }),
        (error) => error.name === "NotAllowedError" && ui() && set({ silent: true }),
      );
    }
  }

  // ---- while in -----------------------------------------------------------------------------------------------

  const tell = () => link?.tell(!!ui().audio, !!ui().video);

  /** Mutes or unmutes; a camera that is off is off, its light too. */
  async function toggle(kind) {
    if (ui()?.step !== "in" || ui().watch) return;
    const on = !ui()[kind];
    if (on && !local[kind]) {
      choice = { ...choice, [kind]: true };
      await openDevice(kind);
    } else if (!on && kind === "video") shut(kind);
    if (local[kind]) local[kind].enabled = on;
    await link?.replace(kind, local[kind]);
    set({ [kind]: on && !!local[kind] });
    tell();
  }

  function sync() {
    const { room, media, link: line, game, me } = store.state;
    const id = media && room && line !== "closed" ? room.room_id : null;
    if (id !== here) {
      here = id;
      leave();
      if (id && joinedBefore(id)) rejoin(id);
      else if (id) ask();
      else if (!room) note(null);
    }
    const dead = !!game && game.players.includes(me) && !game.you.alive;
    if (link && dead !== resting) {
      resting = dead;
      link.rest(dead);
    }
  }

  for (const type of ["media.offer", "media.answer", "media.reset", "media.refused"]) client.on(type, (payload) => link?.receive(type, payload));
  client.on("session", ({ mode }) => link?.resumed(mode));
  store.subscribe(sync);
  addEventListener("pointerdown", () => ui()?.silent && listen());
  addEventListener("keydown", (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName);
    const kind = { m: "audio", v: "video" }[event.key];
    if (kind && !typing && !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat) toggle(kind);
  });
  document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/assets/media.css" }));
  sync();

  return {
    ask,
    choose,
    join,
    toggle,
    listen,
    retry: () => link?.retry(),
    skip: () => (note(null), set({ step: link ? "in" : "out" }), link || KINDS.forEach(shut)),
    /** The picture of this player, if there is one; one's own is the camera's. */
    picture: (id) => (id === store.state.me ? mine : (videos.get(id) ?? null)),
    /** Shows how loud one's own microphone is, in `--level` of this element. */
    level(element) {
      stopLevel(element);
      if (!local.audio) return;
      element._track = local.audio;
      element._stop = meter(local.audio, (loud) => (element.style.setProperty("--level", loud.toFixed(2)), element.setAttribute("aria-valuenow", Math.round(loud * 100))));
    },
    keepLevel(element) {
      if (element._track !== local.audio) this.level(element);
    },
    stopLevel,
  };
}

function stopLevel(element) {
  element._stop?.();
  element._stop = element._track = null;
}
