// Conditions of a rule on numbers among the first 16 bytes, made one comparison of two words.
// Allocates: cold path only.

import { isVarint, LITTLE_ENDIAN, SIGNED, widthOf } from "../encoding";
import { MATCH_BYTES } from "./limits";
import { Condition, Layout, Match, Rule, Source, Value } from "./records";

export function prepareRules(layout: Layout, rules: StaticArray<Rule>): void {
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i];
    const others = new Array<Condition>();
    for (let j = 0; j < rule.conditions.length; j++) {
      const condition = rule.conditions[j];
      const value = layout.values[condition.value];
      if (!canCompare(value, condition) || !addTo(rule.head, value, condition)) {
        others.push(condition);
      }
    }
    rule.others = StaticArray.fromArray(others);
  }
}

/** Whether the condition is that some bits of the head are these. */
function canCompare(value: Value, condition: Condition): bool {
  if (value.source != Source.Number || value.section != 0) return false;
  if (condition.presence != 0 || condition.text != null) return false;
  if (condition.negate || condition.any.length != 1 || isVarint(value.encoding)) return false;
  const width = widthOf(value.encoding);
  if (value.offset + width > MATCH_BYTES) return false;
  const expected = condition.any[0];
  const unused: u64 = width >= 8 ? 0 : u64.MAX_VALUE << ((<u64>width) << 3);
  // The sign's copies are no bits of the head.
  if ((value.encoding & SIGNED) != 0 && (condition.mask & unused) != 0) return false;
  return (expected & ~condition.mask) == 0 && (expected & unused) == 0;
}

/** False: it contradicts another condition. */
function addTo(head: Match, value: Value, condition: Condition): bool {
  const width = widthOf(value.encoding);
  const isLittle = (value.encoding & LITTLE_ENDIAN) != 0;
  const one = new Match();
  for (let i: u32 = 0; i < width; i++) {
    const from = (<u64>(isLittle ? i : width - 1 - i)) << 3;
    const at = value.offset + i;
    const to = (<u64>(at & 7)) << 3;
    const mask = ((condition.mask >> from) & 0xff) << to;
    const bits = ((condition.any[0] >> from) & 0xff) << to;
    if (at < 8) {
      one.mask0 |= mask;
      one.value0 |= bits;
    } else {
      one.mask1 |= mask;
      one.value1 |= bits;
    }
  }
  if (((head.value0 ^ one.value0) & head.mask0 & one.mask0) != 0) return false;
  if (((head.value1 ^ one.value1) & head.mask1 & one.mask1) != 0) return false;
  head.mask0 |= one.mask0;
  head.mask1 |= one.mask1;
  head.value0 |= one.value0;
  head.value1 |= one.value1;
  return true;
}
