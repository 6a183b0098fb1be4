// One layout of a table.
// Allocates: cold path only.

import {
  MAX_CONDITIONS,
  MAX_LENGTHS,
  MAX_MATCHES,
  MAX_RULES,
  MAX_SECTIONS,
  MAX_TEMPLATES,
  MAX_TERMS,
  MAX_VALUES,
} from "./limits";
import { Condition, Layout, Length, Match, Rule, Section, Template, Term, Value } from "./records";
import {
  decodeLength,
  decodeMatch,
  decodeSection,
  decodeTemplate,
  decodeTerm,
} from "./section-decoder";
import { TableReader } from "./table-reader";
import { decodeCondition, decodeRule, decodeValue } from "./value-decoder";

/** The lists of a layout while it is read. */
class Lists {
  readonly matches: Array<Match> = new Array<Match>();
  readonly sections: Array<Section> = new Array<Section>();
  readonly terms: Array<Term> = new Array<Term>();
  readonly lengths: Array<Length> = new Array<Length>();
  readonly values: Array<Value> = new Array<Value>();
  readonly checks: Array<Condition> = new Array<Condition>();
  readonly kinds: Array<Rule> = new Array<Rule>();
  readonly results: Array<Rule> = new Array<Rule>();
  readonly errorReplies: Array<Template> = new Array<Template>();
  readonly heartbeatReplies: Array<Template> = new Array<Template>();
  readonly heartbeats: Array<Template> = new Array<Template>();
}

/** What it says of other records is not checked yet. */
export function decodeLayout(reader: TableReader): Layout {
  const layout = new Layout();
  const lists = new Lists();
  const fields = reader.fields;
  while (reader.isSound && fields.next()) {
    switch (fields.field) {
      case 1:
        layout.origins = reader.number(3);
        break;
      case 7:
        layout.id = reader.number(<u32>MAX_VALUES);
        break;
      case 11:
        layout.timeout = reader.number(<u32>MAX_VALUES);
        break;
      case 12:
        layout.timeoutUnit = reader.number(u32.MAX_VALUE);
        break;
      case 13:
        layout.mutableSection = reader.number(<u32>MAX_SECTIONS);
        break;
      case 14:
        layout.checksum = reader.number(<u32>MAX_VALUES);
        break;
      default:
        decodeItem(reader, layout, lists);
    }
  }
  layout.matches = StaticArray.fromArray(lists.matches);
  layout.sections = StaticArray.fromArray(lists.sections);
  layout.terms = StaticArray.fromArray(lists.terms);
  layout.lengths = StaticArray.fromArray(lists.lengths);
  layout.values = StaticArray.fromArray(lists.values);
  layout.checks = StaticArray.fromArray(lists.checks);
  layout.kinds = StaticArray.fromArray(lists.kinds);
  layout.results = StaticArray.fromArray(lists.results);
  layout.errorReplies = StaticArray.fromArray(lists.errorReplies);
  layout.heartbeatReplies = StaticArray.fromArray(lists.heartbeatReplies);
  layout.heartbeats = StaticArray.fromArray(lists.heartbeats);
  return layout;
}

function decodeItem(reader: TableReader, layout: Layout, lists: Lists): void {
  const end = reader.enter(countOf(reader.fields.field, lists), mostOf(reader.fields.field));
  if (end == 0) return;
  switch (reader.fields.field) {
    case 2:
      lists.matches.push(decodeMatch(reader));
      break;
    case 3:
      lists.sections.push(decodeSection(reader));
      break;
    case 4:
      decodeTotal(reader, layout, lists);
      break;
    case 5:
      lists.lengths.push(decodeLength(reader));
      break;
    case 6:
      lists.values.push(decodeValue(reader));
      break;
    case 8:
      lists.checks.push(decodeCondition(reader));
      break;
    case 9:
      lists.kinds.push(decodeRule(reader));
      break;
    case 10:
      lists.results.push(decodeRule(reader));
      break;
    case 15:
      lists.errorReplies.push(decodeTemplate(reader));
      break;
    case 16:
      lists.heartbeatReplies.push(decodeTemplate(reader));
      break;
    case 17:
      lists.heartbeats.push(decodeTemplate(reader));
      break;
    default:
  }
  reader.fields.leave(end);
}

function decodeTotal(reader: TableReader, layout: Layout, lists: Lists): void {
  const fields = reader.fields;
  while (reader.isSound && fields.next()) {
    if (fields.field == 1) {
      layout.totalBase = reader.wideSigned();
    } else if (fields.field == 2) {
      const end = reader.enter(lists.terms.length, MAX_TERMS);
      if (end == 0) return;
      lists.terms.push(decodeTerm(reader));
      fields.leave(end);
    }
  }
}

function mostOf(field: u32): i32 {
  switch (field) {
    case 2:
      return MAX_MATCHES;
    case 3:
      return MAX_SECTIONS;
    case 5:
      return MAX_LENGTHS;
    case 6:
      return MAX_VALUES;
    case 8:
      return MAX_CONDITIONS;
    case 9:
    case 10:
      return MAX_RULES;
    case 15:
      return MAX_TEMPLATES;
    default:
      return 1;
  }
}

function countOf(field: u32, lists: Lists): i32 {
  switch (field) {
    case 2:
      return lists.matches.length;
    case 3:
      return lists.sections.length;
    case 5:
      return lists.lengths.length;
    case 6:
      return lists.values.length;
    case 8:
      return lists.checks.length;
    case 9:
      return lists.kinds.length;
    case 10:
      return lists.results.length;
    case 15:
      return lists.errorReplies.length;
    case 16:
      return lists.heartbeatReplies.length;
    case 17:
      return lists.heartbeats.length;
    default:
      return 0;
  }
}
