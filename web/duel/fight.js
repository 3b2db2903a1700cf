// Owns: one door to all that only a fight needs; `app.js` fetches it when somebody enters, the first paint goes without.

export { arena, sides } from "./arena.js";
export { Controls } from "./controls.js";
export { Painter } from "./draw.js";
export { Encounter } from "./encounter.js";
export { initial as opening } from "./game.js";
export { Match } from "./match.js";
export { Puppet } from "./practice.js";
