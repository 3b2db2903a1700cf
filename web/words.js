// Owns: happenings in words. Called by the feed, the toasts and the replay.

import { t } from "./i18n/index.js";
import { nameOf } from "./state/view.js";

/** A feed entry or notice as one sentence. */
export function happening(state, entry) {
  const name = nameOf(state, entry.player_id ?? entry.accused ?? entry.target);
  switch (entry.kind) {
    case "joined": return t("feed.joined", { name });
    case "left": return t(`feed.${entry.reason}`, { name });
    case "leader": return t("feed.leader", { name });
    case "absent": return t("feed.absent", { name });
    case "phase": return t(entry.tied ? "feed.phase_day_tied" : `feed.phase_${entry.phase}`, { n: entry.day, name });
    case "investigation": return t(entry.mafia ? "found.mafia" : "found.clean", { name });
    case "over": return t(`end.${entry.winner}`);
    case "death": {
      const me = entry.player_id === state.me && entry.cause !== "left";
      const what = t(me ? `death.you_${entry.cause}` : `death.${entry.cause}`, { name });
      const role = entry.role ? ` · ${t(`role.${entry.role}`)}` : entry.side ? ` · ${t(`side.${entry.side}`)}` : "";
      const last = entry.will ? ` — ${t("feed.will", { name, text: entry.will })}` : "";
      return what + role + last;
    }
    default: return t(`feed.${entry.kind}`);
  }
}
