// Owns: browsers, pages that are watched for errors, screenshots, and the few gestures that all journeys share.
// Called by `run.mjs`. Knows the page by its roles and `data-test` marks, never the server's insides.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

/** A camera that shows a clock and a microphone that beeps, allowed without a question. */
const DEVICES = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];
/** Plain addresses in ICE candidates instead of mDNS names: the bad line of `duel` must read them. */
const PLAIN = "--disable-features=WebRtcHideLocalIpsWithMdns";
const FLAGS = [...DEVICES, PLAIN, "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];

/** What the browser says while we hold the network back; at any other time it is a failure. */
const OFFLINE_NOISE = /ERR_INTERNET_DISCONNECTED|ERR_NETWORK_CHANGED|WebSocket connection to .* failed|status of 403/;

export async function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, args: FLAGS });
}

/** One person at one device. */
export class Visitor {
  static async open(browser, { base, artifacts, name, lang = "en-US", width = 1280, height = 800, reducedMotion = "no-preference", script = null, besides = [] }) {
    const context = await browser.newContext({ baseURL: base, viewport: { width, height }, locale: lang, reducedMotion, hasTouch: width < 600, isMobile: width < 600 });
    if (script) await context.addInitScript(script);
    const page = await context.newPage();
    mkdirSync(artifacts, { recursive: true });
    const visitor = Object.assign(new Visitor(), { context, page, name, artifacts, errors: [], offline: false });
    page.on("console", (message) => message.type() === "error" && visitor.#complain(`console: ${message.text()} (${message.location().url})`));
    page.on("pageerror", (error) => visitor.#complain(`uncaught: ${error.stack ?? error}`));
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (/^(http|ws)/.test(url.protocol) && ![new URL(base).host, ...besides].includes(url.host)) visitor.#complain(`asked another host: ${url.host}`);
    });
    return visitor;
  }

  #complain(text) {
    // A browser calls every refusal an error, one that is shown in words too: `expected` are those of a journey.
    if (!(this.offline && OFFLINE_NOISE.test(text)) && !this.expected?.test(text)) this.errors.push(text);
  }

  /** A screenshot named after the visitor and the moment. */
  shot(moment) {
    return this.page.screenshot({ path: join(this.artifacts, `${this.name}-${moment}.png`) });
  }

  async close() {
    await this.context.close();
    assert.deepEqual(this.errors, [], `${this.name}: the console stays clean`);
  }

  /** The network goes away, as in a tunnel. */
  async goOffline() {
    this.offline = true;
    await this.context.setOffline(true);
  }

  async goOnline() {
    await this.context.setOffline(false);
    await this.page.locator(".banner").waitFor({ state: "detached", timeout: 20_000 });
    this.offline = false;
  }

  /** `waiting`, a phase, or `over`. */
  phase() {
    return this.page.locator(".stage").getAttribute("data-phase", { timeout: 5_000 });
  }

  waitForPhase(phase, timeout = 60_000) {
    return this.page.locator(`.stage[data-phase="${phase}"]`).waitFor({ timeout });
  }

  /** Does what the page asks for, until the game is over or `until(phase)` says to stop. */
  async play({ minutes = 6, onPhase = async () => {}, until = () => false } = {}) {
    const began = Date.now();
    const trail = [];
    let before = null;
    for (let turn = 0; Date.now() < began + minutes * 60_000; turn++) {
      const phase = await this.phase();
      if (phase !== before) {
        trail.push(`${Math.round((Date.now() - began) / 1000)} s ${phase}`);
        await onPhase(phase, before);
      }
      if (phase === "over" || until(phase)) return phase;
      if (phase !== before || turn % 8 === 0) await this.#act(phase);
      before = phase;
      await this.page.waitForTimeout(250);
    }
    const shown = await this.page.locator("body").innerText();
    throw new Error(`${this.name}: no end after ${minutes} minutes; ${trail.join(", ")}; the page says: ${shown.slice(0, 2_000)}`);
  }

  async #act(phase) {
    const brief = { timeout: 1_500 };
    // A phase may end between the look and the click: that is the game, not a fault.
    const attempt = (click) => click.catch(() => {});
    if (phase === "verdict") {
      const open = this.page.locator('[data-test="execute"][aria-pressed="false"]');
      if ((await open.count()) && !(await this.page.locator('[data-test="spare"][aria-pressed="true"]').count())) await attempt(open.click(brief));
    } else if (phase === "vote" || phase === "night") {
      const chosen = await this.page.locator(".tile.chosen").count();
      const targets = this.page.locator(".tile.target:not(.me)");
      if (!chosen && (await targets.count())) await attempt(targets.first().click(brief));
    }
  }

  /** Nothing sticks out at the right, nothing that can be pressed is nameless or too small for a finger. */
  async checkLayout(what) {
    const found = await this.page.evaluate(() => {
      const faults = [];
      if (document.documentElement.scrollWidth > innerWidth) faults.push(`scrolls sideways: ${document.documentElement.scrollWidth} > ${innerWidth}`);
      for (const el of document.querySelectorAll("button, a[href], input, textarea, summary")) {
        const box = el.getBoundingClientRect();
        if (!box.width || !el.checkVisibility() || el.matches(".skip")) continue;
        const name = el.getAttribute("aria-label") || el.innerText?.trim() || el.labels?.[0]?.innerText || el.placeholder;
        if (!name) faults.push(`no name: ${el.outerHTML.slice(0, 90)}`);
        if (box.right > innerWidth + 1 || box.left < -1) faults.push(`sticks out: ${name}`);
        if (el.matches("button") && !el.disabled && Math.min(box.width, box.height) < 32) faults.push(`small: ${name} ${Math.round(box.width)}×${Math.round(box.height)}`);
      }
      return faults;
    });
    assert.deepEqual(found, [], `${this.name}, ${what}`);
  }
}
