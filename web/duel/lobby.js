// Owns: what the page knows: who is there, who asked whom, in which match we are and how far it is. A pure function of
// the server's words and our own doings; called by `app.js`, read by `views.js`. Times are Unix milliseconds.

export const ANSWER_MS = 30_000;

/** `me`: {id, name} or null before signing in. */
export const initial = (me = null) => ({
  me, link: "idle", lobby: null, asked: null, incoming: [], match: null, notice: null, seeking: null, canSeek: true,
});

/** `match.stage`: accepting → connecting → playing → over. */
const begin = (state, sessionId, opponentId, opponentName, side, stage) => ({
  ...state, asked: null, incoming: [], seeking: null, notice: null,
  match: { sessionId, opponentId, opponentName, side, stage, ended: null, trouble: null, result: null, rating: null },
});

const withMatch = (state, sessionId, part) => (state.match?.sessionId === sessionId ? { ...state, match: { ...state.match, ...part } } : state);
const nameOf = (state, id) => state.lobby?.find(({ playerId }) => playerId === id)?.playerName ?? state.incoming.find(({ requesterId }) => requesterId === id)?.requesterName ?? "?";

const words = {
  lobby_update: (state, { players }) => ({ ...state, lobby: players }),
  match_request_sent: (state, { targetId, sessionId }, now) => ({ ...state, notice: null, asked: { targetId, sessionId, name: nameOf(state, targetId), until: now + ANSWER_MS } }),
  match_request_received: (state, { requesterId, requesterName, sessionId }, now) =>
    state.incoming.some((request) => request.sessionId === sessionId) ? state : { ...state, incoming: [...state.incoming, { requesterId, requesterName, sessionId, until: now + ANSWER_MS }] },
  match_request_accepted(state, { accepterId, accepterName, requesterId, requesterName, sessionId }) {
    if (state.match?.sessionId === sessionId && state.match.stage !== "accepting") return state; // told again after a drop
    const mine = (requesterId ?? state.me.id) === state.me.id;
    return mine ? begin(state, sessionId, accepterId, accepterName, 0, "connecting") : begin(state, sessionId, requesterId, requesterName, 1, "connecting");
  },
  match_request_declined: (state, { declinerName, sessionId }) => (state.asked?.sessionId === sessionId ? { ...state, asked: null, notice: { kind: "declined", name: declinerName } } : state),
  match_request_cancelled: (state, { sessionId }) => ({ ...state, incoming: state.incoming.filter((request) => request.sessionId !== sessionId) }),
  sdp_offer_received: (state, { sessionId }) => (state.match?.stage === "accepting" ? withMatch(state, sessionId, { stage: "connecting" }) : state),
  match_started: (state, { sessionId }) => (state.match?.stage === "over" ? state : withMatch(state, sessionId, { stage: "playing" })),
  match_failed(state, { sessionId, reason }) {
    if (state.asked?.sessionId === sessionId) return { ...state, asked: null, notice: { kind: "failed", reason, name: state.asked.name } };
    if (state.match?.sessionId === sessionId) return { ...state, match: null, notice: { kind: "failed", reason, name: state.match.opponentName } };
    return words.match_request_cancelled(state, { sessionId });
  },
  match_ended: (state, { sessionId, reason, result }) => withMatch(state, sessionId, { stage: "over", ended: { reason, ...result } }),
  error(state, { code, sessionId }) {
    const next = { ...state, notice: { kind: "refused", code } };
    if (state.match?.stage === "accepting" && (!sessionId || sessionId === state.match.sessionId)) return { ...next, match: null };
    if (state.match) return state; // a word that came too late for a match that goes on
    return state.asked && !state.asked.sessionId ? { ...next, asked: null } : next;
  },

  "local.account": (state, { me }) => ({ ...initial(me), canSeek: state.canSeek }),
  "local.link": (state, { link, code }) => ({
    ...state, link, lobby: link === "online" ? state.lobby : null, notice: link === "closed" ? { kind: "closed", code } : state.notice,
    // What was open is told again when we are back; what is not, is over.
    ...(link === "reconnecting" ? { asked: null, incoming: [] } : {}),
  }),
  "local.asked": (state, { targetId }, now) => ({ ...state, notice: null, asked: { targetId, sessionId: null, name: nameOf(state, targetId), until: now + ANSWER_MS } }),
  "local.accepted": (state, { sessionId, requesterId }) => begin(state, sessionId, requesterId, nameOf(state, requesterId), 1, "accepting"),
  "local.declined": (state, { sessionId }) => words.match_request_cancelled(state, { sessionId }),
  "local.withdrawn": (state) => ({ ...state, asked: null }),
  "local.practice": (state, { name }) => begin(state, "practice", "bot", name, 0, "playing"),
  /** `trouble`: null, interrupted, desync, disconnected. The last two end the match. */
  "local.trouble": (state, { sessionId, trouble, detail }) => withMatch(state, sessionId, { trouble, detail, ...(trouble === "desync" || trouble === "disconnected" ? { stage: "over" } : {}) }),
  "local.result": (state, { sessionId, result }) => withMatch(state, sessionId, { result, stage: "over" }),
  "local.rating": (state, { sessionId, rating }) => withMatch(state, sessionId, { rating }),
  "local.leave": (state) => ({ ...state, match: null }),
  "local.seeking": (state, { seeking, canSeek = state.canSeek, notice = state.notice }) => ({ ...state, seeking, canSeek, notice }),
  "local.notice": (state, { notice }) => ({ ...state, notice }),
};

/** What is known after one word, of the server or `local.*`. Unknown words change nothing. */
export const reduce = (state, type, payload = {}, now = Date.now()) => (Object.hasOwn(words, type) ? words[type](state, payload, now) : state);

/** Others first who can be asked, then those in a match; ourselves left out. */
export function others({ lobby, me }) {
  const list = (lobby ?? []).filter(({ playerId }) => playerId !== me?.id);
  const busy = ({ status }) => (status === "available" ? 0 : 1);
  return list.sort((a, b) => busy(a) - busy(b) || a.playerName.localeCompare(b.playerName));
}
