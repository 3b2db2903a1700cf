// Owns: the figures of the game: what a fighter may do, for how long, how far and how hard. Whole numbers alone.
// Called by `game.js` (rules) and by the drawing. Distances in sixteenths of a stage pixel, times in frames of 1/60 s.

export const UNIT = 16;
const px = (n) => n * UNIT;

export const STAGE = { width: px(960), wall: px(92), gravity: 13 };
export const BODY = { half: px(26), tall: px(112), start: px(150), health: 100 };
export const SPEED = { walk: px(4), back: px(3), jump: 240, drift: px(4), dash: px(9), hop: px(7) };
export const ROUND = { clock: 60 * 60, intro: 100, end: 170, toWin: 2 };

/** Bits of an input. */
export const INPUT = { left: 1, right: 2, jump: 4, guard: 8, light: 16, heavy: 32 };

export const ACT = {
  idle: 0, walk: 1, air: 2, guard: 3, light: 4, heavy: 5, dive: 6, grab: 7, hurt: 8, block: 9, down: 10, rise: 11,
  held: 12, recoil: 13, dash: 14, hop: 15, toss: 16,
};
export const ACT_NAMES = Object.keys(ACT);

/**
 * An attack is `startup` frames of warning, `active` frames in which it hits, `recovery` frames of being open.
 * `reach` from the middle of the body; `stun` if it hits, `block` if it is guarded; `push` is the speed it gives;
 * `stop` freezes both for the weight of it; `down` knocks over; `hold` a guard is no help.
 */
export const ATTACKS = {
  [ACT.light]: { startup: 4, active: 3, recovery: 10, reach: px(96), damage: 5, stun: 16, block: 10, push: px(5), stop: 5 },
  [ACT.heavy]: { startup: 13, active: 4, recovery: 20, reach: px(128), damage: 14, stun: 26, block: 17, push: px(9), stop: 10, down: true, chip: 2 },
  [ACT.dive]: { startup: 5, active: 12, recovery: 30, reach: px(84), damage: 8, stun: 19, block: 12, push: px(5), stop: 6 },
  [ACT.grab]: { startup: 4, active: 3, recovery: 22, reach: px(78), hold: true },
};
export const GRAB = { lift: 18, length: 30, damage: 12, throw: px(9) };
export const STUN = { recoil: 26, lie: 34, rise: 18, dash: 15, hop: 17, perfect: 6, perfectPause: 22 };
/** A press is remembered so long; a light attack becomes a grab within so many frames; two taps make a dash. */
export const FEEL = { buffer: 7, grab: 3, tap: 12, chain: 3, comboDown: 5 };
export const FX = { none: 0, hit: 1, heavy: 2, block: 3, perfect: 4, clash: 5, dust: 6 };
