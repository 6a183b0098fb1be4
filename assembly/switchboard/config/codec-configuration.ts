// `codecConfiguration` of a plugin configuration, looked for before everything else: routes name attributes,
// which a codec knows once it is configured.
// Source: proto/metaproto/v1/plugin.proto
// Allocates: cold path only.

import { Codec } from "../../codec/codec";
import { appendBase64 } from "./base64";
import { ByteBuffer } from "./byte-buffer";
import { Faults } from "./faults";
import { JsonKind, JsonReader } from "./json-reader";

const NAME: string = "codecConfiguration";
const SNAKE_CASE_NAME: string = "codec_configuration";

/** Gives the codec what the `len` bytes of JSON at `ptr` have for it. What is malformed is told by who reads it all. */
export function configureCodec(ptr: usize, len: u32, codec: Codec, faults: Faults): void {
  const reader = new JsonReader();
  const bytes = new ByteBuffer();
  reader.reset(ptr, len);
  if (!findConfiguration(reader)) {
    tell(codec.configure(0, 0), faults);
  } else if (reader.readString() && appendBase64(reader.ptr, reader.len, bytes)) {
    tell(codec.configure(bytes.ptr, bytes.len), faults);
  }
  reader.free();
  bytes.free();
}

function tell(fault: string, faults: Faults): void {
  if (fault.length > 0) faults.addAt(NAME, fault);
}

/** Whether the reader is in front of the text. */
function findConfiguration(reader: JsonReader): bool {
  if (reader.peek() != JsonKind.Object || !reader.enterObject()) return false;
  while (reader.nextKey()) {
    const isIt = isText(reader, NAME) || isText(reader, SNAKE_CASE_NAME);
    if (isIt && reader.peek() == JsonKind.String) return true;
    if (!reader.skip()) return false;
  }
  return false;
}

function isText(reader: JsonReader, text: string): bool {
  if (reader.len != text.length) return false;
  for (let i = 0; i < text.length; i++) {
    if (load<u8>(reader.ptr + i) != text.charCodeAt(i)) return false;
  }
  return true;
}
