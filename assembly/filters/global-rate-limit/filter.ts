// Asks a rate limit service whether a request may pass, while the request waits.
//
// Host calls for each request that is asked about: two for the call, one for its answer.
// Source: envoy/service/ratelimit/v3/rls.proto
// Allocates: at configuration.
import { ErrorKind, NO_ERROR_CODE } from "../../codec/error-kind";
import { Slice } from "../../codec/message";
import { Call } from "../../filter/call";
import { Filter, FilterConfig, FilterStatus } from "../../filter/filter";
import { filterHost } from "../../filter/filter-host";
import { FilterSetup } from "../../filter/filter-setup";
import { ResponseFlag } from "../../filter/response-flag";
import { BufferType, Status } from "../../proxy-wasm-as/abi/enums";
import { getBuffer } from "../../proxy-wasm-as/host/buffers";
import { grpcCancel, grpcToken } from "../../proxy-wasm-as/host/grpc";
import { setEffectiveContext } from "../../proxy-wasm-as/host/stream";
import { bytesLen, bytesPtr } from "../../proxy-wasm-as/memory/host-bytes";
import { ProtobufReader, ProtobufWriter, WireType } from "../../wire/protobuf";
import { CallsInFlight } from "./calls-in-flight";
import { decodeGlobalRateLimit, GlobalRateLimit } from "./config";

const RESPONSE_OVERALL_CODE: u32 = 1;
const CODE_REFUSED: u64 = 2;
/** After a call's own time, in which the host ends it: the host forgets those of a context that is gone. */
const GRACE_MS: u32 = 1000;

enum Answer {
  Ok = 0,
  OverLimit = 1,
  /** There was none. */
  Failure = 2,
}

export class GlobalRateLimitFilter extends Filter {
  private readonly calls: CallsInFlight = new CallsInFlight();
  private readonly writer: ProtobufWriter = new ProtobufWriter();
  private readonly reader: ProtobufReader = new ProtobufReader();
  private readonly text: Slice = changetype<Slice>(heap.alloc(offsetof<Slice>()));
  /** As large as the largest request of all configurations so far. */
  private scratch: usize = 0;
  private scratchBytes: u32 = 0;

  constructor() {
    super("metaproto.filters.global_rate_limit");
  }

  override configure(ptr: usize, len: u32, setup: FilterSetup): FilterConfig | null {
    const limit = decodeGlobalRateLimit(ptr, len, setup);
    if (limit !== null && limit.bound > this.scratchBytes) {
      if (this.scratch != 0) heap.free(this.scratch);
      this.scratchBytes = limit.bound;
      this.scratch = heap.alloc(limit.bound);
    }
    return limit;
  }

  override onRequest(call: Call, config: FilterConfig): FilterStatus {
    const limit = changetype<GlobalRateLimit>(config);
    if (!limit.limits(call)) return FilterStatus.Continue;
    const writer = this.writer;
    writer.reset(this.scratch, this.scratchBytes);
    if (!limit.write(call, writer)) return FilterStatus.Continue;
    if (!this.ask(call, limit)) return this.fail(call, limit);
    call.delayMs = limit.timeoutMs + GRACE_MS;
    return FilterStatus.Pause;
  }

  /** Calls the service; false: that is not possible. */
  private ask(call: Call, limit: GlobalRateLimit): bool {
    if (this.calls.isFull) {
      limit.overflow.value++;
      return false;
    }
    const writer = this.writer;
    const contextId = filterHost().pluginContextId;
    if (writer.isOverflown || setEffectiveContext(contextId) != Status.Ok) return false;
    if (limit.method!.call(this.scratch, writer.len, limit.timeoutMs) != Status.Ok) return false;
    store<u32>(call.slot, grpcToken);
    this.calls.add(grpcToken, contextId, call.handle, limit);
    return true;
  }

  private fail(call: Call, limit: GlobalRateLimit): FilterStatus {
    limit.error.value++;
    if (!limit.denyOnFail) {
      limit.allowed.value++;
      return FilterStatus.Continue;
    }
    const text = this.say(limit.failureText);
    call.reply(ErrorKind.RateLimited, NO_ERROR_CODE, ResponseFlag.RateLimitService, text);
    return FilterStatus.Reply;
  }

  private say(words: ArrayBuffer): Slice {
    const text = this.text;
    text.ptr = changetype<usize>(words);
    text.len = <u32>words.byteLength;
    return text;
  }

  override onDelayed(call: Call, config: FilterConfig): FilterStatus {
    this.cancel(call);
    return this.fail(call, changetype<GlobalRateLimit>(config));
  }

  override onEnd(call: Call, config: FilterConfig): void {
    this.cancel(call);
  }

  /** Nobody waits for the answer any more, if it has not come. */
  private cancel(call: Call): void {
    const token = load<u32>(call.slot);
    if (!this.calls.take(token)) return;
    if (setEffectiveContext(this.calls.contextId) == Status.Ok) grpcCancel(token);
  }

  override onGrpcReceive(token: u32, size: u32): bool {
    if (!this.calls.take(token)) return false;
    const isRead = getBuffer(BufferType.GrpcCallMessage, 0, size) == Status.Ok;
    this.settle(isRead ? this.answer(bytesPtr, bytesLen) : Answer.Failure);
    return true;
  }

  override onGrpcClose(token: u32, status: u32): bool {
    if (!this.calls.take(token)) return false;
    this.settle(Answer.Failure);
    return true;
  }

  private answer(ptr: usize, len: u32): Answer {
    const reader = this.reader;
    let code: u64 = 0;
    reader.reset(ptr, len);
    while (reader.next()) {
      const isCode = reader.field == RESPONSE_OVERALL_CODE && reader.wireType == WireType.Varint;
      if (isCode) code = reader.value;
    }
    if (reader.isMalformed) return Answer.Failure;
    return code == CODE_REFUSED ? Answer.OverLimit : Answer.Ok;
  }

  /** The request that `calls.take` has found goes on, or is answered. */
  private settle(answer: Answer): void {
    const limit = this.calls.config;
    const handle = this.calls.handle;
    if (answer == Answer.Ok) limit.ok.value++;
    else if (answer == Answer.OverLimit) limit.overLimit.value++;
    else limit.error.value++;
    if (answer == Answer.Failure && !limit.denyOnFail) limit.allowed.value++;
    const isOver = answer == Answer.OverLimit;
    if (isOver || (answer == Answer.Failure && limit.denyOnFail)) {
      const flag = isOver ? ResponseFlag.RateLimited : ResponseFlag.RateLimitService;
      const text = this.say(isOver ? limit.overLimitText : limit.failureText);
      filterHost().reply(handle, ErrorKind.RateLimited, NO_ERROR_CODE, flag, text);
      return;
    }
    filterHost().resume(handle);
  }
}
