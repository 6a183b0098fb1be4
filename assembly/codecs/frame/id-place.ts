// The request id where it lies in a frame.
// Allocates: never.

import { Message } from "../../codec/message";
import { crc32 } from "../../wire/crc32";
import { varintSize, writeVarint } from "../../wire/varint";
import { Fixed, largestOf, writeNumber } from "./encoding";
import { FrameView } from "./frame-view";
import { ID_GROWTH } from "./table/limits";
import { Layout, Source } from "./table/records";

/** Whether every length that counts the id can count a longer one too. */
export function hasRoomForId(view: FrameView, layout: Layout): bool {
  const lengths = layout.idLengths;
  for (let i = 0; i < lengths.length; i++) {
    const length = unchecked(lengths[i]);
    const at = view.frame + view.places.start(length.section) + length.offset;
    if (Fixed.read(at, length.encoding) > largestOf(length.encoding) - ID_GROWTH) return false;
  }
  if (!layout.isIdPrefixed) return true;
  const index = unchecked(layout.values[layout.id - 1]).section;
  const section = unchecked(layout.sections[index]);
  const size = <u64>(view.end(index) - view.body(index));
  const least = <i64>largestOf(section.sizeEncoding) + <i64>section.sizeAdjust;
  return <i64>(size + ID_GROWTH) <= least;
}

/** Writes the id of a frame that `view` shows in place; false: it has another width. */
export function patchId(view: FrameView, message: Message, id: u64): bool {
  const layout = view.layout;
  if (layout.id == 0 || id == message.id) return true;
  const value = unchecked(layout.values[layout.id - 1]);
  if (value.source == Source.Number) {
    const at = view.frame + view.places.start(value.section) + value.offset;
    writeNumber(at, value.encoding, id);
  } else {
    const isField = value.source == Source.Protobuf;
    const at = isField ? view.foundAt(layout.id - 1) : view.body(value.section);
    if (at == 0) return false;
    const width = isField ? view.found.length(layout.id - 1) : <u32>(view.end(value.section) - at);
    if (varintSize(id) != width) return false;
    writeVarint(at, id);
  }
  if (layout.checksum != 0) storeChecksum(view, layout);
  return true;
}

function storeChecksum(view: FrameView, layout: Layout): void {
  const value = unchecked(layout.values[layout.checksum - 1]);
  const offset = view.places.start(value.section) + value.offset;
  writeNumber(view.frame + offset, value.encoding, crc32(view.frame, offset));
}
