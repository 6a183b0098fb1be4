// AssemblyScript entry: a fuzz target that breaks one rule after the other, for the test of the fuzzer. An
// input whose third byte is 'x' breaks the rule that its fourth byte names, if the fifth names it too: a
// mutation that makes one letter of another seldom makes two.
import { hashBytes } from "../../assembly/wire/bytes";
import { bindTarget } from "./fuzz/driver";
import { checkOutput, openOutput } from "./fuzz/room";
import { Target } from "./fuzz/target";

export * from "./fuzz/driver";

const MARK_AT: u32 = 2;
const RULE_AT: u32 = 3;
const MARK: u8 = 0x78;
const OUTPUT_BYTES: u32 = 16;
const MANY_BYTES: u32 = 1 << 20;

let before: u32 = 0;

class BrokenTarget extends Target {
  run(ptr: usize, len: u32): u32 {
    this.verdict = 1;
    if (len <= RULE_AT + 1 || load<u8>(ptr + MARK_AT) != MARK) return hashBytes(ptr, len);
    const rule = load<u8>(ptr + RULE_AT);
    if (rule != load<u8>(ptr + RULE_AT + 1)) return hashBytes(ptr, len);
    return this.breakRule(rule, ptr, len);
  }

  private breakRule(rule: u32, ptr: usize, len: u32): u32 {
    switch (rule) {
      case 0x62: // b: reads one byte behind
        return load<u8>(ptr + len);
      case 0x66: // f: depends on what is in front
        return load<u8>(ptr - 1);
      case 0x65: // e: depends on an earlier input
        return before++;
      case 0x6c: // l: does not end
        while (load<u8>(ptr) == load<u8>(ptr)) before++;
        return 0;
      case 0x6d: // m: takes much
        heap.free(heap.alloc(MANY_BYTES));
        return 0;
      case 0x6b: // k: keeps
        heap.alloc(OUTPUT_BYTES);
        return 0;
      case 0x6f: {
        // o: writes outside of its room
        const out = openOutput(OUTPUT_BYTES);
        store<u8>(out + OUTPUT_BYTES, 0);
        checkOutput(out, OUTPUT_BYTES, OUTPUT_BYTES);
        return 0;
      }
      default:
        return rule;
    }
  }
}

bindTarget(new BrokenTarget());
