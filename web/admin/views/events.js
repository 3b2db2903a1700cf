// Owns: events and their rewards (spec 2.2): lists, forms, and the next status. Shown where the server has them.

import { h } from "../../lib/dom.js";
import { button } from "../../ui.js";
import { facts, json, loaded, more, panel, table, tag, time } from "../parts.js";
import { calendar, claimsOverTime, stock } from "../timelines.js";

/** draft → active ⇄ inactive → ended */
const NEXT = { draft: ["active"], active: ["inactive"], inactive: ["active", "ended"], ended: [] };
const VERBS = { active: "Activate", inactive: "Pause", ended: "End" };
const EXAMPLE = '{"all": [{"count": "game_won", "where": {"game": "mafia"}, "gte": 3}]}';

export const events = {
  name: "events",
  title: "Events",
  icon: "star",
  shown: (session) => session.has("GET", "/events"),
  reads({ session }, [, id]) {
    const of = id && encodeURIComponent(id);
    const claims = session.has("GET", "/admin/claims/history") ? [{ key: "event-claims", path: `/admin/claims/history?hours=168&event=${of}` }] : [];
    return id ? [{ key: "event", path: `/events/${of}`, once: true }, { key: "rewards", path: `/events/${of}/rewards` }, ...claims] : [{ key: "events", path: "/events?limit=50" }];
  },
  show: (state, act, [, id]) => (id ? one(state, act, id) : all(state, act)),
};

const body = (value) => value?.event ?? value;
const status = (event) => tag(event.status, event.status === "active" ? "good" : event.status === "ended" ? "" : "warm");

function all(state, act) {
  return [
    h("div", { class: "head" }, h("h1", null, "Events"), h("span", { class: "grow" }), state.session.mayAct && button("New event", () => act.openForm(eventForm(act)), { kind: "primary" })),
    panel(null, loaded(state.data.events, ({ items }) => [
      calendar(items, Date.now()),
      table("Events", [["Title", (e) => h("a", { href: `#/events/${e.id}` }, e.title)], ["Status", status], ["From", (e) => time(e.starts_at)], ["To", (e) => time(e.ends_at)]], items, { empty: "No event yet." }),
      more(state.data.events, act, "events"),
    ])),
  ];
}

function one(state, act, id) {
  const path = `/events/${encodeURIComponent(id)}`;
  return loaded(state.data.event, (value) => {
    const event = body(value);
    return [
      h("div", { class: "head" }, h("h1", null, event.title), status(event), h("span", { class: "grow" }),
        state.session.mayAct && NEXT[event.status]?.map((next) => button(VERBS[next], () => act.openForm({ title: `${VERBS[next]} this event`, verb: VERBS[next], kind: next === "ended" ? "danger" : "primary", fields: [], submit: () => act.call("POST", `${path}/status`, { status: next }) }))),
        state.session.mayAct && event.status !== "ended" && button("Edit", () => act.openForm(eventForm(act, event)))),
      h("div", { class: "two" },
        panel("Event", facts([["Description", event.description], ["From", time(event.starts_at)], ["To", time(event.ends_at)], ["Made", time(event.created_at)], ["Changed", time(event.updated_at)]])),
        panel("Condition", preview(event.condition), state.session.mayAct && state.session.has("POST", "/events/preview") && previewButton(state, act, event), h("details", null, h("summary", null, "As JSON"), json(event.condition)))),
      panel("Rewards",
        state.session.mayAct && h("div", null, button("New reward", () => act.openForm(rewardForm(act, path)))),
        loaded(state.data.rewards, ({ items }) => table("Rewards", [["Name", (r) => r.name], ["Kind", (r) => r.kind], ["Amount", (r) => r.amount, "n"], ["Stock", stock, "n"], ["Each", (r) => r.per_account_limit, "n"], ["", (r) => state.session.mayAct && button("Edit", () => act.openForm(rewardForm(act, path, r)), { "aria-label": `Edit ${r.name}` })]], items, { empty: "No reward yet." }))),
      state.data["event-claims"] && panel("Claims of the last week", loaded(state.data["event-claims"], claimsOverTime)),
    ];
  });
}

/** How many of those who played meet it now. */
function previewButton({ previewed }, act, { id, starts_at, ends_at, condition }) {
  const ask = () => act.preview(id, { starts_at, ends_at, condition });
  const mine = previewed?.id === id && previewed;
  return h("div", { class: "head" }, button("Preview", ask), mine && h("span", { role: "status" }, mine.error ?? `${mine.met} of ${mine.looked_at}${mine.more ? " or more" : ""} players meet it now.`));
}

/** A condition in words. */
export function preview(condition) {
  if (!condition || condition.all?.length === 0) return h("p", null, "None: everybody.");
  for (const [name, text] of [["all", "All of:"], ["any", "Any of:"]]) if (condition[name]) return h("div", null, text, h("ul", null, condition[name].map((one, i) => h("li", { key: i }, preview(one)))));
  if (condition.not) return h("div", null, "Not: ", preview(condition.not));
  const bounds = (value) => Object.entries({ gte: "at least", gt: "more than", lte: "at most", lt: "less than", eq: "exactly" }).filter(([key]) => value?.[key] !== undefined).map(([key, text]) => `${text} ${value[key]}`).join(" and ");
  if (condition.count) return h("p", null, `${condition.count}${condition.where ? ` (${Object.entries(condition.where).map(([k, v]) => `${k}: ${v}`).join(", ")})` : ""}: ${bounds(condition)} times`);
  return h("p", null, Object.entries(condition).map(([name, value]) => `${name}: ${bounds(value) || JSON.stringify(value)}`).join(", "));
}

const local = (ms) => (ms ? new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16) : undefined);

function parsed(text) {
  if (!text?.trim() || text.trim() === "null") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`condition: ${error.message}`);
  }
}

const eventForm = (act, event) => ({
  title: event ? "Edit this event" : "New event", verb: "Save",
  fields: [
    { name: "title", label: "Title", required: true, value: event?.title },
    { name: "description", label: "Description", type: "textarea", value: event?.description ?? "" },
    { name: "starts_at", label: "From", type: "datetime-local", required: true, value: local(event?.starts_at) },
    { name: "ends_at", label: "To", type: "datetime-local", required: true, value: local(event?.ends_at) },
    { name: "condition", label: "Condition (JSON)", type: "textarea", value: event ? JSON.stringify(event.condition ?? null, null, 2) : EXAMPLE },
  ],
  submit({ title, description, starts_at, ends_at, condition }) {
    const wish = { title, description, starts_at: new Date(starts_at).getTime(), ends_at: new Date(ends_at).getTime(), condition: parsed(condition) };
    return event ? act.call("PATCH", `/events/${encodeURIComponent(event.id)}`, wish) : act.call("POST", "/events", wish);
  },
});

const rewardForm = (act, path, reward) => ({
  title: reward ? `Edit ${reward.name}` : "New reward", verb: "Save",
  fields: [
    { name: "name", label: "Name", required: true, value: reward?.name },
    !reward && { name: "kind", label: "Kind", options: ["points", "item", "badge", "coupon"] },
    { name: "amount", label: "Amount", type: "number", min: 1, value: reward?.amount ?? 1, required: true },
    { name: "stock", label: "Stock (empty: no limit)", type: "number", min: 0, value: reward?.stock ?? undefined },
    { name: "per_account_limit", label: "For each account at most", type: "number", min: 1, value: reward?.per_account_limit ?? 1, required: true },
  ].filter(Boolean),
  submit({ name, kind, amount, stock, per_account_limit }) {
    const wish = { name, amount: Number(amount), stock: stock === "" ? null : Number(stock), per_account_limit: Number(per_account_limit) };
    return reward ? act.call("PATCH", `/rewards/${encodeURIComponent(reward.id)}`, wish) : act.call("POST", `${path}/rewards`, { kind, ...wish });
  },
});
