// Owns: the ticking of every clock on the page. A view writes `data-ends-at` (and `data-from`) on an element; this
// fills in its number and ring several times a second without drawing the page again.

const TICK_MS = 200;

/** @param {() => number} serverNow server time in Unix milliseconds */
export function startClocks(serverNow) {
  const tick = () => {
    const now = serverNow();
    for (const el of document.querySelectorAll("[data-ends-at]")) paint(el, now);
  };
  setInterval(tick, TICK_MS);
  return tick;
}

function paint(el, now) {
  const endsAt = Number(el.dataset.endsAt);
  const from = Number(el.dataset.from);
  const left = Math.max(0, endsAt - now);
  const seconds = Math.ceil(left / 1000);
  const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  const number = el.querySelector(".clock-number") ?? el;
  if (number.textContent !== text) number.textContent = text;
  el.classList.toggle("urgent", left > 0 && left <= 5000);
  const share = endsAt > from ? Math.min(1, left / (endsAt - from)) : 0;
  el.style.setProperty("--left", share.toFixed(4));
}
