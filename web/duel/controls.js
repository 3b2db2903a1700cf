// Owns: which buttons are held, from the keyboard (both hands), from fingers and from a gamepad. Called by `match.js`
// once a step. A tap shorter than a step is not lost: it counts until a step has taken it.

import { INPUT } from "./moves.js";

const BOTH = INPUT.light | INPUT.heavy;
/** By place on the keyboard, not by letter: it plays the same in every layout. */
export const KEYS = {
  KeyA: INPUT.left, KeyD: INPUT.right, KeyW: INPUT.jump, KeyS: INPUT.guard,
  ArrowLeft: INPUT.left, ArrowRight: INPUT.right, ArrowUp: INPUT.jump, ArrowDown: INPUT.guard, Space: INPUT.jump,
  KeyJ: INPUT.light, KeyK: INPUT.heavy, KeyL: BOTH, KeyZ: INPUT.light, KeyX: INPUT.heavy, KeyC: BOTH,
};
const PAD = [INPUT.jump, INPUT.guard, INPUT.light, INPUT.heavy, BOTH, BOTH, INPUT.guard, INPUT.guard];

export class Controls {
  #keys = new Set();
  #fingers = new Map(); // pointer → bits
  #tapped = 0;
  #listeners = [];

  /** `surface`: the element whose `[data-bits]` children are touch buttons. */
  constructor(target = globalThis) {
    this.#on(target, "keydown", (event) => this.#key(event, true));
    this.#on(target, "keyup", (event) => this.#key(event, false));
    this.#on(target, "blur", () => this.release());
  }

  /** Fingers on `surface`: each one presses the `[data-bits]` button under it, and may slide from one to the next. */
  touch(surface) {
    const press = (event) => {
      const under = document.elementFromPoint(event.clientX, event.clientY)?.closest("[data-bits]");
      const bits = under ? Number(under.dataset.bits) : 0;
      this.#tapped |= bits & ~(this.#fingers.get(event.pointerId) ?? 0);
      this.#fingers.set(event.pointerId, bits);
      this.#light(surface);
      event.preventDefault();
    };
    const lift = (event) => {
      this.#fingers.delete(event.pointerId);
      this.#light(surface);
    };
    this.#on(surface, "pointerdown", press);
    this.#on(surface, "pointermove", (event) => this.#fingers.has(event.pointerId) && press(event));
    for (const end of ["pointerup", "pointercancel"]) this.#on(surface, end, lift);
    this.#on(surface, "contextmenu", (event) => event.preventDefault());
  }

  /** The bits of this step. `take` forgets the taps: call it when the step took the input. */
  read() {
    let bits = this.#tapped;
    for (const code of this.#keys) bits |= KEYS[code];
    for (const held of this.#fingers.values()) bits |= held;
    bits |= pad();
    return bits & INPUT.left && bits & INPUT.right ? bits & ~(INPUT.left | INPUT.right) : bits;
  }

  take() {
    this.#tapped = 0;
  }

  release() {
    this.#keys.clear();
    this.#fingers.clear();
  }

  stop() {
    for (const undo of this.#listeners.splice(0)) undo();
    this.release();
  }

  #key(event, down) {
    if (!(event.code in KEYS) || event.ctrlKey || event.metaKey || event.altKey) return;
    const on = event.target?.tagName;
    if (on === "INPUT" || on === "TEXTAREA" || (event.code === "Space" && on === "BUTTON")) return;
    event.preventDefault();
    if (!down) return void this.#keys.delete(event.code);
    if (!event.repeat) this.#tapped |= KEYS[event.code];
    this.#keys.add(event.code);
  }

  #light(surface) {
    let bits = 0;
    for (const held of this.#fingers.values()) bits |= held;
    for (const button of surface.querySelectorAll("[data-bits]")) button.classList.toggle("held", (bits & Number(button.dataset.bits)) === Number(button.dataset.bits));
  }

  #on(target, type, listener) {
    target.addEventListener?.(type, listener, { passive: false });
    this.#listeners.push(() => target.removeEventListener?.(type, listener));
  }
}

function pad() {
  let bits = 0;
  for (const gamepad of globalThis.navigator?.getGamepads?.() ?? []) {
    if (!gamepad?.connected) continue;
    gamepad.buttons.slice(0, PAD.length).forEach(({ pressed }, i) => pressed && (bits |= PAD[i]));
    const [up, down, left, right] = [12, 13, 14, 15].map((i) => gamepad.buttons[i]?.pressed);
    if (left || gamepad.axes[0] < -0.5) bits |= INPUT.left;
    if (right || gamepad.axes[0] > 0.5) bits |= INPUT.right;
    if (up) bits |= INPUT.jump;
    if (down) bits |= INPUT.guard;
  }
  return bits;
}
