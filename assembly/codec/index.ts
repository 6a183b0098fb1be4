// What codecs are written with: `import { Codec, ... } from "metaproto-as/codec"`.

export {
  loadU16Be,
  loadU32Be,
  loadU64Be,
  storeU16Be,
  storeU32Be,
  storeU64Be,
} from "../wire/byte-order";
export {
  copyShort,
  equalBytes,
  equalBytesIgnoreCase,
  hashBytes,
  isAscii,
  lowerAscii,
  parseDecimal,
  writeDecimal,
  writeSigned,
} from "../wire/bytes";
export { StaticText } from "../wire/static-text";
export {
  readVarint32,
  readWidth,
  VARINT_MALFORMED,
  varintSize,
  varintWidth,
  writeVarint,
} from "../wire/varint";
export { Codec, ConnectionMode, DYNAMIC_ATTRIBUTE, MAX_REPLY_CONTEXT } from "./codec";
export { DecodeStatus } from "./decode-status";
export { ErrorKind, NO_ERROR_CODE } from "./error-kind";
export { ErrorReply } from "./error-reply";
export {
  Message,
  MessageType,
  Origin,
  ResponseStatus,
  Slice,
  StreamEnd,
  TransactionStep,
} from "./message";
export { Mutation, MutationEntry, MutationOperation } from "./mutation";
export { PairChange } from "./pair-change";
