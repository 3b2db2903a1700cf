// Small pure parts of the page: sentences, names, settings, the oval.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import en from "../i18n/en.js";
import { detectLanguage, errorText, setLanguage } from "../i18n/index.js";
import ko from "../i18n/ko.js";
import { isName, suggestName } from "../names.js";
import { places } from "../oval.js";
import { changes } from "../paces.js";

const tables = { en, ko };
const WEB = fileURLToPath(new URL("..", import.meta.url));
const CLIENT = fileURLToPath(new URL("../../clients/js", import.meta.url));
const CODES = "bad_message unknown_type resume_failed rate_limited already_in_room not_in_room room_not_found room_full room_closed banned_from_room game_in_progress not_leader not_startable not_allowed invalid_settings invalid_nickname chat_closed muted too_large try_again moving internal".split(" ");

const shipped = (folder) =>
  readdirSync(folder, { recursive: true })
    .map((name) => `${folder}/${name}`)
    .filter((path) => statSync(path).isFile() && !/[/\\](test|node_modules)[/\\]/.test(path));

test("both languages say the same things with the same parameters", () => {
  assert.deepEqual(Object.keys(tables.ko).sort(), Object.keys(tables.en).sort());
  const holes = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
  for (const key of Object.keys(tables.en)) assert.deepEqual(holes(tables.ko[key]), holes(tables.en[key]), key);
});

test("every error code of the protocol has a sentence", async () => {
  for (const lang of ["en", "ko"]) for (const code of CODES) assert.ok(tables[lang][`error.${code}`], `${lang} ${code}`);
  await setLanguage("ko");
  assert.equal(errorText({ code: "room_full" }), "방이 가득 찼어요.");
  await setLanguage("en");
  assert.match(errorText({ code: "invalid_settings", message: "roles.mafia: too many" }), /roles\.mafia/);
  assert.match(errorText({ code: "never_heard_of" }), /never_heard_of/);
});

test("the language is the chosen one, else the browser's", () => {
  assert.equal(detectLanguage("ko", ["en-US"]), "ko");
  assert.equal(detectLanguage(null, ["fr-FR", "ko-KR", "en"]), "ko");
  assert.equal(detectLanguage(null, ["fr"]), "en");
});

test("suggested names are allowed names", () => {
  for (const lang of ["en", "ko"]) for (let i = 0; i < 200; i++) assert.ok(isName(suggestName(lang)));
  for (const bad of ["a", "a b", "a".repeat(17), "x\u202e", ""]) assert.equal(isName(bad), false);
  assert.ok(isName("보라") && isName("Zoë_7"));
});

test("only what was changed is sent", () => {
  assert.deepEqual(changes({ day_ms: 1, roles: { mafia: null } }, { day_ms: 2, roles: { mafia: null } }), { day_ms: 2 });
});

test("seats are spread evenly, the first at the bottom", () => {
  for (const n of [4, 8, 12]) {
    const spots = places(n, 1.5);
    assert.ok(Math.abs(spots[0].x - 0.5) < 0.01 && spots[0].y > 0.85);
    const gaps = spots.map((p, i) => Math.hypot((p.x - spots[(i + 1) % n].x) * 1.5, p.y - spots[(i + 1) % n].y));
    assert.ok(Math.max(...gaps) / Math.min(...gaps) < 1.25, `${n} seats`);
  }
});

/** What a browser fetches to show `index.html`: markup, style, icon, and the modules reached by static imports. */
function firstLoad() {
  const files = new Set([`${WEB}index.html`, `${WEB}style.css`, `${WEB}icon.svg`, `${WEB}i18n/ko.js`]);
  const visit = (path) => {
    if (files.has(path)) return;
    files.add(path);
    for (const [, from] of readFileSync(path, "utf8").matchAll(/^(?:import|export) [^;]*?from "(.+?)";|^import "(.+?)";/gms)) {
      visit(from.startsWith("/assets/client/") ? `${CLIENT}/${from.slice(15)}` : resolve(dirname(path), from));
    }
  };
  visit(`${WEB}app.js`);
  return [...files];
}

test("the page weighs less than 150 KB before compression", () => {
  const weight = (paths) => paths.reduce((sum, path) => sum + statSync(path).size, 0);
  assert.ok(weight(firstLoad()) < 150_000, `${weight(firstLoad())} bytes`);
});

test("the page asks no other host and needs no inline code", () => {
  for (const path of [...shipped(WEB), ...shipped(CLIENT)].filter((p) => /\.(js|html|css|svg)$/.test(p))) {
    const text = readFileSync(path, "utf8").replaceAll("http://www.w3.org/2000/svg", "").replace(/^\s*(\*|\/\/).*$/gm, "");
    assert.doesNotMatch(text, /https?:\/\/(?!127\.0\.0\.1)/, path);
    if (path.endsWith(".html")) assert.doesNotMatch(text, /\sstyle=|<style|<script(?![^>]*src=)|\son\w+=/, `${path} needs no inline code`);
  }
});
