// Owns: what `media.*` pushes do to the state: who has a camera and a microphone, who speaks, who may hear and see whom.
// Pure. Called by `reduce.js`.

const NOBODY = { hears: [], sees: [], heard_by: [], seen_by: [] };

/** From `room.state`: what is known of before in the same room stays until the server says more. */
export const shownMedia = (before, media) => (media ? { allowed: NOBODY, speaking: {}, ...before, ...media } : null);

const handlers = {
  "media.state": (media, { player_id, state, audio, video }) => ({ ...media, states: { ...media.states, [player_id]: { state, audio, video } } }),
  "media.allowed": (media, allowed) => ({ ...media, allowed, speaking: {} }),
  "media.speaking": (media, { player_id, speaking }) => ({ ...media, speaking: { ...media.speaking, [player_id]: speaking } }),
};

export function reduceMedia(state, type, payload) {
  const handler = state.media && handlers[type];
  return handler ? { ...state, media: handler(state.media, payload) } : state;
}
