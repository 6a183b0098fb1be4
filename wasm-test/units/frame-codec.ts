// AssemblyScript entry: the codec that executes descriptions, behind the exports of the codec test harness.

import { FrameCodec } from "../../assembly/codecs/frame/codec";
import { bindCodec } from "./codec-exports";

export * from "./codec-exports";

bindCodec(new FrameCodec());
