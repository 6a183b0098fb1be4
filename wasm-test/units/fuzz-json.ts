// AssemblyScript entry: the JSON reader, and the readers of the texts in it, as a fuzz target.

import { base64, duration, number, outLen, outPtr, rewrite, skip } from "./config-json";
import { bindTarget } from "./fuzz/driver";
import { mix, mixBytes, Target } from "./fuzz/target";

export * from "./fuzz/driver";

class JsonTarget extends Target {
  constructor() {
    super();
    this.heapBytes = 2 << 20;
    this.inputsPerHeapCheck = 256;
    this.heapSlack = 256 << 10;
    this.fixedSteps = 100000;
    this.stepsPerByte = 1000;
  }

  run(ptr: usize, len: u32): u32 {
    const isJson = skip(ptr, len);
    this.verdict = isJson ? 1 : 3;
    let digest = mix(1, <u32>isJson);
    if (rewrite(ptr, len) != isJson) abort("what is passed as a whole is not what is read");
    if (isJson) digest = mixBytes(digest, outPtr(), outLen());
    if (base64(ptr, len)) digest = mixBytes(digest, outPtr(), outLen());
    digest = mix(digest, <u32>number(ptr, len));
    return mix(digest, <u32>duration(ptr, len));
  }
}

bindTarget(new JsonTarget());
