// AssemblyScript entry: the Dubbo codec behind the exports of the codec test harness.

import { DubboCodec } from "../../assembly/codecs/dubbo/codec";
import { bindCodec } from "./codec-exports";

export * from "./codec-exports";

bindCodec(new DubboCodec());
