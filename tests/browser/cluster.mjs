// Owns: three nodes with a Redis and a PostgreSQL of their own (`scripts/cluster.sh`), nodes that are killed, and a door for
// each visitor that leads to the first node that lives: what a load balancer does. Called by journeys that kill nodes.
// Knows nothing of pages.

import { spawn } from "node:child_process";
import { connect, createServer } from "node:net";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const START_MS = 120_000;

export class Cluster {
  #script;
  #doors = [];

  /** `settings`: of each node, as `section.field=value`. The program is `PLAYHOUSE`, or the debug build. */
  static async start({ nodes = 3, settings = [] } = {}) {
    const program = process.env.PLAYHOUSE ?? `${process.env.CARGO_TARGET_DIR ?? `${root}/target`}/debug/playhouse`;
    const port = 20_000 + Math.floor(Math.random() * 900) * 10; // operators' ports are 1,000 higher
    const sets = ["limits.guests_per_minute=100000", "media.udp_port=0", ...settings].flatMap((set) => ["--set", set]);
    const script = spawn(`${root}/scripts/cluster.sh`, [String(nodes), ...sets], { env: { ...process.env, PLAYHOUSE: program, PLAYHOUSE_PORT: String(port) }, stdio: ["ignore", "pipe", "pipe"] });
    const cluster = Object.assign(new Cluster(), { nodes: [] });
    cluster.#script = script;
    await cluster.#up(nodes);
    return cluster;
  }

  /** Reads which nodes there are from what the script says. */
  #up(nodes) {
    let said = "";
    return new Promise((done, fail) => {
      const timer = setTimeout(() => fail(new Error(`no cluster in ${START_MS} ms:\n${said}`)), START_MS);
      const ended = (code) => fail(new Error(`the cluster did not come up (${code}):\n${said}`));
      this.#script.once("exit", ended);
      const hear = (text) => {
        said += text;
        this.nodes = [...said.matchAll(/^(node\d+) +http:\/\/127\.0\.0\.1:(\d+) +process (\d+) +log (\S+)$/gm)].map(([, name, port, pid, log]) => ({ name, port: Number(port), pid: Number(pid), log, lives: true }));
        if (this.nodes.length < nodes || !said.includes("All nodes are one cluster")) return;
        clearTimeout(timer);
        this.#script.off("exit", ended);
        done();
      };
      this.#script.stdout.on("data", hear);
      this.#script.stderr.on("data", hear);
    });
  }

  /** A figure of a node, by its line in `/metrics`. */
  async figure(node, line) {
    const text = await (await fetch(`http://127.0.0.1:${node.port + 1_000}/metrics`)).text();
    return Number(text.split("\n").find((each) => each.startsWith(`${line} `))?.split(" ").at(-1) ?? 0);
  }

  /** The node that holds the one room. */
  async holder() {
    for (const node of this.nodes.filter((node) => node.lives)) if (await this.figure(node, 'playhouse_entities{kind="room"}')) return node;
    throw new Error("no node holds a room");
  }

  /** No goodbye: SIGKILL. */
  kill(node) {
    node.lives = false;
    process.kill(node.pid, "SIGKILL");
  }

  /** An address that leads to `first` while that lives, then to the next that does. */
  async door(first) {
    const order = [first, ...this.nodes.filter((node) => node !== first)];
    const server = createServer((visitor) => {
      const node = order.find((node) => node.lives);
      const line = connect(node.port, "127.0.0.1");
      visitor.pipe(line).pipe(visitor);
      visitor.on("error", () => line.destroy()).on("close", () => line.destroy());
      line.on("error", () => visitor.destroy()).on("close", () => visitor.destroy());
    });
    this.#doors.push(server);
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    return `http://127.0.0.1:${server.address().port}`;
  }

  /** All of it ends, and leaves nothing. */
  async stop() {
    this.#doors.forEach((door) => door.close());
    if (this.#script.exitCode !== null) return;
    const ended = new Promise((done) => this.#script.once("exit", done));
    this.#script.kill("SIGTERM");
    await ended;
  }
}
