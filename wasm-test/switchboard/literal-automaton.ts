// The automaton of `<literal>[a-z]+`, written down without a compiler: for tables with more patterns
// than a test has time to compile.
// Format: proto/metaproto/v1/route.proto, Regex.dfa.

const MAGIC = 0x3144504d;
const HEADER_BYTES = 12;
const CLASS_COUNT_BYTES = 256;
const ACCEPTING_OFFSET = HEADER_BYTES + CLASS_COUNT_BYTES;
const OTHER = 0;
const LETTER = 1;

function isLetter(byte: number): boolean {
  return byte >= 0x61 && byte <= 0x7a;
}

/** `literal` is ASCII. */
export function literalThenLetters(literal: string) {
  const bytes = new TextEncoder().encode(literal);
  const own = [...new Set(bytes)];
  const classes = 2 + own.length;
  // 0 is dead, 1 to bytes.length wait for a byte of the literal, then for the first letter, then loop.
  const first = bytes.length + 1;
  const loop = first + 1;
  const states = loop + 1;
  const next = ACCEPTING_OFFSET + states + (states % 2);
  const dfa = new Uint8Array(next + 2 * states * classes);
  const view = new DataView(dfa.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, states, true);
  view.setUint16(6, classes, true);
  view.setUint16(8, 1, true);
  for (let byte = 0; byte < 256; byte++) {
    const index = own.indexOf(byte);
    dfa[HEADER_BYTES + byte] = index >= 0 ? 2 + index : isLetter(byte) ? LETTER : OTHER;
  }
  dfa[ACCEPTING_OFFSET + loop] = 1;
  const set = (state: number, byteClass: number, to: number) => {
    view.setUint16(next + 2 * (state * classes + byteClass), to, true);
  };
  bytes.forEach((byte, i) => set(1 + i, 2 + own.indexOf(byte), 2 + i));
  for (const state of [first, loop]) {
    set(state, LETTER, loop);
    own.forEach((byte, index) => {
      if (isLetter(byte)) set(state, 2 + index, loop);
    });
  }
  return { pattern: `${literal}[a-z]+`, dfa, literalPrefix: literal };
}
