// Owns: admission queues (spec 3.1): how long their lines are now, and what an operator changes while they run.

import { h } from "../../lib/dom.js";
import { button } from "../../ui.js";
import { figure, sampled } from "../charts.js";
import { facts, loaded, more, panel, sentence, table, tag, time } from "../parts.js";

/** What each state may become, and the verb for it. */
const NEXT = { open: ["paused", "draining"], paused: ["open", "draining"], draining: ["open"] };
const VERBS = { open: "Open", paused: "Pause", draining: "Drain" };
const SLIDER_LEAST = 100;

export const queues = {
  name: "queues",
  title: "Queues",
  icon: "queue",
  shown: (session) => session.has("GET", "/queues"),
  reads(state, [, id]) {
    if (!id) return [{ key: "queues", path: "/queues?limit=50" }];
    const then = ({ queue }) => {
      for (const name of ["waiting", "active", "admitted_per_s"]) {
        const key = `queue-${id}-${name}`;
        if (queue[name] !== null) state.series[key] = sampled(state.series[key], Math.round(queue[name] * 10) / 10);
      }
    };
    return [{ key: "queue", path: `/queues/${encodeURIComponent(id)}`, then }];
  },
  show: (state, act, [, id]) => (id ? one(state, act, id) : all(state, act)),
};

const called = (queue) => queue.name || `Queue …${queue.id.slice(-8)}`;
const status = (queue) => tag(queue.sold_out_at ? `${queue.state}, sold out` : queue.state, queue.state === "open" && !queue.sold_out_at ? "good" : "warm");
/** Null: no node with the role answers. */
const known = (n) => (n === null ? "–" : n.toLocaleString("en"));
export const seconds = (ms) => (ms >= 120_000 ? `${Math.round(ms / 6000) / 10} min` : `${ms / 1000} s`);

function all(state, act) {
  return [
    h("div", { class: "head" }, h("h1", null, "Queues"), h("span", { class: "grow" }), state.session.mayAct && button("New queue", () => act.openForm(queueForm(act)), { kind: "primary" })),
    panel(null, loaded(state.data.queues, ({ items }) => [
      table("Queues", [
        ["Name", (q) => h("a", { href: `#/queues/${q.id}` }, called(q))], ["State", status],
        ["Waiting", (q) => known(q.waiting), "n"], ["Inside", (q) => `${known(q.active)} of ${q.capacity}`, "n"],
        ["Admitted/s", (q) => known(q.admitted_per_s === null ? null : Math.round(q.admitted_per_s * 10) / 10), "n"], ["No-shows", (q) => known(q.no_shows), "n"],
      ], items, { empty: "No queue yet." }),
      more(state.data.queues, act, "queues"),
    ])),
  ];
}

function one(state, act, id) {
  return loaded(state.data.queue, ({ queue }) => [
    h("div", { class: "head" }, h("h1", null, called(queue)), status(queue), h("span", { class: "grow" }),
      state.session.mayAct && NEXT[queue.state].map((next) => button(VERBS[next], () => act.openForm({ title: `${VERBS[next]} this queue`, verb: VERBS[next], fields: [], submit: () => act.call("PATCH", path(queue), { state: next }) }))),
      state.session.mayAct && button("Edit", () => act.openForm(queueForm(act, queue)))),
    queue.waiting === null && h("p", { class: "error", role: "alert" }, "No node with the role queue answers: nobody is admitted now."),
    h("div", { class: "figures" },
      figure("Waiting", state.series[`queue-${id}-waiting`] ?? [], "var(--accent)"),
      figure("Inside", state.series[`queue-${id}-active`] ?? [], "var(--good)"),
      figure("Admitted a second", state.series[`queue-${id}-admitted_per_s`] ?? [], "var(--warm)")),
    panel("Capacity", slider(state, act, queue)),
    panel("Queue", facts([
      ["Admissions a second at most", queue.rate_per_s ?? "as fast as places are free"], ["A pass is claimed within", seconds(queue.claim_ttl_ms)],
      ["And is good for", seconds(queue.pass_ttl_ms)], ["Who is silent is dropped after", seconds(queue.abandon_after_ms)],
      ["When all is sold, the line is", queue.sold_out === "keep" ? "kept" : "dismissed"], ["Sold out", queue.sold_out_at ? time(queue.sold_out_at) : null],
      ["Admitted", known(queue.admitted)], ["No-shows", known(queue.no_shows)], ["Ran out of time", known(queue.expiries)], ["Gave up waiting", known(queue.abandoned)],
      ["Made", time(queue.created_at)], ["Changed", time(queue.updated_at)],
    ])),
  ]);
}

const path = (queue) => `/queues/${encodeURIComponent(queue.id)}`;

/** In force when it is let go. */
function slider({ session }, act, queue) {
  const most = Math.max(SLIDER_LEAST, queue.capacity * 2);
  const said = `${known(queue.active)} of ${queue.capacity} places are taken`;
  if (!session.mayAct) return h("p", null, said);
  const change = async (event) => {
    try {
      await act.call("PATCH", path(queue), { capacity: Number(event.target.value) });
      act.load("queue", path(queue));
    } catch (error) {
      act.notice(sentence(error));
    }
  };
  return h("label", null, h("span", null, said), h("input", { type: "range", min: 0, max: most, step: 1, name: "capacity", mount: (el) => (el.value = queue.capacity), onchange: change, "aria-label": "Capacity", key: `capacity-${queue.updated_at}` }));
}

const queueForm = (act, queue) => ({
  title: queue ? "Edit this queue" : "New queue", verb: "Save",
  fields: [
    { name: "name", label: "Name", value: queue?.name ?? "" },
    { name: "capacity", label: "Capacity", type: "number", min: 0, required: true, value: queue?.capacity ?? 100 },
    { name: "rate_per_s", label: "Admissions a second at most (empty: no limit)", type: "number", min: 0.001, step: "any", value: queue?.rate_per_s ?? undefined },
    { name: "claim_ttl_ms", label: "A pass is claimed within (s)", type: "number", min: 0.001, step: "any", required: true, value: (queue?.claim_ttl_ms ?? 60_000) / 1000 },
    { name: "pass_ttl_ms", label: "And is good for (s)", type: "number", min: 0.001, step: "any", required: true, value: (queue?.pass_ttl_ms ?? 600_000) / 1000 },
    { name: "abandon_after_ms", label: "Who is silent is dropped after (s)", type: "number", min: 0.001, step: "any", required: true, value: (queue?.abandon_after_ms ?? 60_000) / 1000 },
    { name: "sold_out", label: "When all is sold, the line is", options: ["keep", "dismiss"], value: queue?.sold_out },
  ],
  submit: (values) => act.call(queue ? "PATCH" : "POST", queue ? path(queue) : "/queues", wish(values)),
});

/** What a form says, as the API takes it. */
export function wish({ name, capacity, rate_per_s, claim_ttl_ms, pass_ttl_ms, abandon_after_ms, sold_out }) {
  const ms = (text) => Math.round(Number(text) * 1000);
  return {
    name, capacity: Number(capacity), rate_per_s: rate_per_s === "" ? null : Number(rate_per_s),
    claim_ttl_ms: ms(claim_ttl_ms), pass_ttl_ms: ms(pass_ttl_ms), abandon_after_ms: ms(abandon_after_ms), sold_out,
  };
}
