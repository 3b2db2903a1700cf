// Owns: duels that are over: the list, and one with what its players report. Those who do not agree wait for a decision here.

import { h } from "../../lib/dom.js";
import { button } from "../../ui.js";
import { facts, loaded, more, panel, short, table, tag, time } from "../parts.js";

const OUTCOMES = ["disputed", "unreported", "abandoned", "agreed"];

export const duels = {
  name: "duels",
  title: "Duels",
  icon: "duel",
  reads({ filters }, [, id]) {
    if (id) return [{ key: "duel", path: `/admin/duels/${encodeURIComponent(id)}` }];
    const { outcome = "disputed", status = "open" } = filters?.duels ?? {};
    const open = outcome === "agreed" ? "" : `&status=${status}`;
    return [{ key: "duels", path: `/admin/duels?limit=50&outcome=${outcome}${open}` }];
  },
  show: (state, act, [, id]) => (id ? one(state, act) : all(state, act)),
};

const person = (id, nickname) => h("a", { href: `#/players/${id}` }, nickname ?? short(id));
const nameOf = (duel, id) => (id === duel.player_a ? duel.nickname_a : duel.nickname_b) ?? "a player";
const winner = (duel) => (duel.winner ? person(duel.winner, nameOf(duel, duel.winner)) : duel.verdict === "void" ? "void" : duel.outcome === "agreed" || duel.verdict ? "draw" : "–");

function all(state, act) {
  const now = { outcome: "disputed", status: "open", ...state.filters?.duels };
  const choose = (name) => (event) => {
    state.filters = { ...state.filters, duels: { ...now, [name]: event.target.value } };
    for (const read of duels.reads(state, [])) act.load(read.key, read.path);
  };
  const select = (label, name, values) => h("label", null, `${label} `, h("select", { value: now[name], onchange: choose(name) }, values.map((value) => h("option", { value }, value))));
  return [
    h("div", { class: "head" }, h("h1", null, "Duels"), h("span", { class: "grow" }), select("Outcome", "outcome", OUTCOMES), select("State", "status", ["open", "resolved"])),
    h("p", { class: "hint" }, "A result that both players report alike is rated by itself."),
    panel(null, loaded(state.data.duels, ({ items }) => [
      table("Duels", [
        ["Ended", (d) => h("a", { href: `#/duels/${d.session_id}` }, time(d.ended_at))],
        ["Asked", (d) => person(d.player_a, d.nickname_a)],
        ["Accepted", (d) => person(d.player_b, d.nickname_b)],
        ["Outcome", (d) => tag(d.outcome, d.outcome === "agreed" ? "good" : "warm")],
        ["Winner", winner],
        ["Decided", (d) => (d.resolved_at ? time(d.resolved_at) : "–")],
      ], items, { key: "session_id", empty: "No duel." }),
      more(state.data.duels, act, "duels"),
    ])),
  ];
}

function one(state, act) {
  return loaded(state.data.duel, ({ duel }) => [
    h("div", { class: "head" }, h("h1", null, "Duel"), h("span", { class: "grow" }),
      state.session.mayAct && duel.outcome !== "agreed" && !duel.resolved_at && button("Decide", () => act.openForm(decideForm(act, duel)), { kind: "primary" })),
    panel(null, facts([["Asked", person(duel.player_a, duel.nickname_a)], ["Accepted", person(duel.player_b, duel.nickname_b)], ["Ended", time(duel.ended_at)], ["Outcome", duel.outcome], ["Winner", winner(duel)], ["Decided", duel.resolved_at && time(duel.resolved_at)], ["Verdict", duel.verdict], ["Note", duel.note]])),
    panel("What they report", table("Reports", [
      ["Player", (r) => person(r.player_id, nameOf(duel, r.player_id))],
      ["Winner", (r) => (r.winner ? nameOf(duel, r.winner) : "draw")],
      ["Frames", (r) => r.frames ?? "–"],
      ["Checksum", (r) => h("span", { class: "mono" }, r.checksum ?? "–")],
    ], duel.reports, { key: "player_id", empty: "Neither has reported." })),
  ]);
}

/** What the choices of the form are to the server. */
export function decision(duel, choice) {
  if (choice === "draw" || choice === "void") return { verdict: choice };
  return { verdict: "won", winner: choice.startsWith("A: ") ? duel.player_a : duel.player_b };
}

const decideForm = (act, duel) => ({
  title: "Decide this duel", verb: "Decide", done: "It is decided.",
  text: "What is not void is rated.",
  fields: [
    { name: "choice", label: "Who has won", options: [`A: ${nameOf(duel, duel.player_a)}`, `B: ${nameOf(duel, duel.player_b)}`, "draw", "void"] },
    { name: "note", label: "What you found", type: "textarea", required: true, maxlength: 500 },
  ],
  submit: ({ choice, note }) => act.call("POST", `/admin/duels/${encodeURIComponent(duel.session_id)}/resolve`, { ...decision(duel, choice), note }),
});
