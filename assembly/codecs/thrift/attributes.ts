// The attributes that every Thrift message has, besides THeader's key-values.
// Allocates: at start-up.

import { DYNAMIC_ATTRIBUTE } from "../../codec/codec";
import { Message, Slice } from "../../codec/message";
import { writeDecimal } from "../../wire/bytes";
import { StaticText } from "../../wire/static-text";
import { Protocol, SERVICE_SEPARATOR, Transport, protocolOf, transportOf } from "./constants";
import { WireType } from "./constants";
import { HEADER_PROTOCOL_BINARY, HEADER_PROTOCOL_COMPACT } from "./header-transport";
import { headerProtocolId, nameLength, nameOffset, seqidOffset, wireType } from "./message-fields";
import { messageSeqid } from "./message-fields";

enum Attribute {
  Method = 0,
  Service = 1,
  MessageType = 2,
  Seqid = 3,
  Transport = 4,
  Protocol = 5,
}

const METHOD = new StaticText("method");
const SERVICE = new StaticText("service");
const MESSAGE_TYPE = new StaticText("message_type");
const SEQID = new StaticText("seqid");
const TRANSPORT = new StaticText("transport");
const PROTOCOL = new StaticText("protocol");

const CALL = new StaticText("call");
const REPLY = new StaticText("reply");
const EXCEPTION = new StaticText("exception");
const ONEWAY = new StaticText("oneway");

const FRAMED = new StaticText("framed");
const UNFRAMED = new StaticText("unframed");
const HEADER = new StaticText("header");

const BINARY = new StaticText("binary");
const LAX_BINARY = new StaticText("lax_binary");
const COMPACT = new StaticText("compact");

/** A sign and the digits of a 32-bit number. */
const decimal = heap.alloc(24);

/** The id of the attribute with this lower-case name, DYNAMIC_ATTRIBUTE for THeader's keys. */
export function findAttributeId(namePtr: usize, nameLen: u32): i32 {
  if (METHOD.equals(namePtr, nameLen)) return Attribute.Method;
  if (SERVICE.equals(namePtr, nameLen)) return Attribute.Service;
  if (MESSAGE_TYPE.equals(namePtr, nameLen)) return Attribute.MessageType;
  if (SEQID.equals(namePtr, nameLen)) return Attribute.Seqid;
  if (TRANSPORT.equals(namePtr, nameLen)) return Attribute.Transport;
  if (PROTOCOL.equals(namePtr, nameLen)) return Attribute.Protocol;
  return DYNAMIC_ATTRIBUTE;
}

/** The value of an attribute that `findAttributeId` knows; false when the message has none. */
export function findAttribute(message: Message, id: i32, value: Slice): bool {
  switch (id) {
    case Attribute.Method:
      return findMethod(message, value);
    case Attribute.Service:
      return findService(message, value);
    case Attribute.MessageType:
      return give(wireTypeText(wireType(message)), value);
    case Attribute.Seqid:
      return findSeqid(message, value);
    case Attribute.Transport:
      return give(transportText(transportOf(message.dialect)), value);
    case Attribute.Protocol:
      return findProtocol(message, value);
    default:
      return false;
  }
}

/**
 * The name of the method without the service that TMultiplexedProtocol puts before it: what
 * processors and clients compare. False when the payload could not be read.
 */
export function findMethod(message: Message, value: Slice): bool {
  if (seqidOffset(message) == 0) return false;
  const service = serviceLength(message);
  const skipped = service < nameLength(message) ? service + 1 : 0;
  value.ptr = message.frame + nameOffset(message) + skipped;
  value.len = nameLength(message) - skipped;
  return true;
}

function findService(message: Message, value: Slice): bool {
  const length = serviceLength(message);
  if (length == nameLength(message)) return false;
  value.ptr = message.frame + nameOffset(message);
  value.len = length;
  return true;
}

/** Bytes before the first separator, or of the whole name when it has none. */
function serviceLength(message: Message): u32 {
  const name = message.frame + nameOffset(message);
  const length = nameLength(message);
  let at: u32 = 0;
  while (at < length && load<u8>(name + at) != SERVICE_SEPARATOR) at++;
  return at;
}

function findSeqid(message: Message, value: Slice): bool {
  const isRead = seqidOffset(message) != 0;
  const seqid = <i32>(isRead ? messageSeqid(message) : <u32>message.id);
  const isNegative = seqid < 0;
  const magnitude = isNegative ? -(<i64>seqid) : <i64>seqid;
  store<u8>(decimal, 0x2d);
  const sign: u32 = isNegative ? 1 : 0;
  value.ptr = decimal;
  value.len = sign + writeDecimal(decimal + sign, <u64>magnitude);
  return true;
}

function findProtocol(message: Message, value: Slice): bool {
  switch (protocolOf(message.dialect)) {
    case Protocol.Binary:
      return give(BINARY, value);
    case Protocol.LaxBinary:
      return give(LAX_BINARY, value);
    case Protocol.Compact:
      return give(COMPACT, value);
    default:
      break;
  }
  // Compressed: strict or lax cannot be told.
  const id = headerProtocolId(message);
  if (id == HEADER_PROTOCOL_COMPACT) return give(COMPACT, value);
  return id == HEADER_PROTOCOL_BINARY && give(BINARY, value);
}

function wireTypeText(type: u32): StaticText {
  if (type == WireType.Call) return CALL;
  if (type == WireType.Reply) return REPLY;
  return type == WireType.Oneway ? ONEWAY : EXCEPTION;
}

function transportText(transport: Transport): StaticText {
  if (transport == Transport.Framed) return FRAMED;
  return transport == Transport.Unframed ? UNFRAMED : HEADER;
}

function give(text: StaticText, value: Slice): bool {
  value.ptr = text.ptr;
  value.len = text.len;
  return true;
}
