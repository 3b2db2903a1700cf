// Owns: drawing one fighter: a masked player of the house in a robe, with a wooden sword. Called by `draw.js`.
// Reads the state through `view`; what it keeps (a scarf that swings) is for the eye alone and never reaches the game.

import { ACT, ATTACKS } from "./moves.js";
import { P, poseOf } from "./poses.js";

const THIGH = 34;
const UPPER = 27;
const NECK = 50;
const SWORD = 54;
const SCARF = 6;

/** The two costumes: gold laughs, red does not. */
export const COSTUMES = [
  { mask: "#f2b56b", maskDark: "#c98639", robe: "#4a57c4", robeDark: "#313a8c", trim: "#f2b56b", scarf: "#f0b35a", skin: "#3b2a4a", mouth: 1 },
  { mask: "#e0513f", maskDark: "#a8321f", robe: "#8c3a78", robeDark: "#642555", trim: "#ff8c6a", scarf: "#e8543f", skin: "#33223c", mouth: -1 },
];

/** Where the joint between two bones of length `bone` is, bent to the side `bend`. */
function joint(ax, ay, bx, by, bone, bend) {
  const dx = bx - ax;
  const dy = by - ay;
  const far = Math.min(Math.hypot(dx, dy) || 1, bone * 2 - 0.01);
  const rise = Math.sqrt(Math.max(0, bone * bone - (far * far) / 4));
  const length = Math.hypot(dx, dy) || 1;
  return [ax + dx / 2 - (dy / length) * rise * bend, ay + dy / 2 + (dx / length) * rise * bend];
}

export class Figure {
  #scarf = null;

  /**
   * `view`: {x, y (px, up), face, act, t, vx, vy, won, flash (0–1), costume}. The canvas has the world's axes with y down,
   * the floor at 0. `still`: nothing swings.
   */
  draw(ctx, view, clock, still) {
    const costume = COSTUMES[view.costume];
    const p = poseOf({ ...view, vx: view.vx * view.face }, clock);
    ctx.save();
    ctx.translate(view.x, -view.y);
    this.#shadow(ctx, view.y);
    ctx.scale(view.face, -1);
    if (p[P.turn]) {
      ctx.translate(0, 14 * Math.min(1, Math.abs(p[P.turn])));
      ctx.rotate(-p[P.turn]);
    }
    const body = skeleton(p);
    if (!still) this.#cloth(ctx, view, body, costume);
    limbs(ctx, body, p, costume);
    trail(ctx, view, body);
    ctx.restore();
  }

  #shadow(ctx, y) {
    ctx.save();
    ctx.translate(0, y);
    ctx.fillStyle = `rgb(20 8 20 / ${0.42 - Math.min(0.3, y / 500)})`;
    ctx.beginPath();
    ctx.ellipse(0, 5, 46 - Math.min(20, y / 8), 9, 0, 0, 7);
    ctx.fill();
    ctx.restore();
  }

  /** A scarf: points that follow one another in the world, drawn from the neck. */
  #cloth(ctx, view, { neck }, { scarf }) {
    const root = [view.x + neck[0] * view.face, view.y + neck[1]];
    this.#scarf ??= Array.from({ length: SCARF }, () => root.slice());
    if (Math.hypot(this.#scarf[0][0] - root[0], this.#scarf[0][1] - root[1]) > 160) this.#scarf = this.#scarf.map(() => root.slice());
    this.#scarf[0] = root;
    for (let i = 1; i < SCARF; i++) {
      const before = this.#scarf[i - 1];
      const point = this.#scarf[i];
      point[0] += -view.face * 1.6;
      point[1] -= 1.5;
      const dx = point[0] - before[0];
      const dy = point[1] - before[1];
      const far = Math.hypot(dx, dy) || 1;
      if (far > 11) [point[0], point[1]] = [before[0] + (dx / far) * 11, before[1] + (dy / far) * 11];
    }
    ctx.save();
    ctx.strokeStyle = scarf;
    ctx.lineCap = ctx.lineJoin = "round";
    for (let i = 1; i < SCARF; i++) {
      ctx.lineWidth = 9 - i;
      ctx.beginPath();
      for (const j of [i - 1, i]) ctx.lineTo((this.#scarf[j][0] - view.x) * view.face, this.#scarf[j][1] - view.y);
      ctx.stroke();
    }
    ctx.restore();
  }
}

/** Joints from a pose, y up. */
function skeleton(p) {
  const hip = [p[P.hipX], p[P.hipY]];
  const neck = [hip[0] + Math.sin(p[P.lean]) * NECK, hip[1] + Math.cos(p[P.lean]) * NECK];
  const shoulder = [neck[0] - 2, neck[1] - 6];
  const reach = (x, y) => {
    const far = Math.hypot(x - shoulder[0], y - shoulder[1]) || 1;
    const share = Math.min(1, (UPPER * 2 - 1) / far);
    return [shoulder[0] + (x - shoulder[0]) * share, shoulder[1] + (y - shoulder[1]) * share];
  };
  const front = reach(p[P.fhX], p[P.fhY]);
  const back = reach(p[P.bhX], p[P.bhY]);
  const tip = [front[0] + Math.cos(p[P.sword]) * SWORD, front[1] + Math.sin(p[P.sword]) * SWORD];
  return {
    hip, neck, shoulder, front, back, tip,
    head: [neck[0] + Math.sin(p[P.lean]) * 18, neck[1] + 17],
    frontKnee: joint(...hip, p[P.ffX], p[P.ffY], THIGH, 1), backKnee: joint(...hip, p[P.bfX], p[P.bfY], THIGH, 1),
    frontElbow: joint(...shoulder, ...front, UPPER, -1), backElbow: joint(...shoulder, ...back, UPPER, -1),
  };
}

function line(ctx, width, color, ...points) {
  ctx.strokeStyle = color;
  ctx.lineWidth = width;
  ctx.beginPath();
  for (const [x, y] of points) ctx.lineTo(x, y);
  ctx.stroke();
}

function limbs(ctx, body, p, costume) {
  ctx.lineCap = ctx.lineJoin = "round";
  const { hip, neck, shoulder, front, back, tip } = body;
  const feet = { front: [p[P.ffX], p[P.ffY] + 4], back: [p[P.bfX], p[P.bfY] + 4] };
  line(ctx, 11, costume.robeDark, shoulder, body.backElbow, back);
  line(ctx, 14, costume.robeDark, hip, body.backKnee, feet.back);
  shoe(ctx, feet.back, costume.skin);
  line(ctx, 15, costume.robe, hip, body.frontKnee, feet.front);
  shoe(ctx, feet.front, costume.skin);
  torso(ctx, hip, neck, p[P.lean], costume);
  mask(ctx, body.head, p[P.lean], costume);
  sword(ctx, front, tip, costume);
  line(ctx, 12, costume.robe, shoulder, body.frontElbow, front);
  for (const [x, y] of [front, back]) disc(ctx, x, y, 6.5, costume.skin);
}

function disc(ctx, x, y, r, color) {
  ctx.fillStyle = color;
  ctx.beginPath();
  ctx.arc(x, y, r, 0, 7);
  ctx.fill();
}

function shoe(ctx, [x, y], color) {
  ctx.fillStyle = color;
  ctx.beginPath();
  ctx.ellipse(x + 5, y, 11, 6, 0, 0, 7);
  ctx.fill();
}

function torso(ctx, [hx, hy], [nx, ny], lean, { robe, robeDark, trim }) {
  ctx.save();
  ctx.translate(hx, hy);
  ctx.rotate(-lean);
  ctx.fillStyle = robe;
  ctx.beginPath(); // shoulders, waist, and the skirt of the tunic
  ctx.moveTo(-15, NECK - 2);
  ctx.quadraticCurveTo(0, NECK + 7, 15, NECK - 2);
  ctx.quadraticCurveTo(14, 22, 12, 8);
  ctx.quadraticCurveTo(20, -10, 22, -22);
  ctx.quadraticCurveTo(0, -15, -22, -22);
  ctx.quadraticCurveTo(-18, -8, -12, 8);
  ctx.quadraticCurveTo(-15, 24, -15, NECK - 2);
  ctx.fill();
  ctx.fillStyle = robeDark;
  ctx.beginPath();
  ctx.moveTo(-15, NECK - 2);
  ctx.quadraticCurveTo(-15, 24, -12, 8);
  ctx.quadraticCurveTo(-18, -8, -22, -22);
  ctx.lineTo(-8, -18);
  ctx.quadraticCurveTo(-6, 20, -6, NECK + 2);
  ctx.fill();
  line(ctx, 5, trim, [-12, 7], [12, 7]);
  line(ctx, 2.5, trim, [-21, -21], [-8, -17.5], [8, -17.5], [21, -21]);
  line(ctx, 2.5, trim, [-2, NECK], [6, 26], [3, 8]);
  ctx.restore();
}

/** The mask of the house's mark, seen a little from the side. */
function mask(ctx, [x, y], lean, { mask: light, maskDark, skin, mouth }) {
  ctx.save();
  ctx.translate(x, y);
  ctx.rotate(-lean * 0.5);
  disc(ctx, -4, 2, 17, skin);
  const shape = () => {
    ctx.beginPath();
    ctx.moveTo(-11, 19);
    ctx.quadraticCurveTo(4, 25, 19, 17);
    ctx.quadraticCurveTo(22, -4, 6, -20);
    ctx.quadraticCurveTo(-12, -10, -11, 19);
  };
  ctx.fillStyle = light;
  shape();
  ctx.fill();
  ctx.save();
  ctx.clip();
  ctx.fillStyle = maskDark;
  ctx.fillRect(-14, -24, 9, 50);
  ctx.restore();
  ctx.strokeStyle = "#221a2b";
  ctx.lineWidth = 3;
  const stroke = (...d) => {
    ctx.beginPath();
    ctx.moveTo(d[0], d[1]);
    ctx.quadraticCurveTo(d[2], d[3], d[4], d[5]);
    ctx.stroke();
  };
  if (mouth > 0) {
    stroke(-5, 7, -2, 10, 1, 7);
    stroke(8, 7, 11, 10, 14, 7);
    stroke(-1, -5, 5, -11, 12, -4);
  } else {
    stroke(-6, 10, -2, 8, 2, 5);
    stroke(8, 5, 12, 8, 15, 9);
    stroke(-1, -8, 5, -3, 12, -7);
  }
  ctx.restore();
}

function sword(ctx, [hx, hy], [tx, ty], { trim }) {
  const dx = (tx - hx) / SWORD;
  const dy = (ty - hy) / SWORD;
  line(ctx, 7, "#7a4a2a", [hx - dx * 12, hy - dy * 12], [hx + dx * 6, hy + dy * 6]);
  line(ctx, 7.5, "#e9cfa0", [hx + dx * 8, hy + dy * 8], [tx, ty]);
  line(ctx, 2, "#fff5dd", [hx + dx * 12 - dy * 2, hy + dy * 12 + dx * 2], [tx - dx * 4 - dy * 2, ty - dy * 4 + dx * 2]);
  line(ctx, 5, trim, [hx + dx * 8 - dy * 8, hy + dy * 8 + dx * 8], [hx + dx * 8 + dy * 8, hy + dy * 8 - dx * 8]);
}

/** What the eye sees of a fast sword: a streak for a thrust, a crescent for a cut. */
function trail(ctx, { act, t }, { front, tip }) {
  const attack = ATTACKS[act];
  if (!attack?.stun) return;
  const age = t - attack.startup + 1;
  if (age < 0 || age > attack.active + 4) return;
  const fade = 1 - age / (attack.active + 5);
  ctx.save();
  if (act === ACT.light) {
    const glow = ctx.createLinearGradient(front[0] - 50, 0, tip[0] + 14, 0);
    glow.addColorStop(0, "rgb(255 240 210 / 0)");
    glow.addColorStop(1, `rgb(255 240 210 / ${0.75 * fade})`);
    ctx.fillStyle = glow;
    ctx.beginPath();
    ctx.moveTo(front[0] - 50, tip[1] + 3);
    ctx.quadraticCurveTo(tip[0] - 10, tip[1] + 14, tip[0] + 16, tip[1]);
    ctx.quadraticCurveTo(tip[0] - 10, tip[1] - 12, front[0] - 50, tip[1] - 3);
    ctx.fill();
  } else if (act === ACT.heavy) {
    ctx.fillStyle = `rgb(255 214 150 / ${0.7 * fade})`;
    ctx.beginPath();
    ctx.arc(16, 70, 100, 2.0, -0.55, true);
    ctx.quadraticCurveTo(92, 84, 40, 132);
    ctx.quadraticCurveTo(6, 150, -26, 160);
    ctx.fill();
  } else {
    ctx.strokeStyle = `rgb(255 240 210 / ${0.6 * fade})`;
    ctx.lineWidth = 4;
    for (const off of [-8, 2, 12]) {
      ctx.beginPath();
      ctx.moveTo(44, 22 + off);
      ctx.lineTo(-4 - off, 52 + off);
      ctx.stroke();
    }
  }
  ctx.restore();
}
