// A codec without code: executes a description of a protocol, which the plugin configuration has as a table.
// README.md tells what a table says; proto/metaproto/v1/frame.proto is its form.
// Allocates: when it is configured.
// Next: switchboard/router/router.ts

import { Codec, ConnectionMode, DYNAMIC_ATTRIBUTE } from "../../codec/codec";
import { DecodeStatus } from "../../codec/decode-status";
import { NO_ERROR_CODE } from "../../codec/error-kind";
import { ErrorReply } from "../../codec/error-reply";
import { Message, MessageType, Origin, ResponseStatus, Slice } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { equalBytes } from "../../wire/bytes";
import { firstOutcome, holds, NO_RULE } from "./conditions";
import { FrameFault } from "./frame-fault";
import { Fixed, isVarint, numberWidth, readNumber, VARINT } from "./encoding";
import { FrameView } from "./frame-view";
import { FrameWriter } from "./frame-writer";
import { hasRoomForId, patchId } from "./id-place";
import { LayoutChoice, originBit } from "./layout-choice";
import { ReplyWriter, templateFor } from "./reply-writer";
import { Layout, Table, Template } from "./table/records";
import { TableDecoder } from "./table/table-decoder";

const MAX_LENGTH: u64 = u32.MAX_VALUE;
/** `totalOf`: more bytes are needed to know it; it is no length. */
const UNKNOWN_LENGTH: u64 = 0;
const NO_LENGTH: u64 = u64.MAX_VALUE;
const NO_OUTCOME: i32 = -1;
const HEARTBEAT_BYTES: u32 = 64;
const MICROSECONDS: u64 = 1000;
const LEAST_ID_BITS: u32 = 31;

// Outcomes of rules; see FrameRule in frame.proto.
const REQUEST: u32 = 0;
const RESPONSE: u32 = 1;
const ONEWAY: u32 = 2;
const HEARTBEAT: u32 = 3;
const GO_AWAY: u32 = 5;
const PUSH: u32 = 6;

export class FrameCodec extends Codec {
  readonly view: FrameView = new FrameView();
  /** Why `decode` said Error, for those who describe a protocol. */
  readonly fault: FrameFault = new FrameFault();
  table: Table = new Table();
  private readonly decoder: TableDecoder = new TableDecoder();
  private readonly choice: LayoutChoice = new LayoutChoice();
  private readonly writer: FrameWriter = new FrameWriter();
  private readonly replies: ReplyWriter = new ReplyWriter();
  private readonly probeContext: Slice = new Slice();
  /** What was captured for a reply to a heartbeat. */
  private readonly context: usize = heap.alloc(256);

  override configure(ptr: usize, len: u32): string {
    if (len == 0) return "the module needs a description of the protocol";
    const table = this.decoder.decode(ptr, len);
    if (table == null) return "the description is refused: " + this.decoder.fault;
    this.table = table;
    this.protocol = String.UTF8.decodeUnsafe(table.protocol.ptr, table.protocol.len);
    // The engine has no use for ids that are narrower than its own.
    this.idBits = table.idBits < LEAST_ID_BITS ? 0 : table.idBits;
    this.orderedDownstream = table.idBits == 0;
    this.defaultMode = ConnectionMode.Shared;
    if (this.idBits == 0) {
      const isOrdered = table.connectionMode == <u32>ConnectionMode.InOrder;
      this.defaultMode = isOrdered ? ConnectionMode.InOrder : ConnectionMode.Exclusive;
    }
    return "";
  }

  decode(message: Message, ptr: usize, len: u32, state: usize): DecodeStatus {
    const choice = this.choice;
    if (!choice.choose(this.table, message.origin, ptr, len)) {
      if (choice.need == 0) return this.fault.refuse(FrameFault.NO_LAYOUT, 0, 0);
      message.need = max(choice.need, len + 1);
      return DecodeStatus.WaitForData;
    }
    const index = choice.index;
    const layout = unchecked(this.table.layouts[index]);
    message.a = index + 1;
    if (len < layout.headBytes) {
      message.need = layout.headBytes;
      return DecodeStatus.WaitForData;
    }
    // What is in the head may be copied into a reply.
    message.b = 1;
    const total = totalOf(layout, ptr, len);
    if (total == UNKNOWN_LENGTH) {
      message.need = len + 1;
      return DecodeStatus.WaitForData;
    }
    if (total > MAX_LENGTH || total < layout.leastBytes) {
      return this.fault.refuse(FrameFault.LENGTH, lengthOffset(layout), 0);
    }
    message.need = <u32>total;
    message.lengthKnown = true;
    if (total <= len) return this.decodeFrame(message, layout, <u32>total);
    return this.decodeHead(message, layout);
  }

  /** Of a frame that is not complete. */
  private decodeHead(message: Message, layout: Layout): DecodeStatus {
    if (!layout.isKindInHead) return DecodeStatus.WaitForData;
    this.view.openHead(layout, message.frame);
    const outcome = this.outcomeOf(message, layout);
    if (outcome == NO_OUTCOME) return DecodeStatus.Error;
    if (layout.id == 0) message.idKnown = message.type == MessageType.Request;
    if (!layout.isIdInHead) return DecodeStatus.WaitForData;
    message.id = this.view.number(layout.id - 1);
    message.idKnown = isAnswerable(message);
    return DecodeStatus.WaitForData;
  }

  private decodeFrame(message: Message, layout: Layout, length: u32): DecodeStatus {
    const view = this.view;
    if (layout.isKindInHead) {
      const head = this.decodeHead(message, layout);
      if (head == DecodeStatus.Error) return head;
    }
    if (!view.open(message, layout, length)) return this.refuseParts(message);
    const eager = layout.eager;
    for (let i = 0; i < eager.length; i++) {
      if (!view.walk(unchecked(eager[i]))) return this.refuseParts(message);
    }
    const checks = layout.checks;
    for (let i = 0; i < checks.length; i++) {
      const check = unchecked(checks[i]);
      if (holds(view, check)) continue;
      message.h = 0;
      return this.fault.refuse(FrameFault.CHECK, view.offsetOf(check.value), check.value);
    }
    if (!layout.isKindInHead && this.outcomeOf(message, layout) == NO_OUTCOME) {
      message.h = 0;
      return DecodeStatus.Error;
    }
    if (layout.id != 0) {
      message.id = view.number(layout.id - 1);
      message.idKnown = isAnswerable(message);
      if (!hasRoomForId(view, layout)) {
        message.h = 0;
        return this.fault.refuse(FrameFault.NO_ROOM, 0, 0);
      }
    } else {
      message.idKnown = message.type == MessageType.Request;
    }
    if (message.type == MessageType.Response) this.readStatus(message, layout);
    message.frameLength = length;
    return DecodeStatus.Done;
  }

  private refuseParts(message: Message): DecodeStatus {
    message.h = 0;
    return this.fault.refuse(FrameFault.PARTS, this.view.faultAt, 0);
  }

  /** Sets the message's type; NO_OUTCOME: no rule knows it, or this peer may not send it. */
  private outcomeOf(message: Message, layout: Layout): i32 {
    const isFromClient = message.origin == Origin.Downstream;
    let outcome: u32 = isFromClient ? REQUEST : RESPONSE;
    if (layout.kinds.length > 0) {
      outcome = firstOutcome(this.view, this.choice, layout.kinds, originBit(message.origin));
    }
    if (outcome == NO_RULE) {
      this.fault.refuse(FrameFault.NO_KIND, 0, 0);
      return NO_OUTCOME;
    }
    const isRequest = outcome == REQUEST || outcome == ONEWAY;
    if ((isRequest && !isFromClient) || (outcome == RESPONSE && isFromClient)) {
      this.fault.refuse(FrameFault.WRONG_SIDE, 0, outcome);
      return NO_OUTCOME;
    }
    message.type = typeOf(outcome, isFromClient);
    return <i32>outcome;
  }

  private readStatus(message: Message, layout: Layout): void {
    if (layout.results.length == 0) return;
    const origin = originBit(message.origin);
    const outcome = firstOutcome(this.view, this.choice, layout.results, origin);
    if (outcome != NO_RULE) message.status = <ResponseStatus>outcome;
  }

  attributeId(namePtr: usize, nameLen: u32): i32 {
    const attributes = this.table.attributes;
    for (let i = 0; i < attributes.length; i++) {
      const name = unchecked(attributes[i]);
      if (name.len == nameLen && equalBytes(name.ptr, namePtr, nameLen)) return i;
    }
    return DYNAMIC_ATTRIBUTE;
  }

  attribute(message: Message, id: i32, namePtr: usize, nameLen: u32, value: Slice): bool {
    const view = this.view;
    if (!view.show(message, this.table)) return false;
    const known = view.layout.byAttribute;
    if (id >= 0 && id < known.length) {
      const index = unchecked(known[id]);
      if (index != 0 && view.text(index - 1, value)) return true;
      const name = unchecked(this.table.attributes[id]);
      return view.find(name.ptr, name.len, value);
    }
    return view.find(namePtr, nameLen, value);
  }

  override timeoutMs(message: Message): u32 {
    const view = this.view;
    if (!view.show(message, this.table) || view.layout.timeout == 0) return 0;
    const index = view.layout.timeout - 1;
    const timeout = view.number(index);
    if (unchecked(view.layout.values[index]).isSigned && <i64>timeout < 0) return 0;
    if (timeout > MAX_LENGTH) return 0;
    const ms = (timeout * view.layout.timeoutUnit) / MICROSECONDS;
    return ms > MAX_LENGTH ? 0 : <u32>ms;
  }

  patchId(message: Message, id: u64): bool {
    return this.view.show(message, this.table) && patchId(this.view, message, id);
  }

  encodedSizeBound(message: Message, mutation: Mutation | null): u32 {
    return this.writer.sizeBound(message.frameLength, mutation);
  }

  encode(message: Message, id: u64, mutation: Mutation | null, out: usize): u32 {
    const view = this.view;
    const isChanged = mutation != null && mutation.count > 0;
    this.mutationApplied = !isChanged;
    const isShown = view.show(message, this.table);
    const isSameId = id == message.id;
    if (isShown && isChanged && view.layout.mutableSection != 0 && isMutable(message)) {
      const written = this.writer.write(view, id, isSameId, mutation, out);
      if (written != 0) {
        this.mutationApplied = true;
        return written;
      }
    }
    if (isShown && !isSameId) {
      const written = this.writer.write(view, id, isSameId, null, out);
      if (written != 0) return written;
    }
    memory.copy(out, message.frame, message.frameLength);
    return message.frameLength;
  }

  captureContext(message: Message, out: usize): u32 {
    if (message.a == 0) return 0;
    const layout = unchecked(this.table.layouts[message.a - 1]);
    const isComplete = this.view.show(message, this.table);
    const hasHead = message.b != 0;
    if (!isComplete && hasHead) this.view.openHead(layout, message.frame);
    return this.replies.capture(this.view, layout, message.a, isComplete, hasHead, out);
  }

  encodeError(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32 {
    const layout = this.layoutOf(reply.context);
    if (layout == null) return 0;
    const template = templateFor(layout.errorReplies, reply.kind);
    if (template == null) return 0;
    const codes = template.codes;
    let code: i64 = reply.code;
    if (reply.code == NO_ERROR_CODE && <i32>reply.kind < codes.length) code = codes[reply.kind];
    const said = this.replies.reply;
    said.code = code;
    said.text.ptr = reply.text.ptr;
    said.text.len = reply.text.len;
    return this.write(template, id, reply.context, out, capacity);
  }

  /** That of the request; if nothing is known of it, the first that has an error reply. */
  private layoutOf(context: Slice): Layout | null {
    const layouts = this.table.layouts;
    if (context.len > 0) {
      const index: i32 = load<u8>(context.ptr);
      return index > 0 && index <= layouts.length ? layouts[index - 1] : null;
    }
    for (let i = 0; i < layouts.length; i++) {
      if (unchecked(layouts[i]).errorReplies.length > 0) return layouts[i];
    }
    return null;
  }

  override encodeHeartbeatReply(message: Message, out: usize): u32 {
    if (!this.view.show(message, this.table)) return 0;
    const templates = this.view.layout.heartbeatReplies;
    if (templates.length == 0) return 0;
    const context = this.probeContext;
    context.ptr = this.context;
    context.len = this.captureContext(message, this.context);
    return this.writeProbe(unchecked(templates[0]), message.id, out);
  }

  override encodeHeartbeat(id: u64, out: usize): u32 {
    const layouts = this.table.layouts;
    this.probeContext.len = 0;
    for (let i = 0; i < layouts.length; i++) {
      const templates = unchecked(layouts[i]).heartbeats;
      if (templates.length > 0) return this.writeProbe(unchecked(templates[0]), id, out);
    }
    return 0;
  }

  private writeProbe(template: Template, id: u64, out: usize): u32 {
    const said = this.replies.reply;
    said.code = 0;
    said.text.len = 0;
    return this.write(template, id, this.probeContext, out, HEARTBEAT_BYTES);
  }

  private write(template: Template, id: u64, context: Slice, out: usize, capacity: u32): u32 {
    const said = this.replies.reply;
    said.id = id;
    said.context.ptr = context.ptr;
    said.context.len = context.len;
    return this.replies.write(template, out, capacity);
  }
}

function isAnswerable(message: Message): bool {
  return message.type == MessageType.Request || message.type == MessageType.Response;
}

function isMutable(message: Message): bool {
  return isAnswerable(message) || message.type == MessageType.Oneway;
}

function typeOf(outcome: u32, isFromClient: bool): MessageType {
  switch (outcome) {
    case REQUEST:
      return MessageType.Request;
    case RESPONSE:
      return MessageType.Response;
    case ONEWAY:
      return MessageType.Oneway;
    case HEARTBEAT:
      return MessageType.Heartbeat;
    case GO_AWAY:
      return isFromClient ? MessageType.Event : MessageType.GoAway;
    case PUSH:
      return MessageType.Push;
    default:
      return MessageType.Event;
  }
}

/** The frame's length, UNKNOWN_LENGTH or NO_LENGTH. */
function totalOf(layout: Layout, ptr: usize, len: u32): u64 {
  let total: u64 = <u64>layout.totalBase;
  const terms = layout.terms;
  for (let i = 0; i < terms.length; i++) {
    const term = unchecked(terms[i]);
    // SAFETY: terms are in the first fixed part, which is there.
    let value: u64 = 0;
    if (isVarint(term.encoding)) {
      value = readNumber(ptr + term.offset, ptr + len, VARINT);
      // Ten bytes that do not end are no varint.
      if (numberWidth == 0) return len - term.offset >= 10 ? NO_LENGTH : UNKNOWN_LENGTH;
      total += numberWidth;
    } else {
      value = Fixed.read(ptr + term.offset, term.encoding);
    }
    if (value > MAX_LENGTH) return NO_LENGTH;
    total += value;
  }
  // Below zero it is too large.
  return total == 0 ? NO_LENGTH : total;
}

function lengthOffset(layout: Layout): u32 {
  return layout.terms.length > 0 ? unchecked(layout.terms[0]).offset : 0;
}
