// Owns: the chosen language and the lookup of sentences. Sentences live in `en.js` and `ko.js`, same keys in both
// (a test checks it); only the chosen one is fetched. `{name}` in a sentence is replaced by a parameter.

const LANGUAGES = ["en", "ko"];
let language = "en";
let table = {};
/** Sentences of parts that are fetched later: `{en: {…}, ko: {…}}`. */
const more = { en: {}, ko: {} };

/** The player's own choice, else the browser's first language we speak. */
export function detectLanguage(saved, preferred = []) {
  if (LANGUAGES.includes(saved)) return saved;
  return preferred.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => LANGUAGES.includes(tag)) ?? "en";
}

/** Fetches the sentences and switches to them. */
export async function setLanguage(tag) {
  const wanted = LANGUAGES.includes(tag) ? tag : "en";
  table = (await import(`./${wanted}.js`)).default;
  language = wanted;
  return language;
}

export const learn = (tables) => LANGUAGES.forEach((tag) => Object.assign(more[tag], tables[tag]));

export const currentLanguage = () => language;

/** The sentence for `key`; the key itself if nobody wrote one, so that a gap is seen and not hidden. */
export function t(key, params) {
  const text = table[key] ?? more[language][key] ?? key;
  return params ? text.replace(/\{(\w+)\}/g, (_, name) => params[name] ?? "") : text;
}

/** A plain sentence for anything that was thrown by the client package. */
export function errorText(error) {
  const code = error?.code ?? "internal";
  // The server names the field in front of its reason: "roles.mafia: must be …".
  const field = code === "invalid_settings" && /^[\w.]+(?=:)/.exec(error.message ?? "")?.[0];
  if (field) return t("error.invalid_settings_field", { field });
  // "a moderator has silenced you until …: his reason"
  const why = code === "muted" && /(?: until (\S+Z))?: (.+)$/.exec(error.message ?? "");
  if (why) return t("error.muted_why", { why: why[2], until: why[1] ? new Date(why[1]).toLocaleString(language) : "–" });
  if (`error.${code}` in table) return table[`error.${code}`];
  if (error?.status === 429) return t("error.rate_limited");
  if (error?.status >= 500) return t("error.internal");
  return t("error.other", { code });
}
