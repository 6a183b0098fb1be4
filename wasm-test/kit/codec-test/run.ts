// The kit: every check on one module.
import { Bench, type Check, NotApplicable } from "./check.js";
import type { CapturedFrame, Captures } from "./captures.js";
import { detectMode, type Exchange } from "./conversation.js";
import { CheckFailure, type Failure } from "./failure.js";
import type { CheckResult, Report } from "./report.js";
import { type Mode, Subject, type SubjectOptions } from "./subject.js";
import { exchanges, measureExchange, pairsOf } from "./checks/exchanges.js";
import { attributes, statuses } from "./checks/attributes.js";
import { errors } from "./checks/errors.js";
import { coalesced, splits } from "./checks/framing.js";
import { fuzzing } from "./checks/fuzzing.js";
import { garbage } from "./checks/garbage.js";
import { heartbeats } from "./checks/heartbeats.js";
import { ids } from "./checks/ids.js";
import { memory } from "./checks/memory.js";
import { mutations } from "./checks/mutation.js";
import { oversize } from "./checks/oversize.js";
import { truncation } from "./checks/truncation.js";

export interface CodecTestOptions extends SubjectOptions {
  readonly captures: Captures;
  /** Of the fuzzing run. Default: 10,000. */
  readonly inputs?: number;
  /** Of everything random. Default: 1. */
  readonly seed?: number;
  /** For the report's first line. */
  readonly names: { readonly module: string; readonly captures: string };
  /** Called with each result as soon as it is there. */
  readonly onResult?: (result: CheckResult) => void;
}

const CHECKS: readonly Check[] = [
  ...[exchanges, attributes, statuses, splits, coalesced, garbage, truncation, oversize],
  ...[ids, mutations, heartbeats],
  ...errors,
  ...[memory, fuzzing],
];

export const DEFAULT_INPUTS = 10_000;
export const DEFAULT_SEED = 1;

/** Runs all checks. A module that forwards no request fails the first one, and gets no others. */
export function testCodec(options: CodecTestOptions): Report {
  const { captures, names } = options;
  const results: CheckResult[] = [];
  const add = (result: CheckResult): void => {
    results.push(result);
    options.onResult?.(result);
  };
  const started = start(options);
  add(started.result);
  const { bench } = started;
  if (bench !== undefined) for (const check of CHECKS) add(perform(check, bench));
  return {
    module: names.module,
    captures: names.captures,
    frames: captures.frames.length,
    unused: captures.unused,
    mode: bench?.mode,
    checks: results,
    isPassed: results.every(({ outcome }) => outcome !== "failed"),
  };
}

/** The module is loaded, and what its clients get for the recorded requests. */
function start(options: CodecTestOptions): {
  readonly result: CheckResult;
  readonly bench?: Bench;
} {
  const began = performance.now();
  const failures: Failure[] = [];
  const result = (outcome: CheckResult["outcome"], detail: string): CheckResult => ({
    name: "load",
    outcome,
    detail,
    failures,
    milliseconds: Math.round(performance.now() - began),
  });
  const { captures, inputs = DEFAULT_INPUTS, seed = DEFAULT_SEED } = options;
  try {
    const subject = new Subject(options);
    const proxy = subject.start();
    const bytes = proxy.memoryBytes;
    const mode = modeOf(subject, captures.frames);
    const exchanges: Exchange[] = [];
    for (const [request, response] of pairsOf(captures)) {
      try {
        exchanges.push(measureExchange(subject, mode, request, response));
      } catch (error) {
        failures.push(failureOf(error));
      }
    }
    const bench = new Bench({ subject, captures, mode, exchanges, inputs, seed });
    const size = `${options.module.length.toLocaleString("en")} bytes, ${bytes >> 10} KiB of memory`;
    const steps = subject.isMeasured ? "" : ", its steps cannot be counted";
    return { result: result(failures.length > 0 ? "failed" : "passed", size + steps), bench };
  } catch (error) {
    failures.push(failureOf(error));
    return { result: result("failed", "") };
  }
}

function modeOf(subject: Subject, frames: readonly CapturedFrame[]): Mode {
  const request = frames.find(({ kind, answer }) => kind === "request" && answer !== undefined);
  const response = frames.find(({ name }) => name === request?.answer);
  if (request === undefined || response === undefined)
    throw new Error("the captures have no request with a response: nothing can be tried");
  return detectMode(subject, request, response);
}

function perform({ name, run }: Check, bench: Bench): CheckResult {
  const began = performance.now();
  let detail = "";
  let reason: string | undefined;
  try {
    detail = run(bench);
  } catch (error) {
    if (error instanceof NotApplicable) reason = error.message;
    else bench.keep(failureOf(error));
  }
  const failures = bench.takeFailures();
  const milliseconds = Math.round(performance.now() - began);
  if (failures.length > 0) return { name, outcome: "failed", detail, failures, milliseconds };
  if (reason !== undefined)
    return { name, outcome: "not applicable", detail: reason, failures, milliseconds };
  return { name, outcome: "passed", detail, failures, milliseconds };
}

function failureOf(error: unknown): Failure {
  if (error instanceof CheckFailure) return error.failure;
  const seen = error instanceof Error ? error.message : String(error);
  return { frame: "the module", expected: "nothing out of the ordinary", seen };
}
