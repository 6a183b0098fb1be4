// The messages that scripted Thrift clients and servers exchange.
import {
  MessageType,
  stringStruct,
  thriftFrame,
  type ThriftMessage,
  type ThriftWire,
} from "../envoy/support/thrift-wire.js";
import { readStruct } from "./thrift-struct.js";

export function wireName({ transport, protocol }: ThriftWire): string {
  return `${transport} ${protocol}`;
}

/** A successful answer. */
export function replyFrame(
  wire: ThriftWire,
  { name, seqid, value }: { name: string; seqid: number; value: string },
): Buffer {
  const body = stringStruct(wire.protocol, 0, value);
  return thriftFrame(wire, { type: MessageType.Reply, name, seqid, body });
}

export interface CallOptions {
  readonly seqid?: number;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A call with one string as its argument. */
export function callFrame(
  wire: ThriftWire,
  name: string,
  options: CallOptions = {},
  type: number = MessageType.Call,
): Buffer {
  const body = stringStruct(wire.protocol, 1, options.text ?? "x");
  const headers = options.headers === undefined ? {} : { headers: options.headers };
  return thriftFrame(wire, { type, name, seqid: options.seqid ?? 0, body, ...headers });
}

/** The string of a result, or "exception TYPE: MESSAGE". */
export function answerText(wire: ThriftWire, { type, body }: ThriftMessage): string {
  const { fields } = readStruct(wire.protocol, body);
  if (type === MessageType.Reply) return String(fields.get(0));
  return `exception ${String(fields.get(2))}: ${String(fields.get(1))}`;
}
