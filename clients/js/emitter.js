// Owns: who listens to what. A listener that throws is reported and does not keep the others from hearing.

export class Emitter {
  #listeners = new Map();

  /** Calls `listener` at every `event`; returns the function that stops it. */
  on(event, listener) {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
    this.#listeners.get(event).add(listener);
    return () => this.#listeners.get(event)?.delete(listener);
  }

  emit(event, value) {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        listener(value);
      } catch (error) {
        console.error(error);
      }
    }
  }
}
