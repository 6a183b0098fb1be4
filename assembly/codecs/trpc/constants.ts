// Numbers of tRPC's frame head, of its protobuf messages and of its replies.
// Spec: trpc.proto and docs of trpc-group/trpc; codec.go and codec_stream.go of trpc-go v1.0.3.
//
//   0        2      3        4              8               10          14        15         16
//   +--------+------+--------+--------------+---------------+-----------+---------+----------+---- - -
//   | 09 30  | type | stream | total length | header length | stream id | version | reserved | header, body
//   +--------+------+--------+--------------+---------------+-----------+---------+----------+---- - -
//   big-endian; the total length is that of the whole frame; the header is protobuf

export const HEAD_BYTES: u32 = 16;

/** Bytes 0 and 1. */
export const MAGIC_HIGH: u32 = 0x09;
export const MAGIC_LOW: u32 = 0x30;
/** Bytes 0 and 1, big-endian u16. */
export const MAGIC: u32 = 0x0930;
/** Byte 2. */
export const FRAME_TYPE_OFFSET: usize = 2;
/** Byte 3, of frames of streams. */
export const STREAM_FRAME_TYPE_OFFSET: usize = 3;
/** Bytes 4..7, big-endian u32, with the head. */
export const TOTAL_LENGTH_OFFSET: usize = 4;
/** Bytes 8..9, big-endian u16; 0 in frames of streams. */
export const HEADER_LENGTH_OFFSET: usize = 8;
/** Bytes 10..13, big-endian u32; of a unary call since version 1 its request id. */
export const STREAM_ID_OFFSET: usize = 10;
/** Byte 14: 0 or 1. */
export const VERSION_OFFSET: usize = 14;

export const MAX_HEADER_BYTES: u32 = 0xffff;

export enum FrameType {
  Unary = 0,
  Stream = 1,
}

/** 2 is data, 3 FEEDBACK: how much more its sender has room for. */
export enum StreamFrameType {
  Init = 1,
  Close = 4,
}

/** `call_type` of a request that gets no response. */
export const ONEWAY_CALL: u32 = 1;
/** `close_type`; 0: the sender is done. */
export const CLOSE_RESET: u32 = 1;

// Fields of RequestProtocol.
export const REQUEST_CALL_TYPE: u32 = 2;
export const REQUEST_TIMEOUT: u32 = 4;
export const REQUEST_CALLER: u32 = 5;
export const REQUEST_CALLEE: u32 = 6;
export const REQUEST_FUNC: u32 = 7;
export const REQUEST_MESSAGE_TYPE: u32 = 8;
export const REQUEST_TRANS_INFO: u32 = 9;
export const REQUEST_CONTENT_TYPE: u32 = 10;
export const REQUEST_CONTENT_ENCODING: u32 = 11;

/** Of RequestProtocol and of ResponseProtocol. */
export const REQUEST_ID: u32 = 3;

// Fields of ResponseProtocol.
export const RESPONSE_RET: u32 = 4;
export const RESPONSE_FUNC_RET: u32 = 5;
export const RESPONSE_ERROR_MSG: u32 = 6;
export const RESPONSE_MESSAGE_TYPE: u32 = 7;
export const RESPONSE_TRANS_INFO: u32 = 8;
export const RESPONSE_CONTENT_TYPE: u32 = 9;
export const RESPONSE_CONTENT_ENCODING: u32 = 10;

// Fields of TrpcStreamInitMeta.
export const INIT_REQUEST_META: u32 = 1;
export const INIT_RESPONSE_META: u32 = 2;
export const INIT_CONTENT_TYPE: u32 = 4;
export const INIT_CONTENT_ENCODING: u32 = 5;

// Fields of TrpcStreamInitRequestMeta.
export const META_CALLER: u32 = 1;
export const META_CALLEE: u32 = 2;
export const META_FUNC: u32 = 3;
export const META_MESSAGE_TYPE: u32 = 4;
export const META_TRANS_INFO: u32 = 5;

// Fields of TrpcStreamInitResponseMeta.
export const META_RET: u32 = 1;
export const META_ERROR_MSG: u32 = 2;

// Fields of TrpcStreamCloseMeta.
export const CLOSE_TYPE: u32 = 1;
export const CLOSE_RET: u32 = 2;
export const CLOSE_MSG: u32 = 3;
export const CLOSE_FUNC_RET: u32 = 6;

// TrpcRetCode.
export const RET_SERVER_DECODE: u32 = 1;
export const RET_SERVER_NO_SERVICE: u32 = 11;
export const RET_SERVER_TIMEOUT: u32 = 21;
export const RET_SERVER_OVERLOAD: u32 = 22;
export const RET_SERVER_LIMITED: u32 = 23;
export const RET_SERVER_SYSTEM: u32 = 31;
export const RET_SERVER_AUTH: u32 = 41;
export const RET_CLIENT_CONNECT: u32 = 111;
export const RET_CLIENT_DECODE: u32 = 122;
export const RET_CLIENT_ROUTER: u32 = 131;
export const RET_CLIENT_NETWORK: u32 = 141;
export const RET_CLIENT_CANCELED: u32 = 161;
/** From here on, codes are those of applications. */
export const FIRST_APPLICATION_CODE: i32 = 10000;
