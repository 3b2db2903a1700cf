// Owns: a link between one page and a node's media port, of so many kbit/s towards the page, with a queue and losses as a
// real one has. Called by journeys about bandwidth. Knows no WebRTC but the one line of a description that names the port.

import { createSocket } from "node:dgram";

/** What waits longer than this at the bottleneck is lost. */
const QUEUE_MS = 250;

export class Link {
  #port = createSocket("udp4");
  #lines = new Map(); // the page's address → a socket towards the node
  #node = null; // its media port
  #free = 0; // when the bottleneck is free again
  kbps = Infinity;
  lost = 0;

  static async open() {
    const link = new Link();
    await new Promise((done) => link.#port.bind(0, "127.0.0.1", done));
    link.#port.on("message", (datagram, from) => link.#up(datagram, from));
    return link;
  }

  /** Runs in the page before its own scripts: what the server offers it finds at the link. `window.__node` is then where the link leads. */
  get script() {
    const detour = (port) => {
      const set = RTCPeerConnection.prototype.setRemoteDescription;
      RTCPeerConnection.prototype.setRemoteDescription = function (description) {
        const candidate = /(a=candidate:\S+ \d+ udp \d+ \S+) (\d+)/g;
        const sdp = description.sdp.replace(candidate, (_, line, node) => ((window.__node = Number(node)), `${line} ${port}`));
        return set.call(this, description.type === "offer" ? { type: "offer", sdp } : description);
      };
    };
    return `(${detour})(${this.#port.address().port})`;
  }

  /** From now on it leads to this port. */
  lead(node) {
    this.#node = node;
  }

  #up(datagram, { address, port }) {
    const from = `${address}:${port}`;
    if (!this.#node) return;
    if (!this.#lines.has(from)) {
      const line = createSocket("udp4");
      line.on("message", (answer) => this.#down(answer, port, address));
      this.#lines.set(from, line);
    }
    this.#lines.get(from).send(datagram, this.#node, "127.0.0.1");
  }

  #down(datagram, port, address) {
    const now = performance.now();
    const begins = Math.max(now, this.#free);
    if (begins - now > QUEUE_MS) return void (this.lost += 1);
    this.#free = begins + (datagram.length * 8) / this.kbps; // kbit/s are bits a ms
    const send = () => this.#port.send(datagram, port, address);
    if (this.#free - now < 1) send();
    else setTimeout(send, this.#free - now);
  }

  close() {
    this.#port.close();
    for (const line of this.#lines.values()) line.close();
  }
}
