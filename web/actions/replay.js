// Owns: the controls of a replay and its clock.
// Called through `createActions`, which hands it what all actions share.

export function replayActions({ client, store, fail }) {
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
        film ??= await import("../state/replay.js");
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
