// The rules of the duel: the same inputs give the same fight; what each move does; who wins.

import assert from "node:assert/strict";
import { test } from "node:test";
import { checksum, DRAW, F, fighter, G, initial, isOver, load, PHASE, save, SIZE, step } from "../duel/game.js";
import { ACT, ATTACKS, BODY, INPUT, ROUND, STAGE, STUN } from "../duel/moves.js";
import { fidget, seeded } from "./duel-net.js";

const BOTH = INPUT.light | INPUT.heavy;
const [A, B] = [fighter(0), fighter(1)];

/** Plays `[frames, a, b]` pieces one after the other. */
const play = (state, ...pieces) => pieces.reduce((s, [frames, a = 0, b = 0]) => {
  for (let i = 0; i < frames; i++) s = step(s, a, b);
  return s;
}, state);

/** The fight has begun; the two stand `gap` pixels apart. */
function facing(gap, change = () => {}) {
  const s = play(initial(), [ROUND.intro]);
  assert.equal(s[G.phase], PHASE.fight);
  s[A + F.x] = STAGE.width / 2 - (gap / 2) * 16;
  s[B + F.x] = STAGE.width / 2 + (gap / 2) * 16;
  change(s);
  return s;
}

/** The state when `until` is first true, or after two seconds. */
function watch(state, until, a = 0, b = 0) {
  for (let i = 0; i < 120 && !until(state); i++) state = step(state, a, b);
  assert.ok(until(state), "it never came to that");
  return state;
}

test("the same inputs give the same state, whatever happens in between; and nothing is ever changed in place", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = seeded(seed);
    const [a, b] = [fidget(random), fidget(random)];
    const inputs = Array.from({ length: 3_000 }, () => [a(), b()]);
    let [one, two] = [initial(), initial()];
    for (const [i, [x, y]] of inputs.entries()) {
      const before = checksum(one);
      const kept = one;
      one = step(one, x, y);
      assert.equal(checksum(kept), before, "the state that was given is as it was");
      two = load(save(step(two, x, y)));
      if (i % 97 === 0) step(step(one, 63, 63), 0, 63); // a branch that is thrown away
      if (i % 50 === 0) assert.deepEqual(two, one);
    }
    assert.equal(checksum(one), checksum(two));
  }
});

test("what never happens: off the stage, under it, negative health, a round without an end", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seeded(seed * 7919);
    const [a, b] = [fidget(random), fidget(random)];
    let s = initial();
    const most = 3 * (ROUND.intro + ROUND.end + ROUND.clock * 2);
    let frames = 0;
    for (; !isOver(s); frames++) {
      assert.ok(frames < most, `seed ${seed}: no end after ${frames} frames`);
      s = step(s, a(), b());
      for (const f of [A, B]) {
        assert.ok(s[f + F.x] >= STAGE.wall && s[f + F.x] <= STAGE.width - STAGE.wall, "on the stage");
        assert.ok(s[f + F.y] >= 0 && s[f + F.hp] >= 0 && s[f + F.hp] <= BODY.health);
        assert.ok(s[f + F.wins] <= ROUND.toWin);
      }
    }
    assert.ok([0, 1, DRAW].includes(s[G.winner]));
  }
});

test("a state is saved in 212 bytes and comes back as it was, apart from the one it came from", () => {
  const s = play(initial(), [200, INPUT.right, BOTH]);
  const bytes = save(s);
  assert.equal(bytes.byteLength, SIZE * 4);
  const back = load(bytes);
  assert.deepEqual(back, s);
  back[A + F.hp] = 1;
  assert.deepEqual(load(bytes), s);
});

test("one changed word is another checksum", () => {
  const s = play(initial(), [150]);
  const sums = new Set([checksum(s)]);
  for (let i = 0; i < SIZE; i++) for (const by of [1, -1, 65536]) {
    const other = s.slice();
    other[i] += by;
    sums.add(checksum(other));
  }
  assert.equal(sums.size, 1 + 3 * SIZE);
});

test("buttons do nothing before the fight and after it", () => {
  assert.equal(checksum(play(initial(), [ROUND.intro - 2, BOTH, INPUT.left])), checksum(play(initial(), [ROUND.intro - 2])));
});

test("a thrust hits after its warning and costs health; out of reach it does not", () => {
  const light = ATTACKS[ACT.light];
  const hit = play(facing(90), [1, INPUT.light], [light.startup + light.active]);
  assert.equal(hit[B + F.hp], BODY.health - light.damage);
  assert.equal(hit[B + F.act], ACT.hurt);
  assert.equal(play(facing(90), [1, INPUT.light], [light.startup - 2])[B + F.hp], BODY.health, "not before its time");
  assert.equal(play(facing(160), [1, INPUT.light], [20])[B + F.hp], BODY.health);
});

test("a cut knocks over, and who lies cannot be hit", () => {
  let s = watch(play(facing(100), [1, INPUT.heavy]), (s) => s[B + F.act] === ACT.down);
  assert.equal(s[B + F.hp], BODY.health - ATTACKS[ACT.heavy].damage);
  s[A + F.x] = s[B + F.x] - 60 * 16;
  s = play(s, [40], [1, INPUT.light], [12]);
  assert.equal(s[B + F.hp], BODY.health - ATTACKS[ACT.heavy].damage);
  watch(s, (s) => s[B + F.act] === ACT.idle);
});

test("a guard takes the blow, but not from behind", () => {
  const guarded = play(facing(90), [20, 0, INPUT.guard], [1, INPUT.light, INPUT.guard], [10, 0, INPUT.guard]);
  assert.equal(guarded[B + F.hp], BODY.health);
  const behind = play(facing(90), [20, 0, INPUT.guard]);
  behind[A + F.x] = behind[B + F.x] + 80 * 16;
  assert.ok(play(behind, [2, 0, INPUT.guard], [1, INPUT.light, INPUT.guard], [10, 0, INPUT.guard])[B + F.hp] < BODY.health);
});

test("a guard at the last moment throws the attacker back; hammering the button does not", () => {
  const parried = play(facing(90), [1, INPUT.light], [2], [5, 0, INPUT.guard]);
  assert.equal(parried[A + F.act], ACT.recoil);
  assert.equal(parried[B + F.act], ACT.guard);
  const hammered = play(facing(90), [1, 0, INPUT.guard], [2], [1, 0, INPUT.guard], [1, INPUT.light], [2], [5, 0, INPUT.guard]);
  assert.equal(hammered[A + F.act], ACT.light);
  assert.equal(hammered[B + F.act], ACT.block);
  assert.ok(STUN.perfect < STUN.perfectPause);
});

test("a throw goes through a guard, not through the air, and loses to a blow", () => {
  const thrown = watch(play(facing(70), [10, 0, INPUT.guard], [1, BOTH, INPUT.guard]), (s) => s[B + F.hp] < BODY.health, 0, INPUT.guard);
  assert.equal(thrown[B + F.act], ACT.down);
  assert.equal(play(facing(70, (s) => ((s[B + F.y] = 1_600), (s[B + F.act] = ACT.air))), [1, BOTH], [8])[A + F.act], ACT.grab);
  const late = play(facing(70), [1, 0, INPUT.light], [1, BOTH], [6]);
  assert.equal(late[A + F.act], ACT.hurt);
});

test("light and heavy within three frames are a throw too: two fingers are never quite together", () => {
  assert.equal(play(facing(300), [1, INPUT.light], [1, BOTH], [1])[A + F.act], ACT.grab);
});

test("two blows at the same moment both land", () => {
  const s = play(facing(90), [1, INPUT.light, INPUT.light], [8]);
  assert.ok(s[A + F.hp] === s[B + F.hp] && s[A + F.hp] < BODY.health);
});

test("a thrust that met somebody runs on into the next; each further hit of a combo does less, and the fifth ends it", () => {
  let s = facing(80);
  let most = 0;
  for (let i = 0; i < 160; i++) {
    s = step(s, i % 4 === 0 ? INPUT.light : 0, 0);
    s[A + F.chain] = 0; // without the rule that ends the chain, the other rule does
    s[A + F.x] = s[B + F.x] - 80 * 16;
    most = Math.max(most, s[B + F.combo]);
    if (s[B + F.act] === ACT.down) break;
  }
  assert.equal(most, 5);
  assert.ok(s[B + F.hp] > BODY.health - 5 * ATTACKS[ACT.light].damage);
  assert.equal(s[B + F.act], ACT.down);
});

test("a jump comes down again, over the other one too; two taps are a dash", () => {
  const s = play(facing(60), [1, INPUT.jump | INPUT.right], [50, 0, 0]);
  assert.equal(s[A + F.y], 0);
  assert.ok(s[A + F.x] > s[B + F.x], "on the other side");
  assert.equal(s[A + F.face], -1);
  assert.equal(play(facing(400), [3, INPUT.right], [3], [3, INPUT.right])[A + F.act], ACT.dash);
  assert.equal(play(facing(400), [3, INPUT.left], [3], [3, INPUT.left])[A + F.act], ACT.hop);
});

test("nobody walks through the other, nor past the wall", () => {
  const s = play(facing(300), [300, INPUT.right, INPUT.left]);
  assert.ok(s[B + F.x] - s[A + F.x] >= 2 * BODY.half);
  assert.equal(play(facing(300), [400, INPUT.left])[A + F.x], STAGE.wall);
});

test("a press while both are frozen by a hit is not lost", () => {
  let s = watch(play(facing(90), [1, INPUT.light]), (s) => s[G.stop] > 0);
  s = play(s, [1, INPUT.light], [12]);
  assert.equal(s[A + F.chain], 1);
});

test("two rounds won win the match; a round goes to him who has more left when the time is up", () => {
  let s = facing(400, (s) => ((s[B + F.hp] = 40), (s[G.clock] = 5)));
  s = play(s, [10]);
  assert.deepEqual([s[G.phase], s[G.winner], s[A + F.wins]], [PHASE.end, 0, 1]);
  s = play(s, [ROUND.end + ROUND.intro]);
  assert.deepEqual([s[G.phase], s[G.round], s[A + F.hp], s[B + F.hp]], [PHASE.fight, 2, BODY.health, BODY.health]);
  s[B + F.hp] = 0;
  s = play(s, [1 + ROUND.end]);
  assert.deepEqual([isOver(s), s[G.winner], s[A + F.wins]], [true, 0, 2]);
  assert.equal(play(s, [200, BOTH, BOTH])[G.winner], 0, "and it stays so");
});

test("equal health when the time is up is a round for both; two of them a draw", () => {
  let s = facing(400, (s) => (s[G.clock] = 1));
  s = play(s, [1]);
  assert.deepEqual([s[G.winner], s[A + F.wins], s[B + F.wins]], [DRAW, 1, 1]);
  s = play(s, [ROUND.end + ROUND.intro]);
  s[G.clock] = 1;
  s = play(s, [1 + ROUND.end]);
  assert.deepEqual([isOver(s), s[G.winner]], [true, DRAW]);
});
