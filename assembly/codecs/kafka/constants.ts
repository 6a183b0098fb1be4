// Numbers and offsets of Kafka's frames: RequestHeader.json, ResponseHeader.json and Errors.java of Apache
// Kafka 4.1.1.
// Allocates: never.

/** Bytes 0..3: length of what follows, big-endian i32. */
export const LENGTH_BYTES: u32 = 4;

// Request header
export const API_KEY_OFFSET: u32 = 4; // bytes 4..5, i16
export const API_VERSION_OFFSET: u32 = 6; // bytes 6..7, i16
export const CORRELATION_ID_OFFSET: u32 = 8; // bytes 8..11, i32
export const CLIENT_ID_OFFSET: u32 = 12; // bytes 12..13, i16 length, then the text; -1: null
export const CLIENT_ID_TEXT_OFFSET: u32 = 14;
/** Up to the client id, and the length of that. */
export const MIN_REQUEST_LENGTH: u32 = 10;

// Response header
export const RESPONSE_CORRELATION_ID_OFFSET: u32 = 4; // bytes 4..7, i32
export const MIN_RESPONSE_LENGTH: u32 = 4;

/** A length of a text, or a count, that says that there is none. */
export const NULL_LENGTH: i32 = -1;
export const MAX_CLIENT_ID_BYTES: u32 = 0x7fff;

export const UUID_BYTES: u32 = 16;

/** Api keys that the codec knows more of than their name. */
export enum ApiKey {
  Produce = 0,
  Fetch = 1,
  ControlledShutdown = 7,
  FindCoordinator = 10,
}

/** Versions from which topics are said by their ids. */
export const PRODUCE_BY_ID: u32 = 13;
export const FETCH_BY_ID: u32 = 13;
/** From which several coordinators may be asked for at once. */
export const FIND_BY_KEYS: u32 = 4;
