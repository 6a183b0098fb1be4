import { expect, test } from "vitest";
import { CodecConnection } from "../harness/codec-connection.js";
import { CodecHarness } from "../harness/codec-harness.js";
import { DecodeStatus, Origin } from "../harness/contract.js";
import { readHexFixtures } from "../harness/hex-fixture.js";

const captures = readHexFixtures(new URL("captures/", import.meta.url));
const codec = await CodecHarness.load("dubbo-codec");
test("smoke", () => {
  const connection = new CodecConnection(codec, Origin.Downstream);
  const hello = captures.get("req-hello");
  const m = connection.feedInChunks(hello!.bytes, 1);
  expect(m[0]!.decodeStatus).toBe(DecodeStatus.Done);
  expect(m[0]!.frame).toEqual(hello!.bytes);
});
