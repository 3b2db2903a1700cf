// Owns: what time it is on the server. A socket measures it well; without one the date of an answer is near enough for a
// countdown, which the server ends in any case.

/** A date in a header is cut off to whole seconds. */
const HALF_MS = 500;

export function serverTime(client, { fetch = globalThis.fetch, now = Date.now } = {}) {
  let offset = 0;
  return {
    now: () => (client.state === "online" ? client.serverNow() : now() + offset),
    async measure() {
      try {
        const asked = now();
        const response = await fetch("/assets/icon.svg", { cache: "no-store" });
        const at = Date.parse(response.headers.get("date"));
        if (Number.isFinite(at)) offset = at + HALF_MS - (asked + now()) / 2;
      } catch {
        // This device's own clock will do.
      }
    },
  };
}
