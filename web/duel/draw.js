// Owns: one picture of the game: camera, stage, fighters, sparks, what stands over it. Called once a display frame by
// `match.js`; reads a state and changes nothing in it. How often it is called has no effect on the game.

import { Figure } from "./figure.js";
import { DRAW, F, fighter, G, PHASE } from "./game.js";
import { hud } from "./hud.js";
import { ACT, FX, UNIT } from "./moves.js";
import { covered, curtains, readTokens, Stage } from "./stage.js";

/** `tall`: so much must fit over and under the boards for a jump to be seen. Pixels of the stage. */
const VIEW = { least: 660, most: 960, tall: 345, floor: 0.845 };

export class Painter {
  #canvas;
  #ctx;
  #tokens;
  #stage = null;
  #frame = null; // curtains, for this size
  #figures = [new Figure(), new Figure()];
  #camera = null;
  #still;

  /** `names`: of players 0 and 1; `me`: 0, 1 or null; `say(key, params)`: the page's sentences. */
  constructor(canvas, { names, me, say, still = false }) {
    this.#canvas = canvas;
    this.#ctx = canvas.getContext("2d", { alpha: false });
    this.#tokens = readTokens();
    this.#still = still;
    this.labels = { names, me, say };
  }

  draw(s) {
    const { width, height, ratio } = this.#fit();
    if (!width || !height) return;
    const ctx = this.#ctx;
    const camera = this.#follow(s, width / height);
    const zoom = width / camera.width;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.save();
    const [sx, sy] = this.#shake(s);
    ctx.setTransform(zoom, 0, 0, zoom, width / 2 - camera.x * zoom + sx * ratio, height * VIEW.floor + sy * ratio);
    this.#stage.behind(ctx, camera.x, { width: camera.width, top: (-height * VIEW.floor) / zoom, bottom: (height * (1 - VIEW.floor)) / zoom });
    // Who strikes is in front.
    const order = [0, 1].sort((a, b) => weight(s, a) - weight(s, b));
    for (const i of order) this.#figures[i].draw(ctx, viewOf(s, i), s[G.ticks], this.#still);
    for (const i of [0, 1]) spark(ctx, s, fighter(i), this.#tokens, this.#still);
    ctx.restore();
    for (const part of covered(width, height)) ctx.drawImage(this.#frame, ...part, ...part);
    hud(ctx, s, { width, height, ratio, tokens: this.#tokens, ...this.labels, at: (i) => place(s, i, camera, zoom, width, height) });
  }

  /** The canvas has as many points as the screen gives it, and pictures made for that. */
  #fit() {
    const ratio = Math.min(2, globalThis.devicePixelRatio || 1);
    const width = Math.round(this.#canvas.clientWidth * ratio);
    const height = Math.round(this.#canvas.clientHeight * ratio);
    if (width && height && (this.#canvas.width !== width || this.#canvas.height !== height || !this.#stage)) {
      Object.assign(this.#canvas, { width, height });
      this.#stage = new Stage(this.#tokens, Math.max(0.75, Math.min(2, width / 760)));
      this.#frame = Object.assign(document.createElement("canvas"), { width, height });
      curtains(this.#frame.getContext("2d"), width, height, this.#tokens);
    }
    return { width, height, ratio };
  }

  /** Both in the picture, a little sky above, never past the wings. */
  #follow(s, aspect) {
    const [a, b] = [0, 1].map((i) => s[fighter(i) + F.x] / UNIT);
    const least = Math.min(VIEW.most, Math.max(VIEW.least * Math.min(1, aspect / 1.6), VIEW.tall * aspect));
    const wanted = Math.max(least, Math.min(VIEW.most, Math.abs(a - b) + (aspect < 1.3 ? 270 : 380)));
    const goal = { x: (a + b) / 2, width: wanted };
    this.#camera ??= goal;
    const speed = this.#still ? 1 : 0.12;
    const width = this.#camera.width + (goal.width - this.#camera.width) * speed;
    const half = width / 2;
    const x = Math.max(half, Math.min(960 - half, this.#camera.x + (goal.x - this.#camera.x) * Math.max(speed, 0.2)));
    this.#camera = { x, width };
    return this.#camera;
  }

  #shake(s) {
    if (this.#still || s[G.stop] < 3 || ![0, 1].some((i) => s[fighter(i) + F.fx] === FX.heavy && s[fighter(i) + F.fxT] < 12)) return [0, 0];
    return [Math.sin(s[G.stop] * 2.6) * s[G.stop] * 0.6, Math.cos(s[G.stop] * 3.1) * s[G.stop] * 0.4];
  }
}

const weight = (s, i) => ([ACT.light, ACT.heavy, ACT.dive, ACT.grab].includes(s[fighter(i) + F.act]) ? 1 : s[fighter(i) + F.act] === ACT.down ? -1 : 0);

function viewOf(s, i) {
  const f = fighter(i);
  const done = s[G.phase] === PHASE.end || s[G.phase] === PHASE.over;
  const since = s[G.phase] === PHASE.over ? 200 : s[G.timer] - 40;
  const calm = [ACT.idle, ACT.walk, ACT.guard].includes(s[f + F.act]);
  return {
    x: s[f + F.x] / UNIT, y: s[f + F.y] / UNIT, vx: s[f + F.vx] / UNIT, vy: s[f + F.vy] / UNIT, face: s[f + F.face], act: s[f + F.act],
    t: s[f + F.t], costume: i, won: done && calm && since > 0 && (s[G.winner] === i || s[G.winner] === DRAW) && s[f + F.hp] > 0 ? since : 0,
  };
}

/** Where the point over a fighter's head is on the canvas. */
function place(s, i, camera, zoom, width, height) {
  const f = fighter(i);
  return [width / 2 + (s[f + F.x] / UNIT - camera.x) * zoom, height * VIEW.floor - (s[f + F.y] / UNIT + 158) * zoom];
}

// ---- sparks -----------------------------------------------------------------------------------------------------------

const SPARKS = {
  [FX.hit]: { life: 12, rays: 9, long: 46, color: "#ffe9b8" },
  [FX.heavy]: { life: 20, rays: 14, long: 92, color: "#ffb36b", ring: true },
  [FX.block]: { life: 11, rays: 5, long: 30, color: "#bfe3ff", arc: true },
  [FX.perfect]: { life: 24, rays: 12, long: 70, color: "#fff3c4", ring: true, arc: true },
  [FX.clash]: { life: 14, rays: 8, long: 48, color: "#ffffff" },
};

function spark(ctx, s, f, tokens, still) {
  const age = s[f + F.fxT];
  const [x, y] = [s[f + F.fxX] / UNIT, -s[f + F.fxY] / UNIT];
  if (s[f + F.fx] === FX.dust) return dust(ctx, x, age);
  const kind = SPARKS[s[f + F.fx]];
  if (!kind || age > kind.life) return undefined;
  const share = age / kind.life;
  ctx.save();
  ctx.translate(x - s[f + F.face] * -14, y);
  ctx.globalAlpha = 1 - share;
  ctx.strokeStyle = ctx.fillStyle = kind.color;
  ctx.lineCap = "round";
  for (let i = 0; i < kind.rays; i++) {
    const angle = (i * 2.39996 + s[f + F.fxX]) % 6.2832;
    const from = kind.long * (0.2 + share * 0.6);
    const to = kind.long * (0.45 + share * (0.55 + (i % 3) * 0.12));
    ctx.lineWidth = 5 * (1 - share) + 1;
    ctx.beginPath();
    ctx.moveTo(Math.cos(angle) * from, Math.sin(angle) * from);
    ctx.lineTo(Math.cos(angle) * to, Math.sin(angle) * to);
    ctx.stroke();
  }
  if (!still && age < 4) {
    ctx.beginPath();
    ctx.arc(0, 0, kind.long * 0.3 * (1 - share), 0, 7);
    ctx.fill();
  }
  if (kind.ring) ring(ctx, kind.long * (0.8 + share * 0.7), 4 * (1 - share) + 0.5, 0, 7);
  if (kind.arc) ring(ctx, 46, 7 * (1 - share) + 1, s[f + F.face] > 0 ? -1.1 : 2.04, s[f + F.face] > 0 ? 1.1 : 4.24);
  ctx.restore();
  return undefined;
}

function ring(ctx, r, width, from, to) {
  ctx.lineWidth = width;
  ctx.beginPath();
  ctx.arc(0, 0, r, from, to);
  ctx.stroke();
}

function dust(ctx, x, age) {
  if (age > 16) return;
  ctx.save();
  ctx.fillStyle = `rgb(240 214 180 / ${0.4 * (1 - age / 16)})`;
  for (const way of [-1, 1]) {
    for (let i = 0; i < 3; i++) {
      ctx.beginPath();
      ctx.arc(x + way * (12 + i * 9 + age * (1.6 - i * 0.3)), -3 - i * 2 - age * 0.4, 7 - i, 0, 7);
      ctx.fill();
    }
  }
  ctx.restore();
}

