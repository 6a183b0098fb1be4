// AssemblyScript entry: the SOFA Bolt codec behind the exports of the codec test harness.

import { BoltCodec } from "../../assembly/codecs/bolt/codec";
import { bindCodec } from "./codec-exports";

export * from "./codec-exports";

bindCodec(new BoltCodec());
