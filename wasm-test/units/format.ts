// AssemblyScript: formats and what they make of a call, as flat wasm exports. The call is what the test says.

import { ErrorKind } from "../../assembly/codec/error-kind";
import { Slice } from "../../assembly/codec/message";
import { MutationOperation } from "../../assembly/codec/mutation";
import { Call } from "../../assembly/filter/call";
import { FilterHost, setFilterHost } from "../../assembly/filter/filter-host";
import { ResponseFlag } from "../../assembly/filter/response-flag";
import { Format, LIVE, NO_CAPTURE, Style, releaseCapture } from "../../assembly/format/format";
import { FormatParser } from "../../assembly/format/format-parser";
import { Known } from "../../assembly/format/operator";
import { TIME_BYTES, TimeWriter, timeFormatFault } from "../../assembly/format/time-format";
import { BoundedBuffer } from "../../assembly/telemetry/bounded-buffer";
import { FakeCodec } from "./route-fake-codec";

class Host extends FilterHost {
  held: i32 = 0;
  isFull: bool = false;

  override get pluginContextId(): u32 {
    return 1;
  }
  override resume(handle: u64): void {}
  override reply(handle: u64, kind: ErrorKind, code: u32, flag: ResponseFlag, text: Slice): void {}
  override random(): u32 {
    return 0;
  }
  override get nowMs(): u64 {
    return 0;
  }
  override get nowNs(): u64 {
    return 0;
  }
  override allocate(bytes: u32): usize {
    if (this.isFull) return 0;
    this.held += bytes;
    return heap.alloc(bytes);
  }
  override free(block: usize, bytes: u32): void {
    this.held -= bytes;
    heap.free(block);
  }
}

/** Addresses by number: source, destination, principal, upstream. */
class FakeCall extends Call {
  readonly addresses: StaticArray<usize> = new StaticArray<usize>(8);

  private address(index: i32, out: Slice): bool {
    out.ptr = this.addresses[index * 2];
    out.len = <u32>this.addresses[index * 2 + 1];
    return out.len > 0;
  }
  override sourceAddress(out: Slice): bool {
    return this.address(0, out);
  }
  override destinationAddress(out: Slice): bool {
    return this.address(1, out);
  }
  override sourcePrincipal(out: Slice): bool {
    return this.address(2, out);
  }
  override upstreamAddress(out: Slice): bool {
    return this.address(3, out);
  }
  override mutate(operation: MutationOperation, key: Slice, value: Slice): bool {
    return false;
  }
  override reply(kind: ErrorKind, code: u32, flag: ResponseFlag, text: Slice): void {}
}

const host = new Host();
host.protocol = "fake";
setFilterHost(host);
const codec = new FakeCodec();
const call = new FakeCall(codec);
const out = new BoundedBuffer(16, 64 * 1024);
const times = new TimeWriter();
const timeBytes = heap.alloc(TIME_BYTES);
let format: Format | null = null;
let capture: usize = NO_CAPTURE;
let fault: ArrayBuffer = new ArrayBuffer(0);

export function allocate(bytes: u32): usize {
  return heap.alloc(bytes);
}

export function parse(ptr: usize, len: u32, style: u32, known: u32): bool {
  const parser = new FormatParser(codec, <Known>known);
  const isParsed = parser.text(ptr, len, <Style>style);
  fault = String.UTF8.encode(parser.fault);
  if (isParsed) format = parser.finish();
  return isParsed;
}

export function faultPtr(): usize {
  return changetype<usize>(fault);
}

export function faultLen(): u32 {
  return fault.byteLength;
}

export function addAttribute(namePtr: usize, nameLen: u32): u32 {
  return codec.add(namePtr, nameLen);
}

export function setAttribute(index: u32, isPresent: bool, ptr: usize, len: u32): void {
  codec.set(index, isPresent, ptr, len);
}

export function setAddress(index: i32, ptr: usize, len: u32): void {
  call.addresses[index * 2] = ptr;
  call.addresses[index * 2 + 1] = len;
}

export function setNames(routePtr: usize, routeLen: u32, clusterPtr: usize, clusterLen: u32): void {
  call.routeName.ptr = routePtr;
  call.routeName.len = routeLen;
  call.clusterName.ptr = clusterPtr;
  call.clusterName.len = clusterLen;
}

export function setOutcome(isOneway: bool, status: u32, flag: u32, tries: u32): void {
  call.isOneway = isOneway;
  call.status = status;
  call.flag = <ResponseFlag>flag;
  call.tries = tries;
}

export function setAmounts(received: u32, sent: u32, startNs: u64, endNs: u64): void {
  call.requestBytes = received;
  call.responseBytes = sent;
  call.startNs = startNs;
  call.endNs = endNs;
}

export function setFull(isFull: bool): void {
  host.isFull = isFull;
}

export function takeCapture(): u32 {
  capture = format!.capture(call);
  return <u32>capture;
}

export function dropCapture(): void {
  releaseCapture(capture);
  capture = NO_CAPTURE;
}

export function heldBytes(): i32 {
  return host.held;
}

/** Returns the length of the text at `textPtr`. */
export function write(isLive: bool): u32 {
  out.truncate(0);
  format!.write(call, isLive ? LIVE : capture, out);
  return out.len;
}

export function isOverflown(): bool {
  return out.isOverflown;
}

export function textPtr(): usize {
  return out.ptr;
}

export function writeTime(ns: u64, ptr: usize, len: u32): u32 {
  if (timeFormatFault(ptr, len) >= 0) return 0;
  return times.write(timeBytes, ns, ptr, len);
}

export function timePtr(): usize {
  return timeBytes;
}
