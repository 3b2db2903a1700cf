// Owns: the bar at the top: mark, room, language, leaving.

import { h } from "../lib/dom.js";
import { button, iconButton } from "../ui.js";
import { icon } from "../icons.js";
import { t } from "../i18n/index.js";

const mark = () =>
  h("svg", { viewBox: "0 0 32 32", class: "mark", "aria-hidden": "true" },
    h("path", { class: "mark-a", d: "M3 5c5 2 11 2 15 0v10c0 7-4 11-7.5 12C7 26 3 22 3 15z" }),
    h("path", { class: "mark-b", d: "M14 9c5 2 10 2 15 0v9c0 6-4 10-7.5 11-3.5-1-7.5-5-7.5-11z" }),
    h("path", { class: "mark-c", d: "M7 12h2M12 12h2M8 19c2-1.5 4-1.5 6 0M18 16h2M24 16h2M19 21.5c2 1.5 4 1.5 6 0" }),
  );

export function header(state, act) {
  const { room, ui } = state;
  return h(
    "header",
    { class: `bar ${room ? "inside" : ""}`, key: "bar" },
    h("a", { class: "skip", href: "#main" }, t("app.skip")),
    h("a", { class: "brand", href: "/", "aria-label": t("app.home"), onclick: act.home }, mark(), h("b", null, "Playhouse")),
    room &&
      !ui.replay &&
      h(
        "div",
        { class: "where" },
        h("span", { class: "where-name" }, room.name),
        button(room.code, act.copyLink, { kind: "code", iconName: ui.copied ? "check" : "link", "aria-label": `${t("room.copy")} (${room.code})`, title: t("room.copy") }),
      ),
    h("span", { class: "grow" }),
    ui.nickname && !room && h("span", { class: "who" }, ui.nickname),
    h("button", { type: "button", class: "btn quiet lang", "aria-label": t("app.other_language"), lang: ui.lang === "ko" ? "en" : "ko", onclick: act.switchLanguage }, icon("globe"), h("span", null, t("app.other_language"))),
    room && !ui.replay && button(t("room.leave"), act.leave, { kind: "quiet", iconName: "door", className: "leave", "aria-label": t("room.leave") }),
  );
}
