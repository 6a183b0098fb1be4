// What the Bolt target starts from: captured frames in both versions, and what no capture shows.
import {
  asVersion2,
  buildFrame,
  Command,
  CommandType,
  fromHex,
  headerBlock,
  SOFA_REQUEST,
  SOFA_RESPONSE,
  wholeCaptures,
} from "../codecs/bolt/frames.js";

/** Longer frames are fuzzed more slowly and show nothing else. */
const SMALL = 1500;

function builtFrames(): Uint8Array[] {
  const header = headerBlock(
    ["key", "old"],
    ["User-Id", "u"],
    ["sofa_head_method_name", "m"],
    ["key", "again"],
    [null, "v"],
    ["trace", null],
    ["service", "a.B:1.0:id"],
  );
  const error = headerBlock(["sofa_head_response_error", "true"]);
  const { Response, Oneway } = CommandType;
  return (["1", "2", "2.2"] as const).flatMap((protocol) => [
    buildFrame({ protocol, switches: 1, className: SOFA_REQUEST, header, content: header }),
    buildFrame({ protocol, className: "demo.Request", header, codec: 2 }),
    buildFrame({ protocol, type: Oneway, variant: -1, className: SOFA_REQUEST, codec: 12 }),
    buildFrame({ protocol, type: Response, switches: 1, variant: 7 }),
    buildFrame({ protocol, type: Response, className: SOFA_RESPONSE, header: error, codec: 11 }),
    buildFrame({ protocol, command: Command.Heartbeat, variant: -1, switches: 1 }),
    buildFrame({ protocol, type: Response, command: Command.Heartbeat }),
  ]);
}

export function boltSeeds(): Uint8Array[] {
  const captures = wholeCaptures().map(({ bytes }) => bytes);
  const first = captures.filter((bytes) => bytes.length <= SMALL);
  const second = first.map((bytes, index) => asVersion2(bytes, index % 2 === 0));
  return [...first, ...second, ...builtFrames()];
}

/** Heads of frames, lengths that are none, and texts of header blocks. */
export const BOLT_TOKENS = [
  ...["0101000101", "0102000101", "0100000201", "0101000001", "0100000001"],
  ...["020101000101", "020201000101", "020100000201", "020201000001", "0b", "0c", "01000005dc"],
  ...["0000", "00000000", "7fff", "8000", "ffff", "7fffffff", "80000000", "ffffffff"],
  ...["000000036b657900000005", "0000000000000000", "ffffffff00000001", "54", "46", "6f90"],
  headerBlock(["sofa_head_response_error", "true"]),
  headerBlock(["sofa_head_target_service", "a:1"]),
].map((token) => (typeof token === "string" ? fromHex(token) : token));
