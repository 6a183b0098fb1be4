// Building and reading AwesomeRPC frames without the codec under test.

export const HEAD_BYTES = 13;

export interface AwesomeFrame {
  readonly version?: number;
  /** The request id. */
  readonly flow: number;
  readonly command: number;
  readonly responseCode?: number;
  readonly body?: string;
}

export function writeFrame(frame: AwesomeFrame): Uint8Array {
  const body = Buffer.from(frame.body ?? "");
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeInt8(frame.version ?? 1, 0);
  head.writeUInt32BE(frame.flow, 1);
  head.writeUInt32BE(HEAD_BYTES + body.length, 5);
  head.writeInt16BE(frame.command, 9);
  head.writeInt16BE(frame.responseCode ?? 0, 11);
  return new Uint8Array(Buffer.concat([head, body]));
}

/** Throws unless the length is that of the frame. */
export function readFrame(bytes: Uint8Array): Required<AwesomeFrame> {
  const buffer = Buffer.from(bytes);
  if (buffer.readUInt32BE(5) !== buffer.length) throw new Error("another length than it says");
  return {
    version: buffer.readInt8(0),
    flow: buffer.readUInt32BE(1),
    command: buffer.readInt16BE(9),
    responseCode: buffer.readInt16BE(11),
    body: buffer.toString("utf8", HEAD_BYTES),
  };
}
