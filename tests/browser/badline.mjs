// Owns: a bad line between two pages of a journey: UDP with delay, jitter and loss, without the kernel's help and without
// the pages' knowledge. It reads the signalling on its way to the server and tells each page, instead of the other's
// addresses, those of a small UDP proxy of its own; so every packet between the two goes through it. Called by `duel`.

import { createSocket } from "node:dgram";

export class BadLine {
  #sockets = [];
  #ports = new Map(); // "address:port" of a page → the proxy's socket for it
  #lines = new Set(); // sockets of pages to the signalling
  delay = 0;
  jitter = 0;
  loss = 0;
  carried = 0;
  dropped = 0;
  direct = 0; // candidates that it could not take over: must stay 0

  /** `delay`, `jitter`: ms, one way; `loss`: share of 1. */
  constructor(settings) {
    Object.assign(this, settings);
  }

  /** From now on the page's signalling is read. Before `page.goto`. */
  async stand(page) {
    await page.routeWebSocket(/\/ws\/signal/, (socket) => {
      const server = socket.connectToServer();
      this.#lines.add(socket);
      let queue = Promise.resolve(); // words stay in order, whatever a new socket takes
      socket.onMessage((text) => (queue = queue.then(async () => {
        const word = await this.#read(JSON.parse(text));
        if (word) server.send(JSON.stringify(word));
      })));
    });
  }

  /** The signalling drops all its sockets, as a server does that is started again. */
  async hangUp() {
    for (const socket of this.#lines) await socket.close({ code: 1012 });
    this.#lines.clear();
  }

  async #read(word) {
    const { type, payload } = word;
    // A description may carry the addresses that were known when it was written.
    if (type === "send_sdp_offer" || type === "send_sdp_answer") payload.sdp = payload.sdp.replace(/^a=candidate:.*\r?\n/gm, "");
    if (type !== "send_ice_candidate") return word;
    const parts = payload.candidate.candidate.split(" ");
    const [protocol, address, port] = [parts[2].toLowerCase(), parts[4], Number(parts[5])];
    if (protocol !== "udp") return null; // TCP would go past us
    if (address.endsWith(".local") || address.includes(":")) {
      this.direct += address.endsWith(".local") ? 1 : 0;
      return null;
    }
    parts[5] = String(await this.#proxy(address, port));
    payload.candidate.candidate = parts.join(" ");
    return word;
  }

  /** A port that stands for `address:port`: what comes in there goes on to it, through one socket for each sender. */
  async #proxy(address, port) {
    const key = `${address}:${port}`;
    if (!this.#ports.has(key)) {
      const senders = new Map();
      const front = await this.#open(address, async (packet, from) => {
        const name = `${from.address}:${from.port}`;
        if (!senders.has(name)) senders.set(name, this.#open(address, (back) => this.#carry(() => front.send(back, from.port, from.address))));
        const out = await senders.get(name);
        this.#carry(() => out.send(packet, port, address));
      });
      this.#ports.set(key, front.address().port);
    }
    return this.#ports.get(key);
  }

  async #open(address, onMessage) {
    const socket = createSocket("udp4");
    socket.on("message", onMessage);
    socket.on("error", () => {});
    await new Promise((done) => socket.bind(0, address, done));
    this.#sockets.push(socket);
    return socket;
  }

  #carry(send) {
    if (Math.random() < this.loss) return void (this.dropped += 1);
    this.carried += 1;
    setTimeout(() => this.#sockets.length && send(), Math.max(0, this.delay + (Math.random() * 2 - 1) * this.jitter));
  }

  close() {
    for (const socket of this.#sockets.splice(0)) socket.close();
  }
}
