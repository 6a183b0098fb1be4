// SOFA's response, as far as an error is told and told apart: its class, its header, its Hessian2.
//
//   4f be <class name> 94 <names of four fields>    the class's definition
//   6f 90                                           an object of it:
//     54 | 46                                       isError
//     53 <length u16> <text> | ...                  errorMsg
//     4e ...                                        appResponse; an exception of the application's is here
//     4d 18 <key> 04 true 7a | ...                  responseProps
//
// SOFA's Hessian2 is of an older grammar than Dubbo's. In other serializations the content of an error is its text.
// Spec: captures of sofa-rpc 5.13.2; SofaRpcSerialization, ProtobufSerializer and JacksonSerializer there.
// Allocates: when the module starts.

import { Message, Slice } from "../../codec/message";
import { storeU16Be, storeU32Be } from "../../wire/byte-order";
import { equalBytes } from "../../wire/bytes";
import { StaticText } from "../../wire/static-text";
import { CODEC_HESSIAN2, CODEC_JSON, CODEC_PROTOBUF } from "./constants";
import { classLength, codecOf, contentLength, contentOffset } from "./head";
import { findValue, PAIR_OVERHEAD } from "./header-block";

const REQUEST_CLASS = new StaticText("com.alipay.sofa.rpc.core.request.SofaRequest");
export const RESPONSE_CLASS = new StaticText("com.alipay.sofa.rpc.core.response.SofaResponse");
const ERROR_KEY = new StaticText("sofa_head_response_error");
const ERROR_VALUE = new StaticText("true");
const IS_ERROR = new StaticText("isError");
const ERROR_MSG = new StaticText("errorMsg");
const APP_RESPONSE = new StaticText("appResponse");
const RESPONSE_PROPS = new StaticText("responseProps");

const CLASS_DEFINITION: u32 = 0x4f;
const OBJECT: u32 = 0x6f;
const MAP: u32 = 0x4d;
const MAP_END: u32 = 0x7a;
const STRING: u32 = 0x53;
const TRUE: u32 = 0x54;
const NULL: u32 = 0x4e;
/** The integer 0 in one byte; those up to 47 follow. */
const ZERO: u32 = 0x90;

/** What an object of the class begins with, before the value of its first field. */
const preamble = memory.data(128);
let preambleLen: u32 = 0;

function putByte(out: usize, byte: u32): usize {
  store<u8>(out, <u8>byte);
  return out + 1;
}

function putBytes(out: usize, text: StaticText): usize {
  memory.copy(out, text.ptr, text.len);
  return out + text.len;
}

/** A text of less than 32 bytes. */
function putShort(out: usize, text: StaticText): usize {
  return putBytes(putByte(out, text.len), text);
}

function writePreamble(): void {
  let at = putByte(preamble, CLASS_DEFINITION);
  at = putByte(at, ZERO + RESPONSE_CLASS.len);
  at = putBytes(at, RESPONSE_CLASS);
  at = putByte(at, ZERO + 4);
  at = putShort(at, IS_ERROR);
  at = putShort(at, ERROR_MSG);
  at = putShort(at, APP_RESPONSE);
  at = putShort(at, RESPONSE_PROPS);
  at = putByte(at, OBJECT);
  at = putByte(at, ZERO);
  preambleLen = <u32>(at - preamble);
}

writePreamble();

/** Whether the content of a request is SOFA's: only then is its sender one who knows the class of the response. */
export function isSofaRequest(message: Message): bool {
  if (classLength(message) != REQUEST_CLASS.len) return false;
  return equalBytes(message.frame + message.a, REQUEST_CLASS.ptr, REQUEST_CLASS.len);
}

const value = new Slice();

/** Whether a whole response is SOFA's word of an error, of the framework or of the application. */
export function saysError(message: Message): bool {
  if (!findValue(message, ERROR_KEY.ptr, ERROR_KEY.len, false, value)) return false;
  return ERROR_VALUE.equals(value.ptr, value.len);
}

/** Whether such a response is the framework's, which only Hessian2 tells. */
export function isFrameworkError(message: Message): bool {
  if (codecOf(message.frame) != CODEC_HESSIAN2) return false;
  if (contentLength(message) <= preambleLen) return false;
  const content = message.frame + contentOffset(message);
  return equalBytes(content, preamble, preambleLen) && load<u8>(content + preambleLen) == TRUE;
}

/** Whether an error with a text can be written in this serialization. */
export function hasErrorContent(codec: u32): bool {
  return codec == CODEC_HESSIAN2 || codec == CODEC_PROTOBUF || codec == CODEC_JSON;
}

/** Writes the header block of an error and returns its length. */
export function writeErrorHeader(out: usize): u32 {
  storeU32Be(out, ERROR_KEY.len);
  const end = putBytes(out + 4, ERROR_KEY);
  storeU32Be(end, ERROR_VALUE.len);
  putBytes(end + 4, ERROR_VALUE);
  return PAIR_OVERHEAD + ERROR_KEY.len + ERROR_VALUE.len;
}

/** Writes the content of an error with an ASCII text of at most 65,535 bytes and returns its length. */
export function writeErrorContent(codec: u32, text: Slice, out: usize): u32 {
  if (codec != CODEC_HESSIAN2) {
    memory.copy(out, text.ptr, text.len);
    return text.len;
  }
  memory.copy(out, preamble, preambleLen);
  let at = putByte(out + preambleLen, TRUE);
  at = putByte(at, STRING);
  storeU16Be(at, text.len);
  memory.copy(at + 2, text.ptr, text.len);
  at = putByte(at + 2 + text.len, NULL);
  at = putByte(at, MAP);
  at = putShort(at, ERROR_KEY);
  at = putShort(at, ERROR_VALUE);
  return <u32>(putByte(at, MAP_END) - out);
}
