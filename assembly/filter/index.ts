// What filters are written with: `import { Filter, ... } from "metaproto-as/filter"`.
// Host calls beyond it are in "metaproto-as/proxy-wasm-as".

export { ErrorKind, NO_ERROR_CODE } from "../codec/error-kind";
export { MessageType, ResponseStatus, Slice } from "../codec/message";
export { MutationOperation } from "../codec/mutation";
export { LogLevel } from "../proxy-wasm-as/abi/enums";
export { log } from "../proxy-wasm-as/host/log";
export { equalBytes, hashBytes, parseDecimal, writeDecimal } from "../wire/bytes";
export { copyBytes } from "../wire/owned-bytes";
export { StaticText } from "../wire/static-text";
export { AttributeName } from "./attribute-name";
export { Call } from "./call";
export { Counter, counterOf } from "./counter";
export { cutPort } from "./cut-port";
export { Filter, FILTER_SLOT_BYTES, FilterConfig, FilterStatus } from "./filter";
export { FilterHost, filterHost } from "./filter-host";
export { Conditions, FilterSetup } from "./filter-setup";
export { JsonConfig } from "./json-config";
export { flagText, ResponseFlag } from "./response-flag";
