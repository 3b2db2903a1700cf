// Two people whose machines cannot reach each other: a duel over a TURN server (coturn), with credentials that the node made.
//
// TURN_PORT, TURN_SECRET  where the node says its TURN server is, and the secret they share: coturn is started there
// TURNSERVER              the program (default /usr/bin/turnserver)

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../media.mjs";
import { challenge, compare, enter, fidget, note } from "./duel.mjs";

export const title = "a duel over a TURN server: relayed packets alone, credentials of the node";

const SECONDS = 12;

/** In the page: no path is good but one over the relay, as behind two strict firewalls. */
const relayOnly = `{
  const Pc = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Pc {
    constructor(settings) {
      super({ ...settings, iceTransportPolicy: "relay" });
    }
  };
}`;

export async function run({ open, log }) {
  const { TURN_PORT: port, TURN_SECRET: secret } = process.env;
  assert.ok(port && secret, "TURN_PORT and TURN_SECRET: what the node was told of its TURN server");
  const relay = await coturn(port, secret);
  try {
    const ann = await enter(open, null, { name: "relay-ann", script: relayOnly });
    const ben = await enter(open, null, { name: "relay-ben", script: relayOnly });
    await challenge(ann, ben);
    const end = Date.now() + SECONDS * 1000;
    const sums = [new Map(), new Map()];
    const watch = async () => {
      while (Date.now() < end) {
        for (const [i, me] of [ann, ben].entries()) await note(me, sums[i]);
        await ann.page.waitForTimeout(120);
      }
    };
    await Promise.all([fidget(ann, () => Date.now() > end), fidget(ben, () => Date.now() > end), watch()]);
    const compared = compare(sums);
    assert.ok(compared > SECONDS / 3, `${compared} frames compared`);
    for (const { page } of [ann, ben]) assert.equal(await page.locator('[data-test="way"]').getAttribute("data-way"), "relay");
    await ann.shot("1-relayed");
    log(`${compared} checksums compared, ping ${await ann.page.locator('[data-test="ping"]').innerText()} ms`);
  } finally {
    relay.kill("SIGKILL");
  }
}

/** A TURN server that takes the node's time-limited credentials (REST API, RFC 7635's predecessor). */
async function coturn(port, secret) {
  const address = Object.values(networkInterfaces()).flat().find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "127.0.0.1";
  const home = mkdtempSync(join(tmpdir(), "playhouse-turn-"));
  const program = spawn(process.env.TURNSERVER ?? "/usr/bin/turnserver", [
    "-n", "--listening-ip=127.0.0.1", `--listening-ip=${address}`, `--relay-ip=${address}`, `--listening-port=${port}`, "--use-auth-secret", `--static-auth-secret=${secret}`,
    "--realm=playhouse", "--no-tls", "--no-dtls", "--no-cli", "--allow-loopback-peers", "--min-port=49200", "--max-port=49400", `--pidfile=${home}/pid`, `--userdb=${home}/db`, "--log-file=stdout", "--simple-log",
  ], { cwd: home });
  let said = "";
  for (const stream of [program.stdout, program.stderr]) stream.on("data", (text) => (said += text));
  await until("coturn answers", async () => {
    assert.equal(program.exitCode, null, said.slice(-2_000));
    return answers(Number(port));
  });
  return program;
}

/** A STUN binding request, and whether anything comes back. */
async function answers(port) {
  const socket = createSocket("udp4");
  const request = Buffer.alloc(20);
  request.writeUInt16BE(0x0001, 0);
  request.writeUInt32BE(0x2112a442, 4);
  const heard = new Promise((done) => {
    socket.on("message", () => done(true));
    setTimeout(() => done(false), 300);
  });
  socket.send(request, port, "127.0.0.1");
  return heard.finally(() => socket.close());
}
