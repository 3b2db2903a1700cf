// A server in memory for the tests: accounts over a fake `fetch`, sockets that the test speaks through by hand.

/** A `WebSocket` whose other end is the test. `FakeSocket.all` holds every socket opened, oldest first. */
export function fakeSockets() {
  const all = [];
  class FakeSocket {
    constructor(url, protocols) {
      Object.assign(this, { url, protocols, readyState: 0, sent: [], closedWith: null });
      all.push(this);
    }
    send(text) {
      this.sent.push(JSON.parse(text));
    }
    close(code) {
      this.closedWith = code ?? 1005;
      this.readyState = 3;
    }
    // What the server does:
    open() {
      this.readyState = 1;
      this.onopen?.({});
      return this;
    }
    say(...frames) {
      for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) });
      return this;
    }
    end(code = 1006) {
      this.readyState = 3;
      this.onclose?.({ code, reason: "" });
    }
    welcome(extra = {}) {
      return this.say({ seq: 1, type: "session.welcome", payload: { session_id: "s1", player_id: "p1", nickname: "보라", resume_token: "t1", server_time: 1000, heartbeat_ms: 15000, resume_window_ms: 60000, ...extra } });
    }
    /** What was asked for, without the pings. */
    requests() {
      return this.sent.filter((f) => f.type !== "ping");
    }
  }
  FakeSocket.all = all;
  return FakeSocket;
}

/** A `fetch` that answers from `routes`: `{"POST /accounts/guest": (body) => [status, body]}`; calls are noted. */
export function fakeFetch(routes) {
  const calls = [];
  const fetch = async (url, { method, headers, body }) => {
    const path = url.replace(/^.*\/api\/v1/, "");
    calls.push({ method, path, auth: headers.Authorization, body: body && JSON.parse(body) });
    const route = routes[`${method} ${path}`];
    if (!route) throw new TypeError("fetch failed");
    const [status, answer] = await route(body && JSON.parse(body));
    return { status, ok: status < 400, text: async () => (answer === undefined ? "" : JSON.stringify(answer)) };
  };
  return Object.assign(fetch, { calls });
}

export const identity = (more = {}) => ({
  account: { id: "p1", nickname: "보라", guest: true, role: "USER" },
  tokens: { access_token: "a1", refresh_token: "r1", token_type: "Bearer", expires_in: 900, expires_at: Infinity, ...more },
});

/** Lets promises settle. */
export const settle = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};
