// Properties: attributes of the connection, the request, the route, the node.
// Spec: proxy-wasm ABI 0.2.1, chapter "Properties"; names: Envoy's attributes documentation.
// Values arrive as bytes: text as it is, integers, timestamps and durations as 8 bytes little-endian,
// booleans as 1 byte, messages as protobuf.
// Allocates: arena for the value; getPropertyString a managed string (cold paths).

import { proxy_get_property, proxy_set_property } from "../abi/env";
import { Status } from "../abi/enums";
import { bytesLen, bytesPtr, RESULT_LEN, RESULT_PTR, takeBytes } from "../memory/host-bytes";
import { bytesToString } from "./text";
import { StaticBytes } from "../memory/static-bytes";

/**
 * The path of a property, from its segments: ["xds", "listener_direction"]. A segment may hold dots.
 * Build once, at start-up: its bytes are never freed.
 */
export class PropertyPath extends StaticBytes {
  constructor(segments: string[]) {
    super(segments.join("\0"));
  }
}

/** Reads a property into bytesPtr, bytesLen. NotFound: it has no value for this context. */
export function getProperty(path: PropertyPath): Status {
  return takeBytes(proxy_get_property(path.ptr, <usize>path.len, RESULT_PTR, RESULT_LEN));
}

/** A property as text; null unless the host answered Ok. Cold paths. */
export function getPropertyString(path: PropertyPath): string | null {
  return getProperty(path) == Status.Ok ? bytesToString() : null;
}

/** An integer or boolean property; `fallback` unless the host answered with 8 bytes or 1. */
export function getPropertyU64(path: PropertyPath, fallback: u64): u64 {
  if (getProperty(path) != Status.Ok) return fallback;
  if (bytesLen == 8) return load<u64>(bytesPtr);
  if (bytesLen == 1) return <u64>load<u8>(bytesPtr);
  return fallback;
}

/** Sets a property; in Envoy it becomes the filter state `wasm.<path>` of this stream. */
export function setProperty(path: PropertyPath, valuePtr: usize, valueLen: u32): Status {
  return <Status>proxy_set_property(path.ptr, <usize>path.len, valuePtr, <usize>valueLen);
}
