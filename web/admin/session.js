// Owns: who is signed in to the console, what his role may do, and which parts of the API this server has.
// The console uses the public REST API alone; the server refuses what the role may not do, whatever is shown here.

import { Api } from "/assets/client/api.js";

const KEY = "playhouse.console";
const CHANGES = ["OPERATOR", "ADMIN"];

/** The tab's own: another tab, and whoever opens the browser later, signs in anew. */
const tabStore = {
  load: () => JSON.parse(sessionStorage.getItem(KEY) ?? "null"),
  save: (value) => (value ? sessionStorage.setItem(KEY, JSON.stringify(value)) : sessionStorage.removeItem(KEY)),
};

export class Session {
  #routes = new Set();

  constructor() {
    this.#renew();
  }

  #renew() {
    this.api = new Api({ store: tabStore });
  }

  get account() {
    return this.api.account;
  }

  /** Whether his role changes things; an auditor only looks. */
  get mayAct() {
    return CHANGES.includes(this.account?.role);
  }

  /** Whether he rules over accounts and tokens. */
  get rules() {
    return this.account?.role === "ADMIN";
  }

  get isStaff() {
    return Boolean(this.account) && this.account.role !== "USER";
  }

  /** Reads which routes there are. */
  async discover() {
    const response = await fetch("/openapi.json", { cache: "no-cache", credentials: "omit" });
    const { paths } = await response.json();
    this.#routes = new Set(Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace("/api/v1", "")}`)));
  }

  /** Whether the server has a route, e.g. `has("GET", "/admin/claims")`. */
  has(method, path) {
    return this.#routes.has(`${method} ${path}`);
  }

  /** A file of the API; what is wrong is thrown as the API says it. */
  async file(path) {
    await this.api.call("GET", "/me"); // renews a token that is about to lapse
    const headers = { Authorization: `Bearer ${this.api.identity.tokens.access_token}` };
    const response = await fetch(`/api/v1${path}`, { headers, credentials: "omit" });
    if (response.ok) return response.blob();
    const { code, detail } = await response.json().catch(() => ({}));
    throw Object.assign(new Error(detail ?? response.statusText), { status: response.status, code });
  }

  async signIn(username, password) {
    const { account, tokens } = await this.api.call("POST", "/sessions", { username, password }, { auth: false });
    await this.#enter(account, tokens);
  }

  /** With an access token from elsewhere: until it lapses. */
  async signInWithToken(text) {
    const access_token = text.trim();
    tabStore.save({ account: null, tokens: { access_token } });
    this.#renew();
    try {
      const { account } = await this.api.call("GET", "/me");
      await this.#enter(account, { access_token });
    } catch (error) {
      this.signOut();
      throw error;
    }
  }

  async #enter(account, tokens) {
    if (account.role === "USER") {
      this.signOut();
      throw new Error("This account is not of the staff.");
    }
    const expires_at = tokens.expires_in ? Date.now() + tokens.expires_in * 1000 : undefined;
    tabStore.save({ account, tokens: { ...tokens, expires_at } });
    this.#renew();
  }

  signOut() {
    tabStore.save(null);
    this.#renew();
  }
}
