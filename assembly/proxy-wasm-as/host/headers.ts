// Header maps: request and response headers and trailers, gRPC metadata, HTTP call responses.
// Spec: proxy-wasm ABI 0.2.1, chapter "HTTP fields". Names are lower case.
// Functions on HeaderName and addresses are for the data path; those on strings for the rest.
// Allocates: arena for what is read, until the callback returns; *Text functions give back what they
// encode, and the strings they return are managed.

import {
  proxy_add_header_map_value,
  proxy_get_header_map_pairs,
  proxy_get_header_map_size,
  proxy_get_header_map_value,
  proxy_remove_header_map_value,
  proxy_replace_header_map_value,
  proxy_set_header_map_pairs,
} from "../abi/env";
import { MapType, Status } from "../abi/enums";
import { mark, release } from "../memory/arena";
import { bytesLen, bytesPtr, RESULT_LEN, RESULT_PTR, takeBytes } from "../memory/host-bytes";
import { bytesToString, encodeText, textLen } from "./text";
import { StaticBytes } from "../memory/static-bytes";
import { HeaderPairs, HeaderPairsReader } from "./header-pairs";

/** The name of a header, lower case. Build once, at start-up: its bytes are never freed. */
export class HeaderName extends StaticBytes {}

/** Bytes that getHeaderMapSize found. */
export let headerMapSize: u32 = 0;

/** Reads the value of a header to bytesPtr, bytesLen. NotFound: the map has no such header. */
export function getHeader(map: MapType, name: HeaderName): Status {
  return takeBytes(
    proxy_get_header_map_value(<u32>map, name.ptr, <usize>name.len, RESULT_PTR, RESULT_LEN),
  );
}

/** Adds a value beside those the header has. */
export function addHeader(map: MapType, name: HeaderName, valuePtr: usize, valueLen: u32): Status {
  return <Status>(
    proxy_add_header_map_value(<u32>map, name.ptr, <usize>name.len, valuePtr, <usize>valueLen)
  );
}

/** Replaces all values of the header by this one. */
export function replaceHeader(
  map: MapType,
  name: HeaderName,
  valuePtr: usize,
  valueLen: u32,
): Status {
  return <Status>(
    proxy_replace_header_map_value(<u32>map, name.ptr, <usize>name.len, valuePtr, <usize>valueLen)
  );
}

/** Removes the header; Ok also when there was none. */
export function removeHeader(map: MapType, name: HeaderName): Status {
  return <Status>proxy_remove_header_map_value(<u32>map, name.ptr, <usize>name.len);
}

/** Asks for the size of a map in bytes; on Ok it is in headerMapSize. */
export function getHeaderMapSize(map: MapType): Status {
  const status = proxy_get_header_map_size(<u32>map, RESULT_LEN);
  headerMapSize = status == <u32>Status.Ok ? load<u32>(RESULT_LEN) : 0;
  return <Status>status;
}

/**
 * Reads all pairs in one host call and starts `reader` on them; walk with reader.next(). The bytes
 * live until the callback returns. ParseFailure: what the host wrote is no map.
 */
export function readHeaderPairs(map: MapType, reader: HeaderPairsReader): Status {
  const status = takeBytes(proxy_get_header_map_pairs(<u32>map, RESULT_PTR, RESULT_LEN));
  if (status != Status.Ok) {
    reader.start(0, 0);
    return status;
  }
  return reader.start(bytesPtr, bytesLen) ? Status.Ok : Status.ParseFailure;
}

/** Replaces the whole map. */
export function setHeaderPairs(map: MapType, pairs: HeaderPairs): Status {
  return <Status>proxy_set_header_map_pairs(<u32>map, pairs.ptr, <usize>pairs.len);
}

/** The value of a header as a string; null unless the host answered Ok. */
export function getHeaderText(map: MapType, name: string): string | null {
  const namePtr = encodeText(name);
  if (namePtr == 0) return null;
  const status = takeBytes(
    proxy_get_header_map_value(<u32>map, namePtr, <usize>textLen, RESULT_PTR, RESULT_LEN),
  );
  return status == Status.Ok ? bytesToString() : null;
}

/** As addHeader, on strings. InternalFailure: the arena has no room for them. */
export function addHeaderText(map: MapType, name: string, value: string): Status {
  const position = mark();
  const namePtr = encodeText(name);
  const nameLen = textLen;
  const valuePtr = encodeText(value);
  const status =
    namePtr == 0 || valuePtr == 0
      ? Status.InternalFailure
      : <Status>(
          proxy_add_header_map_value(<u32>map, namePtr, <usize>nameLen, valuePtr, <usize>textLen)
        );
  release(position);
  return status;
}

/** As replaceHeader, on strings. InternalFailure: the arena has no room for them. */
export function replaceHeaderText(map: MapType, name: string, value: string): Status {
  const position = mark();
  const namePtr = encodeText(name);
  const nameLen = textLen;
  const valuePtr = encodeText(value);
  const status =
    namePtr == 0 || valuePtr == 0
      ? Status.InternalFailure
      : <Status>(
          proxy_replace_header_map_value(
            <u32>map,
            namePtr,
            <usize>nameLen,
            valuePtr,
            <usize>textLen,
          )
        );
  release(position);
  return status;
}

/** As removeHeader, on a string. InternalFailure: the arena has no room for it. */
export function removeHeaderText(map: MapType, name: string): Status {
  const position = mark();
  const namePtr = encodeText(name);
  const status =
    namePtr == 0
      ? Status.InternalFailure
      : <Status>proxy_remove_header_map_value(<u32>map, namePtr, <usize>textLen);
  release(position);
  return status;
}
