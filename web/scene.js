// Owns: the town behind everything: sky, sun or moon, stars, two rows of houses. Drawn once; `style.css` repaints it
// with each phase through the tokens on `body[data-light]`.

import { h } from "./lib/dom.js";

/** Roofs from left to right: `[width, height, roof]`, repeated over the width of the picture. */
const FAR = [[70, 60, 24], [48, 88, 0], [80, 52, 30], [40, 110, 40], [66, 64, 0], [90, 46, 26], [44, 96, 0], [72, 70, 34]];
const NEAR = [[96, 54, 34], [60, 84, 0], [52, 46, 22], [84, 66, 36], [40, 118, 56], [74, 50, 26], [58, 78, 0], [110, 44, 30]];
const WIDTH = 1440;
const FLOOR = 260;

function houses(plan, base) {
  let x = -20;
  let d = `M${x} ${FLOOR}`;
  for (let i = 0; x < WIDTH + 20; i++) {
    const [w, height, roof] = plan[i % plan.length];
    const top = base - height;
    d += `V${top}`;
    d += roof ? `l${w / 2} ${-roof}l${w / 2} ${roof}` : `h${w}`;
    x += w;
    d += `H${x}`;
  }
  return `${d}V${FLOOR}Z`;
}

function windows() {
  const lit = [];
  let x = -20;
  for (let i = 0; x < WIDTH; i++) {
    const [w, height] = NEAR[i % NEAR.length];
    for (let row = 0; row < Math.floor(height / 26); row++) {
      for (let column = 0; column < 2; column++) {
        if ((i * 7 + row * 5 + column * 3) % 4 === 0) continue;
        lit.push(h("rect", { x: x + w * (column ? 0.6 : 0.24), y: FLOOR - 24 - height + 12 + row * 24, width: 8, height: 11, rx: 1.5 }));
      }
    }
    x += w;
  }
  return lit;
}

function stars() {
  return Array.from({ length: 46 }, (_, i) => {
    const x = (i * 379.7) % WIDTH;
    const y = (i * i * 53.3) % 420;
    return h("circle", { cx: x.toFixed(0), cy: y.toFixed(0), r: i % 5 === 0 ? 1.8 : 1 });
  });
}

export function scene() {
  return [
    h("svg", { class: "stars", viewBox: `0 0 ${WIDTH} 460`, preserveAspectRatio: "xMidYMin slice", "aria-hidden": "true" }, stars()),
    h("div", { class: "orb", "aria-hidden": "true" }),
    h(
      "svg",
      { class: "town", viewBox: `0 0 ${WIDTH} ${FLOOR}`, preserveAspectRatio: "xMidYMax slice", "aria-hidden": "true" },
      h("path", { class: "far", d: houses(FAR, FLOOR - 58) }),
      h("path", { class: "near", d: houses(NEAR, FLOOR - 20) }),
      h("g", { class: "windows" }, windows()),
    ),
  ];
}
