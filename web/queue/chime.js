// Owns: the sound that says "you are in": two bells, made by the browser itself. A browser lets nobody make a sound before
// he has touched the page, so the first press on it calls `wake`.

const NOTES_HZ = [659.25, 987.77];
const APART_S = 0.18;
const FADE_S = 1.4;
const LOUDNESS = 0.22;

let audio = null;

/** To be called in the handler of a press. */
export function wake() {
  try {
    audio ??= new AudioContext();
    if (audio.state === "suspended") audio.resume().catch(() => {});
  } catch {
    // A device without sound: the page says it in words.
  }
}

/** Rings, if the browser lets it. */
export function ring() {
  if (audio?.state !== "running") return false;
  NOTES_HZ.forEach((hz, n) => bell(hz, audio.currentTime + n * APART_S));
  return true;
}

function bell(hz, at) {
  const [tone, volume] = [audio.createOscillator(), audio.createGain()];
  tone.frequency.value = hz;
  volume.gain.setValueAtTime(0, at);
  volume.gain.linearRampToValueAtTime(LOUDNESS, at + 0.015);
  volume.gain.exponentialRampToValueAtTime(0.0005, at + FADE_S);
  tone.connect(volume).connect(audio.destination);
  tone.start(at);
  tone.stop(at + FADE_S);
}
