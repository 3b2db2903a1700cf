// Owns: what happens when somebody presses something: requests to the server, and the page's own `ui` state.
// Called by the views through the object it returns. Never touches the DOM's content.

import { errorText } from "./i18n/index.js";
import { isName, suggestName } from "./names.js";
import { memberOf } from "./state/view.js";
import { changes, PACES } from "./paces.js";

const QUICK_BOTS = 7;
const QUICK_ROOM = {
  visibility: "private",
  capacity: 8,
  settings: { ...PACES.quick, night_early_close: true, living_chat: true, media: false, reveal_on_death: "full" },
};

export function createActions(client, store, page) {
  const state = () => store.state;
  let queue = Promise.resolve();
  const request = (type, payload) => client.request(type, payload);

  /** Runs one thing after the other; says in a sentence what went wrong, where the player is looking. */
  function run(name, work) {
    if (state().ui.busy === name) return queue; // pressed twice
    return (queue = queue.then(() => perform(name, work)));
  }

  async function perform(name, work) {
    store.ui({ busy: name, error: null });
    try {
      await work();
    } catch (error) {
      fail(error);
    } finally {
      store.ui({ busy: null });
    }
  }

  function fail(error) {
    if (error?.code === "already_in_room" && state().room) return;
    const text = errorText(error);
    if (state().room && !state().ui.settings) store.dispatch("local.notice", { kind: "error", text });
    else store.ui({ error: text });
  }

  /** For what needs no waiting mark: a ballot, a ready light. */
  const send = (type, payload) => request(type, payload).catch(fail);

  async function enter() {
    await signIn();
    try {
      await client.connect();
    } catch (error) {
      if (client.account) throw error;
      await signIn(); // the account had lapsed: a guest again, under the same name
      await client.connect();
    }
  }

  async function signIn() {
    const name = state().ui.name.trim();
    if (!isName(name)) throw { code: "invalid_nickname" };
    if (client.account && client.account.nickname === name) return;
    try {
      if (client.account) await renamed(name);
      else await client.signInAsGuest(name);
    } catch (error) {
      if (error.status === 409 && state().ui.suggested) {
        store.ui({ name: suggestName(state().ui.lang) });
        return signIn();
      }
      throw error.status === 409 ? { code: "nickname_taken" } : [400, 422].includes(error.status) ? { code: "invalid_nickname" } : error;
    }
    page.rememberName(client.account.nickname);
    store.ui({ nickname: client.account.nickname, suggested: false });
  }

  /** A session keeps the name it began with: begin another. */
  async function renamed(name) {
    await client.api.rename(name);
    if (client.state !== "idle") client.close();
  }

  async function listRooms() {
    if (client.state !== "online" || state().room) return;
    try {
      store.ui({ rooms: (await request("room.list", { limit: 20 })).rooms });
    } catch {
      // The next look will do.
    }
  }

  async function addBots(count) {
    for (let i = 0; i < count; i++) await request("room.add_bot");
  }

  async function restart() {
    await request("room.rematch");
    store.dispatch("local.dismiss_end");
    const others = state().room.members.some((m) => !m.bot && !m.spectator && m.player_id !== state().me);
    if (!others) await request("room.start");
  }

  const replayActions = createReplayActions(client, store, fail);

  return {
    ...replayActions,
    listRooms,
    setName: (name) => store.ui({ name, suggested: false, error: null }),
    shuffleName: () => store.ui({ name: suggestName(state().ui.lang), suggested: true, error: null }),
    setCode: (code) => store.ui({ code: code.toUpperCase().replace(/[^A-Z0-9]/g, "").slice(0, 6) }),
    switchLanguage: () => page.setLanguage(state().ui.lang === "ko" ? "en" : "ko"),
    home(event) {
      event?.preventDefault();
      if (state().ui.replay) replayActions.closeReplay();
      else if (!state().room) store.ui({ invite: null, error: null });
    },

    playNow: () =>
      run("play", async () => {
        await enter();
        if (state().room) return;
        await request("room.create", QUICK_ROOM);
        await addBots(QUICK_BOTS);
        await request("room.start");
      }),
    openCreate: () => store.ui({ create: { name: "", visibility: "public", capacity: 8 }, error: null }),
    closeCreate: () => store.ui({ create: null, error: null }),
    draftRoom: (create) => store.ui({ create, error: null }),
    createRoom: () =>
      run("create", async () => {
        const { name, ...rest } = state().ui.create;
        await enter();
        if (!state().room) await request("room.create", { ...rest, ...(name.trim() && { name: name.trim() }), settings: { media: false } });
        store.ui({ create: null });
      }),
    joinCode: (code) => run("join", async () => (await enter(), state().room || (await join({ code })))),
    joinRoom: (room_id) => run("join", async () => (await enter(), state().room || (await join({ room_id })))),
    showRooms: () => run("rooms", async () => (await enter(), await listRooms())),

    ready: (ready) => send("room.ready", { ready }),
    addBot: () => run("bot", () => request("room.add_bot")),
    fillWithBots: () =>
      run("bot", () => {
        const { room } = state();
        return addBots(room.capacity - room.members.filter((m) => !m.spectator).length);
      }),
    start: () => run("start", () => request("room.start")),
    playAgain: () => (state().room.leader === state().me ? run("again", restart) : (store.dispatch("local.dismiss_end"), send("room.ready", { ready: true }))),
    dismissEnd: () => store.dispatch("local.dismiss_end"),
    leave: () => (state().game?.you.alive && state().game.players.includes(state().me) ? store.ui({ leaving: true }) : leaveNow()),
    stay: () => store.ui({ leaving: false }),
    leaveNow,
    copyLink,

    openSettings: () => store.ui({ settings: { ...state().room.settings }, error: null }),
    closeSettings: () => store.ui({ settings: null, error: null }),
    draftSettings: (settings) => store.ui({ settings, error: null }),
    saveSettings: () =>
      run("settings", async () => {
        const changed = changes(state().room.settings, state().ui.settings);
        if (Object.keys(changed).length) await request("room.settings", changed);
        store.ui({ settings: null });
      }),

    canOpenMenu: (id) => !!memberOf(state(), id),
    openMenu: (id) => store.ui({ menu: id }),
    closeMenu: () => store.ui({ menu: null }),
    kick: (player_id, ban) => (store.ui({ menu: null }), send("room.kick", { player_id, ban })),
    transfer: (player_id) => (store.ui({ menu: null }), send("room.transfer", { player_id })),
    removeBot: (player_id) => (store.ui({ menu: null }), send("room.remove_bot", { player_id })),
    kickVote: (target) => (store.ui({ menu: null }), send("game.kick_vote", { target })),
    mute(player_id, muted) {
      store.ui({ menu: null, muted: { ...state().ui.muted, [player_id]: muted } });
      send("player.mute", { player_id, muted });
    },
    report(player_id) {
      store.ui({ menu: null });
      request("player.report", { player_id, reason: "conduct" }).then(() => store.dispatch("local.notice", { kind: "done", key: "menu.reported" }), fail);
    },

    choose(id) {
      if (state().game.phase === "vote") send("game.vote", { suspect: id });
      else send("game.night", { target: id });
    },
    verdict: (execute) => send("game.verdict", { execute }),
    draft: (draft) => store.ui({ draft }),
    async say() {
      const text = state().ui.draft.trim();
      if (!text) return;
      store.ui({ draft: "" });
      await request("chat.send", { text }).catch((error) => {
        if (!state().ui.draft) store.ui({ draft: text });
        fail(error);
      });
    },
    draftWill: (will) => store.ui({ will }),
    saveWill: () => send("game.will", { text: state().ui.will ?? "" }),

    retryNow: () => client.connection.retryNow(),
    useHere: () => client.connect().catch(() => {}),
  };

  async function join(where) {
    try {
      await request("room.join", where);
    } catch (error) {
      if (error.code !== "game_in_progress") throw error;
      await request("room.join", { ...where, spectate: true });
    }
  }

  function leaveNow() {
    store.ui({ leaving: false });
    return run("leave", () => request("room.leave"));
  }

  async function copyLink() {
    const link = `${location.origin}/r/${state().room.code}`;
    try {
      await navigator.clipboard.writeText(link);
    } catch {
      page.copyByHand(link);
    }
    store.ui({ copied: true });
    setTimeout(() => store.ui({ copied: false }), 1600);
  }
}

function createReplayActions(client, store, fail) {
  const replay = () => store.state.ui.replay;
  const set = (part) => replay() && store.ui({ replay: { ...replay(), ...part } });
  let timer = 0;
  let film = null; // the module, fetched with the first replay

  function advance() {
    const now = replay();
    if (!now?.playing) return;
    timer = setTimeout(() => {
      const { film: reel, n, playing } = replay() ?? {};
      if (!playing) return;
      const next = Math.min(n + 1, reel.steps.length - 1);
      set({ n: next, playing: next < reel.steps.length - 1 });
      advance();
    }, film.pause(now.film, now.n, now.speed));
  }

  return {
    async openReplay(id) {
      store.ui({ replay: { id, film: null, n: 0, playing: true, speed: 2 }, toasts: [], error: null });
      try {
        film ??= await import("./state/replay.js");
        set({ film: film.buildReplay(await client.api.match(id)) });
        advance();
      } catch (error) {
        store.ui({ replay: null });
        fail(error);
      }
    },
    toggleReplay() {
      clearTimeout(timer);
      const { film: reel, n, playing } = replay();
      const atEnd = n === reel.steps.length - 1;
      set({ playing: !playing, n: !playing && atEnd ? 0 : n });
      advance();
    },
    seekReplay: (n) => (clearTimeout(timer), set({ n, playing: false })),
    replaySpeed: () => set({ speed: { 1: 2, 2: 4, 4: 1 }[replay().speed] }),
    closeReplay: () => (clearTimeout(timer), store.ui({ replay: null, error: null })),
  };
}
