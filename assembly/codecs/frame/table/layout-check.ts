// What the records of a layout say of each other: checked once, so that no frame has to be doubted for it.
// Allocates: cold path only.

import { isVarint, SIGNED, widthOf } from "../encoding";
import { ERROR_KINDS, MAX_FIXED_BYTES } from "./limits";
import {
  Condition,
  Content,
  FieldType,
  Layout,
  Operation,
  OperationCode,
  Rule,
  Section,
  SectionSize,
  Source,
  Template,
  Value,
} from "./records";
import { prepareLayout } from "./layout-facts";
import { TableReader } from "./table-reader";

const MAX_FIELD: u32 = 0x1fffffff;
const MAX_BASE: i64 = 0xffffffff;
const LAST_KIND: u32 = 6;
const LAST_RESULT: u32 = 2;

/** Faults go to `reader`; a layout without any is ready for use. */
export function checkLayout(reader: TableReader, layout: Layout, attributes: i32): void {
  if (layout.sections.length == 0) reader.fail("a layout without sections");
  if (layout.origins == 0) reader.fail("a layout that nobody sends");
  for (let i = 0; i < layout.sections.length; i++) checkSection(reader, layout, i);
  for (let i = 0; i < layout.values.length; i++) {
    const value = layout.values[i];
    if (value.attribute > <u32>attributes) reader.fail("a value of an unknown attribute");
    if (value.section >= <u32>layout.sections.length) reader.fail("a value in no section");
    else checkValue(reader, value, layout.sections[value.section]);
  }
  if (!reader.isSound) return;
  checkTotal(reader, layout);
  checkLengths(reader, layout);
  checkReferences(reader, layout);
  checkConditions(reader, layout, layout.checks);
  checkRules(reader, layout, layout.kinds, LAST_KIND);
  checkRules(reader, layout, layout.results, LAST_RESULT);
  checkTemplates(reader, layout, layout.errorReplies);
  checkTemplates(reader, layout, layout.heartbeatReplies);
  checkTemplates(reader, layout, layout.heartbeats);
  if (reader.isSound) prepareLayout(layout, attributes);
}

/** Whether a number of fixed width lies in a section's fixed part. */
function isFixedNumber(section: Section, offset: u32, encoding: u32): bool {
  return encoding != 0 && !isVarint(encoding) && offset + widthOf(encoding) <= section.fixedBytes;
}

function checkSection(reader: TableReader, layout: Layout, index: i32): void {
  const section = layout.sections[index];
  if (section.size == SectionSize.Field) {
    const isKnown = section.sizeSection <= <u32>index;
    const at = isKnown ? layout.sections[section.sizeSection] : section;
    if (!isKnown || !isFixedNumber(at, section.sizeOffset, section.sizeEncoding)) {
      reader.fail("a size that is nowhere");
    }
  } else if (section.size == SectionSize.Prefix) {
    if (section.sizeEncoding == 0) reader.fail("a size without an encoding");
  } else if (section.size == SectionSize.Rest) {
    for (let i = index + 1; i < layout.sections.length; i++) {
      if (layout.sections[i].size != SectionSize.None) reader.fail("a part behind the rest");
    }
  }
  const isOpaque = section.size == SectionSize.None || section.size == SectionSize.Varint;
  if (isOpaque && section.content != Content.Opaque) reader.fail("content of nothing");
  const hasEntries = section.content == Content.Pairs || section.content == Content.Tlv;
  if (hasEntries && (section.keyEncoding == 0 || section.valueEncoding == 0)) {
    reader.fail("entries without an encoding");
  }
  if (isVarint(section.countEncoding)) reader.fail("a count of variable width");
}

function checkValue(reader: TableReader, value: Value, section: Section): void {
  switch (value.source) {
    case Source.Number: {
      if (!isFixedNumber(section, value.offset, value.encoding)) reader.fail("a number nowhere");
      break;
    }
    case Source.Text: {
      if (value.size == 0 || value.offset + value.size > section.fixedBytes) {
        reader.fail("a text nowhere");
      }
      break;
    }
    case Source.SectionText: {
      if (section.size == SectionSize.None || section.size == SectionSize.Varint) {
        reader.fail("a text that is nothing");
      }
      break;
    }
    case Source.SectionVarint: {
      if (section.size != SectionSize.Varint) reader.fail("a varint that is none");
      break;
    }
    default:
      checkEntry(reader, value, section);
  }
}

function checkEntry(reader: TableReader, value: Value, section: Section): void {
  const path = value.path;
  if (value.source == Source.Protobuf) {
    if (section.content != Content.Protobuf || path.length == 0) reader.fail("no protobuf field");
    for (let i = 0; i < path.length; i++) {
      if (path[i] == 0 || path[i] > MAX_FIELD) reader.fail("no number of a field");
    }
  } else if (value.source == Source.Pair) {
    const isNamed = value.names.length == 1 && value.names[0].len > 0;
    if (section.content != Content.Pairs || !isNamed) reader.fail("no key of a pair");
  } else if (value.source == Source.Tlv) {
    if (section.content != Content.Tlv || path.length != 1) reader.fail("no type");
  } else if (section.content != Content.Json || value.names.length == 0) {
    reader.fail("no member");
  }
}

function checkTotal(reader: TableReader, layout: Layout): void {
  const base = layout.totalBase;
  if (base > MAX_BASE || base < -MAX_BASE) reader.fail("a length out of range");
  if (layout.terms.length == 0 && base <= 0) reader.fail("a length of nothing");
  const head = layout.sections[0];
  for (let i = 0; i < layout.terms.length; i++) {
    const term = layout.terms[i];
    const isSound = isVarint(term.encoding)
      ? head.size == SectionSize.Varint && term.offset == head.fixedBytes
      : isFixedNumber(head, term.offset, term.encoding) && (term.encoding & SIGNED) == 0;
    if (!isSound) reader.fail("a length that is not at the start");
  }
}

function checkLengths(reader: TableReader, layout: Layout): void {
  let varints = 0;
  for (let i = 0; i < layout.lengths.length; i++) {
    const length = layout.lengths[i];
    if (length.section >= <u32>layout.sections.length) {
      reader.fail("a length in no section");
      return;
    }
    const section = layout.sections[length.section];
    if (length.counted >> (<u32>layout.sections.length) != 0) reader.fail("a count of no section");
    if (isVarint(length.encoding)) {
      varints++;
      if (section.size != SectionSize.Varint) reader.fail("a varint that is none");
    } else if (!isFixedNumber(section, length.offset, length.encoding)) {
      reader.fail("a length nowhere");
    }
  }
  if (varints > 1) reader.fail("more than one length of variable width");
}

function checkId(reader: TableReader, id: Value): void {
  const isField = id.source == Source.Protobuf && id.path.length == 1;
  const isUnsigned = isField
    ? id.type == FieldType.Unsigned || id.type == FieldType.Signed
    : (id.encoding & SIGNED) == 0;
  if (!id.isNumber || id.source == Source.Tlv || !isUnsigned) reader.fail("no place for an id");
  if (id.source == Source.Protobuf && !isField) reader.fail("an id within a message");
}

function checkReferences(reader: TableReader, layout: Layout): void {
  const count = <u32>layout.values.length;
  if (layout.id > count || layout.timeout > count || layout.checksum > count) {
    reader.fail("no such value");
    return;
  }
  if (layout.id != 0) checkId(reader, layout.values[layout.id - 1]);
  if (layout.timeout != 0 && !layout.values[layout.timeout - 1].isNumber) {
    reader.fail("a timeout that is no number");
  }
  if (layout.checksum != 0) {
    const checksum = layout.values[layout.checksum - 1];
    const isNumber = checksum.source == Source.Number && widthOf(checksum.encoding) == 4;
    if (!isNumber) reader.fail("a checksum that is no number of four bytes");
  }
  if (layout.mutableSection == 0) return;
  if (layout.mutableSection > <u32>layout.sections.length) {
    reader.fail("no such section");
    return;
  }
  const section = layout.sections[layout.mutableSection - 1];
  const isMap = section.content == Content.Protobuf && section.mapField != 0;
  if (section.content != Content.Pairs && !isMap) reader.fail("no place for mutations");
}

function checkConditions(
  reader: TableReader,
  layout: Layout,
  conditions: StaticArray<Condition>,
): void {
  for (let i = 0; i < conditions.length; i++) {
    const condition = conditions[i];
    if (condition.value >= <u32>layout.values.length) {
      reader.fail("a condition on no value");
      return;
    }
    const isNumber = layout.values[condition.value].isNumber;
    if (condition.presence == 0 && isNumber != (condition.text == null)) {
      reader.fail("a condition on a value of another type");
    }
  }
}

function checkRules(
  reader: TableReader,
  layout: Layout,
  rules: StaticArray<Rule>,
  last: u32,
): void {
  for (let i = 0; i < rules.length; i++) {
    if (rules[i].outcome > last) reader.fail("an unknown outcome");
    checkConditions(reader, layout, rules[i].conditions);
  }
}

function checkTemplates(
  reader: TableReader,
  layout: Layout,
  templates: StaticArray<Template>,
): void {
  for (let i = 0; i < templates.length; i++) {
    const template = templates[i];
    if (template.codes.length != 0 && template.codes.length != ERROR_KINDS) {
      reader.fail("codes that are not one for each kind");
    }
    for (let j = 0; j < template.operations.length; j++) {
      checkCopy(reader, layout, template.operations[j]);
    }
  }
}

function checkCopy(reader: TableReader, layout: Layout, operation: Operation): void {
  if (operation.code != OperationCode.Copy) return;
  if (operation.index >= <u32>layout.values.length) reader.fail("a copy of no value");
  if (operation.adjust > <i32>MAX_FIXED_BYTES) reader.fail("a copy that is too large");
}
