// What a reply is: an answer, an error, or something that nobody asked for.
// Allocates: when the module starts.
import { DecodeStatus } from "../../codec/decode-status";
import { Message, MessageType, ResponseStatus, Slice } from "../../codec/message";
import { StaticText } from "../../wire/static-text";
import { CR, ElementType, SPACE } from "./constants";
import { numberLine } from "./number-line";

/** The codes of errors that say something of the server, and not of the command. */
const SERVER_ERRORS: StaticArray<StaticText> = [
  new StaticText("LOADING"),
  new StaticText("BUSY"),
  new StaticText("CLUSTERDOWN"),
  new StaticText("MASTERDOWN"),
  new StaticText("MISCONF"),
  new StaticText("NOREPLICAS"),
  new StaticText("OOM"),
  new StaticText("READONLY"),
  new StaticText("TRYAGAIN"),
];
/**
 * What a RESP3 push says that is the answer to a command. More of them may come than there were commands:
 * one for each channel.
 */
const CONFIRMATIONS: StaticArray<StaticText> = [
  new StaticText("subscribe"),
  new StaticText("unsubscribe"),
  new StaticText("psubscribe"),
  new StaticText("punsubscribe"),
  new StaticText("ssubscribe"),
  new StaticText("sunsubscribe"),
];

/** `top`: offset of the element that the reply is, `type` its type. */
export function describeReply(message: Message, top: u32, type: u32, word: Slice): void {
  message.type = MessageType.Response;
  message.a = top;
  if (type == ElementType.Push) {
    if (!isConfirmation(message, word)) message.type = MessageType.Push;
  } else if (errorCode(message, word)) {
    message.status = isOneOf(word, SERVER_ERRORS)
      ? ResponseStatus.Error
      : ResponseStatus.BusinessError;
  }
}

/** The first word of an error; false: the reply is none. */
export function errorCode(message: Message, value: Slice): bool {
  const end = message.frame + message.frameLength;
  let at = message.frame + message.a;
  // SAFETY: the element is within the frame, and has a line at least.
  const type = <u32>load<u8>(at);
  if (type == ElementType.BulkError) {
    if (numberLine.read(at, 0, <u32>(end - at)) != DecodeStatus.Done) return false;
    at += numberLine.next;
  } else if (type == ElementType.SimpleError) {
    at++;
  } else {
    return false;
  }
  value.ptr = at;
  while (at < end && load<u8>(at) != SPACE && load<u8>(at) != CR) at++;
  value.len = <u32>(at - value.ptr);
  return true;
}

function isConfirmation(message: Message, word: Slice): bool {
  const end = message.frame + message.frameLength;
  const at = message.frame + message.a;
  if (numberLine.read(at, 0, <u32>(end - at)) != DecodeStatus.Done) return false;
  const first = at + numberLine.next;
  if (first >= end || <u32>load<u8>(first) != ElementType.BulkString) return false;
  if (numberLine.read(first, 0, <u32>(end - first)) != DecodeStatus.Done) return false;
  const length = numberLine.value;
  const start = first + numberLine.next;
  if (length < 0 || <u64>length > <u64>(end - start)) return false;
  word.ptr = start;
  word.len = <u32>length;
  return isOneOf(word, CONFIRMATIONS);
}

function isOneOf(word: Slice, list: StaticArray<StaticText>): bool {
  for (let i = 0; i < list.length; i++) {
    if (list[i].equals(word.ptr, word.len)) return true;
  }
  return false;
}
