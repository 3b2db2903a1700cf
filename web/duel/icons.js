// Owns: the duel's own icons, on the grid of the page's: 24 × 24, one stroke.

import { draw } from "../icons.js";

draw({
  swords: ["M4 4l11 11M4 4v3l9 9M20 4L9 15M20 4v3l-9 9", "M6 14l4 4M18 14l-4 4M7 17l-3 3M17 17l3 3"],
  puppet: ["M12 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM12 11v5M12 16l-3 5M12 16l3 5M7 13l5-1 5 1", "M5 2h14M7 2v11M17 2v11"],
  left: ["M15 5l-7 7 7 7"],
  right: ["M9 5l7 7-7 7"],
  jump: ["M5 14l7-7 7 7M12 7v13"],
  guard: ["M12 3.5l7.5 2.5v6c0 4.5-3 7-7.5 9-4.5-2-7.5-4.5-7.5-9V6z"],
  thrust: ["M3 12h15M14 7l5 5-5 5", "M6 8v8"],
  cut: ["M5 20L18 7M18 7l2-4-4 2M7 15l3 3", "M6 5c4-2 9-1 12 6"],
  grab: ["M8 12V6.5a1.5 1.5 0 0 1 3 0V11M11 10V5a1.5 1.5 0 0 1 3 0v6M14 10.5V7a1.5 1.5 0 0 1 3 0v8a6 6 0 0 1-6 6c-3 0-4-1.5-7-6.5 1.4-1.4 2.6-1 4 .5z"],
});
