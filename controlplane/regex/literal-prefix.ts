import { type Automaton, DEAD } from "./automaton.js";

/** What every matching value begins with; may be empty. The automaton must be minimal. */
export function literalPrefix(automaton: Automaton): string {
  const bytes: number[] = [];
  let state = automaton.start;
  while (state !== DEAD && automaton.accepting[state] !== 1) {
    const byte = onlyByte(automaton, state);
    if (byte === undefined) break;
    bytes.push(byte);
    state =
      automaton.next[state * automaton.classCount + (automaton.classOfByte[byte] ?? 0)] ?? DEAD;
  }
  return decodeWholeCodePoints(Uint8Array.from(bytes));
}

/** The byte that all values go on with, if there is just one. */
function onlyByte(automaton: Automaton, state: number): number | undefined {
  let only: number | undefined;
  for (let byte = 0; byte < 256; byte++) {
    const byteClass = automaton.classOfByte[byte] ?? 0;
    if (automaton.next[state * automaton.classCount + byteClass] === DEAD) continue;
    if (only !== undefined) return undefined;
    only = byte;
  }
  return only;
}

/** The longest beginning that is valid UTF-8: a prefix may end within a character. */
function decodeWholeCodePoints(bytes: Uint8Array): string {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for (let length = bytes.length; length > 0; length--) {
    try {
      return decoder.decode(bytes.subarray(0, length));
    } catch {
      // Cut short by one byte more.
    }
  }
  return "";
}
