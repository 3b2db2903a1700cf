// Owns: the rules of the duel: two masked fighters, best of three rounds. A pure function of state and inputs: whole
// numbers, no clock, no randomness, so that two machines with the same inputs are in the same state, bit by bit.
// Called by `rollback.js` through `duel` below, and read (never written) by the drawing.
//
// The state is one Int32Array. `G.…` are the places of what both share, `F.…` of a fighter, counted from `fighter(i)`.

import { ACT, ATTACKS, BODY, FEEL, FX, GRAB, INPUT, ROUND, SPEED, STAGE, STUN } from "./moves.js";

export const PHASE = { intro: 0, fight: 1, end: 2, over: 3 };
/** Nobody, or both: a draw. */
export const DRAW = 2;

const places = (names) => Object.fromEntries(names.split(" ").map((name, i) => [name, i]));
export const G = places("phase timer clock round stop winner ticks");
export const F = places("x y vx vy face act t hp hit stun prev buf bufT combo chain wins guardT tap tapT fx fxT fxX fxY");
const SHARED = 7;
const EACH = 23;
export const SIZE = SHARED + 2 * EACH;

/** Where fighter 0 or 1 begins in the state. */
export const fighter = (i) => SHARED + i * EACH;

export function initial() {
  const s = new Int32Array(SIZE);
  s[G.round] = 1;
  standUp(s);
  return s;
}

/** Both at their places, whole, for the next round. */
function standUp(s) {
  s[G.phase] = PHASE.intro;
  s[G.timer] = s[G.stop] = 0;
  s[G.clock] = ROUND.clock;
  s[G.winner] = -1;
  for (let i = 0; i < 2; i++) {
    const at = fighter(i);
    const wins = s[at + F.wins];
    s.fill(0, at, at + EACH);
    s[at + F.wins] = wins;
    s[at + F.x] = STAGE.width / 2 + (i === 0 ? -BODY.start : BODY.start);
    s[at + F.face] = i === 0 ? 1 : -1;
    s[at + F.hp] = BODY.health;
    s[at + F.guardT] = 99;
  }
}

/** One frame later. `a`, `b`: bits of `INPUT` of fighters 0 and 1. Never changes what it is given. */
export function step(before, a, b) {
  const s = before.slice();
  s[G.ticks] += 1;
  s[G.timer] += 1;
  const fighting = s[G.phase] === PHASE.fight;
  const inputs = fighting ? [a, b] : [0, 0];
  for (let i = 0; i < 2; i++) remember(s, fighter(i), inputs[i]);
  if (s[G.stop] > 0) s[G.stop] -= 1;
  else {
    for (let i = 0; i < 2; i++) act(s, fighter(i), fighter(1 - i), inputs[i]);
    for (let i = 0; i < 2; i++) move(s, fighter(i));
    keepApart(s);
    if (fighting) strike(s);
  }
  for (let i = 0; i < 2; i++) {
    s[fighter(i) + F.prev] = inputs[i];
    s[fighter(i) + F.fxT] += 1;
  }
  referee(s);
  return s;
}

// ---- inputs -------------------------------------------------------------------------------------------------------

/** A press outlives the moment for some frames, also while both are frozen by a hit. */
function remember(s, f, input) {
  const pressed = input & ~s[f + F.prev];
  if (s[f + F.bufT] > 0 && --s[f + F.bufT] === 0) s[f + F.buf] = 0;
  const attack = pressed & (INPUT.light | INPUT.heavy);
  if (attack) {
    s[f + F.buf] |= attack;
    s[f + F.bufT] = FEEL.buffer;
  }
  s[f + F.guardT] = Math.min(99, s[f + F.guardT] + 1);
  // A guard at the last moment is worth more; hammering the button is not guarding at the last moment.
  if (pressed & INPUT.guard) s[f + F.guardT] = s[f + F.guardT] >= STUN.perfectPause ? 0 : STUN.perfect;
}

const horizontal = (input) => (input & INPUT.right ? 1 : 0) - (input & INPUT.left ? 1 : 0);

function begin(s, f, action) {
  s[f + F.act] = action;
  s[f + F.t] = 0;
  s[f + F.hit] = 0;
  if (action in ATTACKS) s[f + F.buf] = s[f + F.bufT] = 0;
}

// ---- what a fighter does --------------------------------------------------------------------------------------------

function act(s, f, other, input) {
  s[f + F.t] += 1;
  if (s[f + F.tapT] > 0) s[f + F.tapT] -= 1;
  const t = s[f + F.t];
  switch (s[f + F.act]) {
    case ACT.idle: case ACT.walk: case ACT.guard: return onFeet(s, f, other, input);
    case ACT.air: return inAir(s, f);
    case ACT.light: case ACT.heavy: case ACT.grab: return attacking(s, f, t);
    case ACT.dash: case ACT.hop: return dashing(s, f, t);
    case ACT.hurt: case ACT.block: case ACT.recoil:
      if (--s[f + F.stun] <= 0 && s[f + F.y] === 0) free(s, f);
      return undefined;
    case ACT.down:
      if (s[f + F.hp] > 0 && s[f + F.y] === 0 && --s[f + F.stun] <= 0) begin(s, f, ACT.rise);
      return undefined;
    case ACT.rise: return t >= STUN.rise ? free(s, f) : undefined;
    case ACT.toss: return tossing(s, f, other, t);
    default: return undefined;
  }
}

function free(s, f) {
  s[f + F.combo] = 0;
  begin(s, f, ACT.idle);
}

function onFeet(s, f, other, input) {
  const toward = s[other + F.x] >= s[f + F.x] ? 1 : -1;
  if (s[f + F.act] !== ACT.guard) s[f + F.face] = toward; // who guards does not turn: an attack from behind gets through
  if (attackFrom(s, f)) return;
  const way = horizontal(input);
  if (input & INPUT.jump && !(s[f + F.prev] & INPUT.jump)) {
    s[f + F.vy] = SPEED.jump;
    s[f + F.vx] = way * SPEED.drift;
    return begin(s, f, ACT.air);
  }
  if (input & INPUT.guard) {
    s[f + F.vx] = 0;
    return s[f + F.act] === ACT.guard ? undefined : begin(s, f, ACT.guard);
  }
  const tapped = horizontal(input & ~s[f + F.prev]);
  if (tapped && s[f + F.tap] === tapped && s[f + F.tapT] > 0) {
    s[f + F.tapT] = 0;
    return begin(s, f, tapped === s[f + F.face] ? ACT.dash : ACT.hop);
  }
  if (tapped) [s[f + F.tap], s[f + F.tapT]] = [tapped, FEEL.tap];
  s[f + F.vx] = way === 0 ? 0 : way * (way === s[f + F.face] ? SPEED.walk : SPEED.back);
  const wanted = way ? ACT.walk : ACT.idle;
  return s[f + F.act] === wanted ? undefined : begin(s, f, wanted);
}

/** Starts the attack that was asked for, if any. */
function attackFrom(s, f) {
  const buf = s[f + F.buf];
  if (!buf) return false;
  if (buf === (INPUT.light | INPUT.heavy)) begin(s, f, ACT.grab);
  else begin(s, f, buf & INPUT.heavy ? ACT.heavy : ACT.light);
  s[f + F.chain] = 0;
  s[f + F.vx] = 0;
  return true;
}

function inAir(s, f) {
  if (!s[f + F.buf]) return;
  begin(s, f, ACT.dive);
}

function attacking(s, f, t) {
  const action = s[f + F.act];
  const { startup, active, recovery } = ATTACKS[action];
  const buf = s[f + F.buf];
  if (action !== ACT.grab && t <= FEEL.grab && buf && buf !== (action === ACT.light ? INPUT.light : INPUT.heavy)) return begin(s, f, ACT.grab);
  // A light attack that met somebody runs on into the next: the combo.
  if (action === ACT.light && s[f + F.hit] && t > startup + 1 && buf && s[f + F.chain] < FEEL.chain) {
    s[f + F.chain] += 1;
    begin(s, f, buf & INPUT.heavy ? ACT.heavy : ACT.light);
    s[f + F.vx] = s[f + F.face] * SPEED.back;
    return undefined;
  }
  if (action === ACT.heavy && t === startup - 3) s[f + F.vx] = s[f + F.face] * SPEED.hop;
  return t >= startup + active + recovery ? free(s, f) : undefined;
}

function dashing(s, f, t) {
  const ahead = s[f + F.act] === ACT.dash;
  const speed = ahead ? SPEED.dash : -SPEED.hop;
  if (t < (ahead ? 12 : 10)) s[f + F.vx] = s[f + F.face] * speed;
  if (ahead && t >= 4 && attackFrom(s, f)) return;
  if (t >= (ahead ? STUN.dash : STUN.hop)) free(s, f);
}

/** A successful grab: the other is lifted over and thrown to where he came from. */
function tossing(s, f, other, t) {
  if (t < GRAB.lift) {
    s[other + F.x] = s[f + F.x] + (s[f + F.face] * (BODY.half * 2) * (GRAB.lift - 2 * t)) / GRAB.lift;
    s[other + F.y] = t * 90;
  } else if (t === GRAB.lift) {
    hurt(s, other, GRAB.damage);
    knockDown(s, other, -s[f + F.face] * GRAB.throw, 120);
    effect(s, other, FX.heavy);
    s[G.stop] = 7;
  } else if (t >= GRAB.length) free(s, f);
}

// ---- where he is ----------------------------------------------------------------------------------------------------

function move(s, f) {
  if (s[f + F.act] === ACT.held) return;
  s[f + F.x] += s[f + F.vx];
  const air = s[f + F.y] > 0 || s[f + F.vy] > 0;
  if (air) {
    s[f + F.y] += s[f + F.vy];
    s[f + F.vy] -= STAGE.gravity;
    if (s[f + F.y] <= 0) land(s, f);
  } else if (![ACT.walk, ACT.dash, ACT.hop].includes(s[f + F.act])) s[f + F.vx] = ((s[f + F.vx] * 13) / 16) | 0;
}

function land(s, f) {
  s[f + F.y] = s[f + F.vy] = 0;
  const action = s[f + F.act];
  if (action === ACT.air || action === ACT.dive || action === ACT.hurt) {
    s[f + F.vx] = 0;
    free(s, f);
  }
  effect(s, f, FX.dust, 0);
}

/** Nobody leaves the stage, and on the ground nobody walks through the other. */
function keepApart(s) {
  const [a, b] = [fighter(0), fighter(1)];
  const floating = (f) => s[f + F.act] === ACT.held || s[f + F.act] === ACT.down;
  const gap = s[b + F.x] - s[a + F.x];
  const close = 2 * BODY.half - Math.abs(gap);
  if (close > 0 && Math.abs(s[a + F.y] - s[b + F.y]) < BODY.tall && !floating(a) && !floating(b)) {
    const side = gap > 0 || (gap === 0 && s[a + F.face] > 0) ? 1 : -1;
    s[a + F.x] -= side * (close >> 1);
    s[b + F.x] += side * (close - (close >> 1));
  }
  for (const f of [a, b]) s[f + F.x] = Math.max(STAGE.wall, Math.min(STAGE.width - STAGE.wall, s[f + F.x]));
}

// ---- who is hit -----------------------------------------------------------------------------------------------------

const safe = (s, f) => [ACT.down, ACT.rise, ACT.held, ACT.toss].includes(s[f + F.act]) || (s[f + F.act] === ACT.hop && s[f + F.t] < 8);

function reaches(s, f, other) {
  const attack = ATTACKS[s[f + F.act]];
  if (!attack || s[f + F.hit] || safe(s, other)) return false;
  const t = s[f + F.t] - attack.startup;
  if (t < 0 || t >= attack.active) return false;
  const ahead = (s[other + F.x] - s[f + F.x]) * s[f + F.face];
  if (ahead < -BODY.half || ahead > attack.reach) return false;
  const above = Math.abs(s[other + F.y] - s[f + F.y]);
  if (!attack.hold) return above < BODY.tall;
  return s[other + F.y] === 0 && ![ACT.hurt, ACT.block].includes(s[other + F.act]);
}

/** Both are looked at before either is changed: two blows at the same moment both land. */
function strike(s) {
  const hits = [0, 1].map((i) => reaches(s, fighter(i), fighter(1 - i)) && ATTACKS[s[fighter(i) + F.act]]);
  if (hits[0]?.hold && hits[1]?.hold) return [0, 1].forEach((i) => clash(s, fighter(i)));
  for (let i = 0; i < 2; i++) {
    if (!hits[i] || (hits[i].hold && hits[1 - i])) continue; // a blow is faster than a grip
    if (hits[i].hold) grab(s, fighter(i), fighter(1 - i));
    else hitLands(s, fighter(i), fighter(1 - i), hits[i]);
  }
}

function clash(s, f) {
  begin(s, f, ACT.recoil);
  s[f + F.stun] = STUN.recoil;
  s[f + F.vx] = -s[f + F.face] * SPEED.hop;
  effect(s, f, FX.clash);
}

function grab(s, f, other) {
  begin(s, f, ACT.toss);
  begin(s, other, ACT.held);
  s[other + F.vx] = s[other + F.vy] = s[f + F.vx] = 0;
}

/** One blow lands on somebody: on his guard, or on him. */
function hitLands(s, f, other, attack) {
  s[f + F.hit] = 1;
  s[G.stop] = Math.max(s[G.stop], attack.stop);
  const faces = (s[f + F.x] - s[other + F.x]) * s[other + F.face] >= 0;
  if ((s[other + F.act] === ACT.guard || s[other + F.act] === ACT.block) && faces) return guarded(s, f, other, attack);
  hurt(s, other, Math.max(1, ((attack.damage * Math.max(4, 10 - s[other + F.combo])) / 10) | 0));
  s[other + F.combo] += 1;
  effect(s, other, attack.down ? FX.heavy : FX.hit);
  const away = s[f + F.face] * (attack.push + s[other + F.combo] * 8);
  if (attack.down || s[other + F.y] > 0 || s[other + F.hp] === 0 || s[other + F.combo] >= FEEL.comboDown) return knockDown(s, other, away, 130);
  begin(s, other, ACT.hurt);
  s[other + F.stun] = attack.stun;
  s[other + F.vx] = away;
  pushedBackByWall(s, f, other, away);
  return undefined;
}

function guarded(s, f, other, attack) {
  if (s[other + F.guardT] < STUN.perfect) {
    effect(s, other, FX.perfect);
    begin(s, f, ACT.recoil);
    s[f + F.stun] = STUN.recoil;
    s[f + F.vx] = -s[f + F.face] * SPEED.hop;
    return;
  }
  effect(s, other, FX.block);
  s[other + F.hp] = Math.max(1, s[other + F.hp] - (attack.chip ?? 0)); // nobody falls behind his guard
  begin(s, other, ACT.block);
  s[other + F.stun] = attack.block;
  const away = s[f + F.face] * attack.push;
  s[other + F.vx] = away;
  pushedBackByWall(s, f, other, away);
}

/** Who has a wall behind him cannot be pushed: the other is. */
function pushedBackByWall(s, f, other, away) {
  const x = s[other + F.x];
  if (x <= STAGE.wall + 16 || x >= STAGE.width - STAGE.wall - 16) s[f + F.vx] = -away;
}

function hurt(s, f, damage) {
  s[f + F.hp] = Math.max(0, s[f + F.hp] - damage);
}

function knockDown(s, f, vx, vy) {
  begin(s, f, ACT.down);
  s[f + F.stun] = STUN.lie;
  s[f + F.vx] = vx;
  s[f + F.vy] = vy;
  s[f + F.y] = Math.max(1, s[f + F.y]);
}

function effect(s, f, kind, height = 84 * 16) {
  s[f + F.fx] = kind;
  s[f + F.fxT] = 0;
  s[f + F.fxX] = s[f + F.x];
  s[f + F.fxY] = s[f + F.y] + height;
}

// ---- rounds ---------------------------------------------------------------------------------------------------------

function referee(s) {
  if (s[G.phase] === PHASE.intro && s[G.timer] >= ROUND.intro) enter(s, PHASE.fight);
  else if (s[G.phase] === PHASE.fight && s[G.stop] === 0) watchFight(s);
  else if (s[G.phase] === PHASE.end && s[G.timer] >= ROUND.end) nextRound(s);
}

function enter(s, phase) {
  s[G.phase] = phase;
  s[G.timer] = 0;
}

function watchFight(s) {
  s[G.clock] -= 1;
  const [a, b] = [s[fighter(0) + F.hp], s[fighter(1) + F.hp]];
  if (a > 0 && b > 0 && s[G.clock] > 0) return;
  s[G.winner] = a === b ? DRAW : a > b ? 0 : 1;
  for (let i = 0; i < 2; i++) if (s[G.winner] === DRAW || s[G.winner] === i) s[fighter(i) + F.wins] += 1;
  enter(s, PHASE.end);
}

/** The winner bows once he stands; then the next round, or the end: a draw if both have won enough. */
function nextRound(s) {
  const [a, b] = [s[fighter(0) + F.wins], s[fighter(1) + F.wins]];
  if (Math.max(a, b) < ROUND.toWin) {
    s[G.round] += 1;
    return standUp(s);
  }
  s[G.winner] = a === b ? DRAW : a > b ? 0 : 1;
  return enter(s, PHASE.over);
}

// ---- for the rollback session -----------------------------------------------------------------------------------------

/** FNV-1a over the state's words. */
export function checksum(s) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < s.length; i++) hash = Math.imul(hash ^ s[i], 0x01000193) ^ (s[i] >>> 16);
  return hash >>> 0;
}

/** 212 bytes. */
export const save = (s) => new Uint8Array(s.slice().buffer);
export const load = (bytes) => new Int32Array(bytes.slice().buffer);

export const isOver = (s) => s[G.phase] === PHASE.over;

export const duel = { initial, step: (s, [a, b]) => step(s, a, b), save, load, checksum };
