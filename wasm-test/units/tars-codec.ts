// AssemblyScript entry: the TARS codec behind the exports of the codec test harness.

import { TarsCodec } from "../../assembly/codecs/tars/codec";
import { bindCodec } from "./codec-exports";

export * from "./codec-exports";

bindCodec(new TarsCodec());
