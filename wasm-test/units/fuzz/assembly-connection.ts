// AssemblyScript: a connection whose host is the test: what it reads comes from a piece of memory, and
// what it finds is kept as a digest.

import { Codec } from "../../../assembly/codec/codec";
import { Message, Origin } from "../../../assembly/codec/message";
import { BufferType, Status } from "../../../assembly/proxy-wasm-as/abi/enums";
import { proxy_on_memory_allocate } from "../../../assembly/proxy-wasm-as/memory/arena";
import { enterCallback, leaveCallback } from "../../../assembly/proxy-wasm-as/memory/host-bytes";
import { Connection } from "../../../assembly/switchboard/connection/connection";
import { memoryBudget } from "../../../assembly/switchboard/connection/memory-budget";
import { freeRetiredBlocks } from "../../../assembly/switchboard/connection/retired-blocks";
import { FrameDigest } from "./frame-digest";

/** Up to this size a frame's announced length is believed at once: frame-buffer.ts. */
const TRUSTED_BYTES: u32 = 8 * 1024;
/** Of the rest, a quarter of what is reserved has arrived. */
const RESERVED_PER_BYTE: u32 = 4;
/** What is in the host's read buffer in front of what is new. */
const STALE_BYTES: u32 = 7;

let hostPtr: usize = 0;
let hostLen: u32 = 0;

/** `proxy_get_buffer_bytes` of the test's host, which calls it. */
export function getBufferBytes(start: u32, maxLen: u32, returnPtr: usize, returnLen: usize): u32 {
  if (start < STALE_BYTES) abort("reads bytes that it took already");
  const at = start - STALE_BYTES;
  const len = at >= hostLen ? 0 : min(maxLen, hostLen - at);
  const ptr: usize = len == 0 ? 0 : proxy_on_memory_allocate(len);
  if (ptr == 0 && len != 0) return <u32>Status.InvalidMemoryAccess;
  memory.copy(ptr, hostPtr + at, len);
  store<usize>(returnPtr, ptr);
  store<u32>(returnLen, len);
  return <u32>Status.Ok;
}

export class AssemblyConnection extends Connection {
  readonly found: FrameDigest = new FrameDigest();
  /** What is refused while the connection is paused depends on when it is resumed. */
  wasRefusedPaused: bool = false;
  private received: u32 = 0;
  /** One frame of so many pauses the connection; 0: none. */
  private framesPerPause: u32 = 0;

  constructor(codec: Codec, message: Message, origin: Origin, maxFrameBytes: u32) {
    super(codec, message, origin, maxFrameBytes);
  }

  begin(framesPerPause: u32): void {
    this.reset();
    this.found.clear();
    this.wasRefusedPaused = false;
    this.received = 0;
    this.framesPerPause = framesPerPause;
  }

  /** One read; returns false when the connection takes no more. */
  read(ptr: usize, len: u32): bool {
    const frame = enterCallback();
    hostPtr = ptr;
    hostLen = len;
    this.received += len;
    this.receive(BufferType.DownstreamData, STALE_BYTES, len);
    leaveCallback(frame);
    this.checkBudget();
    return this.open && !this.isRefused;
  }

  resumeIfPaused(): void {
    if (!this.paused || !this.open) return;
    const frame = enterCallback();
    this.resume();
    leaveCallback(frame);
    this.checkBudget();
  }

  /** Ends it; all that it held is given back. */
  end(): void {
    this.discard();
    freeRetiredBlocks();
    if (memoryBudget.used != 0) abort("an ended connection holds memory");
  }

  /** What is held is in proportion to what came. */
  private checkBudget(): void {
    freeRetiredBlocks();
    if (memoryBudget.used > TRUSTED_BYTES + RESERVED_PER_BYTE * this.received) {
      abort("holds more than came");
    }
  }

  protected override onMessage(): void {
    this.found.add(this.message);
    if (this.framesPerPause == 0) return;
    if (this.found.count % this.framesPerPause == 0) this.paused = true;
  }

  protected override onMalformed(): void {
    this.refuse();
  }

  protected override onTooLarge(): void {
    this.wasRefusedPaused = this.paused;
    this.refuse();
  }

  private refuse(): void {
    this.isRefused = true;
    this.found.isRefused = true;
  }
}
