// AssemblyScript entry: the example codec behind the exports of the codec test harness.

import { LineCodec } from "../../assembly/codecs/line/codec";
import { bindCodec } from "./codec-exports";

export * from "./codec-exports";

bindCodec(new LineCodec());
