// Sections, matches and lengths of a layout, and its templates.
// Allocates: cold path only.

import {
  ERROR_KINDS,
  MATCH_BYTES,
  MAX_ADJUST,
  MAX_FIXED_BYTES,
  MAX_GROUPS,
  MAX_OPERATIONS,
  MAX_SECTIONS,
  MAX_TEMPLATE_BYTES,
} from "./limits";
import {
  Content,
  Length,
  Match,
  Operation,
  OperationCode,
  OwnedText,
  Section,
  SectionSize,
  Template,
  Term,
} from "./records";
import { TableReader } from "./table-reader";
import { encodingAt } from "./value-decoder";

export function decodeSection(reader: TableReader): Section {
  const section = new Section();
  const fields = reader.fields;
  while (reader.isSound && fields.next()) {
    switch (fields.field) {
      case 1:
        section.fixedBytes = reader.number(MAX_FIXED_BYTES);
        break;
      case 2:
        section.size = <SectionSize>reader.number(SectionSize.Varint);
        break;
      case 3:
        section.sizeSection = reader.number(<u32>MAX_SECTIONS);
        break;
      case 4:
        section.sizeOffset = reader.number(MAX_FIXED_BYTES);
        break;
      case 5:
        section.sizeEncoding = encodingAt(reader);
        break;
      case 6:
        section.sizeAdjust = reader.signed(MAX_ADJUST);
        break;
      case 7:
        section.content = <Content>reader.number(Content.Json);
        break;
      case 8:
        section.keyEncoding = encodingAt(reader);
        break;
      case 9:
        section.valueEncoding = encodingAt(reader);
        break;
      case 10:
        section.valueAdjust = reader.signed(MAX_ADJUST);
        break;
      case 11:
        section.countEncoding = encodingAt(reader);
        break;
      case 12:
        section.mapField = reader.number(0x1fffffff);
        break;
      case 13:
        section.isDynamic = reader.flag();
        break;
      default:
    }
  }
  return section;
}

export function decodeMatch(reader: TableReader): Match {
  const match = new Match();
  const mask = new ArrayBuffer(MATCH_BYTES);
  const value = new ArrayBuffer(MATCH_BYTES);
  const fields = reader.fields;
  while (reader.isSound && fields.next()) {
    if (fields.field != 1 && fields.field != 2) continue;
    const bytes = reader.text(MATCH_BYTES);
    const to = changetype<usize>(fields.field == 1 ? mask : value);
    memory.copy(to, bytes.ptr, bytes.len);
    if (fields.field == 1) match.len = bytes.len;
  }
  const masks = changetype<usize>(mask);
  const values = changetype<usize>(value);
  match.mask0 = load<u64>(masks);
  match.mask1 = load<u64>(masks, 8);
  match.value0 = load<u64>(values);
  match.value1 = load<u64>(values, 8);
  return match;
}

export function decodeLength(reader: TableReader): Length {
  const length = new Length();
  const fields = reader.fields;
  while (reader.isSound && fields.next()) {
    switch (fields.field) {
      case 1:
        length.section = reader.number(<u32>MAX_SECTIONS);
        break;
      case 2:
        length.offset = reader.number(MAX_FIXED_BYTES);
        break;
      case 3:
        length.encoding = encodingAt(reader);
        break;
      case 4:
        length.counted = reader.number(u32.MAX_VALUE);
        break;
      default:
    }
  }
  return length;
}

export function decodeTerm(reader: TableReader): Term {
  const term = new Term();
  const fields = reader.fields;
  while (reader.isSound && fields.next()) {
    if (fields.field == 1) term.offset = reader.number(MAX_FIXED_BYTES);
    else if (fields.field == 2) term.encoding = encodingAt(reader);
  }
  return term;
}

function decodeOperation(reader: TableReader): Operation {
  const operation = new Operation();
  const fields = reader.fields;
  while (reader.isSound && fields.next()) {
    switch (fields.field) {
      case 1:
        operation.code = <OperationCode>reader.number(OperationCode.Checksum);
        break;
      case 2:
        operation.encoding = encodingAt(reader);
        break;
      case 3:
        operation.index = reader.number(u32.MAX_VALUE);
        break;
      case 4:
        operation.adjust = reader.signed(MAX_ADJUST);
        break;
      case 5:
        operation.bytes = reader.text(MAX_TEMPLATE_BYTES);
        break;
      default:
    }
  }
  return operation;
}

export function decodeTemplate(reader: TableReader): Template {
  const template = new Template();
  const operations = new Array<Operation>();
  const codes = new Array<u64>();
  const fields = reader.fields;
  while (reader.isSound && fields.next()) {
    switch (fields.field) {
      case 1:
        template.kinds = reader.number(u32.MAX_VALUE);
        break;
      case 2: {
        const end = reader.enter(operations.length, MAX_OPERATIONS);
        if (end == 0) break;
        operations.push(decodeOperation(reader));
        fields.leave(end);
        break;
      }
      case 3:
        reader.numbers(codes, ERROR_KINDS);
        break;
      default:
    }
  }
  template.operations = StaticArray.fromArray(operations);
  template.codes = new StaticArray<i64>(codes.length);
  for (let i = 0; i < codes.length; i++) {
    template.codes[i] = (<i64>(codes[i] >> 1)) ^ -(<i64>(codes[i] & 1));
  }
  checkTemplate(reader, template);
  return template;
}

/** Whether operations have what they need; what they copy is checked with the layout's values. */
function checkTemplate(reader: TableReader, template: Template): void {
  let size: u32 = 0;
  for (let i = 0; i < template.operations.length; i++) {
    const operation = template.operations[i];
    const code = operation.code;
    const bytes: OwnedText | null = operation.bytes;
    if (<u32>code == 0) reader.fail("an unknown operation of a template");
    if (code == OperationCode.Bytes && bytes == null) reader.fail("bytes that are missing");
    const isGroup = code == OperationCode.Begin || code == OperationCode.End;
    if (isGroup && operation.index >= MAX_GROUPS) reader.fail("too many groups in a template");
    const isNumber =
      code == OperationCode.Id ||
      code == OperationCode.Code ||
      code == OperationCode.GroupLength ||
      code == OperationCode.FollowingLength;
    if (isNumber && operation.encoding == 0) reader.fail("a number without an encoding");
    if (code == OperationCode.Copy && operation.adjust < 0) reader.fail("a size below zero");
    // A number takes ten bytes at most; what is copied is part of the context.
    size += bytes == null ? 10 : bytes.len;
    if (code == OperationCode.Copy) size += <u32>max(operation.adjust, 0);
  }
  if (size > MAX_TEMPLATE_BYTES) reader.fail("a template that is too large");
}
