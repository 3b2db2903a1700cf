// Owns: the lines from who chooses to who is chosen, drawn over the table. Reads the tiles' places from the DOM after
// each drawing of the page (they differ between oval and grid); decides nothing about the game.

import { h, patch } from "./lib/dom.js";

/** `pairs`: `[{from, to, kind, color}]` of player ids. */
export function drawLines(stage, pairs) {
  const svg = stage?.querySelector(".lines");
  if (!svg) return;
  const frame = stage.getBoundingClientRect();
  const places = new Map();
  for (const tile of stage.querySelectorAll("[data-player]")) {
    const face = (tile.querySelector(".avatar") ?? tile).getBoundingClientRect();
    places.set(tile.dataset.player, { x: face.left + face.width / 2 - frame.left, y: face.top + face.height / 2 - frame.top, r: face.width / 2 });
  }
  svg.setAttribute("viewBox", `0 0 ${Math.round(frame.width)} ${Math.round(frame.height)}`);
  const seats = stage.querySelector(".seats").getBoundingClientRect();
  const oval = seats.height === 0; // there the seats are placed by themselves, in the grid they fill a box
  const middle = { x: frame.width / 2, y: oval ? frame.height / 2 : seats.top + seats.height / 2 - frame.top, oval };
  patch(svg, pairs.filter((p) => places.has(p.from) && places.has(p.to)).map((p) => line(p, places.get(p.from), places.get(p.to), middle)));
}

function line({ from, to, kind, color }, a, b, middle) {
  const key = `${from}>${to}`;
  if (from === to) {
    const d = `M${a.x - a.r * 0.7} ${a.y - a.r * 0.9}c${-a.r} ${-a.r * 1.3} ${a.r * 2.4} ${-a.r * 1.3} ${a.r * 1.4} 0`;
    return h("g", { key, class: `line ${kind} c${color}` }, h("path", { d, pathLength: 1 }));
  }
  const c = bend(a, b, middle);
  const start = towards(a, c, a.r + 2);
  const end = towards(b, c, b.r + 9);
  const d = `M${xy(start)}Q${xy(c)} ${xy(end)}`;
  const angle = (Math.atan2(end.y - c.y, end.x - c.x) * 180) / Math.PI;
  return h(
    "g",
    { key, class: `line ${kind} c${color}` },
    h("path", { d, pathLength: 1 }),
    h("path", { class: "head", d: "M0 0l-10 5.5v-11z", transform: `translate(${xy(end)}) rotate(${angle.toFixed(1)})` }),
  );
}

/** Lines bend towards the middle: around the oval over the table, in the grid into the gap between the rows. */
function bend(a, b, middle) {
  const half = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  if (middle.oval) return { x: half.x + (middle.x - half.x) * 0.22, y: half.y + (middle.y - half.y) * 0.22 };
  const sameRow = Math.abs(a.y - b.y) < a.r;
  return sameRow ? { x: half.x, y: half.y + (half.y < middle.y ? 1 : -1) * a.r * 2.6 } : half;
}

function towards(from, to, distance) {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const length = Math.hypot(dx, dy) || 1;
  return { x: from.x + (dx / length) * distance, y: from.y + (dy / length) * distance };
}

const xy = ({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`;
