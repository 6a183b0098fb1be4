// What downstream and upstream connections have in common: bytes in, frames out, output queued.
//
// Bytes that were read stay in the host's buffer where that is allowed, and are replaced by what is
// written next: that saves the host call that would empty it.
//
// Allocates: while a frame spans reads.
// Next: codec/codec.ts
import { BufferType, Status } from "../../proxy-wasm-as/abi/enums";
import { StreamContext } from "../../proxy-wasm-as/context/stream-context";
import { getBuffer } from "../../proxy-wasm-as/host/buffers";
import { setEffectiveContext } from "../../proxy-wasm-as/host/stream";
import { allocate, directNextAllocation } from "../../proxy-wasm-as/memory/arena";
import { effectiveContextId } from "../../proxy-wasm-as/memory/effective-context";
import { bytesLen, bytesPtr } from "../../proxy-wasm-as/memory/host-bytes";
import { Codec } from "../../codec/codec";
import { DecodeStatus } from "../../codec/decode-status";
import { Message, Origin } from "../../codec/message";
import { clock } from "../clock";
import { FrameBuffer } from "./frame-buffer";
import { OutputQueue } from "./output-queue";

/** A part of a frame up to this size is put before the bytes that follow, to be decoded in one piece. */
const JOIN_LIMIT: u32 = 4096;
/** Of a longer read the first bytes are looked at first: a large frame goes straight to its place. */
const PEEK_ABOVE: u32 = 32 * 1024;
const PEEK_BYTES: u32 = 64;
/** `need` of a connection whose frames wait for something else than bytes. */
const NEVER: u32 = u32.MAX_VALUE;

export abstract class Connection extends StreamContext {
  /** False from the moment at which nothing may be read from or written to it any more. */
  open: bool = false;
  /** Set: frames that are complete are left where they are until `resume`. */
  paused: bool = false;
  readonly output: OutputQueue = new OutputQueue();
  /** The next connection of the flush list; `queued` tells whether this one is in it. */
  nextQueued: usize = 0;
  queued: bool = false;
  /** It is in the list of those that are written by a posted call. */
  deferred: bool = false;
  /** Close it as soon as what is queued has been written. */
  closeWhenFlushed: bool = false;
  /** Bytes at the head of the host's read buffer that were taken already. */
  staleBytes: u32 = 0;
  /** What comes is dropped: the peer may still be sending, but nothing it sends has a meaning. */
  protected isRefused: bool = false;
  /** Of a frame that is too large, the bytes that have not come yet; 0: not known. */
  protected missingBytes: u32 = 0;
  protected readonly input: FrameBuffer = new FrameBuffer();
  /** When the first bytes of the frame in `input` came. */
  private frameStartMs: u64 = 0;
  private need: u32 = 0;
  private decoderState: usize = 0;

  constructor(
    protected readonly codec: Codec,
    protected readonly message: Message,
    private readonly origin: Origin,
    private readonly maxFrameBytes: u32,
  ) {
    super();
    if (codec.stateBytes > 0) this.decoderState = heap.alloc(codec.stateBytes);
  }

  /** A complete frame; `this.message` describes it, its bytes stay until the end of this VM call. */
  protected abstract onMessage(): void;
  /** False: the frame is left where it is, and what is behind it, until `resume`. */
  protected admits(): bool {
    return true;
  }
  /** Bytes that the codec refuses; `this.message` tells whether an id is known. Must close. */
  protected abstract onMalformed(): void;
  /** A frame beyond the limit, or bytes beyond the memory budget. Must close. */
  protected abstract onTooLarge(): void;

  /** Makes a new or reused object ready for a new connection. */
  protected reset(): void {
    this.open = true;
    this.paused = false;
    this.closeWhenFlushed = false;
    this.deferred = false;
    this.staleBytes = 0;
    this.isRefused = false;
    this.missingBytes = 0;
    this.need = 0;
    this.input.clear();
    this.output.reset();
    if (this.decoderState != 0) memory.fill(this.decoderState, 0, this.codec.stateBytes);
  }

  protected discard(): void {
    this.open = false;
    this.input.clear();
    this.output.clear();
  }

  /** Works through frames that waited while the connection was paused. */
  resume(): void {
    if (this.isRefused) return;
    this.paused = false;
    this.need = 0;
    // The peer could not know that the rest was waited for.
    this.frameStartMs = clock.nowMs;
    if (this.open && this.input.length > 0) this.consumeInput();
  }

  /** A frame was begun more than `timeoutMs` ago and is not complete. */
  isFrameLate(timeoutMs: u64): bool {
    if (!this.open || this.paused || this.isRefused || this.input.length == 0) return false;
    return clock.nowMs - this.frameStartMs > timeoutMs;
  }

  /** Before this connection's buffer is asked for: a filter may have called the host in another's name. */
  protected claimHost(): void {
    if (effectiveContextId != 0 && effectiveContextId != this.id) setEffectiveContext(this.id);
  }

  /** Takes `size` bytes from `offset` of a host buffer and works through the frames they complete. */
  protected receive(type: BufferType, offset: u32, size: u32): void {
    let rest = size;
    while (rest > 0 && this.open && !this.isRefused) {
      this.claimHost();
      const held = this.input.length;
      let take = rest;
      if (held == 0) {
        const length = rest > PEEK_ABOVE ? this.peekLength(type, offset) : 0;
        if (length > rest) {
          this.need = length;
          this.receiveInput(type, offset, rest);
          return;
        }
        if (length > PEEK_ABOVE) take = length;
        this.receiveJoined(type, offset, take);
      } else if (held <= JOIN_LIMIT && this.need <= held + rest) {
        this.receiveJoined(type, offset, rest);
      } else {
        if (this.need > held && this.need - held < rest) take = this.need - held;
        if (!this.receiveInput(type, offset, take)) return;
        if (this.input.length >= this.need) this.consumeInput();
      }
      offset += take;
      rest -= take;
    }
  }

  /** Length of the frame at `offset` of the host's buffer as its first bytes tell it; 0: not known. */
  private peekLength(type: BufferType, offset: u32): u32 {
    if (this.paused || getBuffer(type, offset, PEEK_BYTES) != Status.Ok || bytesLen == 0) return 0;
    const message = this.message;
    message.reset(this.origin, bytesPtr);
    const status = this.codec.decode(message, bytesPtr, bytesLen, this.decoderState);
    if (status != DecodeStatus.WaitForData || message.need > this.maxFrameBytes) return 0;
    return message.need;
  }

  /** Reads into the arena, behind what is held, and keeps what is left over. */
  private receiveJoined(type: BufferType, offset: u32, size: u32): void {
    const held = this.input.length;
    const base = allocate(held + size);
    if (base == 0) {
      this.refuseBytes(this.input.ptr, held);
      return;
    }
    memory.copy(base, this.input.ptr, held);
    this.input.clear();
    directNextAllocation(base + held, size);
    if (getBuffer(type, offset, size) != Status.Ok) return;
    if (bytesLen == 0) return;
    const start = held == 0 ? bytesPtr : base;
    const length = held + bytesLen;
    const used = this.consume(start, length);
    if (held == 0 || used > 0) this.frameStartMs = clock.nowMs;
    if (this.open && !this.isRefused && used < length) this.keep(start + used, length - used);
  }

  private keep(ptr: usize, len: u32): void {
    if (!this.input.reserve(len, this.expected(len))) {
      this.refuseBytes(ptr, len);
      return;
    }
    memory.copy(this.input.end, ptr, len);
    this.input.grew(len);
  }

  private expected(held: u32): u32 {
    return this.need == NEVER ? held : this.need;
  }

  /** Reads straight to where the frame is assembled. */
  private receiveInput(type: BufferType, offset: u32, size: u32): bool {
    const held = this.input.length;
    if (
      (this.paused && held + size > this.maxFrameBytes) ||
      !this.input.reserve(size, this.expected(held + size))
    ) {
      this.refuseBytes(this.input.ptr, held);
      return false;
    }
    directNextAllocation(this.input.end, size);
    if (getBuffer(type, offset, size) != Status.Ok) return false;
    if (held == 0) this.frameStartMs = clock.nowMs;
    this.input.grew(bytesLen);
    return true;
  }

  /**
   * Ends the connection, for which nothing more can be held. The `len` bytes at `ptr` are looked at
   * once more: `message` may describe another connection's frame by now, or one that was passed on.
   */
  private refuseBytes(ptr: usize, len: u32): void {
    this.describe(ptr, len);
    this.onTooLarge();
  }

  private describe(ptr: usize, len: u32): void {
    this.message.reset(this.origin, ptr);
    if (!this.paused && len > 0) this.codec.decode(this.message, ptr, len, this.decoderState);
  }

  /** Lets `message` tell what is known of the incomplete frame. */
  protected describeInput(): void {
    this.describe(this.input.ptr, this.input.length);
  }

  private consumeInput(): void {
    const used = this.consume(this.input.ptr, this.input.length);
    if (!this.open || this.isRefused || used == 0) return;
    this.input.advance(used);
    this.frameStartMs = clock.nowMs;
  }

  /** Returns how many of the bytes were complete frames; sets `need` for the others. */
  private consume(ptr: usize, len: u32): u32 {
    const message = this.message;
    let used: u32 = 0;
    while (used < len && this.open) {
      if (this.paused) {
        this.need = NEVER;
        return used;
      }
      const rest = len - used;
      message.reset(this.origin, ptr + used);
      const status = this.codec.decode(message, ptr + used, rest, this.decoderState);
      if (status == DecodeStatus.WaitForData) {
        if (message.need > this.maxFrameBytes) {
          this.missingBytes = message.need - rest;
          this.onTooLarge();
        }
        this.need = message.need > rest ? message.need : rest + 1;
        return used;
      }
      const length = message.frameLength;
      if (status == DecodeStatus.Error || length == 0 || length > rest) {
        this.onMalformed();
        return used;
      }
      if (length > this.maxFrameBytes) {
        this.onTooLarge();
        return used;
      }
      if (!this.admits()) {
        this.paused = true;
        continue;
      }
      used += length;
      this.onMessage();
    }
    this.need = 0;
    return used;
  }
}
