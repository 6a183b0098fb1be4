// Numbers of TARS packets.
// Spec: RequestF.tars and docs of TarsCloud/TarsProtocol; basef and servant packages of TarsGo v1.4.5.
//
//   0              4
//   +--------------+--------------------------------------------+
//   | total length | fields of RequestPacket or ResponsePacket  |
//   +--------------+--------------------------------------------+
//   big-endian; the length is that of the whole frame

export const LENGTH_BYTES: u32 = 4;
/** The length, and four numbers in one byte each, which every packet begins with. */
export const MIN_FRAME_BYTES: u32 = 8;
/** The length, and four numbers in the five bytes that they have at most. */
export const MAX_NUMBERS_BYTES: u32 = 24;

/** Tag of iVersion, the first field of both packets. */
export const VERSION_TAG: u32 = 1;
/** Of both packets. */
export const PACKET_TYPE_TAG: u32 = 2;

// Tags of RequestPacket, behind these.
export const REQUEST_MESSAGE_TYPE_TAG: u32 = 3;
export const REQUEST_ID_TAG: u32 = 4;
export const REQUEST_SERVANT_TAG: u32 = 5;
export const REQUEST_FUNC_TAG: u32 = 6;
export const REQUEST_BUFFER_TAG: u32 = 7;
export const REQUEST_TIMEOUT_TAG: u32 = 8;
export const REQUEST_CONTEXT_TAG: u32 = 9;
export const REQUEST_STATUS_TAG: u32 = 10;

// Tags of ResponsePacket.
export const RESPONSE_ID_TAG: u32 = 3;
export const RESPONSE_MESSAGE_TYPE_TAG: u32 = 4;
export const RESPONSE_RET_TAG: u32 = 5;
export const RESPONSE_BUFFER_TAG: u32 = 6;
export const RESPONSE_STATUS_TAG: u32 = 7;
export const RESPONSE_DESC_TAG: u32 = 8;
export const RESPONSE_CONTEXT_TAG: u32 = 9;

/** iVersion 2 and 3, TUP: its servers answer with a RequestPacket. */
export const FIRST_TUP_VERSION: u32 = 2;
export const LAST_TUP_VERSION: u32 = 3;

/** cPacketType of a request that gets no response. */
export const ONEWAY_PACKET: i64 = 1;

// iRet.
export const TARSSERVERDECODEERR: i32 = -1;
export const TARSSERVERNOSERVANTERR: i32 = -4;
export const TARSINVOKETIMEOUT: i32 = -7;
export const TARSPROXYCONNECTERR: i32 = -8;
export const TARSSERVEROVERLOAD: i32 = -9;
export const TARSADAPTERNULL: i32 = -10;
export const TARSCLIENTDECODEERR: i32 = -12;
export const TARSSERVERUNKNOWNERR: i32 = -99;
