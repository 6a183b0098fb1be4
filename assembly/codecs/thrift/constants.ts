// Numbers of Thrift's message protocols and of its framed and THeader transports.
// Specs, all of github.com/apache/thrift, doc/specs at 054a0fa (compact, binary) and 24b18d5 (THeader):
// thrift-binary-protocol.md, thrift-compact-protocol.md, HeaderFormat.md.

/** How a message is delimited. */
export enum Transport {
  /** u32 length, which does not count itself, then the message. */
  Framed = 0,
  /** The message only: it ends where its struct ends. */
  Unframed = 1,
  /** A frame with a header of key-value pairs before the message. */
  Header = 2,
}

/** How a message is encoded. */
export enum Protocol {
  /** Binary with a version word ("strict"). */
  Binary = 0,
  /** Binary without a version word ("non-strict"). */
  LaxBinary = 1,
  Compact = 2,
  /** A THeader payload that is compressed or of an encoding unknown here: passed on, not read. */
  Opaque = 3,
}

/** Message types on the wire, the same numbers in every protocol. */
export enum WireType {
  Call = 1,
  Reply = 2,
  Exception = 3,
  Oneway = 4,
}

/** Types of fields and elements in the binary protocols. */
export enum BinaryType {
  Stop = 0,
  Bool = 2,
  I8 = 3,
  Double = 4,
  I16 = 6,
  I32 = 8,
  I64 = 10,
  String = 11,
  Struct = 12,
  Map = 13,
  Set = 14,
  List = 15,
  Uuid = 16,
}

/** Types of fields and elements in the compact protocol; as elements both booleans mean "bool". */
export enum CompactType {
  Stop = 0,
  BooleanTrue = 1,
  BooleanFalse = 2,
  I8 = 3,
  I16 = 4,
  I32 = 5,
  I64 = 6,
  Double = 7,
  Binary = 8,
  List = 9,
  Set = 10,
  Map = 11,
  Struct = 12,
  Uuid = 13,
}

/** Bytes 0..3 of framed and THeader frames. */
export const FRAME_LENGTH_BYTES: u32 = 4;
/** The largest length of a frame, without its length field, in every implementation. */
export const MAX_FRAME_LENGTH: u32 = 0x3fffffff;
/** The largest message that is walked, in bytes: lengths are signed 32-bit numbers. */
export const MAX_MESSAGE_BYTES: u32 = 0x7fffffff;
/** No method has such a name; a longer one is no Thrift. Ours, in bytes. */
export const MAX_NAME_BYTES: u32 = 0xffff;

/** The first two bytes of a strict binary message. */
export const BINARY_VERSION: u32 = 0x8001;
/** The first byte of a compact message. */
export const COMPACT_PROTOCOL_ID: u32 = 0x82;
/** The low five bits of its second byte; the message type is above. */
export const COMPACT_VERSION: u32 = 1;
export const COMPACT_VERSION_MASK: u32 = 0x1f;
export const COMPACT_TYPE_SHIFT: u32 = 5;

/** Bytes of the shortest unframed message: compact, without a name, with an empty struct. */
export const LEAST_COMPACT_MESSAGE: u32 = 5;
/** Likewise strict binary. */
export const LEAST_BINARY_MESSAGE: u32 = 13;
/** Bytes of the shortest frame. */
export const LEAST_FRAME: u32 = FRAME_LENGTH_BYTES + LEAST_COMPACT_MESSAGE;

/** Between the service and the method in the name that TMultiplexedProtocol writes. */
export const SERVICE_SEPARATOR: u8 = 0x3a;

/** Dialects are what connections must have in common: 0 to 11. */
export function dialectOf(transport: Transport, protocol: Protocol): u32 {
  return transport * 4 + protocol;
}

export function transportOf(dialect: u32): Transport {
  return <Transport>(dialect >> 2);
}

export function protocolOf(dialect: u32): Protocol {
  return <Protocol>(dialect & 3);
}
