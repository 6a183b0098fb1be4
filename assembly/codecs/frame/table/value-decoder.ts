// Values, conditions and rules of a table.
// Allocates: cold path only.

import { isEncoding } from "../encoding";
import {
  MAX_ALTERNATIVES,
  MAX_CONDITIONS,
  MAX_FIXED_BYTES,
  MAX_PATH,
  MAX_SECTIONS,
  MAX_TEXT_BYTES,
  MAX_VALUES,
} from "./limits";
import { Condition, FieldType, OwnedText, Rule, Source, Value } from "./records";
import { narrow, TableReader } from "./table-reader";

export function encodingAt(reader: TableReader): u32 {
  const encoding = reader.number(0xff);
  if (encoding != 0 && !isEncoding(encoding)) {
    reader.fail("an unknown encoding of numbers");
    return 0;
  }
  return encoding;
}

export function decodeValue(reader: TableReader): Value {
  const value = new Value();
  const path = new Array<u64>();
  const names = new Array<OwnedText>();
  const fields = reader.fields;
  while (reader.isSound && fields.next()) {
    switch (fields.field) {
      case 1:
        value.attribute = reader.number(u16.MAX_VALUE);
        break;
      case 2:
        value.section = reader.number(<u32>MAX_SECTIONS);
        break;
      case 3:
        value.source = <Source>reader.number(Source.Json);
        break;
      case 4:
        value.offset = reader.number(MAX_FIXED_BYTES);
        break;
      case 5:
        value.encoding = encodingAt(reader);
        break;
      case 6:
        value.size = reader.number(MAX_TEXT_BYTES);
        break;
      case 7:
        value.padding = reader.text(MAX_TEXT_BYTES);
        break;
      case 8:
        reader.numbers(path, MAX_PATH);
        break;
      case 9:
        names.push(reader.text(MAX_TEXT_BYTES));
        if (names.length > MAX_PATH) reader.fail("a list that is too long");
        break;
      case 10:
        value.type = <FieldType>reader.number(FieldType.Text);
        break;
      default:
    }
  }
  value.path = narrow(path);
  value.names = StaticArray.fromArray(names);
  return value.complete();
}

export function decodeCondition(reader: TableReader): Condition {
  const condition = new Condition();
  const any = new Array<u64>();
  const fields = reader.fields;
  let text: OwnedText | null = null;
  let isText: bool = false;
  while (reader.isSound && fields.next()) {
    switch (fields.field) {
      case 1:
        condition.value = reader.number(<u32>MAX_VALUES);
        break;
      case 2: {
        const mask = reader.wide();
        condition.mask = mask == 0 ? u64.MAX_VALUE : mask;
        break;
      }
      case 3:
        reader.numbers(any, MAX_ALTERNATIVES);
        break;
      case 4:
        condition.negate = reader.flag();
        break;
      case 5:
        condition.presence = reader.number(2);
        break;
      case 6:
        text = reader.text(MAX_TEXT_BYTES);
        break;
      case 7:
        isText = reader.flag();
        break;
      default:
    }
  }
  if (isText) condition.text = text == null ? new OwnedText(new ArrayBuffer(0)) : text;
  condition.any = StaticArray.fromArray(any);
  return condition;
}

export function decodeRule(reader: TableReader): Rule {
  const rule = new Rule();
  const conditions = new Array<Condition>();
  const fields = reader.fields;
  while (reader.isSound && fields.next()) {
    switch (fields.field) {
      case 1:
        rule.outcome = reader.number(16);
        break;
      case 2:
        rule.origins = reader.number(3);
        break;
      case 3: {
        const end = reader.enter(conditions.length, MAX_CONDITIONS);
        if (end == 0) break;
        conditions.push(decodeCondition(reader));
        fields.leave(end);
        break;
      }
      default:
    }
  }
  rule.conditions = StaticArray.fromArray(conditions);
  return rule;
}
