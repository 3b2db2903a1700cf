// Owns: the first screen: figures over time, the nodes.

import { h } from "../../lib/dom.js";
import { figure, sampled, spark } from "../charts.js";
import { loaded, panel, short, table, tag } from "../parts.js";

const PLAY = [["rooms_playing", "Games being played", "#f0b35a"], ["rooms_waiting", "Rooms waiting", "#8d7bd8"], ["players", "At the tables", "#5fd0c0"], ["sessions", "Sessions", "#6cb6f0"], ["nodes", "Nodes", "#9bd46a"]];
const STAFF = [["reports_open", "Open reports", "#d8452f"], ["mutes", "Muted players", "#c79bf2"], ["claims_running", "Claims under way", "#f59ac0"], ["facts_waiting", "Facts waiting", "#8fa3f5"], ["dead_letters", "Dead letters", "#ff7d4d"]];

const tiles = (state, figures) => h("div", { class: "tiles" }, figures.map(([name, label, color]) => figure(label, state.series[name] ?? [], color)));

/** What each node holds, over time. */
const sample = (state) => ({ items }) => items.forEach((node) => (state.series[`load ${node.id}`] = sampled(state.series[`load ${node.id}`], node.load)));

export const overview = {
  name: "overview",
  title: "Now",
  icon: "pulse",
  reads: (state) => [{ key: "nodes", path: "/admin/nodes", then: sample(state) }],
  show(state) {
    return [
      h("h1", null, "Now"),
      tiles(state, PLAY),
      panel("Nodes", loaded(state.data.nodes, ({ items }) =>
        table("Nodes", [
          ["Node", (node) => [node.name === node.id ? short(node.id) : node.name, " ", node.answers && tag("answers you")]],
          ["Address", (node) => h("span", { class: "mono" }, node.address)],
          ["Roles", (node) => (node.roles.length === 6 ? "all" : node.roles.join(", "))],
          ["Version", (node) => node.version],
          ["Sessions", (node) => node.sessions.toLocaleString("en"), "n"],
          ["Load", (node) => node.load.toLocaleString("en"), "n"],
          ["", (node) => spark(`Load of ${node.name}`, state.series[`load ${node.id}`] ?? [], "#6cb6f0"), "line"],
          ["State", (node) => (node.draining ? tag("draining", "warm") : tag("takes work", "good"))],
        ], items))),
      h("h2", { class: "over-tiles" }, "What waits for somebody"),
      tiles(state, STAFF),
    ];
  },
};
