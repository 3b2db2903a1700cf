// Owns: the list of screens: name in the address, title, what it reads, and whether this server has what it needs.

import { audit } from "./views/audit.js";
import { claims, letters } from "./views/stream.js";
import { events } from "./views/events.js";
import { mutes } from "./views/mutes.js";
import { overview } from "./views/overview.js";
import { players } from "./views/players.js";
import { queues } from "./views/queues.js";
import { reports } from "./views/reports.js";
import { rooms } from "./views/rooms.js";
import { showtimes } from "./views/showtimes.js";
import { tokens } from "./views/tokens.js";

export const screens = [overview, rooms, players, mutes, reports, events, showtimes, queues, claims, letters, tokens, audit];
