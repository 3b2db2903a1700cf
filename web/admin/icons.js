// Owns: the console's own icons, on the grid of the page's: 24 × 24, one stroke.

import { h } from "../lib/dom.js";

const PATHS = {
  pulse: "M3 12h4l3-8 4 16 3-8h4",
  rooms: "M4 20V6l8-3 8 3v14zM4 20h16M10 20v-6h4v6",
  people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-4 3-6 6.5-6s6.5 2 6.5 6M16 4.5a3.3 3.3 0 0 1 0 6.2M17.5 14.3c2.5.6 4 2.5 4 5.7",
  flag: "M6 21V4h12l-3 4.5 3 4.5H6",
  book: "M5 4h11a3 3 0 0 1 3 3v13H8a3 3 0 0 1-3-3zM5 17a3 3 0 0 1 3-3h11M9 8h6",
  star: "M12 3.5l2.6 5.6 6 .7-4.5 4.1 1.2 6-5.3-3-5.3 3 1.2-6-4.5-4.1 6-.7z",
  gift: "M4 10h16v10H4zM3 7h18v3H3zM12 7v13M12 7c-3 0-5-1-5-3s4-2 5 3zM12 7c3 0 5-1 5-3s-4-2-5 3z",
  letter: "M3 6h18v12H3zM3 7l9 7 9-7M15 3l3 3M18 3l-3 3",
  hush: "M4 5h16v11h-7l-5 4v-4H4zM9 8l6 5M15 8l-6 5",
  queue: "M5 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM12 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM19 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM2 14h13M12 11l3 3-3 3M19 11v9",
  seat: "M7 12V6a2 2 0 0 1 2-2h6a2 2 0 0 1 2 2v6M5 11v5h14v-5M7 16v4M17 16v4",
  key: "M8 15.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 11.5h9M17 11.5v4M20.5 11.5v3",
};

export const consoleIcon = (name) => h("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, h("path", { d: PATHS[name] }));
