// Owns: what the page knows, and pure questions about it. Changed through `set` alone; whoever draws subscribes.

/** @param {object} initial */
export function createState(initial) {
  const listeners = new Set();
  const store = {
    state: initial,
    set(change) {
      store.state = { ...store.state, ...(typeof change === "function" ? change(store.state) : change) };
      for (const listener of listeners) listener(store.state);
    },
    subscribe: (listener) => (listeners.add(listener), () => listeners.delete(listener)),
  };
  return store;
}

/** The seats with what has changed of them, in the same order; new ones at the end. */
export function withChanges(seats, changes) {
  if (!changes.length) return seats;
  const news = new Map(changes.map((seat) => [seat.id, seat]));
  const known = seats.map((seat) => {
    const now = news.get(seat.id);
    news.delete(seat.id);
    return now && now.status !== seat.status ? now : seat;
  });
  return [...known, ...news.values()];
}

/** My reservations of a showtime that count, newest first. */
export const mineOf = (state, status) =>
  (state.reservations ?? []).filter((it) => it.showtime === state.showtime?.id && it.status === status);

/** One reservation put in or replaced; an older word of it than the one we have is not taken. */
export function withReservation(list, it) {
  const known = list?.find((old) => old.id === it.id);
  if (known && (known.updated_at > it.updated_at || known.status === "paid")) return list;
  return known ? list.map((old) => (old.id === it.id ? it : old)) : [it, ...(list ?? [])];
}

/** What a seat is to me: free | chosen | held | sold | mine | yours. */
export function seatLook(state, seat) {
  const own = (status) => mineOf(state, status).some((it) => it.seat === seat.id);
  if (own("paid")) return "yours";
  if (own("held")) return "mine";
  if (seat.status === "free") return state.chosen === seat.id ? "chosen" : "free";
  return seat.status;
}

/** Rows of a hall: seats whose labels begin alike stand together, in the order in which they came. */
export function rowsOf(seats) {
  const rows = new Map();
  for (const seat of seats) {
    const name = /^(.*?)\s*\d+$/u.exec(seat.label)?.[1] ?? "";
    if (!rows.has(name)) rows.set(name, []);
    rows.get(name).push(seat);
  }
  return [...rows].map(([name, of]) => ({ name, seats: of }));
}

/** The expected wait as a sentence's key and numbers: rounded up, for a wait is better short than long. */
export function waitWords(etaMs) {
  if (etaMs === null || etaMs === undefined) return ["line.eta_unknown"];
  const minutes = Math.ceil(etaMs / 60_000);
  if (minutes <= 1) return ["line.eta_soon"];
  if (minutes < 60) return ["line.eta", { n: minutes }];
  return ["line.eta_long", { h: Math.floor(minutes / 60), n: minutes % 60 }];
}

/** How far the line has moved since one came, 0 to 1. */
export const progress = ({ first, ahead }) => (first > 0 ? Math.min(1, Math.max(0, 1 - ahead / first)) : 1);

/** The seat next to this one in a direction, over rows of different lengths. */
export function neighbour(rows, id, key) {
  const y = rows.findIndex((row) => row.seats.some((seat) => seat.id === id));
  if (y < 0) return null;
  const x = rows[y].seats.findIndex((seat) => seat.id === id);
  const inRow = (row, n) => row?.seats[Math.min(n, row.seats.length - 1)] ?? null;
  switch (key) {
    case "ArrowLeft": return rows[y].seats[x - 1] ?? null;
    case "ArrowRight": return rows[y].seats[x + 1] ?? null;
    case "ArrowUp": return inRow(rows[y - 1], x);
    case "ArrowDown": return inRow(rows[y + 1], x);
    case "Home": return rows[y].seats[0];
    case "End": return rows[y].seats.at(-1);
    default: return null;
  }
}
