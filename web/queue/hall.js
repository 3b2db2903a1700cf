// Owns: seats of the showtime on the page, as they are now; holding one, paying for it, giving it back. Seats are asked about
// every moment, but for those alone that have changed. A payment keeps its key until the server has said what became of
// it, over reloads too: it is made once.

import { load, save } from "./storage.js";
import { mineOf, withChanges, withReservation } from "./state.js";

const LOOK_MS = 1_500;
/** What has changed within so long is asked for: longer than a look may be late. */
const WITHIN_MS = 10_000;
const PAGE = 100;
const WALLET_MS = 5_000;
const PAY_TRIES = 6;
const PAY_PAUSE_MS = 800;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const tab = () => sessionStorage;

export function createHall({ client, store, line, tell }) {
  let timer = 0;
  let run = 0;
  let lookedAt = -Infinity;
  let walletAt = -Infinity;
  const state = () => store.state;
  const call = (...args) => client.api.call(...args);

  /** Everything of a list, page by page. */
  async function all(path) {
    const items = [];
    for (let cursor = ""; ; ) {
      const page = await call("GET", `${path}${path.includes("?") ? "&" : "?"}limit=${PAGE}${cursor && `&cursor=${cursor}`}`);
      items.push(...page.items);
      if (!page.next_cursor) return items;
      cursor = encodeURIComponent(page.next_cursor);
    }
  }

  function begin() {
    end();
    store.set({ seats: null, chosen: null });
    lookedAt = -Infinity;
    look();
  }

  function end() {
    run += 1;
    clearTimeout(timer);
  }

  async function look() {
    const mine = (run += 1);
    clearTimeout(timer);
    const id = state().showtime?.id;
    if (!id || !client.account) return;
    try {
      const began = performance.now();
      const known = state().seats !== null && began - lookedAt < WITHIN_MS - 2_000;
      const found = await all(`/showtimes/${id}/seats${known ? `?changed_within_ms=${WITHIN_MS}` : ""}`);
      if (mine !== run) return;
      lookedAt = began;
      const seats = known ? withChanges(state().seats, found) : found;
      const chosen = seats.some((seat) => seat.id === state().chosen && seat.status === "free") ? state().chosen : null;
      store.set({ seats, chosen, unreached: false });
      if (began - walletAt > WALLET_MS) await lookAtMine();
    } catch (error) {
      if (mine === run) store.set(error.status === 404 ? { seats: [] } : { unreached: error.status === 0 });
    }
    if (mine === run) timer = setTimeout(look, document.visibilityState === "visible" ? LOOK_MS : LOOK_MS * 4);
  }

  /** My points and reservations. */
  async function lookAtMine() {
    if (!client.account) return;
    walletAt = performance.now();
    const [wallet, list] = await Promise.all([call("GET", "/me/wallet"), call("GET", `/me/reservations?limit=${PAGE}`)]);
    store.set(({ reservations }) => ({ balance: wallet.balance, reservations: list.items.reduceRight(withReservation, reservations ?? []) }));
    await resume();
  }

  /** A payment that was under way when the page was left. */
  async function resume() {
    const waiting = mineOf(state(), "held").find((it) => load(payKey(it.id), tab));
    if (waiting && state().busy !== "pay") await pay(waiting.id);
  }

  const label = (seat) => state().seats?.find((it) => it.id === seat)?.label ?? "";

  function choose(id) {
    const free = state().seats?.some((seat) => seat.id === id && seat.status === "free");
    if (free) store.set({ chosen: state().chosen === id ? null : id, error: null });
  }

  async function hold() {
    const { chosen, showtime, line: place } = state();
    if (!chosen || state().busy) return;
    store.set({ busy: "hold", error: null });
    const headers = place.pass ? { "Queue-Pass": place.pass } : {};
    try {
      const { reservation } = await call("POST", `/showtimes/${showtime.id}/seats/${chosen}/reservations`, undefined, { headers, idempotencyKey: newKey() });
      store.set(({ reservations }) => ({ reservations: withReservation(reservations, reservation), chosen: null }));
      if (place.pass) line.look(); // its second clock runs from now on
    } catch (error) {
      store.set({ error, ...(error.code === "seat_taken" && { chosen: null }) });
      if (error.code === "invalid_pass") line.gone("expired");
      if (error.code === "pass_required") line.gone("outside");
    } finally {
      store.set({ busy: null });
      look();
    }
  }

  const payKey = (id) => `playhouse.pay.${id}`;

  /** Sent again under its key until there is an answer. */
  async function pay(id) {
    if (state().busy) return;
    const key = load(payKey(id), tab) ?? newKey();
    save(payKey(id), key, tab);
    store.set({ busy: "pay", error: null });
    try {
      const { reservation } = await payWith(id, key);
      store.set(({ reservations }) => ({ reservations: withReservation(reservations, reservation) }));
      save(payKey(id), null, tab);
      tell("paid.toast", { label: label(reservation.seat) });
      if (state().line.kind === "admitted") line.gone("done"); // the pass has done its work
    } catch (error) {
      if (error.status >= 400 && error.status < 500) save(payKey(id), null, tab); // that was the answer
      store.set({ error });
    } finally {
      store.set({ busy: null, again: false });
      walletAt = -Infinity;
      look();
    }
  }

  async function payWith(id, key) {
    for (let n = 1; ; n++) {
      try {
        return await call("POST", `/reservations/${id}/payment`, undefined, { idempotencyKey: key });
      } catch (error) {
        const unknown = error.status === 0 || error.status >= 500 || error.code === "in_progress";
        if (!unknown || n === PAY_TRIES) throw error;
        store.set({ again: true });
        await pause(PAY_PAUSE_MS * n);
      }
    }
  }

  async function giveBack(id) {
    if (state().busy) return;
    store.set({ busy: "give", error: null });
    const of = state().reservations.find((it) => it.id === id);
    try {
      await call("DELETE", `/reservations/${id}`);
      store.set(({ reservations }) => ({ reservations: reservations.map((it) => (it.id === id ? { ...it, status: "cancelled" } : it)) }));
      tell("hold.given", { label: label(of?.seat) });
    } catch (error) {
      store.set({ error });
    } finally {
      store.set({ busy: null });
      look();
    }
  }

  client.on("reservation.changed", ({ reservation }) => {
    const before = state().reservations?.find((it) => it.id === reservation.id);
    store.set(({ reservations }) => ({ reservations: withReservation(reservations, reservation) }));
    if (before?.status === "held" && reservation.status === "expired") tell("hold.over", { label: label(reservation.seat) });
    look();
  });

  return { begin, end, look, lookAtMine, choose, hold, pay, giveBack };
}

/** Of this request and its repetitions. Pages without TLS have no `randomUUID`. */
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
