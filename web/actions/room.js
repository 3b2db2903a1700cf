// Owns: what is pressed in a room but for the game itself: seats, bots, start, settings, a member's menu, the way out.
// Called through `createActions`, which hands it what all actions share.

import { memberOf } from "../state/view.js";
import { changes } from "../paces.js";

export function roomActions(shared) {
  return { ...tableActions(shared), ...settingsActions(shared), ...menuActions(shared) };
}

function tableActions({ store, page, state, request, run, send, addBots }) {
  async function restart() {
    await request("room.rematch");
    store.dispatch("local.dismiss_end");
    const others = state().room.members.some((m) => !m.bot && !m.spectator && m.player_id !== state().me);
    if (!others) await request("room.start");
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

  return {
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
  };
}

function settingsActions({ store, state, request, run }) {
  return {
    openSettings: () => store.ui({ settings: { ...state().room.settings }, error: null }),
    closeSettings: () => store.ui({ settings: null, error: null }),
    draftSettings: (settings) => store.ui({ settings, error: null }),
    saveSettings: () =>
      run("settings", async () => {
        const changed = changes(state().room.settings, state().ui.settings);
        if (Object.keys(changed).length) await request("room.settings", changed);
        store.ui({ settings: null });
      }),
  };
}

function menuActions({ store, state, request, send, fail }) {
  return {
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
  };
}
