// What is hostile in the frames of each protocol, and the servers behind the proxy.
import { RandomSource } from "../../inputs/random-source.js";
import {
  dubboFrameLength,
  dubboRequest,
  dubboResponse,
  parseDubboFrame,
  valueBody,
} from "../support/dubbo-wire.js";
import type { LoadProtocol } from "../support/load.js";
import { TcpServer } from "../support/tcp-server.js";
import {
  FRAMED,
  MessageType,
  parseThriftFrame,
  stringStruct,
  thriftFrame,
  thriftFrameLength,
} from "../support/thrift-wire.js";
import { type HostileKind, commonKinds } from "./hostile-kinds.js";

/** `maxFrameBytes`, so that what is beyond it is not as large. */
export const MAX_FRAME_BYTES = 1 << 20;
const LARGE_BYTES = 256 * 1024;
const SERVER_PATIENCE_MS = 600_000;

export interface HostileProtocol {
  readonly protocol: LoadProtocol;
  /** The method of requests of good clients, which has servers of its own. */
  readonly goodMethod: string;
  readonly kinds: readonly HostileKind[];
  /** A server that answers whatever gets through to it. */
  readonly startServer: () => Promise<TcpServer>;
}

function randomBytes(index: number, length: number): Buffer {
  return Buffer.from(new RandomSource(index + 1).bytes(length));
}

/** `bytes` with a big-endian number in it. */
function withUint32(bytes: Buffer, offset: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt32BE(value >>> 0, offset);
  return copy;
}

function dubboText(id: number, text: string): Buffer {
  return dubboRequest({
    id: BigInt(id),
    method: text,
    path: text.slice(0, 1000),
    attachments: { nasty: text, [text.slice(0, 100)]: "key" },
  });
}

const DUBBO_LENGTH_OFFSET = 12;
const dubboWhole = dubboText(1, "hello");

function lengthKinds(frame: Buffer, offset: number): HostileKind[] {
  const kind = (name: string, length: number): HostileKind => ({
    name,
    fate: "refused",
    counter: "downstream_decode_error",
    act: (connection) => {
      connection.send(withUint32(frame, offset, length));
    },
  });
  return [
    kind("one byte more than the largest frame", MAX_FRAME_BYTES + 1),
    kind("oversize length", 0x3fffffff),
  ];
}

export const HOSTILE_DUBBO: HostileProtocol = {
  protocol: "dubbo",
  goodMethod: "echo",
  kinds: [
    ...commonKinds({
      request: dubboText,
      large: (id) => dubboRequest({ id: BigInt(id), method: "large" }),
      garbage: (index) => Buffer.concat([Buffer.from([0x47]), randomBytes(index, 1000)]),
    }),
    ...lengthKinds(dubboWhole, DUBBO_LENGTH_OFFSET),
    {
      name: "negative length",
      fate: "refused",
      counter: "downstream_decode_error",
      act: (connection, index) => {
        connection.send(withUint32(dubboWhole, DUBBO_LENGTH_OFFSET, -1 - index));
      },
    },
    {
      name: "a header and a body that is none",
      fate: "answered",
      act: (connection, index) => {
        const frame = Buffer.from(dubboWhole);
        randomBytes(index, frame.length - 16).copy(frame, 16);
        connection.send(frame);
      },
    },
  ],
  startServer: () =>
    TcpServer.start(async (connection) => {
      for (;;) {
        const frame = await connection.readFrame(dubboFrameLength, SERVER_PATIENCE_MS);
        const { id, isTwoWay } = parseDubboFrame(frame);
        const body = frame.includes("large") ? Buffer.alloc(LARGE_BYTES) : valueBody("served");
        if (isTwoWay) connection.write(dubboResponse(id, body));
      }
    }),
};

function thriftText(id: number, text: string): Buffer {
  return thriftCall(id, text.slice(0, 1000), text);
}

function thriftCall(seqid: number, name: string, text: string): Buffer {
  const body = stringStruct("binary", 1, text);
  return thriftFrame(FRAMED, { type: MessageType.Call, name, seqid, body });
}

/** Of the name, behind the length of the frame and the version. */
const THRIFT_NAME_LENGTH_OFFSET = 8;
const thriftWhole = thriftCall(1, "hostile", "hello");

export const HOSTILE_THRIFT: HostileProtocol = {
  protocol: "thrift",
  goodMethod: "big",
  kinds: [
    ...commonKinds({
      request: thriftText,
      large: (id) => thriftCall(id, "large", "x"),
      garbage: (index) => Buffer.concat([Buffer.from([0xff, 0xfe]), randomBytes(index, 1000)]),
    }),
    ...lengthKinds(thriftWhole, 0),
    {
      name: "negative length",
      fate: "closed",
      counter: "downstream_decode_error",
      act: (connection, index) => {
        connection.send(withUint32(thriftWhole, 0, -1 - index));
      },
    },
    {
      name: "negative length of a name",
      fate: "closed",
      counter: "downstream_decode_error",
      act: (connection, index) => {
        connection.send(withUint32(thriftWhole, THRIFT_NAME_LENGTH_OFFSET, -1 - index));
      },
    },
  ],
  startServer: () =>
    TcpServer.start(async (connection) => {
      for (;;) {
        const frame = await connection.readFrame(thriftFrameLength, SERVER_PATIENCE_MS);
        const { name, seqid } = parseThriftFrame(FRAMED, frame);
        const text = name === "large" ? "x".repeat(LARGE_BYTES) : "served";
        const body = stringStruct("binary", 0, text);
        connection.write(thriftFrame(FRAMED, { type: MessageType.Reply, name, seqid, body }));
      }
    }),
};
