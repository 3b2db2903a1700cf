// Owns: a beat at a steady rate, from a worker: neither the display's rate nor a hidden tab slows it down.
// Called by `match.js`: a number starts it (the period, ms), 0 stops it.

let timer = 0;

onmessage = ({ data: period }) => {
  clearTimeout(timer);
  if (!(period > 0)) return;
  let next = performance.now() + period;
  const beat = () => {
    postMessage(0);
    const now = performance.now();
    next = Math.max(next + period, now); // what was missed is not made up for here: `Pace` counts
    timer = setTimeout(beat, next - now);
  };
  timer = setTimeout(beat, period);
};
