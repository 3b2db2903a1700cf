// Owns: tokens of other services: an ADMIN issues and revokes them, an AUDITOR sees which there are. A token itself is
// shown once, when it is issued, and kept nowhere.

import { h } from "../../lib/dom.js";
import { button } from "../../ui.js";
import { loaded, more, panel, short, table, tag, time } from "../parts.js";

/** What a service may be allowed. */
const SCOPES = [["activity.write", "Tell what players did (activity.write)"], ["queue.verify", "Check places in a line (queue.verify)"]];

export const tokens = {
  name: "service-tokens",
  title: "Service tokens",
  icon: "key",
  shown: (session) => ["AUDITOR", "ADMIN"].includes(session.account?.role),
  reads: () => [{ key: "tokens", path: "/admin/service-tokens?limit=50" }],
  show(state, act) {
    const rules = state.session.rules;
    return [
      h("div", { class: "head" }, h("h1", null, "Service tokens"), h("span", { class: "grow" }), rules && button("New token", () => act.openForm(tokenForm(state, act)), { kind: "primary" })),
      h("p", { class: "hint" }, "With one of these another server calls the API, for what its scopes allow."),
      state.issued && issued(state, act),
      panel(null, loaded(state.data.tokens, ({ items }) => [
        table("Service tokens", [
          ["Name", (t) => h("b", null, t.name)],
          ["Scopes", (t) => t.scopes.map((scope) => [tag(scope), " "])],
          ["Issued", (t) => time(t.created_at)],
          ["By", (t) => h("a", { href: `#/players/${t.created_by}` }, short(t.created_by))],
          ["State", (t) => (t.revoked_at ? [tag("revoked", "bad"), " ", time(t.revoked_at)] : tag("good", "good"))],
          ["", (t) => rules && !t.revoked_at && button("Revoke", () => act.openForm(revokeForm(act, t)), { kind: "danger", "aria-label": `Revoke ${t.name}` })],
        ], items, { empty: "No service has a token." }),
        more(state.data.tokens, act, "tokens"),
      ])),
    ];
  },
};

const issued = (state, act) =>
  panel(`The token of ${state.issued.name}`,
    h("p", null, "It is shown this once. Give it to the service, and keep it nowhere else."),
    h("p", { class: "mono", "data-test": "token" }, state.issued.token),
    h("div", null, button("I have it", () => ((state.issued = null), act.draw()))));

const tokenForm = (state, act) => ({
  title: "New service token", verb: "Issue", done: "The token is issued.",
  fields: [{ name: "name", label: "Name of the service", required: true, maxlength: 64 }, ...SCOPES.map(([name, label]) => ({ name, label, type: "checkbox" }))],
  async submit({ name, ...chosen }) {
    const scopes = Object.keys(chosen).filter((scope) => chosen[scope]);
    if (!scopes.length) throw new Error("Choose what the service may do.");
    const { token } = await act.call("POST", "/admin/service-tokens", { name, scopes });
    state.issued = { name, token };
  },
});

const revokeForm = (act, token) => ({
  title: `Revoke the token of ${token.name}`, verb: "Revoke", kind: "danger", done: "The token opens nothing any more.",
  text: "The service is refused at once, on every node.", fields: [],
  submit: () => act.call("DELETE", `/admin/service-tokens/${encodeURIComponent(token.id)}`),
});
