// Owns: one's place in the line of a queue: getting in, hearing how it moves, being let in. Over the socket the server tells
// by itself; while there is no socket the ticket is asked about, as often as the server says. The ticket is kept on this
// device, and the server gives an account the same one again: a reload or a drop changes nothing.

import { load, save } from "./storage.js";

/** While the socket tells, the ticket is asked about as seldom as this: words of a push may be lost. */
const BACKSTOP_MS = 20_000;
const RETRY_MS = 2_000;
const RETRY_MOST_MS = 15_000;

/** Kinds of places: none (no queue), outside, entering, waiting, admitted, done, expired, left, sold_out, draining, down. */
export const OUTSIDE = { kind: "outside" };

export function createLine({ client, store, onAdmitted, now }) {
  let timer = 0;
  let failures = 0;
  let run = 0; // rises whenever what was asked before does not count any more

  const queue = () => store.state.showtime?.queue ?? null;
  const key = () => `playhouse.ticket.${queue()}.${client.account?.id}`;
  const path = (ticket) => `/queues/${queue()}/tickets${ticket ? `/${encodeURIComponent(ticket)}` : ""}`;
  const line = () => store.state.line;

  function set(change) {
    store.set({ line: { ...line(), ...change } });
  }

  function later(ms) {
    clearTimeout(timer);
    timer = setTimeout(look, ms);
  }

  function stop() {
    run += 1;
    clearTimeout(timer);
  }

  /** A showtime is on the page: finds the way back to the place one had, if one had any. */
  async function begin() {
    stop();
    failures = 0;
    if (!queue()) return store.set({ line: { kind: "none" } });
    const kept = client.account ? load(key()) : null;
    store.set({ line: kept ? { kind: "entering", ticket: kept.ticket, number: kept.number, first: kept.first } : OUTSIDE });
    if (kept) await look();
  }

  async function enter() {
    stop();
    const mine = run;
    store.set({ line: { kind: "entering" } });
    try {
      const place = await client.api.call("POST", path());
      if (mine !== run) return;
      failures = 0;
      const before = load(key());
      const first = before?.ticket === place.ticket ? before.first : place.ahead;
      save(key(), { ticket: place.ticket, number: place.number, first });
      set({ kind: "waiting", ...place, first });
      await listen();
      await look(); // one who need not wait is in already
    } catch (error) {
      if (mine === run) refused(error);
    }
  }

  /** Tells the socket which queue we stand in; then it tells us. */
  async function listen() {
    if (client.state !== "online" || !queue() || !["waiting", "entering"].includes(line().kind)) return;
    try {
      await client.request("queue.enter", { queue: queue() });
      if (line().kind === "waiting") set({ live: true });
    } catch {
      set({ live: false }); // asking goes on
    }
  }

  async function look() {
    const { ticket } = line();
    if (!ticket) return;
    stop();
    const mine = run;
    try {
      const word = await client.api.call("GET", path(ticket));
      if (mine !== run) return;
      failures = 0;
      heard(word);
    } catch (error) {
      if (mine !== run) return;
      if (error.status === 404) return gone("expired"); // a queue or a ticket that is no more
      if (error.status === 401) return refused(error);
      failures += 1;
      set({ stale: failures > 1 });
      later(Math.min(RETRY_MOST_MS, RETRY_MS * failures));
    }
  }

  /** What the server says of our ticket, asked or not. */
  function heard(word) {
    const { kind } = line();
    if (kind === "admitted" && word.status === "waiting") return; // an older word
    switch (word.status) {
      case "waiting": {
        set({ kind: "waiting", ahead: word.ahead, eta_ms: word.eta_ms, first: Math.max(line().first ?? 0, word.ahead), stale: false });
        return later(line().live && client.state === "online" ? BACKSTOP_MS : (word.poll_after_ms ?? RETRY_MS));
      }
      case "admitted": {
        const fresh = kind !== "admitted";
        set({ kind: "admitted", pass: word.pass, expires_at: word.expires_at, stale: false });
        if (fresh) onAdmitted();
        return later(Math.max(RETRY_MS, Math.min(BACKSTOP_MS, word.expires_at - now() + 500)));
      }
      default:
        return gone(word.status);
    }
  }

  /** The place is lost, for this reason. */
  function gone(kind) {
    stop();
    save(key(), null);
    store.set({ line: { kind } });
  }

  function refused(error) {
    if (error.code === "sold_out") return gone("sold_out");
    if (error.code === "queue_draining") return gone("draining");
    if (error.status === 401) return gone("outside");
    const away = error.status === 0 || error.status >= 500 || error.status === 429;
    store.set(away ? { line: { kind: "down" } } : { line: OUTSIDE, error });
  }

  async function leave() {
    const { ticket } = line();
    stop();
    try {
      if (ticket) await client.api.call("DELETE", path(ticket));
      gone("left");
    } catch (error) {
      store.set({ error });
      later(RETRY_MS);
    }
  }

  // Ours, and of the ticket that we hold: a place that was taken back has made another void.
  const ours = ({ queue: of, ticket }) => (of === undefined || of === queue()) && (ticket === undefined || ticket === line().ticket);
  client.on("queue.position", (payload) => ours(payload) && line().ticket && heard({ status: "waiting", ...payload }));
  client.on("queue.admitted", (payload) => ours(payload) && line().ticket && heard({ status: "admitted", ...payload }));
  client.on("queue.ended", (payload) => ours(payload) && line().ticket && gone(payload.status ?? "expired"));
  // Our own place first: a line that was lost takes it back, and who enters anew stands at its end.
  client.on("session", () => (["waiting", "entering"].includes(line().kind) ? look() : Promise.resolve()).then(listen));
  client.on("state", (link) => {
    if (link === "online" || !line().live) return;
    set({ live: false });
    if (line().kind === "waiting") later(0); // asking goes on at once
  });

  return { begin, enter, leave, look, gone, skip: () => set({ kind: "none" }) };
}
