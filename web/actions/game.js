// Owns: what a player does in the game: his choice, his verdict, what he says, his last will.
// Called through `createActions`, which hands it what all actions share.

export function gameActions({ store, state, request, fail, send }) {
  return {
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
  };
}
