// Owns: the three plots beside the fight (ping, rollback, frame time) and their figures. Called by `match.js` once a step
// and once a picture. Keeps the last six seconds, whatever the length of the match.

const SAMPLES = 360;
const LANES = { ping: { least: 60, step: 50 }, depth: { least: 8, step: 4 }, frame: { least: 33.4, step: 16.7 } };

export class Meters {
  #samples = { ping: new Float32Array(SAMPLES), depth: new Float32Array(SAMPLES), frame: new Float32Array(SAMPLES) };
  #outcomes = new Uint8Array(SAMPLES);
  #n = 0;
  #canvases = {};
  #intervals = new Uint32Array(2_000); // by tenths of a millisecond: the median of the whole match in constant room
  #count = 0;
  #skip = 0;
  #work = 0;

  note({ ping, depth, frame, work, outcome }) {
    const i = this.#n++ % SAMPLES;
    this.#samples.ping[i] = ping;
    this.#samples.depth[i] = depth;
    this.#samples.frame[i] = frame;
    this.#outcomes[i] = outcome === "advanced" ? 0 : 1;
    this.#intervals[Math.min(this.#intervals.length - 1, Math.max(0, Math.round(frame * 10)))] += 1;
    this.#count += 1;
    this.#work += (work - this.#work) / 32;
  }

  /** `lane`: ping, depth or frame. */
  attach(lane, canvas) {
    this.#canvases[lane] = canvas;
  }

  /** `p50`, `p99`: the time between two steps, ms, over the whole match; `work`: what a step costs. */
  summary() {
    return { p50: this.#percentile(0.5), p99: this.#percentile(0.99), work: this.#work, lastDepth: this.#deepest(30) };
  }

  /** The deepest rollback of the last `n` steps. */
  #deepest(n) {
    let most = 0;
    for (let i = Math.max(0, this.#n - n); i < this.#n; i++) most = Math.max(most, this.#samples.depth[i % SAMPLES]);
    return most;
  }

  #percentile(share) {
    let left = Math.ceil(this.#count * share);
    if (!left) return 0;
    const i = this.#intervals.findIndex((count) => (left -= count) <= 0);
    return i / 10;
  }

  draw() {
    if (this.#skip++ % 2) return; // half the display's rate is enough for a plot
    for (const [lane, canvas] of Object.entries(this.#canvases)) if (canvas.isConnected) this.#plot(lane, canvas);
  }

  #plot(lane, canvas) {
    const ratio = Math.min(2, globalThis.devicePixelRatio || 1);
    const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (!width || !height) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const ctx = canvas.getContext("2d");
    const values = this.#samples[lane];
    const { least, step } = LANES[lane];
    const most = Math.max(least, Math.ceil(values.reduce((a, b) => Math.max(a, b), 0) / step) * step);
    const style = getComputedStyle(canvas);
    const x = (i) => (i / (SAMPLES - 1)) * width;
    const y = (value) => height - 1 - (Math.min(value, most) / most) * (height - 3 * ratio);
    ctx.clearRect(0, 0, width, height);
    grid(ctx, width, y, most, step, ratio);
    ctx.strokeStyle = ctx.fillStyle = style.color;
    ctx.lineWidth = 1.5 * ratio;
    ctx.beginPath();
    for (let i = 0; i < SAMPLES; i++) {
      const at = this.#n + i - SAMPLES;
      if (at < 0) continue;
      const value = values[at % SAMPLES];
      if (lane !== "depth") ctx.lineTo(x(i), y(value));
      else if (value) ctx.rect(x(i), y(value), Math.max(ratio, width / SAMPLES), height - y(value));
      if (lane === "frame" && this.#outcomes[at % SAMPLES]) ctx.fillRect(x(i), height - 4 * ratio, 2 * ratio, 4 * ratio); // a tick that waited
    }
    if (lane === "depth") ctx.fill();
    else ctx.stroke();
  }
}

function grid(ctx, width, y, most, step, ratio) {
  ctx.strokeStyle = "rgb(255 255 255 / .14)";
  ctx.lineWidth = ratio;
  ctx.beginPath();
  while (most / step > 6) step *= 2;
  for (let value = step; value <= most; value += step) {
    ctx.moveTo(0, y(value));
    ctx.lineTo(width, y(value));
  }
  ctx.stroke();
}
