// Owns: what stands over the fight: health, names, rounds won, the clock, who is who, and the words of the referee.
// Called by `draw.js`. Draws in points of the screen.

import { DRAW, F, fighter, G, PHASE } from "./game.js";
import { BODY, ROUND } from "./moves.js";

/** Health as it was: the loss is seen for a moment. For the eye alone. */
const faded = [BODY.health, BODY.health];

export function hud(ctx, s, { width, height, ratio, tokens, names, me, say, at }) {
  const u = Math.max(0.52 * ratio, Math.min(width / 960, (height / 540) * 1.15));
  const scale = (n) => n * u;
  scale.text = (n) => Math.max(n * u, 12.5 * ratio); // on a phone too it is read
  ctx.textBaseline = "middle";
  bars(ctx, s, width, scale, tokens, names);
  clock(ctx, s, width, scale, tokens);
  if (s[G.phase] !== PHASE.over && me !== null) pointer(ctx, at(me), scale, tokens.gold, say("duel.you"), tokens.font);
  combos(ctx, s, width, scale, tokens, say);
  referee(ctx, s, width, height, scale, tokens, names, say);
}

function bars(ctx, s, width, u, { gold, red, green, font }, names) {
  const long = Math.min(u(380), width * 0.41);
  const tall = u(20);
  const top = u(22);
  for (const i of [0, 1]) {
    const f = fighter(i);
    const hp = s[f + F.hp];
    faded[i] = s[G.phase] === PHASE.intro || hp > faded[i] ? hp : s[f + F.combo] ? faded[i] : Math.max(hp, faded[i] - 0.7);
    ctx.save();
    if (i === 1) {
      ctx.translate(width, 0);
      ctx.scale(-1, 1);
    }
    const left = Math.max(u(16), width * 0.016);
    const bar = (share, color, grow = 0) => {
      ctx.fillStyle = color;
      slanted(ctx, left + long * (1 - share) - grow, top - grow, long * share + 2 * grow, tall + 2 * grow, u(8));
    };
    bar(1, "rgb(12 6 20 / .85)", u(4));
    bar(1, "rgb(255 255 255 / .12)");
    bar(faded[i] / BODY.health, "#ffe3b0");
    if (hp > 0) bar(hp / BODY.health, hp > 50 ? green : hp > 25 ? gold : red);
    for (let n = 0; n < ROUND.toWin; n++) {
      ctx.beginPath();
      ctx.arc(left + long - u(10) - n * u(22), top + tall + u(18), u(7), 0, 7);
      ctx.fillStyle = n < s[f + F.wins] ? gold : "rgb(12 6 20 / .7)";
      ctx.fill();
      ctx.lineWidth = u(2);
      ctx.strokeStyle = gold;
      ctx.stroke();
    }
    ctx.restore();
    ctx.textAlign = i === 0 ? "left" : "right";
    label(ctx, names[i], i === 0 ? left : width - left, top + tall + Math.max(u(18), u.text(17) * 0.8), `700 ${u.text(17)}px ${font}`, "#fff", u(4), long - u(70));
  }
}

function slanted(ctx, x, y, w, h, slant) {
  ctx.beginPath();
  ctx.moveTo(x + slant, y);
  ctx.lineTo(x + w, y);
  ctx.lineTo(x + w, y + h);
  ctx.lineTo(x, y + h);
  ctx.fill();
}

/** White on anything: with an outline. */
function label(ctx, text, x, y, font, color, outline, most) {
  ctx.font = font;
  ctx.lineJoin = "round";
  ctx.lineWidth = outline;
  ctx.strokeStyle = "rgb(20 8 26 / .85)";
  ctx.strokeText(text, x, y, most);
  ctx.fillStyle = color;
  ctx.fillText(text, x, y, most);
}

function clock(ctx, s, width, u, { display }) {
  const left = Math.ceil(s[G.clock] / 60);
  ctx.textAlign = "center";
  label(ctx, String(left).padStart(2, "0"), width / 2, u(38), `700 ${u(46)}px ${display}`, left <= 10 && s[G.phase] === PHASE.fight ? "#ffb09f" : "#fff6e0", u(7));
}

function pointer(ctx, [x, y], u, color, text, font) {
  ctx.textAlign = "center";
  label(ctx, text, x, y - u(12), `700 ${u.text(15)}px ${font}`, color, u(4));
  ctx.fillStyle = color;
  ctx.beginPath();
  ctx.moveTo(x - u(7), y);
  ctx.lineTo(x + u(7), y);
  ctx.lineTo(x, y + u(9));
  ctx.fill();
}

function combos(ctx, s, width, u, { gold, display }, say) {
  for (const i of [0, 1]) {
    const hits = s[fighter(1 - i) + F.combo];
    if (hits < 2) continue;
    ctx.textAlign = i === 0 ? "left" : "right";
    label(ctx, say("duel.combo", { n: hits }), i === 0 ? Math.max(u(90), width * 0.1) : width - Math.max(u(90), width * 0.1), u(118), `700 ${u(32)}px ${display}`, gold, u(6));
  }
}

function referee(ctx, s, width, height, u, { display, gold }, names, say) {
  const t = s[G.timer];
  let text = null;
  let small = null;
  if (s[G.phase] === PHASE.intro) text = t < 60 ? say("duel.round", { n: s[G.round] }) : say("duel.ready");
  else if (s[G.phase] === PHASE.fight && t < 40) text = say("duel.fight");
  else if (s[G.phase] === PHASE.end) {
    const knocked = [0, 1].some((i) => s[fighter(i) + F.hp] === 0);
    text = t < 60 ? say(knocked ? "duel.ko" : "duel.time") : s[G.winner] === DRAW ? say("duel.draw") : names[s[G.winner]];
    small = t < 60 || s[G.winner] === DRAW ? null : say("duel.wins_round");
  }
  if (!text) return;
  const into = Math.min(1, (s[G.phase] === PHASE.end && t >= 60 ? t - 60 : s[G.phase] === PHASE.intro && t >= 60 ? t - 60 : t) / 8);
  ctx.save();
  ctx.globalAlpha = into;
  ctx.textAlign = "center";
  label(ctx, text, width / 2, height * 0.42, `700 ${u(78) * (1.25 - into * 0.25)}px ${display}`, "#fff6e0", u(12), width * 0.86);
  if (small) label(ctx, small, width / 2, height * 0.42 + u(58), `700 ${u(28)}px ${display}`, gold, u(6), width * 0.86);
  ctx.restore();
}
