// The layout of `metaproto.v1.Regex.dfa`: see route.proto.
import type { Automaton } from "./automaton.js";

const MAGIC = 0x3144504d;
const STATES_OFFSET = 4;
const CLASSES_OFFSET = 6;
const START_OFFSET = 8;
const CLASS_OF_BYTE_OFFSET = 12;
const ACCEPTING_OFFSET = 268;

export function tableSizeBytes(automaton: Automaton): number {
  return nextOffset(automaton) + 2 * automaton.next.length;
}

export function encodeTable(automaton: Automaton): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(tableSizeBytes(automaton));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint16(STATES_OFFSET, automaton.stateCount, true);
  view.setUint16(CLASSES_OFFSET, automaton.classCount, true);
  view.setUint16(START_OFFSET, automaton.start, true);
  bytes.set(automaton.classOfByte, CLASS_OF_BYTE_OFFSET);
  bytes.set(automaton.accepting, ACCEPTING_OFFSET);
  let offset = nextOffset(automaton);
  for (const state of automaton.next) {
    view.setUint16(offset, state, true);
    offset += 2;
  }
  return bytes;
}

function nextOffset(automaton: Automaton): number {
  const end = ACCEPTING_OFFSET + automaton.stateCount;
  return end + (end % 2);
}
