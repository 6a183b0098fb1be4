// The contract between the engine and a protocol.
//
// A codec knows bytes and nothing else: no connection, no timer, no host call. Every method works
// on memory that it is given, may be called from nested callbacks, and must never trap: each length
// that comes from the network is checked against the bytes that are there.
//
// Allocates: never on any of these paths.
// Next: codecs/dubbo/codec.ts

import { DecodeStatus } from "./decode-status";
import { ErrorReply } from "./error-reply";
import { Message, Slice } from "./message";
import { Mutation } from "./mutation";

/** How responses find their requests on an upstream connection. */
export enum ConnectionMode {
  /** Many requests in flight, matched by request id, which the engine rewrites. */
  Shared = 0,
  /** Many requests in flight, answered strictly in order. */
  InOrder = 1,
  /** One request in flight per connection. */
  Exclusive = 2,
  /**
   * Each downstream connection has an upstream connection of its own, and the server may send what nobody
   * asked for. Responses are matched by request id if the protocol has one, and in order otherwise.
   */
  Dedicated = 3,
}

/** `attributeId` of a name that the codec finds by its bytes, such as a Dubbo attachment. */
export const DYNAMIC_ATTRIBUTE: i32 = -1;

/** Bytes that `captureContext` may write. */
export const MAX_REPLY_CONTEXT: u32 = 256;

export abstract class Codec {
  /** What stats and logs call the protocol, if `configure` tells it; empty: as the module. */
  protocol: string = "";
  /** The mode that fits the protocol's usual servers. */
  defaultMode: ConnectionMode = ConnectionMode.Shared;
  /**
   * True when clients take responses in the order of their requests. Requests of one downstream
   * connection are worked on at the same time all the same; the engine restores the order.
   */
  orderedDownstream: bool = false;
  /** Bits of the request id on the wire; the engine never uses an id that does not fit. 0: no id. */
  idBits: u32 = 64;
  /**
   * Servers stop working on a stream when they get `encodeStreamReset`. False: only when their connection
   * ends, which therefore goes once a client has left a stream on it, as soon as nothing else is on it.
   */
  isResetHeeded: bool = true;
  /** Bytes of per-connection decoder state, zeroed when a connection opens. 0: none. */
  stateBytes: u32 = 0;

  /**
   * Takes `codec_configuration` of the plugin configuration, of which nothing is given with `len` 0: once,
   * before anything else is asked. Returns what is wrong with it; an empty text: nothing. May allocate.
   */
  configure(ptr: usize, len: u32): string {
    return len == 0 ? "" : "this codec takes no configuration";
  }

  /**
   * Looks at `len` bytes at `ptr`, which start at a frame boundary.
   *
   * `message.reset(origin, ptr)` has been called. `state` is this connection's decoder state: what a
   * codec remembers of a frame that is not complete, so that no byte is looked at again and again.
   * A codec clears its memory of a frame when it returns Done. The bytes may be at another address
   * in the next call; those shown before are unchanged. A complete frame may be shown more than once:
   * what it means must not depend on the frames before it.
   */
  abstract decode(message: Message, ptr: usize, len: u32, state: usize): DecodeStatus;

  /**
   * The id of an attribute with this lower-case name, or DYNAMIC_ATTRIBUTE.
   * Called when a route table is built, so that requests are matched without comparing names.
   */
  abstract attributeId(namePtr: usize, nameLen: u32): i32;

  /**
   * Finds an attribute of a message that was decoded from a complete frame, still at `message.frame`.
   * `id` comes from `attributeId`; the lower-case name is given for DYNAMIC_ATTRIBUTE, and compared
   * without regard to ASCII case. Returns false when the message has no such (string) attribute.
   * `value` is valid until the next frame is decoded.
   */
  abstract attribute(message: Message, id: i32, namePtr: usize, nameLen: u32, value: Slice): bool;

  /**
   * Writes `id` over the request id of the frame in place.
   * Returns false when the id's width could change: the engine then calls `encode`.
   */
  abstract patchId(message: Message, id: u64): bool;

  /** An upper bound of what `encode` writes for this message and mutation (null: none), in bytes. */
  abstract encodedSizeBound(message: Message, mutation: Mutation | null): u32;

  /**
   * Writes the frame with the request id `id` and the mutation to `out`, which has room for
   * `encodedSizeBound` bytes and does not overlap the frame. Lengths are fixed up; every other
   * byte stays as it is. Returns the number of bytes written. A mutation that the frame cannot
   * carry is left out as a whole and `mutationApplied` set to false.
   */
  abstract encode(message: Message, id: u64, mutation: Mutation | null, out: usize): u32;

  /** Whether the last `encode` with a mutation could apply it. */
  mutationApplied: bool = true;

  /**
   * Whether `encode` with this mutation would change nothing but `headLength` bytes at the frame's beginning and
   * what is behind its first `keptLength` bytes: of a large frame only these are then written, by
   * `encodeEnds`, which is called at once. To be true only where the mutation can be applied.
   */
  keepsMiddle(message: Message, mutation: Mutation): bool {
    return false;
  }

  /** Of the last `keepsMiddle`. */
  headLength: u32 = 0;
  keptLength: u32 = 0;

  /**
   * Writes the frame's first `headLength` bytes as `encode` would at `head`, and what follows the first
   * `keptLength` bytes of the frame at `tail`, which has room for `encodedSizeBound` less `keptLength`. Returns
   * the length of the tail.
   */
  encodeEnds(message: Message, id: u64, head: usize, tail: usize): u32 {
    return 0;
  }

  /**
   * Saves at `out` (room for MAX_REPLY_CONTEXT bytes) what an error reply to this request needs
   * besides its id, once the frame is gone. Returns the number of bytes.
   */
  abstract captureContext(message: Message, out: usize): u32;

  /**
   * Writes the protocol's own error reply to request `id` at `out` and returns its length, or 0 when
   * the protocol has none or `capacity` is too small (512 bytes besides text and context always do).
   */
  abstract encodeError(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32;

  /**
   * How long the client waits for the response to this request, as the request says it, in
   * milliseconds. 0: it does not say.
   */
  timeoutMs(message: Message): u32 {
    return 0;
  }

  /**
   * Writes the frame with which a client ends the stream `id` before its time, at `out` (64 bytes);
   * returns its length. 0: the protocol has none, and the server is left to end the stream itself.
   */
  encodeStreamReset(id: u64, out: usize): u32 {
    return 0;
  }

  /** Writes the reply to a message of type Heartbeat at `out` (64 bytes); returns its length. */
  encodeHeartbeatReply(message: Message, out: usize): u32 {
    return 0;
  }

  /** Writes a liveness probe of our own with this id at `out` (64 bytes). 0: the protocol has none. */
  encodeHeartbeat(id: u64, out: usize): u32 {
    return 0;
  }
}
