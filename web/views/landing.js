// Owns: the first page: a name, one button that starts a game, and the ways to play with others.

import { h } from "../lib/dom.js";
import { button, iconButton } from "../ui.js";
import { icon } from "../icons.js";
import { t } from "../i18n/index.js";

export function landing(state, act) {
  const { ui } = state;
  return h(
    "main",
    { class: "landing", id: "main", key: "landing" },
    h(
      "section",
      { class: "hero" },
      h("h1", null, t("app.tagline")),
      h("p", { class: "pitch" }, t("app.pitch")),
      ui.invite ? invited(state, act) : start(state, act),
      ui.error && h("p", { class: "error", role: "alert", key: "error" }, ui.error),
    ),
    !ui.invite && h("section", { class: "others" }, withFriends(state, act), rooms(state, act)),
  );
}

function nameField({ ui }, act) {
  return h(
    "div",
    { class: "field" },
    h("label", { for: "name" }, t("land.name")),
    h(
      "div",
      { class: "with-button" },
      h("input", {
        id: "name", name: "nickname", autocomplete: "nickname", maxlength: 16, spellcheck: "false", autocapitalize: "off",
        value: ui.name, "aria-describedby": "name-hint", oninput: (e) => act.setName(e.target.value),
      }),
      iconButton("dice", t("land.shuffle"), act.shuffleName),
    ),
    h("small", { id: "name-hint" }, t("land.name_hint")),
  );
}

function start(state, act) {
  const busy = !!state.ui.busy;
  return h(
    "form",
    { class: "start", onsubmit: (e) => (e.preventDefault(), act.playNow()) },
    nameField(state, act),
    h("button", { type: "submit", class: "btn primary big", disabled: busy, "data-test": "play" }, icon("play"), h("span", null, busy ? t("land.busy") : t("land.play"))),
    h("p", { class: "hint" }, t("land.play_hint")),
    signIn(state, act),
  );
}

/** Through the provider, if the server has one; who came that way may leave again. */
function signIn({ ui }, act) {
  const busy = !!ui.busy;
  if (ui.member) return button(t("land.sign_out"), act.signOut, { disabled: busy, "data-test": "sign-out" });
  return ui.provider && button(t("land.sign_in", { name: ui.provider }), act.goToProvider, { iconName: "door", disabled: busy, "data-test": "sign-in" });
}

function invited(state, act) {
  const { ui } = state;
  return h(
    "form",
    { class: "start", onsubmit: (e) => (e.preventDefault(), act.joinCode(ui.invite)) },
    h("p", { class: "invite" }, t("land.invited", { code: ui.invite })),
    nameField(state, act),
    h("button", { type: "submit", class: "btn primary big", disabled: !!ui.busy }, icon("door"), h("span", null, ui.busy ? t("land.busy") : t("land.join_room", { code: ui.invite }))),
    button(t("land.elsewhere"), act.home, { kind: "quiet" }),
  );
}

function withFriends({ ui }, act) {
  return h(
    "div",
    { class: "card friends" },
    h("h2", null, t("land.with_friends")),
    button(t("land.create"), act.openCreate, { iconName: "plus", disabled: !!ui.busy, "data-test": "create" }),
    h(
      "form",
      { class: "code-form", onsubmit: (e) => (e.preventDefault(), act.joinCode(ui.code)) },
      h("input", {
        "aria-label": t("land.code"), placeholder: t("land.code"), maxlength: 6, autocomplete: "off", spellcheck: "false",
        value: ui.code, oninput: (e) => act.setCode(e.target.value),
      }),
      h("button", { type: "submit", class: "btn", disabled: ui.code.length !== 6 || !!ui.busy }, h("span", null, t("land.join"))),
    ),
    h("a", { class: "btn", href: "/duel" }, t("land.duel")),
  );
}

function rooms({ ui }, act) {
  const list = ui.rooms;
  return h(
    "div",
    { class: "card rooms" },
    h("h2", null, t("land.rooms")),
    list === null && button(t("land.show_rooms"), act.showRooms, { iconName: "people", disabled: !!ui.busy }),
    list?.length === 0 && h("p", { class: "hint" }, t("land.no_rooms")),
    list?.length > 0 && h("ul", null, list.map((room) => roomRow(room, act, !!ui.busy))),
  );
}

function roomRow(room, act, busy) {
  const open = room.status === "waiting" && room.members < room.capacity;
  return h(
    "li",
    { key: room.room_id },
    h("span", { class: "room-name" }, room.name),
    h(
      "span",
      { class: "room-meta" },
      h("span", { class: "pips", "aria-hidden": "true" }, Array.from({ length: room.capacity }, (_, i) => h("i", { class: i < room.members ? "on" : "" }))),
      h("span", null, t("room.members", { n: room.members, capacity: room.capacity })),
    ),
    open
      ? button(t("land.join"), () => act.joinRoom(room.room_id), { disabled: busy, "aria-label": `${t("land.join")}: ${room.name}` })
      : h("span", { class: "tag" }, t(room.status === "playing" ? "room.playing" : "error.room_full")),
  );
}
