// Numbers of baidu_std's head, of RpcMeta and of its errors.
// Spec: baidu_rpc_meta.proto, streaming_rpc_meta.proto, errno.proto and docs/en/baidu_std.md of apache/brpc.
//
//   0        4             8             12
//   +--------+-------------+-------------+---------+------+------------+
//   | "PRPC" | body length | meta length | RpcMeta | data | attachment |
//   +--------+-------------+-------------+---------+------+------------+
//   big-endian; the body's length is that of all behind the head

export const HEAD_BYTES: u32 = 12;

/** Bytes 0..3, big-endian u32: "PRPC". */
export const MAGIC: u32 = 0x50525043;
export const MAGIC_BYTES: u32 = 4;
/** Bytes 4..7, big-endian u32, without the head. */
export const BODY_LENGTH_OFFSET: usize = 4;
/** Bytes 8..11, big-endian u32. */
export const META_LENGTH_OFFSET: usize = 8;

// Fields of RpcMeta.
export const META_REQUEST: u32 = 1;
export const META_RESPONSE: u32 = 2;
export const META_COMPRESS_TYPE: u32 = 3;
export const META_CORRELATION_ID: u32 = 4;
export const META_ATTACHMENT_SIZE: u32 = 5;
export const META_STREAM_SETTINGS: u32 = 8;
export const META_USER_FIELDS: u32 = 9;
export const META_CONTENT_TYPE: u32 = 10;

// Fields of RpcRequestMeta.
export const REQUEST_SERVICE_NAME: u32 = 1;
export const REQUEST_METHOD_NAME: u32 = 2;
export const REQUEST_LOG_ID: u32 = 3;
export const REQUEST_TRACE_ID: u32 = 4;
export const REQUEST_SPAN_ID: u32 = 5;
export const REQUEST_PARENT_SPAN_ID: u32 = 6;
/** With brpc-java, the pairs of a map: its attachments by key. */
export const REQUEST_REQUEST_ID: u32 = 7;
export const REQUEST_TIMEOUT_MS: u32 = 8;

// Fields of RpcResponseMeta.
export const RESPONSE_ERROR_CODE: u32 = 1;
export const RESPONSE_ERROR_TEXT: u32 = 2;

// Errno.
export const ENOSERVICE: u32 = 1001;
export const EREQUEST: u32 = 1003;
export const ERPCAUTH: u32 = 1004;
export const ERPCTIMEDOUT: u32 = 1008;
export const EFAILEDSOCKET: u32 = 1009;
export const EEOF: u32 = 1014;
export const EINTERNAL: u32 = 2001;
export const ERESPONSE: u32 = 2002;
export const ELIMIT: u32 = 2004;
/** From here on, codes are those of applications. */
export const FIRST_APPLICATION_CODE: i32 = 3000;
