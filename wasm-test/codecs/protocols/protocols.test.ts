// Protocols by their descriptions, and by code where there is any.
import { describe } from "vitest";
import { CodecHarness } from "../harness/codec-harness.js";
import { BOLT_V1, BOLT_V2, BOLT_V2_CRC, boltWithCode } from "./bolt.js";
import { BRPC } from "./brpc.js";
import { describeProtocol } from "./conformance.js";
import { COURIER } from "./courier.js";
import { describedCodec } from "./descriptions.js";
import { PARCEL } from "./parcel.js";
import { TRPC } from "./trpc.js";

describe("described: courier", async () => {
  describeProtocol(COURIER, await describedCodec("courier"));
});

describe("described: parcel", async () => {
  describeProtocol(PARCEL, await describedCodec("parcel"));
});

describe("described: brpc", async () => {
  describeProtocol(BRPC, await describedCodec("brpc"));
});

describe("described: trpc", async () => {
  describeProtocol(TRPC, await describedCodec("trpc"));
});

const BOLT = [
  ["version 1", BOLT_V1],
  ["version 2", BOLT_V2],
  ["version 2 with a checksum", BOLT_V2_CRC],
] as const;

describe.each(BOLT)("described: bolt, %s", async (_, protocol) => {
  describeProtocol(protocol, await describedCodec(protocol.protocol));
});

describe("with code: brpc", async () => {
  describeProtocol(BRPC, await CodecHarness.load("brpc-codec"));
});

describe("with code: trpc", async () => {
  describeProtocol(TRPC, await CodecHarness.load("trpc-codec"));
});

describe.each(BOLT)("with code: bolt, %s", async (_, protocol) => {
  describeProtocol(boltWithCode(protocol), await CodecHarness.load("bolt-codec"));
});
