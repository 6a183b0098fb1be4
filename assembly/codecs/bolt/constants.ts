// Numbers of Bolt's two frame heads, of its replies, and keys of SOFA's header block.
// Spec: RpcProtocol, RpcProtocolV2, RpcCommandDecoder(V2), ResponseStatus of sofastack/sofa-bolt 1.6.
//
//   version 1
//   0       1      2         4      5      9       10                                        22
//   +-------+------+---------+------+------+-------+---------+-------+--------+---------+---- - - -
//   | 01    | type | command | ver2 | id   | codec | timeout | class | header | content | class, header, content
//   +-------+------+---------+------+------+-------+---------+-------+--------+---------+---- - - -
//                     u16             u32               i32     u16     u16      u32
//   version 2: `02`, then a byte of its version before the type, and a byte of switches behind the codec
//   responses: a status (u16) in the place of the timeout; all is big-endian

export const PROTOCOL_1: u32 = 1;
export const PROTOCOL_2: u32 = 2;

// Of version 1; version 2 has one byte more before all of them.
/** Byte 1. */
export const TYPE_OFFSET: usize = 1;
/** Bytes 2..3. */
export const COMMAND_OFFSET: usize = 2;
/** Byte 4: the version of the command, 1. */
export const COMMAND_VERSION_OFFSET: usize = 4;
/** Bytes 5..8. */
export const ID_OFFSET: usize = 5;
/** Byte 9: how the content is serialized. */
export const CODEC_OFFSET: usize = 9;

/** Byte 1 of version 2. */
export const VERSION_OFFSET: usize = 1;
/** Byte 11 of version 2. */
export const SWITCH_OFFSET: usize = 11;
/** What version 2 has more of: both bytes. */
export const VERSION_2_BYTES: u32 = 2;

/** Where a timeout or a status stands in version 1. */
export const VARIANT_OFFSET: usize = 10;
/** Bytes of a head of version 1. */
export const REQUEST_HEAD_BYTES: u32 = 22;
export const RESPONSE_HEAD_BYTES: u32 = 20;

// From a head's end backwards, in both versions.
export const CLASS_LENGTH_BEFORE: usize = 8;
export const HEADER_LENGTH_BEFORE: usize = 6;
export const CONTENT_LENGTH_BEFORE: usize = 4;

/** Of the class and of the header block: Java's peers read them as signed. */
export const MAX_HEADER_BYTES: u32 = 0x7fff;
/** Of the content, likewise. */
export const MAX_CONTENT_BYTES: u32 = 0x7fffffff;

export const CRC_BYTES: u32 = 4;
/** The bit of the switches that says that a CRC-32 ends the frame, in its version 2. */
export const SWITCH_CRC: u32 = 1;
export const VERSION_WITH_CRC: u32 = 2;

export enum CommandType {
  Response = 0,
  Request = 1,
  Oneway = 2,
}

export enum CommandCode {
  Heartbeat = 0,
  Request = 1,
  Response = 2,
}

export const COMMAND_VERSION: u32 = 1;
/** Of what is never answered. */
export const NO_TIMEOUT: u32 = 0xffffffff;

export const CODEC_HESSIAN2: u32 = 1;
export const CODEC_PROTOBUF: u32 = 11;
export const CODEC_JSON: u32 = 12;

// ResponseStatus.
export const STATUS_SUCCESS: u32 = 0;
export const STATUS_ERROR: u32 = 1;
export const STATUS_SERVER_BUSY: u32 = 4;
export const STATUS_COMMUNICATION_ERROR: u32 = 5;
export const STATUS_NO_PROCESSOR: u32 = 6;
export const STATUS_TIMEOUT: u32 = 7;
export const STATUS_CODEC_EXCEPTION: u32 = 9;
export const STATUS_CONNECTION_CLOSED: u32 = 0x10;
export const STATUS_LAST: u32 = 0x12;
