// Owns: the theatre around the fighters: sky, town, boards, footlights, curtains. Painted once for a size into pictures
// of its own; `draw.js` lays them behind and over the fight. Colours are the page's tokens.

const WORLD = { width: 960, above: 460, below: 110 };
/** Houses stand between these heights over the floor. */
const HOUSES_FROM = 96;
const HOUSES_UP = 96 + 160;
const FAR = [[70, 60, 24], [48, 88, 0], [80, 52, 30], [40, 110, 40], [66, 64, 0], [90, 46, 26], [44, 96, 0], [72, 70, 34]];
const NEAR = [[96, 54, 34], [60, 84, 0], [52, 46, 22], [84, 66, 36], [40, 118, 56], [74, 50, 26], [58, 78, 0], [110, 44, 30]];

export function readTokens(element = document.body) {
  const style = getComputedStyle(element);
  const token = (name) => style.getPropertyValue(name).trim();
  return Object.fromEntries(["sky-a", "sky-b", "sky-c", "far", "near", "window", "orb", "orb-glow", "red", "red-deep", "gold", "green", "violet", "display", "font"].map((name) => [name, token(`--${name}`)]));
}

function canvas(width, height) {
  const element = document.createElement("canvas");
  element.width = Math.ceil(width);
  element.height = Math.ceil(height);
  return element;
}

/** Three pictures: `{back, town, boards}` in world size times `scale`, the floor's line at `WORLD.above`. */
export class Stage {
  constructor(tokens, scale) {
    this.tokens = tokens;
    this.scale = scale;
    this.margin = 260;
    this.sky = this.#paint(WORLD.width, WORLD.above + 20, (ctx) => sky(ctx, tokens));
    this.town = this.#paint(WORLD.width + 2 * this.margin, WORLD.above, (ctx) => town(ctx, tokens, WORLD.width + 2 * this.margin));
    this.boards = this.#paint(WORLD.width + 2 * this.margin, WORLD.below, (ctx) => boards(ctx, WORLD.width + 2 * this.margin));
  }

  #paint(width, height, work) {
    const picture = canvas(width * this.scale, height * this.scale);
    const ctx = picture.getContext("2d");
    ctx.scale(this.scale, this.scale);
    work(ctx);
    return picture;
  }

  /** Behind the fighters. World axes, floor at 0, the camera's middle at `x`; `view` is what the camera sees, in px. */
  behind(ctx, x, view) {
    const { margin } = this;
    const off = x - WORLD.width / 2;
    const [left, right] = [x - view.width / 2 - 4, x + view.width / 2 + 4];
    const top = Math.max(-WORLD.above, view.top - 4);
    // On a tall screen there is more above and below than was painted.
    ctx.fillStyle = this.tokens["sky-a"];
    if (view.top < -WORLD.above) ctx.fillRect(left, view.top - 4, right - left, -WORLD.above - view.top + 5);
    ctx.fillStyle = "#1c0d18";
    if (view.bottom > WORLD.below - 26) ctx.fillRect(left, WORLD.below - 27, right - left, view.bottom);
    // Only what is seen: without a graphics card every point costs.
    this.#part(ctx, this.sky, { x: left, y: -WORLD.above, scale: (view.width + 8) / WORLD.width }, left, right, top, -HOUSES_FROM + 60);
    this.#part(ctx, this.town, { x: -margin + off * 0.55, y: -WORLD.above, scale: 1 }, left, right, Math.max(top, -HOUSES_UP), -20);
    this.#part(ctx, this.boards, { x: -margin, y: -26, scale: 1 }, left, right, -26, WORLD.below - 26);
  }

  /** The part of a picture, laid at `at` in the world, between the given sides. `at.scale` stretches it sideways. */
  #part(ctx, picture, at, left, right, top, bottom) {
    const { scale } = this;
    const width = right - left;
    ctx.drawImage(picture, ((left - at.x) / at.scale) * scale, (top - at.y) * scale, (width / at.scale) * scale, (bottom - top) * scale, left, top, width, bottom - top);
  }
}

function sky(ctx, c) {
  const ground = ctx.createLinearGradient(0, 0, 0, WORLD.above);
  ground.addColorStop(0, c["sky-a"]);
  ground.addColorStop(0.55, c["sky-b"]);
  ground.addColorStop(1, c["sky-c"]);
  ctx.fillStyle = ground;
  ctx.fillRect(0, 0, WORLD.width, WORLD.above + 20);
  ctx.fillStyle = "#fff";
  for (let i = 0; i < 40; i++) {
    ctx.globalAlpha = 0.2 + ((i * 37) % 50) / 100;
    ctx.fillRect((i * 379.7) % WORLD.width, (i * i * 53.3) % 210, i % 5 ? 1.6 : 2.6, i % 5 ? 1.6 : 2.6);
  }
  ctx.globalAlpha = 1;
  const glow = ctx.createRadialGradient(WORLD.width / 2, 330, 20, WORLD.width / 2, 330, 240);
  glow.addColorStop(0, c["orb-glow"]);
  glow.addColorStop(1, "transparent");
  ctx.globalAlpha = 0.6;
  ctx.fillStyle = glow;
  ctx.fillRect(0, 60, WORLD.width, 420);
  ctx.globalAlpha = 1;
  ctx.fillStyle = c.orb;
  ctx.beginPath();
  ctx.arc(WORLD.width / 2, 330, 62, 0, 7);
  ctx.fill();
}

function houses(ctx, plan, base, width, color) {
  ctx.fillStyle = color;
  ctx.beginPath();
  let x = -30;
  ctx.moveTo(x, WORLD.above);
  for (let i = 0; x < width + 30; i++) {
    const [w, height, roof] = plan[i % plan.length];
    ctx.lineTo(x, base - height);
    if (roof) ctx.lineTo(x + w / 2, base - height - roof);
    ctx.lineTo(x + w, base - height);
    x += w;
  }
  ctx.lineTo(x, WORLD.above);
  ctx.fill();
}

function town(ctx, c, width) {
  houses(ctx, FAR, WORLD.above - HOUSES_FROM, width, c.far);
  houses(ctx, NEAR, WORLD.above - 48, width, c.near);
  ctx.fillStyle = c.window;
  let x = -30;
  for (let i = 0; x < width; i++) {
    const [w, height] = NEAR[i % NEAR.length];
    for (let row = 0; row < Math.floor(height / 26) + 1; row++) {
      for (let column = 0; column < 2; column++) {
        ctx.globalAlpha = (i * 7 + row * 5 + column * 3) % 4 ? 0.85 : 0.12;
        ctx.fillRect(x + w * (column ? 0.6 : 0.24), WORLD.above - 44 - height + 8 + row * 24, 8, 11);
      }
    }
    x += w;
  }
  ctx.globalAlpha = 1;
  // Evening haze between the houses and the stage: who fights stands out.
  const haze = ctx.createLinearGradient(0, WORLD.above - HOUSES_UP, 0, WORLD.above);
  haze.addColorStop(0, "rgb(240 150 110 / 0)");
  haze.addColorStop(1, "rgb(240 150 110 / .34)");
  ctx.globalCompositeOperation = "source-atop";
  ctx.fillStyle = haze;
  ctx.fillRect(0, WORLD.above - HOUSES_UP, width, HOUSES_UP);
}

/** The boards, seen from a seat in the third row, and the footlights at their edge. */
function boards(ctx, width) {
  const wood = ctx.createLinearGradient(0, 0, 0, WORLD.below);
  wood.addColorStop(0, "#6d3f35");
  wood.addColorStop(0.45, "#96583c");
  wood.addColorStop(0.62, "#a9683f");
  wood.addColorStop(0.63, "#3a1c22");
  wood.addColorStop(1, "#1c0d18");
  ctx.fillStyle = wood;
  ctx.fillRect(0, 0, width, WORLD.below);
  ctx.fillStyle = "rgb(255 214 160 / .25)";
  ctx.fillRect(0, 0, width, 2);
  ctx.strokeStyle = "rgb(40 14 18 / .38)";
  ctx.lineWidth = 1.5;
  const edge = WORLD.below * 0.62;
  for (let i = -30; i <= 30; i++) {
    ctx.beginPath();
    ctx.moveTo(width / 2 + i * 42, 0);
    ctx.lineTo(width / 2 + i * 60, edge);
    ctx.stroke();
  }
  for (let x = 40; x < width; x += 80) {
    const glow = ctx.createRadialGradient(x, edge - 4, 2, x, edge - 4, 44);
    glow.addColorStop(0, "rgb(255 214 130 / .75)");
    glow.addColorStop(1, "rgb(255 190 90 / 0)");
    ctx.fillStyle = glow;
    ctx.fillRect(x - 44, edge - 48, 88, 52);
    ctx.fillStyle = "#2a1220";
    ctx.beginPath();
    ctx.ellipse(x, edge + 2, 15, 9, 0, 0, 7);
    ctx.fill();
  }
}

const sideOf = (width) => Math.min(74, width * 0.075);

/** What the curtains cover, in rectangles `[x, y, width, height]`: the middle of their picture is empty. */
export function covered(width, height) {
  const [side, drop] = [Math.ceil(sideOf(width) * 1.25), Math.ceil(height * 0.15)];
  return [[0, 0, width, drop], [0, drop, side, height - drop], [width - side, drop, side, height - drop]];
}

/** The curtains at the sides and along the top: they stay where they are, whatever the camera does. */
export function curtains(ctx, width, height, { red, "red-deep": deep, gold }) {
  const side = sideOf(width);
  for (const flip of [false, true]) {
    ctx.save();
    if (flip) {
      ctx.translate(width, 0);
      ctx.scale(-1, 1);
    }
    const cloth = ctx.createLinearGradient(0, 0, side, 0);
    for (let i = 0; i <= 6; i++) cloth.addColorStop(i / 6, i % 2 ? deep : "#6e1722");
    ctx.fillStyle = cloth;
    ctx.beginPath();
    ctx.moveTo(0, 0);
    ctx.lineTo(side * 1.25, 0);
    ctx.quadraticCurveTo(side * 1.05, height * 0.5, side * 0.42, height * 0.66);
    ctx.quadraticCurveTo(side * 0.62, height * 0.82, side * 0.7, height);
    ctx.lineTo(0, height);
    ctx.fill();
    ctx.strokeStyle = gold;
    ctx.lineWidth = Math.max(2, side * 0.07);
    ctx.beginPath();
    ctx.moveTo(0, height * 0.655);
    ctx.quadraticCurveTo(side * 0.25, height * 0.68, side * 0.44, height * 0.655);
    ctx.stroke();
    ctx.restore();
  }
  valance(ctx, width, height * 0.125, red, deep, gold);
}

function valance(ctx, width, drop, red, deep, gold) {
  const count = Math.max(6, Math.round(width / 120));
  const each = width / count;
  for (let i = 0; i < count; i++) {
    const cloth = ctx.createLinearGradient(i * each, 0, (i + 1) * each, 0);
    cloth.addColorStop(0, "#6e1722");
    cloth.addColorStop(0.5, red);
    cloth.addColorStop(1, deep);
    ctx.fillStyle = cloth;
    ctx.strokeStyle = gold;
    ctx.lineWidth = 2.5;
    ctx.beginPath();
    ctx.moveTo(i * each, 0);
    ctx.lineTo(i * each, drop * 0.82);
    ctx.quadraticCurveTo((i + 0.5) * each, drop * 1.22, (i + 1) * each, drop * 0.82);
    ctx.lineTo((i + 1) * each, 0);
    ctx.fill();
    ctx.beginPath();
    ctx.moveTo(i * each, drop * 0.82);
    ctx.quadraticCurveTo((i + 0.5) * each, drop * 1.22, (i + 1) * each, drop * 0.82);
    ctx.stroke();
  }
  const shade = ctx.createLinearGradient(0, 0, 0, drop * 1.1);
  shade.addColorStop(0, "rgb(20 6 18 / .55)");
  shade.addColorStop(1, "rgb(20 6 18 / .1)");
  ctx.fillStyle = shade;
  ctx.fillRect(0, 0, width, drop * 0.8);
}
