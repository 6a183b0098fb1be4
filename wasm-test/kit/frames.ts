// Recorded frames, and what a server that answers with them must know of a protocol.
import { readFileSync } from "node:fs";

/** Where frames end, and which bytes tell a request from another. */
export interface FrameFormat {
  /** Bytes of the frame at the beginning of `bytes`; undefined: more bytes are needed to know. */
  lengthOf(bytes: Uint8Array): number | undefined;
  /** The request id of a whole frame, as a view of it. */
  idOf(frame: Uint8Array): Uint8Array;
}

const DUBBO_HEADER_BYTES = 16;

/** Dubbo 2. */
export const dubboFrames: FrameFormat = {
  lengthOf: (bytes) =>
    bytes.length < DUBBO_HEADER_BYTES ? undefined : DUBBO_HEADER_BYTES + u32(bytes, 12),
  idOf: (frame) => frame.subarray(4, 12),
};

const THRIFT_NAME_AT = 12;

/** Thrift's framed transport with the binary protocol: length, version, name, sequence id. */
export const thriftFrames: FrameFormat = {
  lengthOf: (bytes) => (bytes.length < 4 ? undefined : 4 + u32(bytes, 0)),
  idOf: (frame) => {
    const at = THRIFT_NAME_AT + u32(frame, 8);
    return frame.subarray(at, at + 4);
  },
};

/**
 * Reads a recorded frame: a file of hexadecimal digits, white space and lines that begin with `#`.
 *
 * @throws Error when there is anything else in it, or no such file.
 */
export function readFrame(file: string | URL): Uint8Array {
  const digits = readFileSync(file, "utf8").replaceAll(/^#.*$|\s/gm, "");
  if (!/^([0-9a-f]{2})+$/i.test(digits)) throw new Error(`${String(file)} holds no frame`);
  return new Uint8Array(Buffer.from(digits, "hex"));
}

function u32(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset);
}
