// What follows from a layout, worked out once.
// Allocates: cold path only.

import { isVarint } from "../encoding";
import { fieldTree } from "./field-tree";
import { prepareRules } from "./head-test";
import {
  Condition,
  Content,
  Layout,
  Length,
  OperationCode,
  Rule,
  Section,
  SectionSize,
  Source,
  Template,
  Value,
} from "./records";

/** Of a layout that is sound. */
export function prepareLayout(layout: Layout, attributes: i32): void {
  layout.headBytes = layout.sections[0].fixedBytes;
  for (let i = 0; i < layout.terms.length; i++) {
    if (isVarint(layout.terms[i].encoding)) layout.headBytes++;
  }
  let hasRest = false;
  for (let i = 0; i < layout.sections.length; i++) {
    const section = layout.sections[i];
    layout.leastBytes += section.fixedBytes;
    if (hasRest) layout.trailerBytes += section.fixedBytes;
    hasRest = hasRest || section.size == SectionSize.Rest;
    prepareSection(layout, section, i);
  }
  layout.isIdInHead = layout.id != 0 && isInHead(layout.values[layout.id - 1]);
  if (layout.id != 0) prepareId(layout, layout.values[layout.id - 1]);
  layout.isKindInHead = areRulesInHead(layout, layout.kinds);
  if (layout.id != 0) makeEager(layout, layout.id - 1);
  makeConditionsEager(layout, layout.checks);
  makeRulesEager(layout, layout.kinds);
  makeRulesEager(layout, layout.results);
  const eager = new Array<u32>();
  for (let i = 0; i < layout.sections.length; i++) if (layout.sections[i].isEager) eager.push(i);
  layout.eager = StaticArray.fromArray(eager);
  prepareRules(layout, layout.kinds);
  prepareRules(layout, layout.results);
  layout.byAttribute = new StaticArray<u32>(attributes);
  for (let i = layout.values.length - 1; i >= 0; i--) {
    const attribute = layout.values[i].attribute;
    if (attribute != 0) layout.byAttribute[attribute - 1] = i + 1;
  }
  collectCopies(layout);
}

function prepareId(layout: Layout, id: Value): void {
  if (id.source == Source.Number) return;
  const lengths = new Array<Length>();
  for (let i = 0; i < layout.lengths.length; i++) {
    const length = layout.lengths[i];
    const counts = ((length.counted >> id.section) & 1) != 0;
    if (counts && !isVarint(length.encoding)) lengths.push(length);
  }
  layout.idLengths = StaticArray.fromArray(lengths);
  const section = layout.sections[id.section];
  layout.isIdPrefixed = section.size == SectionSize.Prefix && !isVarint(section.sizeEncoding);
}

/** Whether a value is there as soon as the first fixed part is. */
export function isInHead(value: Value): bool {
  if (value.section != 0) return false;
  return value.source == Source.Number || value.source == Source.Text;
}

/** Values in fixed parts are where they are. */
function isFixed(value: Value): bool {
  return value.source <= Source.SectionVarint;
}

function prepareSection(layout: Layout, section: Section, index: u32): void {
  const found = new Array<u32>();
  for (let i = 0; i < layout.values.length; i++) {
    const value = layout.values[i];
    if (value.section == index && !isFixed(value)) found.push(i);
  }
  section.found = StaticArray.fromArray(found);
  if (section.content == Content.Protobuf) {
    section.fields = fieldTree(layout, section.found);
  } else if (section.content == Content.Pairs) {
    for (let i = 0; i < found.length; i++) {
      section.keyLengths |= (<u64>1) << (layout.values[found[i]].names[0].len & 63);
    }
  }
}

function makeEager(layout: Layout, index: u32): void {
  const value = layout.values[index];
  if (!isFixed(value)) layout.sections[value.section].isEager = true;
}

function makeConditionsEager(layout: Layout, conditions: StaticArray<Condition>): void {
  for (let i = 0; i < conditions.length; i++) makeEager(layout, conditions[i].value);
}

function makeRulesEager(layout: Layout, rules: StaticArray<Rule>): void {
  for (let i = 0; i < rules.length; i++) makeConditionsEager(layout, rules[i].conditions);
}

function areRulesInHead(layout: Layout, rules: StaticArray<Rule>): bool {
  for (let i = 0; i < rules.length; i++) {
    const conditions = rules[i].conditions;
    for (let j = 0; j < conditions.length; j++) {
      if (!isInHead(layout.values[conditions[j].value])) return false;
    }
  }
  return true;
}

/** From here on a copy names its place among the layout's copies. */
function collectCopies(layout: Layout): void {
  const copies = new Array<u32>();
  collectFrom(layout.errorReplies, copies);
  collectFrom(layout.heartbeatReplies, copies);
  collectFrom(layout.heartbeats, copies);
  layout.copies = StaticArray.fromArray(copies);
}

function collectFrom(templates: StaticArray<Template>, copies: Array<u32>): void {
  for (let i = 0; i < templates.length; i++) {
    const operations = templates[i].operations;
    for (let j = 0; j < operations.length; j++) {
      const operation = operations[j];
      if (operation.code != OperationCode.Copy) continue;
      let at = copies.indexOf(operation.index);
      if (at < 0) at = copies.push(operation.index) - 1;
      operation.index = <u32>at;
    }
  }
}
