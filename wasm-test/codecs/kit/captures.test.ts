// What captures.yaml may say, and what is said of one that is wrong.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readCaptures } from "../../kit/codec-test/index.js";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "metaproto-captures-"));
  for (const name of ["req-a.hex", "rsp-a.hex", "req-b.hex", "other.hex"])
    writeFileSync(join(folder, name), "# a frame\n00 01\n");
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("without captures.yaml names tell, and what they do not tell is left out", () => {
  const { frames, unused } = readCaptures(folder);
  expect(frames.map(({ name, kind, from, answer }) => [name, kind, from, answer])).toEqual([
    ["req-a", "request", "client", "rsp-a"],
    ["req-b", "request", "client", "rsp-a"],
    ["rsp-a", "response", "server", undefined],
  ]);
  expect(unused).toEqual(["other: not in captures.yaml"]);
});

test("a frame that is cut is left out, one of raw bytes is not", () => {
  writeFileSync(join(folder, "req-b.hex"), "# big [TRUNCATED: first 1 of 9]\n00\n");
  writeFileSync(join(folder, "req-c.bin"), Buffer.of(1, 2, 3));
  const { frames, unused } = readCaptures(folder);
  expect(frames.map(({ name }) => name)).toEqual(["req-a", "req-c", "rsp-a"]);
  expect([...(frames[1]?.bytes ?? [])]).toEqual([1, 2, 3]);
  expect(unused).toContain("req-b: it is cut");
});

test("all that is wrong is told, with its place", () => {
  writeFileSync(
    join(folder, "captures.yaml"),
    [
      "frame: {}",
      "garbage: [zz]",
      "frames:",
      "  req-a: { kind: question, answer: req-b }",
      "  req-z: { kind: request }",
      "  other: { kind: stream, id: { at: 0, bytes: 9 } }",
    ].join("\n"),
  );
  let message = "";
  try {
    readCaptures(folder);
  } catch (error) {
    message = String(error);
  }
  for (const fault of [
    "frame: unknown; there are frames, garbage, id",
    "garbage[0]: expected hexadecimal digits",
    "frames.req-a.kind: expected request, oneway",
    "frames.req-a.answer: req-b is no response",
    "frames.req-z: there is no such file",
    "frames.other.from: missing",
    "frames.other.id: expected { at: offset, bytes: 1 to 8 }",
  ])
    expect(message).toContain(fault);
});
