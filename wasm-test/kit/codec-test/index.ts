// `metaproto-test/codec-test`: the conformance kit for codecs, which `metaproto codec test` runs.
export { readCaptures, type CapturedFrame, type Captures } from "./captures.js";
export { formatReport, type CheckResult, type Outcome, type Report } from "./report.js";
export { DEFAULT_INPUTS, DEFAULT_SEED, testCodec, type CodecTestOptions } from "./run.js";
