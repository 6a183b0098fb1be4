// A frame written with another request id and a mutation: lengths that count what changed its size are put
// right, and so is the checksum; every other byte is as it was.
// Allocates: when the module starts.

import { Mutation } from "../../codec/mutation";
import { crc32 } from "../../wire/crc32";
import { varintSize } from "../../wire/varint";
import {
  isVarint,
  largestOf,
  numberWidth,
  readFixed,
  readNumber,
  VARINT,
  writeNumber,
} from "./encoding";
import { FrameView } from "./frame-view";
import { ENTRY_BYTES, NO_FIELD, SectionWriter } from "./section-writer";
import { MAX_SECTIONS } from "./table/limits";
import { Content, Layout, Length, Section, SectionSize, Source } from "./table/records";

/** What a frame may grow by without a mutation: an id, and lengths of variable width. */
const SLACK_BYTES: u32 = 64;

export class FrameWriter {
  private readonly sections: SectionWriter = new SectionWriter();
  /** Addresses of sections in what is written, and by how much their variable parts grew. */
  private readonly starts: StaticArray<usize> = new StaticArray<usize>(MAX_SECTIONS);
  private readonly growth: StaticArray<i32> = new StaticArray<i32>(MAX_SECTIONS);

  sizeBound(frameLength: u32, mutation: Mutation | null): u32 {
    let bound = <u64>frameLength + SLACK_BYTES;
    if (mutation != null) {
      bound += <u64>mutation.payloadBytes() + <u64>mutation.count * ENTRY_BYTES;
    }
    return bound > u32.MAX_VALUE ? u32.MAX_VALUE : <u32>bound;
  }

  /**
   * Writes the frame that `view` shows at `out`; returns its length, or 0: a length would not fit into its
   * number, or the mutation has no place. `isSameId`: the id stays.
   */
  write(view: FrameView, id: u64, isSameId: bool, mutation: Mutation | null, out: usize): u32 {
    const layout = view.layout;
    let to = out;
    for (let i = 0; i < layout.sections.length; i++) {
      to = this.writeSection(view, i, id, isSameId, mutation, to);
      if (to == 0) return 0;
    }
    const last = view.end(layout.sections.length - 1);
    const tail = view.frame + view.length - last;
    memory.copy(to, last, tail);
    to += tail;
    to = this.repairLengths(layout, to);
    if (to == 0) return 0;
    if (!isSameId) this.storeId(layout, id);
    this.storeChecksum(layout, out);
    return <u32>(to - out);
  }

  private writeSection(
    view: FrameView,
    index: u32,
    id: u64,
    isSameId: bool,
    mutation: Mutation | null,
    out: usize,
  ): usize {
    const layout = view.layout;
    const section = unchecked(layout.sections[index]);
    const start = view.frame + view.places.start(index);
    const body = view.body(index);
    const end = view.end(index);
    unchecked((this.starts[index] = out));
    unchecked((this.growth[index] = 0));
    memory.copy(out, start, body - start);
    const bodyOut = out + (body - start);
    const isMutated = mutation != null && layout.mutableSection == index + 1;
    const idField = isSameId ? NO_FIELD : idFieldOf(layout, index);
    let endOut: usize = 0;
    if (idField == VARINT_ID) {
      endOut = bodyOut + writeNumber(bodyOut, VARINT, id);
    } else if (idField != NO_FIELD || (isMutated && section.content == Content.Protobuf)) {
      const fields = this.sections;
      fields.idField = idField;
      fields.idAt = idField == NO_FIELD ? 0 : view.foundAt(layout.id - 1);
      fields.id = id;
      endOut = fields.writeFields(section, body, end, isMutated ? mutation : null, bodyOut);
    } else if (isMutated) {
      endOut = this.sections.writePairs(section, body, end, mutation!, bodyOut);
    } else {
      memory.copy(bodyOut, body, end - body);
      return bodyOut + (end - body);
    }
    if (endOut == 0) return 0;
    unchecked((this.growth[index] = <i32>(endOut - bodyOut) - <i32>(end - body)));
    if (section.size != SectionSize.Prefix || this.growth[index] == 0) return endOut;
    return this.repairPrefix(section, index, bodyOut, endOut);
  }

  /** Writes the length in front of a section that changed its size; 0: it does not fit. */
  private repairPrefix(section: Section, index: u32, body: usize, end: usize): usize {
    const at = unchecked(this.starts[index]) + section.fixedBytes;
    const size = <i64>(end - body) - <i64>section.sizeAdjust;
    const encoding = section.sizeEncoding;
    if (size < 0 || <u64>size > largestOf(encoding)) return 0;
    const before = <u32>(body - at);
    const width = isVarint(encoding) ? varintSize(<u64>size) : before;
    memory.copy(at + width, body, end - body);
    writeNumber(at, encoding, <u64>size);
    this.growth[index] += <i32>width - <i32>before;
    return at + width + (end - body);
  }

  /** One of variable width comes last: it moves what is behind it. Returns the address behind the frame. */
  private repairLengths(layout: Layout, end: usize): usize {
    const lengths = layout.lengths;
    let variable = -1;
    for (let i = 0; i < lengths.length; i++) {
      const length = unchecked(lengths[i]);
      const growth = this.growthOf(length);
      if (growth == 0) continue;
      if (isVarint(length.encoding)) {
        variable = i;
        continue;
      }
      const at = unchecked(this.starts[length.section]) + length.offset;
      const value = <i64>readFixed(at, length.encoding) + growth;
      if (value < 0 || <u64>value > largestOf(length.encoding)) return 0;
      writeNumber(at, length.encoding, <u64>value);
    }
    return variable < 0 ? end : this.repairVarint(layout, unchecked(lengths[variable]), end);
  }

  private growthOf(length: Length): i64 {
    let growth: i64 = 0;
    // SAFETY: a table counts no sections that its layout has not.
    for (let rest = length.counted; rest != 0; rest &= rest - 1) {
      growth += unchecked(this.growth[<i32>ctz(rest)]);
    }
    return growth;
  }

  private repairVarint(layout: Layout, length: Length, end: usize): usize {
    const section = unchecked(layout.sections[length.section]);
    const at = unchecked(this.starts[length.section]) + section.fixedBytes;
    const before = readNumber(at, end, VARINT);
    const behind = at + numberWidth;
    const value = <i64>before + this.growthOf(length);
    if (value < 0) return 0;
    const shift = <i32>varintSize(<u64>value) - <i32>(behind - at);
    memory.copy(behind + shift, behind, end - behind);
    writeNumber(at, VARINT, <u64>value);
    const sections = layout.sections.length;
    for (let i = <i32>length.section + 1; i < sections; i++) this.starts[i] += shift;
    return end + shift;
  }

  private storeId(layout: Layout, id: u64): void {
    if (layout.id == 0) return;
    const value = unchecked(layout.values[layout.id - 1]);
    if (value.source != Source.Number) return;
    writeNumber(unchecked(this.starts[value.section]) + value.offset, value.encoding, id);
  }

  private storeChecksum(layout: Layout, out: usize): void {
    if (layout.checksum == 0) return;
    const value = unchecked(layout.values[layout.checksum - 1]);
    const at = unchecked(this.starts[value.section]) + value.offset;
    writeNumber(at, value.encoding, crc32(out, <u32>(at - out)));
  }
}

/** The id is a section of its own; no field has this number. */
const VARINT_ID: u32 = u32.MAX_VALUE;

/** The field of this section that holds the id, VARINT_ID for the section itself, or NO_FIELD. */
function idFieldOf(layout: Layout, index: u32): u32 {
  if (layout.id == 0) return NO_FIELD;
  const value = unchecked(layout.values[layout.id - 1]);
  if (value.section != index || value.source == Source.Number) return NO_FIELD;
  return value.source == Source.Protobuf ? unchecked(value.path[0]) : VARINT_ID;
}
