// Owns: an OpenID Connect provider for the journey `sign-in`: a page that asks, codes that are good once with their
// verifier, ID tokens signed with RSA as most providers do. Knows nothing of Playhouse but its redirect address.

import { createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { createServer } from "node:http";

/** Starts one. `subject` is who logs in there. */
export async function startProvider(port, subject) {
  const issuer = `http://127.0.0.1:${port}`;
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const codes = new Map();
  const text = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

  function idToken(nonce) {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: issuer, sub: subject, aud: "playhouse", nonce, iat: now, exp: now + 300 };
    const signed = `${text({ alg: "RS256", kid: "one", typ: "JWT" })}.${text(claims)}`;
    return `${signed}.${sign("RSA-SHA256", Buffer.from(signed), privateKey).toString("base64url")}`;
  }

  function asks(query) {
    const code = randomUUID();
    codes.set(code, { challenge: query.get("code_challenge"), nonce: query.get("nonce"), redirect: query.get("redirect_uri") });
    const back = (said) => `${query.get("redirect_uri")}#${new URLSearchParams({ ...said, state: query.get("state") })}`.replaceAll("&", "&amp;");
    return `<!doctype html><title>The club</title><a href="${back({ code })}">Yes</a> <a href="${back({ error: "access_denied" })}">No</a>`;
  }

  function trades(form) {
    const asked = codes.get(form.get("code"));
    codes.delete(form.get("code"));
    const challenge = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
    if (asked?.challenge !== challenge || asked.redirect !== form.get("redirect_uri")) return null;
    return { access_token: "theirs", token_type: "Bearer", id_token: idToken(asked.nonce) };
  }

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, issuer);
    const json = (value, status = 200) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    if (url.pathname === "/.well-known/openid-configuration") {
      return json({
        issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/keys`,
        response_types_supported: ["code"], response_modes_supported: ["query", "fragment"], subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["RS256"],
      });
    }
    if (url.pathname === "/keys") return json({ keys: [{ ...publicKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: "one" }] });
    if (url.pathname === "/authorize") return response.writeHead(200, { "content-type": "text/html" }).end(asks(url.searchParams));
    if (url.pathname === "/favicon.ico") return response.writeHead(204).end();
    if (url.pathname !== "/token") return response.writeHead(404).end();
    let body = "";
    for await (const chunk of request) body += chunk;
    const tokens = trades(new URLSearchParams(body));
    json(tokens ?? { error: "invalid_grant" }, tokens ? 200 : 400);
  });
  await new Promise((resolve, reject) => server.on("error", reject).listen(port, "127.0.0.1", resolve));
  return { host: `127.0.0.1:${port}`, stop: () => server.close() };
}
