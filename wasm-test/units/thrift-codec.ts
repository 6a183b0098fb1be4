// AssemblyScript entry: the Thrift codec behind the exports of the codec test harness.

import { ThriftCodec } from "../../assembly/codecs/thrift/codec";
import { WalkMeter } from "../../assembly/codecs/thrift/struct-walk";
import { bindCodec } from "./codec-exports";

export * from "./codec-exports";

/** Steps of all walks through unframed messages so far. */
export function walkSteps(): u64 {
  return WalkMeter.stepsForTest;
}

bindCodec(new ThriftCodec());
