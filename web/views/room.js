// Owns: the page inside a room: the table and the column beside it. Fetched when somebody is on the way in.

import { h } from "../lib/dom.js";
import { side } from "./side.js";
import { stage } from "./stage.js";

export { drawLines } from "../votelines.js";
export { mediaDialog } from "./media.js";

export const room = (state, act) => h("main", { class: `room ${state.game ? "playing" : ""}`, id: "main", key: "room" }, h("h1", { class: "sr" }, state.room.name), stage(state, act), side(state, act));
