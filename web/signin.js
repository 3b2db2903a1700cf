// Owns: the way to the provider and back. What must be brought back waits in this tab's storage; what the provider puts
// into the address is taken out of it before anything else is done. Called by `app.js` and by the lobby's
// actions, which fetch it when it is needed.

const AWAY_KEY = "playhouse.away";

/** Remembers where we were and leaves for the provider's page. */
export async function depart(api, { location, sessionStorage }) {
  const { authorize_url, state, attempt } = await api.departToProvider();
  sessionStorage.setItem(AWAY_KEY, JSON.stringify({ state, attempt, path: location.pathname }));
  location.assign(authorize_url);
}

/**
 * What the provider sent back, if this load of the page is a return: `{attempt, state, code}` for the server, or
 * `{error}`, a code with a sentence of its own. The address is then as it was before the journey.
 */
export function takeReturn({ location, history, sessionStorage }) {
  const said = new URLSearchParams(location.hash.slice(1) || location.search);
  if (!said.has("state") || !(said.has("code") || said.has("error"))) return null;
  const away = takeAway(sessionStorage);
  history.replaceState(null, "", away?.path ?? location.pathname);
  if (away?.state !== said.get("state")) return { error: "sign_in_failed" };
  if (!said.has("code")) return { error: said.get("error") === "access_denied" ? "sign_in_refused" : "sign_in_failed" };
  return { attempt: away.attempt, state: away.state, code: said.get("code") };
}

function takeAway(storage) {
  try {
    const text = storage.getItem(AWAY_KEY);
    storage.removeItem(AWAY_KEY); // good once
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}
