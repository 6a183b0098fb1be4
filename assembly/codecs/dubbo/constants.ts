// Numbers of the Dubbo 2 frame header and of its replies.
// Spec: https://dubbo.apache.org/en/overview/reference/protocols/tcp/ ; ExchangeCodec and Response of
// apache/dubbo 3.3.
//
//   0        2      3        4                    12            16
//   +--------+------+--------+--------------------+-------------+------- - -
//   | da bb  | flag | status | request id, u64    | body length | body
//   +--------+------+--------+--------------------+-------------+------- - -
//   big-endian; flag: 0x80 request, 0x40 two-way, 0x20 event, low 5 bits serialization id

export const HEADER_BYTES: u32 = 16;

/** Bytes 0 and 1. */
export const MAGIC_HIGH: u32 = 0xda;
export const MAGIC_LOW: u32 = 0xbb;
/** Bytes 0 and 1, big-endian u16. */
export const MAGIC: u32 = 0xdabb;

/** Byte 2. */
export const FLAG_OFFSET: usize = 2;
export const FLAG_REQUEST: u32 = 0x80;
export const FLAG_TWO_WAY: u32 = 0x40;
export const FLAG_EVENT: u32 = 0x20;
export const SERIALIZATION_MASK: u32 = 0x1f;

/** Byte 3, of responses. */
export const STATUS_OFFSET: usize = 3;
/** Bytes 4..11, big-endian u64. */
export const ID_OFFSET: usize = 4;
/** Bytes 12..15, big-endian u32, without the header. */
export const BODY_LENGTH_OFFSET: usize = 12;

export const SERIALIZATION_HESSIAN2: u32 = 2;
export const SERIALIZATION_FASTJSON2: u32 = 23;

export const STATUS_OK: u32 = 20;
export const STATUS_CLIENT_TIMEOUT: u32 = 30;
export const STATUS_SERVER_TIMEOUT: u32 = 31;
export const STATUS_CHANNEL_INACTIVE: u32 = 35;
export const STATUS_BAD_REQUEST: u32 = 40;
export const STATUS_BAD_RESPONSE: u32 = 50;
export const STATUS_SERVICE_NOT_FOUND: u32 = 60;
export const STATUS_SERVICE_ERROR: u32 = 70;
export const STATUS_SERVER_ERROR: u32 = 80;
export const STATUS_THREADPOOL_EXHAUSTED: u32 = 100;

/** What a response with status 20 holds, its body's first value: an exception, 1 a value, or null. */
export const RESPONSE_WITH_EXCEPTION: u32 = 0;
export const RESPONSE_NULL_VALUE: u32 = 2;
/** Added to these three when a map of attachments follows. */
export const WITH_ATTACHMENTS: u32 = 3;
export const MAX_RESPONSE_TAG: u32 = 5;

/** Codes of org.apache.dubbo.rpc.RpcException. */
export const CODE_FORBIDDEN: u32 = 4;
export const CODE_NO_INVOKER: u32 = 6;
export const CODE_LIMIT_EXCEEDED: u32 = 7;
