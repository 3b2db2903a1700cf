// Owns: where the seats are around the oval table. Pure.

const SAMPLES = 720;

/**
 * `count` places, equally far apart along the ellipse, the first at the bottom, then clockwise.
 * In shares of the stage: `{x, y}` from 0 to 1. `ratio` is the stage's width over its height.
 */
export function places(count, ratio = 1.5, { rx = 0.42, ry = 0.39 } = {}) {
  const at = (i) => {
    const angle = Math.PI / 2 + (i / SAMPLES) * Math.PI * 2;
    return { x: 0.5 + rx * Math.cos(angle), y: 0.5 + ry * Math.sin(angle) };
  };
  const lengths = [0];
  for (let i = 1; i <= SAMPLES; i++) {
    const a = at(i - 1);
    const b = at(i);
    lengths.push(lengths[i - 1] + Math.hypot((b.x - a.x) * ratio, b.y - a.y));
  }
  const total = lengths[SAMPLES];
  let i = 0;
  return Array.from({ length: count }, (_, seat) => {
    while (lengths[i] < (total * seat) / count) i++;
    return at(i);
  });
}
