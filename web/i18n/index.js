// Owns: the chosen language and the lookup of sentences. Sentences live in `en.js` and `ko.js`, same keys in both
// (a test checks it). `{name}` in a sentence is replaced by a parameter.

import en from "./en.js";
import ko from "./ko.js";

export const tables = { en, ko };
let language = "en";

/** The player's own choice, else the browser's first language we speak. */
export function detectLanguage(saved, preferred = []) {
  if (saved in tables) return saved;
  const found = preferred.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in tables);
  return found ?? "en";
}

export function setLanguage(tag) {
  language = tag in tables ? tag : "en";
  return language;
}

export const currentLanguage = () => language;

/** The sentence for `key`; the key itself if nobody wrote one, so that a gap is seen and not hidden. */
export function t(key, params) {
  const text = tables[language][key] ?? en[key] ?? key;
  return params ? text.replace(/\{(\w+)\}/g, (_, name) => params[name] ?? "") : text;
}

/** A plain sentence for anything that was thrown by the client package. */
export function errorText(error) {
  const code = error?.code ?? "internal";
  const known = tables[language][`error.${code}`];
  if (code === "invalid_settings" && error.details?.field) return t("error.invalid_settings_field", { field: error.details.field });
  if (known) return known;
  if (error?.status === 429) return t("error.rate_limited");
  if (error?.status >= 500) return t("error.internal");
  return t("error.other", { code });
}
