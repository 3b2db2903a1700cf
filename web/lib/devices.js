// Owns: cameras and microphones: which there are, one of each opened, how loud it is, what was chosen last time.
// Called by `media.js`. Nothing leaves the page from here.

const KEY = "playhouse.devices";
const PICTURE = { width: { ideal: 960 }, height: { ideal: 540 }, frameRate: { ideal: 20, max: 30 } };
const SOUND = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** `{camera, microphone, video, audio}`: ids of devices, and whether they are wanted. */
export function chosen(storage = globalThis.localStorage) {
  const plain = { camera: "", microphone: "", video: true, audio: true };
  try {
    return { ...plain, ...JSON.parse(storage.getItem(KEY) ?? "{}") };
  } catch {
    return plain;
  }
}

export function remember(choice, storage = globalThis.localStorage) {
  try {
    storage.setItem(KEY, JSON.stringify(choice));
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

/** Opens one device; another of its kind if the chosen one is gone. Throws what the browser throws. */
export async function open(kind, id, devices = navigator.mediaDevices) {
  const ask = (exact) => {
    const wanted = { ...(kind === "video" ? PICTURE : SOUND), ...(exact && { deviceId: { exact } }) };
    return devices.getUserMedia({ [kind]: wanted });
  };
  let stream;
  try {
    stream = await ask(id);
  } catch (error) {
    if (!id || !["NotFoundError", "OverconstrainedError"].includes(error.name)) throw error;
    stream = await ask(null);
  }
  const [track] = stream.getTracks();
  if (kind === "video") track.contentHint = "motion";
  return track;
}

/** `{video: [{id, label}], audio: […]}`; labels are empty until something was allowed. */
export async function list(devices = navigator.mediaDevices) {
  const all = await devices.enumerateDevices().catch(() => []);
  const of = (kind) => all.filter((d) => d.kind === kind && d.deviceId).map((d) => ({ id: d.deviceId, label: d.label }));
  return { video: of("videoinput"), audio: of("audioinput") };
}

/** Calls `show` with 0–1, some times a second, until the returned function is called. */
export function meter(track, show) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 512;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const rms = Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
    show(loudness(rms));
  }, 70);
  return () => (clearInterval(timer), context.close());
}

/** −60 dB and less is nothing, −12 dB and more is all. */
export const loudness = (rms) => Math.min(1, Math.max(0, (20 * Math.log10(rms || 1e-6) + 60) / 48));
