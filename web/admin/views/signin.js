// Owns: the door of the console.

import { h } from "../../lib/dom.js";

export function signIn({ entering, session }, act) {
  const values = (event) => (event.preventDefault(), new FormData(event.target));
  const fault = (how) => entering?.error && (entering.how ?? "signIn") === how && h("p", { class: "error", role: "alert" }, entering.error);
  const withPassword = session.has("POST", "/sessions");
  return h("main", { class: "signin", id: "main", tabindex: "-1", key: "signin" },
    h("h1", null, "Sign in"),
    h("p", { class: "hint" }, "For operators, auditors and administrators."),
    withPassword &&
      h("form", { class: "panel form", key: "password", onsubmit: (e) => { const data = values(e); act.signIn("signIn", data.get("username"), data.get("password")); } },
        h("label", null, h("span", null, "Username"), h("input", { name: "username", autocomplete: "username", required: true })),
        h("label", null, h("span", null, "Password"), h("input", { name: "password", type: "password", autocomplete: "current-password", required: true })),
        fault("signIn"),
        h("button", { type: "submit", class: "btn primary", disabled: entering?.busy }, "Sign in")),
    h("details", { class: "panel", open: !withPassword, key: "token" },
      h("summary", null, "With an access token"),
      h("form", { class: "form", onsubmit: (e) => act.signIn("signInWithToken", values(e).get("token")) },
        h("label", null, h("span", null, "Access token"), h("input", { name: "token", type: "password", autocomplete: "off", required: true })),
        !withPassword && fault("signIn"),
        fault("signInWithToken"),
        h("button", { type: "submit", class: "btn", disabled: entering?.busy }, "Sign in with it"))));
}
