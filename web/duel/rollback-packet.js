// Owns: the bytes of one packet between two peers of a rollback session. Called by `rollback.js` alone.
// Pure; trusts nothing: `decode` gives null for whatever this version did not write for this very session.
//
// Little endian. One packet fits any datagram (at most 171 bytes):
//    0  u8   0xD7, then u8 version 1
//    2  u32  tag of the session: packets of an earlier match are strangers
//    6  u32  the sender's frame: how many it has simulated
//   10  u32  ack: how many of the receiver's inputs the sender has, without a gap
//   14  i16  how many frames the sender thinks it is ahead, in sixteenths
//   16  u32  the sender's clock, ms;  20 u32 the receiver's clock as last heard, 24 u16 ms since it was heard (0xffff: never)
//   26  u32  a frame whose inputs are all known to the sender (0xffffffff: none yet);  30 u32 its digest
//   34  u32  frame of the first input;  38 u8 how many inputs;  39 u16 each
//   then u32 FNV-1a of everything before

export const MAX_INPUTS = 64;
/** Says "no frame yet" where a frame is expected. */
export const NONE = 0xffffffff;
const MAGIC = 0xd7;
const VERSION = 1;
const HEAD = 39;
const TAIL = 4;

/** FNV-1a, 32 bits, of `length` bytes. */
export function fnv(bytes, length = bytes.length) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash >>> 0;
}

/** One hash out of two: order matters. */
export const mix = (a, b) => (Math.imul((a ^ b) >>> 0, 0x9e3779b1) ^ (a >>> 15) ^ (b << 7)) >>> 0;

/** `{tag, frame, ack, ahead, clock, echo, held, checkFrame, check, first, inputs: number[]}` → bytes. */
export function encode(packet) {
  const count = packet.inputs.length;
  const bytes = new Uint8Array(HEAD + 2 * count + TAIL);
  const view = new DataView(bytes.buffer);
  bytes[0] = MAGIC;
  bytes[1] = VERSION;
  view.setUint32(2, packet.tag, true);
  view.setUint32(6, packet.frame, true);
  view.setUint32(10, packet.ack, true);
  view.setInt16(14, Math.max(-32768, Math.min(32767, Math.round(packet.ahead * 16))), true);
  view.setUint32(16, packet.clock, true);
  view.setUint32(20, packet.echo, true);
  view.setUint16(24, packet.held, true);
  view.setUint32(26, packet.checkFrame, true);
  view.setUint32(30, packet.check, true);
  view.setUint32(34, packet.first, true);
  bytes[38] = count;
  packet.inputs.forEach((input, i) => view.setUint16(HEAD + 2 * i, input, true));
  view.setUint32(bytes.length - TAIL, fnv(bytes, bytes.length - TAIL), true);
  return bytes;
}

/** Bytes → what `encode` was given, or null. `data`: an ArrayBuffer or a view of one. */
export function decode(data, tag) {
  const bytes = ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : data instanceof ArrayBuffer ? new Uint8Array(data) : null;
  if (!bytes || bytes.length < HEAD + TAIL || bytes[0] !== MAGIC || bytes[1] !== VERSION) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes[38];
  if (count > MAX_INPUTS || bytes.length !== HEAD + 2 * count + TAIL || view.getUint32(2, true) !== tag) return null;
  if (view.getUint32(bytes.length - TAIL, true) !== fnv(bytes, bytes.length - TAIL)) return null;
  return {
    tag,
    frame: view.getUint32(6, true),
    ack: view.getUint32(10, true),
    ahead: view.getInt16(14, true) / 16,
    clock: view.getUint32(16, true),
    echo: view.getUint32(20, true),
    held: view.getUint16(24, true),
    checkFrame: view.getUint32(26, true),
    check: view.getUint32(30, true),
    first: view.getUint32(34, true),
    inputs: Array.from({ length: count }, (_, i) => view.getUint16(HEAD + 2 * i, true)),
  };
}
