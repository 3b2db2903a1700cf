// Owns: how a fighter stands at each moment of each action: where hands and feet are, how he leans. Pure; read by
// `figure.js`. Pixels from the point between the feet, x towards the opponent, y up; angles in radians.

import { ACT, ATTACKS, STUN } from "./moves.js";

/** hip, lean, front and back foot, front and back hand, angle of the sword, turn of the whole body. */
const pose = (hip, lean, ff, bf, fh, bh, sword, turn = 0) => [...hip, lean, ...ff, ...bf, ...fh, ...bh, sword, turn];
export const P = { hipX: 0, hipY: 1, lean: 2, ffX: 3, ffY: 4, bfX: 5, bfY: 6, fhX: 7, fhY: 8, bhX: 9, bhY: 10, sword: 11, turn: 12 };

const STAND = pose([0, 62], 0.1, [22, 0], [-20, 0], [36, 84], [18, 74], 0.85);
const GUARD = pose([-4, 57], -0.06, [22, 0], [-24, 0], [27, 92], [24, 78], 1.72);
const BLOCK = pose([-12, 54], -0.2, [20, 0], [-30, 0], [17, 90], [14, 78], 1.95);

const HURT = pose([-12, 58], -0.5, [18, 0], [-26, 0], [6, 66], [-34, 84], -0.6);
const LYING = pose([0, 62], 0, [10, 2], [-8, 0], [26, 84], [-26, 78], 0.3, -1.5);
const TUCK = pose([0, 64], 0.2, [16, 24], [-14, 10], [34, 92], [-16, 96], 0.6);

/** Keyframes: `[frame, pose]`. Between two the way is eased; after the last it stays. */
const light = ATTACKS[ACT.light];
const heavy = ATTACKS[ACT.heavy];
const FRAMES = {
  [ACT.light]: [
    [0, STAND],
    [light.startup - 1, pose([-6, 60], -0.12, [22, 0], [-22, 0], [8, 86], [26, 78], 0.15)],
    [light.startup + 1, pose([20, 56], 0.34, [46, 0], [-26, 0], [62, 88], [-16, 72], 0.02)],
    [light.startup + light.active + 2, pose([18, 56], 0.3, [46, 0], [-26, 0], [58, 86], [-14, 72], -0.05)],
    [light.startup + light.active + light.recovery, STAND],
  ],
  [ACT.heavy]: [
    [0, STAND],
    [heavy.startup - 6, pose([-14, 58], -0.34, [24, 0], [-30, 0], [-16, 132], [6, 122], 2.5)],
    [heavy.startup - 2, pose([-12, 59], -0.36, [24, 6], [-30, 0], [-18, 134], [4, 124], 2.7)],
    [heavy.startup + 1, pose([26, 50], 0.5, [58, 0], [-30, 0], [66, 62], [44, 58], -0.35)],
    [heavy.startup + heavy.active + 8, pose([26, 47], 0.56, [58, 0], [-30, 0], [58, 36], [38, 42], -0.75)],
    [heavy.startup + heavy.active + heavy.recovery, STAND],
  ],
  [ACT.dive]: [[0, TUCK], [4, pose([-4, 66], -0.34, [52, 14], [-6, 34], [-8, 104], [-26, 90], 2.4)], [40, pose([-4, 66], -0.3, [50, 12], [-8, 30], [-8, 100], [-26, 88], 2.4)]],
  [ACT.grab]: [[0, STAND], [4, pose([16, 56], 0.36, [40, 0], [-26, 0], [60, 92], [58, 78], -1.3)], [9, pose([16, 56], 0.36, [40, 0], [-26, 0], [56, 88], [54, 76], -1.3)], [29, STAND]],
  [ACT.toss]: [[0, pose([16, 56], 0.3, [36, 0], [-26, 0], [52, 92], [48, 84], -1.3)], [9, pose([-4, 62], -0.1, [24, 0], [-22, 0], [10, 146], [-8, 144], 1.2)], [18, pose([-18, 54], -0.5, [22, 0], [-30, 0], [-46, 92], [-54, 84], 2.8)], [30, STAND]],
  [ACT.held]: [[0, HURT], [9, pose([0, 62], -0.2, [16, 12], [-12, 6], [10, 110], [-30, 104], 1, -1.2)], [18, pose([0, 62], 0, [16, 12], [-12, 6], [20, 110], [-30, 104], 1, -2.6)]],
  [ACT.recoil]: [[0, BLOCK], [4, pose([-16, 58], -0.46, [24, 4], [-30, 0], [-20, 124], [-34, 82], 2.3)], [18, pose([-12, 58], -0.36, [20, 0], [-28, 0], [-18, 112], [-30, 80], 2.1)], [26, STAND]],
  [ACT.hurt]: [[0, STAND], [2, HURT], [12, pose([-10, 59], -0.38, [18, 0], [-26, 0], [10, 68], [-28, 80], -0.4)], [22, STAND]],
  [ACT.block]: [[0, GUARD], [2, BLOCK], [12, GUARD]],
  [ACT.rise]: [[0, LYING], [STUN.rise - 7, pose([-6, 36], 0.5, [24, 0], [-18, 0], [30, 30], [18, 24], 0.2, -0.2)], [STUN.rise, STAND]],
  [ACT.dash]: [[0, STAND], [3, pose([14, 54], 0.56, [44, 2], [-40, 14], [10, 84], [-22, 66], -0.3)], [STUN.dash, STAND]],
  [ACT.hop]: [[0, STAND], [3, pose([-10, 58], -0.3, [26, 12], [-26, 4], [36, 90], [20, 78], 1.2)], [STUN.hop, STAND]],
};

const ease = (x) => x * x * (3 - 2 * x);
export const blend = (a, b, share) => a.map((value, i) => value + (b[i] - value) * share);

function at(frames, t) {
  const next = frames.findIndex(([frame]) => frame > t);
  if (next < 0) return frames.at(-1)[1];
  if (next === 0) return frames[0][1];
  const [from, a] = frames[next - 1];
  const [to, b] = frames[next];
  return blend(a, b, ease((t - from) / (to - from)));
}

/** The pose of a fighter: `{act, t, vx (px a frame, towards the opponent), vy, y, won (frames since)}`; `clock` in frames moves what breathes. */
export function poseOf({ act, t, vx, vy, y, won }, clock) {
  if (won) return at([[0, STAND], [14, pose([0, 64], -0.08, [18, 0], [-18, 0], [26, 148], [-18, 66], 1.45)]], won);
  if (act === ACT.walk) return walk(clock, vx);
  if (act === ACT.air) return blend(TUCK, pose([0, 66], 0.02, [12, 6], [-12, 0], [40, 104], [-22, 112], 1), Math.max(0, Math.min(1, 0.5 - vy / 12)));
  if (act === ACT.guard) return at([[0, STAND], [3, GUARD]], t);
  if (act === ACT.down) return y > 0 ? blend(HURT, LYING, Math.min(1, t / 14)) : LYING;
  const frames = FRAMES[act];
  if (frames) return at(frames, t);
  const breath = Math.sin(clock / 14) * 1.6;
  return STAND.map((value, i) => (i === P.hipY ? value + breath : i === P.fhY || i === P.bhY ? value + breath * 1.7 : value));
}

function walk(clock, vx) {
  const phase = (clock / (vx >= 0 ? 5.4 : 6.6)) * (vx >= 0 ? 1 : -1);
  const step = STAND.slice();
  step[P.ffX] = 4 + Math.cos(phase) * 26;
  step[P.ffY] = Math.max(0, -Math.sin(phase)) * 12;
  step[P.bfX] = 2 - Math.cos(phase) * 26;
  step[P.bfY] = Math.max(0, Math.sin(phase)) * 12;
  step[P.hipY] = 61 + Math.abs(Math.sin(phase)) * 3;
  step[P.lean] = vx >= 0 ? 0.2 : -0.02;
  return step;
}


