// Whether what a table asks of a message holds.
// Allocates: when the module starts.

import { Slice } from "../../codec/message";
import { equalBytes } from "../../wire/bytes";
import { FrameView } from "./frame-view";
import { LayoutChoice } from "./layout-choice";
import { Condition, Rule } from "./table/records";

export const NO_RULE: u32 = u32.MAX_VALUE;

const text = new Slice();

export function holds(view: FrameView, condition: Condition): bool {
  const index = condition.value;
  if (condition.presence != 0) return view.has(index) == (condition.presence == 1);
  const expected = condition.text;
  if (expected != null) {
    const isThere = view.text(index, text);
    const isSame =
      isThere && text.len == expected.len && equalBytes(text.ptr, expected.ptr, text.len);
    return isSame != condition.negate;
  }
  const number = view.number(index) & condition.mask;
  const any = condition.any;
  for (let i = 0; i < any.length; i++) {
    if (unchecked(any[i]) == number) return !condition.negate;
  }
  return condition.negate;
}

function allHold(view: FrameView, conditions: StaticArray<Condition>): bool {
  for (let i = 0; i < conditions.length; i++) {
    if (!holds(view, unchecked(conditions[i]))) return false;
  }
  return true;
}

/** The outcome of the first rule that holds, or NO_RULE. `choice`: of the frame that `view` shows. */
export function firstOutcome(
  view: FrameView,
  choice: LayoutChoice,
  rules: StaticArray<Rule>,
  origin: u32,
): u32 {
  const hasWords = choice.hasWords;
  const low = choice.low;
  const high = choice.high;
  for (let i = 0; i < rules.length; i++) {
    const rule = unchecked(rules[i]);
    if (rule.origins != 0 && (rule.origins & origin) == 0) continue;
    if (hasWords) {
      const head = rule.head;
      const differs = ((low ^ head.value0) & head.mask0) | ((high ^ head.value1) & head.mask1);
      if (differs != 0) continue;
    }
    if (allHold(view, hasWords ? rule.others : rule.conditions)) return rule.outcome;
  }
  return NO_RULE;
}
