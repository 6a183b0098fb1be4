// Dubbo frames byte by byte, for tests that a well-behaved library cannot write.
// Source: Apache Dubbo protocol, https://dubbo.apache.org/en/overview/reference/protocols/tcp/ and the
// Hessian 2.0 serialization grammar, http://hessian.caucho.com/doc/hessian-serialization.html
//
//   byte  0..1 magic da bb | 2 flags and serialization | 3 status | 4..11 request id | 12..15 body length

export const HEADER_SIZE = 16;
const MAGIC = 0xdabb;

export const FLAG_REQUEST = 0x80;
export const FLAG_TWO_WAY = 0x40;
export const FLAG_EVENT = 0x20;
const SERIALIZATION_MASK = 0x1f;
export const SERIALIZATION_HESSIAN2 = 2;

/** Response status, byte 3. */
export const Status = {
  Ok: 20,
  ClientTimeout: 30,
  ServerTimeout: 31,
  BadRequest: 40,
  BadResponse: 50,
  ServiceNotFound: 60,
  ServiceError: 70,
  ServerError: 80,
  ClientError: 90,
  ServerThreadpoolExhausted: 100,
} as const;

/** First value of a response body of status 20. */
export const ResponseTag = {
  Exception: 0,
  Value: 1,
  Null: 2,
  ExceptionWithAttachments: 3,
  ValueWithAttachments: 4,
  NullWithAttachments: 5,
} as const;

/** Header fields of a frame. */
export interface DubboHeader {
  readonly isRequest: boolean;
  readonly isTwoWay: boolean;
  readonly isEvent: boolean;
  readonly serialization: number;
  readonly status: number;
  readonly id: bigint;
  readonly body: Buffer;
}

/** What a request says; everything but the method has a default. */
export interface DubboRequest {
  readonly id: bigint;
  readonly method: string;
  readonly path?: string;
  readonly dubboVersion?: string;
  readonly serviceVersion?: string;
  /** JVM descriptor of the parameters; default one String. */
  readonly descriptor?: string;
  /** Hessian values, one per parameter; default the string "x". */
  readonly args?: readonly Buffer[];
  /** Added to `path` and `interface`, which a library always sends. */
  readonly attachments?: Readonly<Record<string, string>>;
  readonly isTwoWay?: boolean;
}

export function dubboFrame(header: Omit<DubboHeader, "body">, body: Buffer): Buffer {
  const frame = Buffer.alloc(HEADER_SIZE + body.length);
  frame.writeUInt16BE(MAGIC, 0);
  frame[2] =
    (header.isRequest ? FLAG_REQUEST : 0) |
    (header.isTwoWay ? FLAG_TWO_WAY : 0) |
    (header.isEvent ? FLAG_EVENT : 0) |
    header.serialization;
  frame[3] = header.status;
  frame.writeBigUInt64BE(BigInt.asUintN(64, header.id), 4);
  frame.writeUInt32BE(body.length, 12);
  body.copy(frame, HEADER_SIZE);
  return frame;
}

/** A request with a hessian2 body, as Dubbo 2.7 and 3 write it. */
export function dubboRequest(request: DubboRequest): Buffer {
  const path = request.path ?? "demo.Greeter";
  const body = Buffer.concat([
    hessianString(request.dubboVersion ?? "2.0.2"),
    hessianString(path),
    hessianString(request.serviceVersion ?? "0.0.0"),
    hessianString(request.method),
    hessianString(request.descriptor ?? "Ljava/lang/String;"),
    ...(request.args ?? [hessianString("x")]),
    hessianMap({ path, interface: path, ...request.attachments }),
  ]);
  return dubboFrame(
    {
      isRequest: true,
      isTwoWay: request.isTwoWay ?? true,
      isEvent: false,
      serialization: SERIALIZATION_HESSIAN2,
      status: 0,
      id: request.id,
    },
    body,
  );
}

/** A response; `body` is a hessian2 body, or the bare message when the status is not 20. */
export function dubboResponse(id: bigint, body: Buffer, status: number = Status.Ok): Buffer {
  return dubboFrame(
    {
      isRequest: false,
      isTwoWay: false,
      isEvent: false,
      serialization: SERIALIZATION_HESSIAN2,
      status,
      id,
    },
    body,
  );
}

/** Body of a successful response with a string value and attachments. */
export function valueBody(
  value: string,
  attachments: Readonly<Record<string, string>> = {},
): Buffer {
  return Buffer.concat([
    hessianInt(ResponseTag.ValueWithAttachments),
    hessianString(value),
    hessianMap({ dubbo: "2.0.2", ...attachments }),
  ]);
}

/** A heartbeat request or its answer. Real peers send a null body, never an empty one. */
export function dubboHeartbeat(id: bigint, isRequest = true): Buffer {
  return dubboFrame(
    {
      isRequest,
      isTwoWay: isRequest,
      isEvent: true,
      serialization: SERIALIZATION_HESSIAN2,
      status: isRequest ? 0 : Status.Ok,
      id,
    },
    Buffer.from("4e", "hex"),
  );
}

/** The one-way READONLY event by which a provider announces that it will close. */
export function dubboReadonly(id: bigint): Buffer {
  return dubboFrame(
    {
      isRequest: true,
      isTwoWay: false,
      isEvent: true,
      serialization: SERIALIZATION_HESSIAN2,
      status: 0,
      id,
    },
    hessianString("R"),
  );
}

/** Length in bytes of the frame at the front of `bytes`; undefined before its header is complete. */
export function dubboFrameLength(bytes: Buffer): number | undefined {
  return bytes.length < HEADER_SIZE ? undefined : HEADER_SIZE + bytes.readUInt32BE(12);
}

/** @throws Error when `frame` does not start with the magic or is not exactly one frame. */
export function parseDubboFrame(frame: Buffer): DubboHeader {
  if (frame.readUInt16BE(0) !== MAGIC) throw new Error(`no Dubbo magic: ${frame.toString("hex")}`);
  if (dubboFrameLength(frame) !== frame.length) throw new Error("not exactly one frame");
  const flags = frame.readUInt8(2);
  return {
    isRequest: (flags & FLAG_REQUEST) !== 0,
    isTwoWay: (flags & FLAG_TWO_WAY) !== 0,
    isEvent: (flags & FLAG_EVENT) !== 0,
    serialization: flags & SERIALIZATION_MASK,
    status: frame.readUInt8(3),
    id: frame.readBigUInt64BE(4),
    body: frame.subarray(HEADER_SIZE),
  };
}

/** A string; chunks of at most 32768 UTF-16 units, as Java writes them. */
export function hessianString(text: string): Buffer {
  const chunks: Buffer[] = [];
  let rest = text;
  while (rest.length > 0x8000) {
    chunks.push(Buffer.from([0x52, 0x80, 0x00]), cesu8(rest.slice(0, 0x8000)));
    rest = rest.slice(0x8000);
  }
  const length = rest.length;
  if (length < 32) chunks.push(Buffer.from([length]));
  else if (length < 1024) chunks.push(Buffer.from([0x30 + (length >> 8), length & 0xff]));
  else chunks.push(Buffer.from([0x53, length >> 8, length & 0xff]));
  chunks.push(cesu8(rest));
  return Buffer.concat(chunks);
}

/** Java writes each half of a surrogate pair as three bytes of its own. */
function cesu8(text: string): Buffer {
  return Buffer.concat(
    Array.from({ length: text.length }, (_, i) => {
      const unit = text.charCodeAt(i);
      if (unit < 0xd800 || unit > 0xdfff) return Buffer.from(text.charAt(i), "utf8");
      return Buffer.from([0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f)]);
    }),
  );
}

export function hessianInt(value: number): Buffer {
  if (value >= -16 && value <= 47) return Buffer.from([0x90 + value]);
  const bytes = Buffer.alloc(5);
  bytes[0] = 0x49;
  bytes.writeInt32BE(value, 1);
  return bytes;
}

/** An untyped map of strings. */
export function hessianMap(entries: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(entries).flatMap(([key, value]) => [
    hessianString(key),
    hessianString(value),
  ]);
  return Buffer.concat([Buffer.from([0x48]), ...parts, Buffer.from([0x5a])]);
}
