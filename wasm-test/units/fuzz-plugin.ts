// AssemblyScript entry: the decoder of the plugin configuration as a fuzz target.

import { decode, drop, namePtr, nameLen, number, tableCount } from "./config-plugin";
import { bindTarget } from "./fuzz/driver";
import { digestFaults } from "./fuzz/fault-digest";
import { mix, mixBytes, Target } from "./fuzz/target";

export * from "./fuzz/driver";

const NAMES: u32 = 3;
const NUMBERS: u32 = 14;

class PluginTarget extends Target {
  constructor() {
    super();
    this.heapBytes = 4 << 20;
    this.inputsPerHeapCheck = 64;
    this.heapSlack = 64 << 10;
    this.fixedSteps = 200000;
    this.stepsPerByte = 4000;
  }

  run(ptr: usize, len: u32): u32 {
    if (!decode(ptr, len)) {
      this.verdict = 3;
      return digestFaults();
    }
    this.verdict = 1;
    let digest = tableCount();
    for (let i: u32 = 0; i < NAMES; i++) digest = mixBytes(digest, namePtr(i), nameLen(i));
    for (let i: u32 = 0; i < NUMBERS; i++) digest = mix(digest, number(i));
    drop();
    return digest;
  }
}

bindTarget(new PluginTarget());
