// AssemblyScript entry: the AwesomeRPC codec behind the exports of the codec test harness.

import { AwesomeRpcCodec } from "../../assembly/codecs/awesomerpc/codec";
import { bindCodec } from "./codec-exports";

export * from "./codec-exports";

bindCodec(new AwesomeRpcCodec());
