// AssemblyScript entry: the tRPC codec behind the exports of the codec test harness.

import { TrpcCodec } from "../../assembly/codecs/trpc/codec";
import { bindCodec } from "./codec-exports";

export * from "./codec-exports";

bindCodec(new TrpcCodec());
