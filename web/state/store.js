// Owns: the one state of the page and who is told when it changes. What a change means is `reduce.js`'s business.
// `ui` is the page's own (open dialogs, chosen tab, a draft); everything else is what the server said.

import { initial, reduce } from "./reduce.js";

export function createStore(ui) {
  let state = { ...initial(), ui };
  const listeners = new Set();
  const set = (next) => {
    if (next === state) return;
    state = next;
    for (const listener of listeners) listener(state);
  };
  return {
    get state() {
      return state;
    },
    /** An event of the protocol or a `local.*` one. */
    dispatch: (type, payload = {}) => set({ ...reduce(state, type, payload), ui: state.ui }),
    /** Merges into `ui`. */
    ui: (part) => set({ ...state, ui: { ...state.ui, ...part } }),
    /** A state kept across a reload. */
    restore: (saved) => set({ ...initial(), ...saved, ui: state.ui }),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
