// Each check fails where it has to: a codec that is sound, and the same with one fault after the other.
import { expect, test } from "vitest";
import { formatReport, type Report } from "../../kit/codec-test/index.js";
import { Fault, testTickets } from "./ticket.js";

/** A second on a quiet machine. */
const LIMIT_MS = 5 * 60_000;

function failed(report: Report): string[] {
  return report.checks.filter(({ outcome }) => outcome === "failed").map(({ name }) => name);
}

test(
  "a sound codec passes",
  () => {
    const report = testTickets(Fault.None);
    expect(failed(report), formatReport(report)).toEqual([]);
    expect(report.isPassed).toBe(true);
    expect(report.mode).toBe("shared");
  },
  LIMIT_MS,
);

const FAULTS: readonly (readonly [keyof typeof Fault, string, RegExp])[] = [
  ["RefusesParts", "splits at every byte", /req-train, byte 3\n.*stays open/],
  ["TakesAllForOne", "coalesced frames", /req-train/],
  ["WaitsForGarbage", "garbage", /garbage\[0\]\n +expected +the connection is closed at once/],
  ["TrapsOnGarbage", "garbage", /trap: kills every connection of a worker/],
  ["PassesHeadAlone", "load", /req-train, byte 14\n +expected +the server gets the request/],
  ["PassesPieces", "splits at every byte", /req-train, byte 40\n.*the server gets nothing before/],
  ["PassesPieces", "oversize", /req-train, byte 39\n +expected +the server gets nothing/],
  ["PassesPieces", "truncation", /rsp-train, byte 40\n(.*\n)* +seen +a part of the response/],
  ["KeepsId", "id rewriting", /an id of its own for each request/],
  [
    "SpoilsStatus",
    "id rewriting",
    /req-train, byte \d+\n +expected +but for its id, the server gets/,
  ],
  ["ForgetsLength", "mutation round trip", /req-train/],
  ["PretendsMutation", "mutation round trip", /another frame, or that it was left out/],
  ["LosesOtherTags", "mutation round trip", /to: Basel, beside x-kit|req-train/],
  ["HasNoError", "error reply: no route", /req-train\n +expected +an answer: no route/],
  ["ErrorLooksWell", "error reply: timeout", /seen +what looks like success/],
  ["ErrorIsCut", "error reply: overload", /the reply to req-train/],
  ["IgnoresHeartbeat", "heartbeats", /req-alive\n +expected +an answer\n +seen +nothing/],
  ["SendsStrangeHeartbeat", "heartbeats", /a heartbeat of the module's own/],
  ["Leaks", "memory", /expected +no growth of the memory/],
  ["CutsAttribute", "attributes", /req-train\n +expected +to: Basel\n +seen +another value/],
  ["StatusIsLost", "results", /rsp-bus\n +expected +status: error\n +seen +ok/],
  ["LoopsByLength", "fuzzing", /more: it does not come to an end/],
  ["ReadsBehindTags", "fuzzing", /trap: kills every connection of a worker/],
  ["DropsResponses", "load", /rsp-train\n +expected +the client gets it/],
];

test.each(FAULTS)(
  "a codec that %s fails: %s",
  (fault, check, words) => {
    const report = testTickets(Fault[fault]);
    expect(failed(report)).toContain(check);
    expect(report.isPassed).toBe(false);
    const own = { ...report, checks: report.checks.filter(({ name }) => name === check) };
    expect(formatReport(own)).toMatch(words);
  },
  LIMIT_MS,
);
