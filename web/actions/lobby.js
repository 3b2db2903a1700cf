// Owns: the way to a seat: a name, the sign-in, the list of rooms, a room made or joined.
// Called through `createActions`, which hands it what all actions share.

import { isName, suggestName } from "../names.js";
import { PACES } from "../paces.js";

const QUICK_BOTS = 7;
const QUICK_ROOM = {
  visibility: "private",
  capacity: 8,
  settings: { ...PACES.quick, night_early_close: true, living_chat: true, media: false, reveal_on_death: "full" },
};

export function lobbyActions({ client, store, page, state, request, run, addBots }) {
  const enter = () => online(client, store, page);

  async function listRooms() {
    if (client.state !== "online" || state().room) return;
    try {
      store.ui({ rooms: (await request("room.list", { limit: 20 })).rooms });
    } catch {
      // The next look will do.
    }
  }

  async function join(where) {
    try {
      await request("room.join", where);
    } catch (error) {
      if (error.code !== "game_in_progress") throw error;
      await request("room.join", { ...where, spectate: true });
    }
  }

  return {
    listRooms,
    setName: (name) => store.ui({ name, suggested: false, error: null }),
    shuffleName: () => store.ui({ name: suggestName(state().ui.lang), suggested: true, error: null }),
    setCode: (code) => store.ui({ code: code.toUpperCase().replace(/[^A-Z0-9]/g, "").slice(0, 6) }),
    switchLanguage: () => page.setLanguage(state().ui.lang === "ko" ? "en" : "ko"),

    /** Whether one may sign in through somebody else; a server that does not say so has nobody. */
    askForProvider: async () => store.ui({ provider: (await client.api.signInProvider().catch(() => null))?.name ?? null }),
    goToProvider: () => run("away", async () => (await import("../signin.js")).depart(client.api, globalThis)),
    comeBack: (back) =>
      run("back", async () => {
        if (back.error) throw { code: back.error };
        const account = await client.api.signInFromProvider(back).catch((error) => {
          throw error.status === 401 ? { code: "sign_in_failed" } : error;
        });
        page.rememberName(account.nickname);
        store.ui({ name: account.nickname, nickname: account.nickname, member: true, suggested: false });
        await client.connect();
        await listRooms();
      }),
    signOut: () =>
      run("out", async () => {
        client.close();
        await client.api.endSignIn();
        store.ui({ nickname: null, member: false, rooms: null });
      }),

    playNow: () =>
      run("play", async () => {
        await enter();
        if (state().room) return;
        await request("room.create", QUICK_ROOM);
        await addBots(QUICK_BOTS);
        await request("room.start");
      }),
    openCreate: () => store.ui({ create: { name: "", visibility: "public", capacity: 8, media: true }, error: null }),
    closeCreate: () => store.ui({ create: null, error: null }),
    draftRoom: (create) => store.ui({ create, error: null }),
    createRoom: () =>
      run("create", async () => {
        const { name, media, ...rest } = state().ui.create;
        await enter();
        if (!state().room) await request("room.create", { ...rest, ...(name.trim() && { name: name.trim() }), settings: { media } });
        store.ui({ create: null });
      }),
    joinCode: (code) => run("join", async () => (await enter(), state().room || (await join({ code })))),
    joinRoom: (room_id) => run("join", async () => (await enter(), state().room || (await join({ room_id })))),
    showRooms: () => run("rooms", async () => (await enter(), await listRooms())),
  };
}

/** Signs in under the name on the page and connects. */
async function online(client, store, page) {
  await signIn(client, store, page);
  try {
    await client.connect();
  } catch (error) {
    if (client.account) throw error;
    await signIn(client, store, page); // the account had lapsed: a guest again, under the same name
    await client.connect();
  }
}

async function signIn(client, store, page) {
  const { ui } = store.state;
  const name = ui.name.trim();
  if (!isName(name)) throw { code: "invalid_nickname" };
  if (client.account && client.account.nickname === name) return;
  try {
    if (client.account) await renamed(client, name);
    else await client.signInAsGuest(name);
  } catch (error) {
    if (error.status === 409 && store.state.ui.suggested) {
      store.ui({ name: suggestName(store.state.ui.lang) });
      return signIn(client, store, page);
    }
    throw error.status === 409 ? { code: "nickname_taken" } : [400, 422].includes(error.status) ? { code: "invalid_nickname" } : error;
  }
  page.rememberName(client.account.nickname);
  store.ui({ nickname: client.account.nickname, suggested: false });
}

/** A session keeps the name it began with: begin another. */
async function renamed(client, name) {
  await client.api.rename(name);
  if (client.state !== "idle") client.close();
}
