// AssemblyScript entry: the bRPC codec behind the exports of the codec test harness.

import { BrpcCodec } from "../../assembly/codecs/brpc/codec";
import { bindCodec } from "./codec-exports";

export * from "./codec-exports";

bindCodec(new BrpcCodec());
