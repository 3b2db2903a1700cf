// Owns: what happens when somebody presses something: requests to the server, and the page's own `ui` state.
// Called by the views through the object it returns. Never touches the DOM's content. The actions themselves are in
// `actions/`, by where they are pressed; here is what they share.

import { errorText } from "./i18n/index.js";
import { gameActions } from "./actions/game.js";
import { lobbyActions } from "./actions/lobby.js";
import { replayActions } from "./actions/replay.js";
import { roomActions } from "./actions/room.js";

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

  const shared = { client, store, page, state, request, run, fail, send, addBots };
  const replay = replayActions(shared);

  return {
    ...lobbyActions(shared),
    ...roomActions(shared),
    ...gameActions(shared),
    ...replay,
    home(event) {
      event?.preventDefault();
      if (state().ui.replay) replay.closeReplay();
      else if (!state().room) store.ui({ invite: null, error: null });
    },
    retryNow: () => client.connection.retryNow(),
    useHere: () => client.connect().catch(() => {}),
  };

  async function addBots(count) {
    for (let i = 0; i < count; i++) await request("room.add_bot");
  }
}
