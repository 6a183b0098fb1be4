// Bytes and bounds of RESP, the protocol of Redis, in its versions 2 and 3.
// https://redis.io/docs/latest/develop/reference/protocol-spec/ (RESP 2 and 3, as of Redis 7.4)

export const TAB: u8 = 0x09;
export const LF: u8 = 0x0a;
export const CR: u8 = 0x0d;
export const SPACE: u8 = 0x20;
export const MINUS: u8 = 0x2d;
export const DIGIT_0: u8 = 0x30;

/** The first byte of an element says what it is. */
export enum ElementType {
  // One line.
  SimpleString = 0x2b, // +
  SimpleError = 0x2d, // -
  Integer = 0x3a, // :
  Null = 0x5f, // _
  Boolean = 0x23, // #
  Double = 0x2c, // ,
  BigNumber = 0x28, // (
  // A length in bytes, and as many bytes.
  BulkString = 0x24, // $
  BulkError = 0x21, // !
  VerbatimString = 0x3d, // =
  // A count of elements, and the elements.
  Array = 0x2a, // *
  Set = 0x7e, // ~
  Push = 0x3e, // >
  // A count of pairs, and the pairs.
  Map = 0x25, // %
  /** Not an element but something said of the next one. */
  Attribute = 0x7c, // |
}

/** The shortest element of a response: `_\r\n`. */
export const MIN_ELEMENT_BYTES: u32 = 3;
/** The shortest argument of a command: `$0\r\n\r\n`. */
export const MIN_ARGUMENT_BYTES: u32 = 6;

// A server closes the connection of whoever exceeds these. It may be a connection that others use, too.
/** `proto-max-bulk-len` of redis.conf. */
export const MAX_BULK_BYTES: i64 = 512 << 20;
/** Of one command; Redis before 7.0 takes no more. */
export const MAX_ARGUMENTS: i64 = 1 << 20;
/** PROTO_INLINE_MAX_SIZE of Redis. */
export const MAX_INLINE_BYTES: u32 = 64 << 10;
