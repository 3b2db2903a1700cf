// Owns: the page's own icons, drawn on a 24 × 24 grid with one stroke width, and the role emblems.
// Called by every view. No emoji, no icon font, no outside host.

import { h } from "./lib/dom.js";

const PATHS = {
  play: ["M8 5.5v13l10.5-6.5z"],
  pause: ["M8 5.5v13M16 5.5v13"],
  again: ["M20 12a8 8 0 1 1-2.6-5.9M20 4v4.2h-4.2"],
  door: ["M14 4H6v16h8M10 12h10M17 9l3 3-3 3"],
  link: ["M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1.2 1.2M14 10a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.7l1.2-1.2"],
  check: ["M5 12.5l4.5 4.5L19 7.5"],
  plus: ["M12 5v14M5 12h14"],
  close: ["M6 6l12 12M18 6L6 18"],
  send: ["M4 12l16-7-6 15-3-6z", "M11 14l9-9"],
  gear: ["M4 7h9M17 7h3M4 17h3M11 17h9", "M15 9.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4zM9 19.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4z"],
  crown: ["M4 8l3.5 3.5L12 5l4.5 6.5L20 8l-1.5 10h-13z"],
  bot: ["M6 10h12v8H6zM12 10V6M9 14h.01M15 14h.01", "M12 6.2a1.2 1.2 0 1 0 0-2.4 1.2 1.2 0 0 0 0 2.4z"],
  dice: ["M5 5h14v14H5z", "M9 9h.01M15 9h.01M12 12h.01M9 15h.01M15 15h.01"],
  lock: ["M7 11h10v8H7zM9 11V8a3 3 0 0 1 6 0v3"],
  sun: ["M12 16.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4"],
  moon: ["M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z"],
  ballot: ["M5 11h14v9H5zM9 11l1-7 6 1-1.2 6M9 15.5h6"],
  speech: ["M4 5h16v11h-8l-5 4v-4H4z"],
  gavel: ["M13 4l6 6-2 2-6-6zM9 8l6 6-2 2-6-6M11 12l-7 7M13 20h7"],
  grave: ["M7 20V10a5 5 0 0 1 10 0v10M4 20h16M12 9v5M10 11h4"],
  skull: ["M12 3.5a7.5 7.5 0 0 0-4.5 13.5V20h9v-3A7.5 7.5 0 0 0 12 3.5zM9.2 11.5h.01M14.8 11.5h.01M12 14v1.5"],
  eye: ["M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z", "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z"],
  dots: ["M6 12h.01M12 12h.01M18 12h.01"],
  quill: ["M4 20c2-9 7-14 16-16-1 9-6 13-13 13M4 20l7-8"],
  people: ["M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-4 3-6 6.5-6s6.5 2 6.5 6M16 4.5a3.3 3.3 0 0 1 0 6.2M17.5 14.3c2.5.6 4 2.5 4 5.7"],
  mute: ["M4 9.5v5h4l5 4v-13l-5 4zM17 9.5l4 5M21 9.5l-4 5"],
  flag: ["M6 21V4h12l-3 4.5 3 4.5H6"],
  globe: ["M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM3.5 12h17M12 3.5c3 2.8 3.5 5.5 3.5 8.5s-.5 5.7-3.5 8.5c-3-2.8-3.5-5.5-3.5-8.5s.5-5.7 3.5-8.5z"],
  citizen: ["M4 20V11l8-6.5 8 6.5v9zM10 20v-5h4v5"],
  mafia: ["M3 15.5c6 2.5 12 2.5 18 0M6.5 15.5C7 9 8 5.5 9.5 5.5c1 0 1.5 1 2.5 1s1.5-1 2.5-1c1.5 0 2.5 3.5 3 10M7 12.3c3.3 1 6.7 1 10 0"],
  doctor: ["M5 8h14v11H5zM9 8V5h6v3M12 11v5M9.5 13.5h5"],
  police: ["M12 3.5l7.5 2.5v6c0 4.5-3 7-7.5 9-4.5-2-7.5-4.5-7.5-9V6z", "M12 9l1 2.2 2.3.3-1.7 1.6.4 2.4-2-1.2-2 1.2.4-2.4-1.7-1.6 2.3-.3z"],
  escort: ["M12 21v-8M12 13c-4 0-6-3-6-8 2 0 3 .5 4 1.5.5-1.5 1-2.5 2-3.5 1 1 1.5 2 2 3.5 1-1 2-1.5 4-1.5 0 5-2 8-6 8zM12 18c2 0 3.5-1 4-3"],
  jester: ["M5 17c-1-5-2-8-3-9 3-1 5 1 6 4 0-4 1.5-7 4-9 2.5 2 4 5 4 9 1-3 3-5 6-4-1 1-2 4-3 9z", "M6 20.5h12"],
};

/** Icons of parts that are fetched later. */
export const draw = (paths) => Object.assign(PATHS, paths);

/** An icon; decorative unless `label` is given. */
export function icon(name, { label, className = "" } = {}) {
  const paths = (PATHS[name] ?? PATHS.dots).map((d) => h("path", { d }));
  const named = label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" };
  return h("svg", { viewBox: "0 0 24 24", class: `icon ${className}`, ...named }, paths);
}

export const PHASE_ICONS = { day: "sun", vote: "ballot", defence: "speech", verdict: "gavel", final_words: "quill", night: "moon" };
export const ROLE_NAMES = ["citizen", "mafia", "doctor", "police", "escort", "jester"];
