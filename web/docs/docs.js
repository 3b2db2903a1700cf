// Owns: the API page: `/openapi.json` as a person reads it, with a way to try each call. Asks no other host.

import { h, patch } from "../lib/dom.js";

const root = document.getElementById("console");
const state = { document: null, error: null, filter: "", token: "", answers: {} };

/** The schema behind a reference. */
const resolve = (schema) => (schema?.$ref ? schema.$ref.slice(2).split("/").reduce((at, part) => at?.[part.replaceAll("~1", "/")], state.document) : schema);

/** A schema in a few words: `{id: string <uuid>, nickname?: string}`. */
function words(schema, depth = 0) {
  const name = schema?.$ref?.split("/").at(-1);
  const real = resolve(schema) ?? {};
  if (name && depth > 2) return name;
  const choices = real.anyOf ?? real.oneOf;
  if (choices) return choices.map((choice) => words(choice, depth)).join(" | ");
  if (real.enum) return real.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (real.const !== undefined) return JSON.stringify(real.const);
  const kinds = [real.type ?? "any"].flat();
  return kinds.map((kind) => {
    if (kind === "array") return `[${words(real.items ?? {}, depth + 1)}]`;
    if (kind !== "object" || !real.properties) return real.format ? `${kind} <${real.format}>` : kind;
    const pad = "  ".repeat(depth + 1);
    const fields = Object.entries(real.properties).map(([field, inner]) => `${pad}${field}${real.required?.includes(field) ? "" : "?"}: ${words(inner, depth + 1)}${inner.description && !inner.$ref ? `   — ${inner.description.replaceAll("\n", " ")}` : ""}`);
    return `{\n${fields.join("\n")}\n${"  ".repeat(depth)}}`;
  }).join(" | ");
}

const schemaBox = (schema) => h("pre", { class: "mono", tabindex: "0" }, words(schema));

async function attempt(event, path, method, operation) {
  event.preventDefault();
  const data = new FormData(event.target);
  const query = new URLSearchParams();
  const headers = { Accept: "application/json" };
  let url = path;
  for (const parameter of operation.parameters ?? []) {
    const value = data.get(`${parameter.in}:${parameter.name}`);
    if (parameter.in === "path") url = url.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (value && parameter.in === "query") query.set(parameter.name, value);
    else if (value) headers[parameter.name] = value;
  }
  if (operation.security && state.token) headers.Authorization = `Bearer ${state.token}`;
  const body = operation.requestBody ? data.get("body") : undefined;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = (state.answers[operation.operationId] = {});
  try {
    const response = await fetch(query.size ? `${url}?${query}` : url, { method: method.toUpperCase(), headers, body, credentials: "omit", cache: "no-store" });
    const text = await response.text();
    Object.assign(answer, { status: `${response.status} ${response.statusText}`, text: pretty(text) });
  } catch (error) {
    Object.assign(answer, { status: "no answer", text: String(error) });
  }
  draw();
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function tryIt(path, method, operation) {
  const answer = state.answers[operation.operationId];
  return h("form", { class: "form", onsubmit: (event) => attempt(event, path, method, operation) },
    (operation.parameters ?? []).map((p) => h("label", { key: `${p.in}:${p.name}` }, h("span", null, `${p.name} (${p.in}${p.required ? "" : ", optional"})`), h("input", { name: `${p.in}:${p.name}`, required: p.required, placeholder: p.description ?? words(p.schema) }))),
    operation.requestBody && h("label", { key: "body" }, h("span", null, "Body"), h("textarea", { name: "body", class: "mono", mount: (el) => (el.value = "{}") })),
    h("div", null, h("button", { type: "submit", class: "btn" }, "Send")),
    answer?.status && h("div", { role: "status" }, h("b", null, answer.status), h("pre", { class: "mono", tabindex: "0" }, answer.text)));
}

function operationView(path, method, operation) {
  const body = operation.requestBody?.content["application/json"].schema;
  return h("details", { key: operation.operationId, id: operation.operationId },
    h("summary", null, h("span", { class: `verb ${method}` }, method.toUpperCase()), h("span", { class: "mono" }, path), h("span", null, operation.summary), operation.security && h("span", { class: "tag" }, operation.description?.replace(/^For |\.$/g, "") ?? "signed in")),
    h("div", { class: "inside" },
      body && [h("h3", null, "Body"), schemaBox(body)],
      h("h3", null, "Answers"),
      h("ul", null, Object.entries(operation.responses).map(([status, response]) => {
        const [[type, content] = []] = Object.entries(response.content ?? {});
        const problem = type === "application/problem+json";
        return h("li", { key: status }, h("b", null, status), ` ${response.description}${problem ? " (problem)" : ""}`, content && !problem && schemaBox(content.schema));
      })),
      h("h3", null, "Try it"),
      tryIt(path, method, operation)));
}

function draw() {
  if (!state.document) return patch(root, h("main", { class: "signin" }, h("p", { role: "status" }, state.error ?? "Loading…")));
  const wanted = state.filter.toLowerCase();
  const all = Object.entries(state.document.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation })));
  const shown = all.filter(({ path, operation }) => `${path} ${operation.summary}`.toLowerCase().includes(wanted));
  const tags = [...new Set(shown.map(({ operation }) => operation.tags[0]))];
  patch(root, [
    h("header", { class: "bar", key: "bar" }, h("a", { class: "brand", href: "/" }, h("b", null, "Playhouse")), h("span", { class: "grow" }), h("a", { href: "/openapi.json" }, "openapi.json")),
    h("main", { class: "api", id: "main", key: "main", style: { "max-width": "1000px", margin: "0 auto", padding: "24px", display: "grid", gap: "16px", width: "100%" } },
      h("h1", null, `${state.document.info.title} API ${state.document.info.version}`),
      h("p", { class: "hint" }, state.document.info.description),
      h("div", { class: "filters" },
        h("label", null, "Find", h("input", { type: "search", value: state.filter, oninput: (e) => ((state.filter = e.target.value), draw()) })),
        h("label", null, "Access token for trying", h("input", { type: "password", autocomplete: "off", value: state.token, oninput: (e) => (state.token = e.target.value.trim()) }))),
      tags.map((tag) => h("section", { class: "panel", key: tag }, h("h2", null, tag), shown.filter(({ operation }) => operation.tags[0] === tag).map(({ path, method, operation }) => operationView(path, method, operation))))),
  ]);
}

document.body.dataset.light = matchMedia("(prefers-color-scheme: light)").matches ? "day" : "night";
draw();
try {
  state.document = await (await fetch("/openapi.json", { credentials: "omit" })).json();
} catch (error) {
  state.error = `The document could not be read: ${error.message}`;
}
draw();
