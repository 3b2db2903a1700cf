// Owns: suggestions for a name, so that nobody has to think of one before the first game. And what a name may be.

const EN = [["Quiet", "Brave", "Lucky", "Sly", "Amber", "Misty", "Clever", "Velvet"], ["Fox", "Otter", "Raven", "Lynx", "Heron", "Badger", "Moth", "Hare"]];
const KO = [["조용한", "용감한", "느긋한", "수상한", "영리한", "다정한", "엉뚱한", "졸린"], ["여우", "수달", "까치", "너구리", "고양이", "두루미", "다람쥐", "올빼미"]];

const pick = (list) => list[Math.floor(Math.random() * list.length)];

export function suggestName(language) {
  const [first, second] = language === "ko" ? KO : EN;
  return `${pick(first)}${pick(second)}${10 + Math.floor(Math.random() * 990)}`;
}

/** The server has the last word (look-alikes, names taken); this only spares a round trip. */
export const isName = (text) => /^[\p{L}\p{M}\p{N}_]{2,16}$/u.test(text);
