// Sentences of the replay, in both languages; fetched with them.

import { learn } from "./index.js";

export const tables = {
  en: {
    "replay.title": "Replay",
    "replay.play": "Play",
    "replay.pause": "Pause",
    "replay.close": "Close replay",
    "replay.speed": "Speed",
    "replay.position": "Position in the game",
    "replay.loading": "Fetching the game…",
    "replay.start": "The game begins",
    "replay.over": "The end",
  },
  ko: {
    "replay.title": "다시 보기",
    "replay.play": "재생",
    "replay.pause": "멈춤",
    "replay.close": "다시 보기 닫기",
    "replay.speed": "속도",
    "replay.position": "게임 속 위치",
    "replay.loading": "게임을 불러오고 있어요…",
    "replay.start": "게임 시작",
    "replay.over": "게임 끝",
  },
};

learn(tables);
