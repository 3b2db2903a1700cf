// Owns: the first screen: figures over time, the nodes.

import { h } from "../../lib/dom.js";
import { figure } from "../charts.js";
import { loaded, panel, short, table, tag } from "../parts.js";

const FIGURES = [["rooms_playing", "Games being played", "#f0b35a"], ["rooms_waiting", "Rooms waiting", "#8d7bd8"], ["players", "At the tables", "#5fd0c0"], ["load", "Rooms and sessions held", "#6cb6f0"], ["nodes", "Nodes", "#9bd46a"], ["reports_open", "Open reports", "#d8452f"], ["mutes", "Muted players", "#c79bf2"]];

export const overview = {
  name: "overview",
  title: "Now",
  icon: "pulse",
  reads: () => [{ key: "nodes", path: "/admin/nodes" }],
  show(state) {
    return [
      h("h1", null, "Now"),
      h("div", { class: "tiles" }, FIGURES.map(([name, label, color]) => figure(label, state.series[name] ?? [], color))),
      panel("Nodes", loaded(state.data.nodes, ({ items }) =>
        table("Nodes", [
          ["Node", (node) => [short(node.id), " ", node.answers && tag("answers you")]],
          ["Address", (node) => h("span", { class: "mono" }, node.address)],
          ["Version", (node) => node.version],
          ["Load", (node) => node.load.toLocaleString("en"), "n"],
          ["State", (node) => (node.draining ? tag("draining", "warm") : tag("takes work", "good"))],
        ], items))),
    ];
  },
};
