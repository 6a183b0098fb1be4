// Redis: RESP2 and RESP3. Commands are answered in order; there are no request ids.
//
// What a connection is (its user, database, protocol version, transaction, subscriptions) is state of the
// server: a command that changes it takes its client to an upstream connection of its own.
//
// https://redis.io/docs/latest/develop/reference/protocol-spec/ (RESP 2 and 3, as of Redis 7.4)
// Allocates: at start-up.
// Next: switchboard/router/router.ts
import { Codec, ConnectionMode, DYNAMIC_ATTRIBUTE } from "../../codec/codec";
import { DecodeStatus } from "../../codec/decode-status";
import { ErrorReply } from "../../codec/error-reply";
import { Message, MessageType, Origin, Slice, TransactionStep } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { StaticText } from "../../wire/static-text";
import { attributeNamed, Command } from "./command";
import { decodeCommand } from "./command-decoder";
import { CR, LF } from "./constants";
import { DecoderState } from "./decoder-state";
import { describeReply, errorCode } from "./reply";
import { decodeReply } from "./reply-decoder";

/** Behind the attributes of commands. */
const ERROR_ATTRIBUTE: i32 = 16;
const ERROR_NAME = new StaticText("error");
/** No client library takes this code for anything but an error of the command. */
const ERROR_PREFIX = new StaticText("-ERR ");
/** That of EXEC, by which clients know that nothing of the transaction has been done. */
const ABORT_PREFIX = new StaticText("-EXECABORT Transaction discarded because of: ");
const LINE_END_BYTES: u32 = 2;

export class RedisCodec extends Codec {
  private readonly command: Command = new Command();
  private readonly word: Slice = new Slice();

  constructor() {
    super();
    this.defaultMode = ConnectionMode.InOrder;
    this.orderedDownstream = true;
    this.idBits = 0;
    this.stateBytes = offsetof<DecoderState>();
  }

  decode(message: Message, ptr: usize, len: u32, state: usize): DecodeStatus {
    const partial = changetype<DecoderState>(state);
    if (message.origin == Origin.Downstream) return this.decodeCommand(message, ptr, len, partial);
    const status = decodeReply(message, ptr, len, partial);
    if (status != DecodeStatus.Done) return status;
    message.frameLength = partial.offset;
    describeReply(message, partial.top, partial.topType, this.word);
    partial.clear();
    return DecodeStatus.Done;
  }

  private decodeCommand(message: Message, ptr: usize, len: u32, state: DecoderState): DecodeStatus {
    // The place in the order is the id: a command can be answered as soon as it begins.
    message.idKnown = true;
    const status = decodeCommand(message, ptr, len, state);
    if (status != DecodeStatus.Done) return status;
    message.frameLength = state.offset;
    message.b = state.count;
    state.clear();
    if (message.b > 0) return this.command.classify(message);
    // An empty line or array, which no server answers.
    message.type = MessageType.Event;
    return DecodeStatus.Done;
  }

  attributeId(namePtr: usize, nameLen: u32): i32 {
    if (ERROR_NAME.equals(namePtr, nameLen)) return ERROR_ATTRIBUTE;
    const id = attributeNamed(namePtr, nameLen);
    return id < 0 ? DYNAMIC_ATTRIBUTE : id;
  }

  attribute(message: Message, id: i32, namePtr: usize, nameLen: u32, value: Slice): bool {
    if (message.origin == Origin.Upstream) {
      return id == ERROR_ATTRIBUTE && errorCode(message, value);
    }
    return message.type == MessageType.Request && this.command.attribute(message, id, value);
  }

  /** There is no id to patch. */
  patchId(message: Message, id: u64): bool {
    return true;
  }

  encodedSizeBound(message: Message, mutation: Mutation | null): u32 {
    return message.frameLength;
  }

  /** A command has no place for further attributes: it is copied as it is. */
  encode(message: Message, id: u64, mutation: Mutation | null, out: usize): u32 {
    this.mutationApplied = mutation == null || mutation.count == 0;
    memory.copy(out, message.frame, message.frameLength);
    return message.frameLength;
  }

  /** One byte for what commits a transaction, none for anything else. */
  captureContext(message: Message, out: usize): u32 {
    if (message.transaction != TransactionStep.Commit) return 0;
    store<u8>(out, 1);
    return 1;
  }

  encodeError(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32 {
    const text = reply.text;
    const prefix = reply.context.len > 0 ? ABORT_PREFIX : ERROR_PREFIX;
    const fixed = prefix.len + LINE_END_BYTES;
    if (capacity < fixed || capacity - fixed < text.len) return 0;
    memory.copy(out, prefix.ptr, prefix.len);
    const end = out + prefix.len + text.len;
    memory.copy(out + prefix.len, text.ptr, text.len);
    store<u8>(end, CR);
    store<u8>(end + 1, LF);
    return fixed + text.len;
  }
}
