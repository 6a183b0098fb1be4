// Kafka's own classes as the other side: they write requests of every version, and read what the codec writes.
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeWith } from "../../envoy/support/describe-with.js";
import { KafkaPeer, missingKafka } from "../../envoy/support/kafka-peer.js";
import { CodecHarness } from "../harness/codec-harness.js";
import { ErrorKind, MessageType, MutationOperation, Origin } from "../harness/contract.js";
import {
  coordinatorRequest,
  OFFICIAL_REQUESTS,
  type OfficialRequest,
} from "./official-requests.js";

const codec = await CodecHarness.load("kafka-codec");
const FRONT = ["topic", "topic_id", "topic_count", "group_id", "transactional_id", "acks"];
const TEXT = "metaproto: access denied";

function versionsOf({ versions: [first, last] }: OfficialRequest): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function find(name: string): OfficialRequest {
  const found = OFFICIAL_REQUESTS.find((request) => request.name === name);
  if (found === undefined) throw new Error(`no request ${name}`);
  return found;
}

function decode(bytes: Uint8Array) {
  return codec.decode(bytes, Origin.Downstream, codec.openState());
}

describeWith("Kafka's own classes", [missingKafka()], () => {
  let peer: KafkaPeer;

  beforeAll(async () => {
    peer = await KafkaPeer.startJava();
  });

  afterAll(async () => {
    await (peer as KafkaPeer | undefined)?.stop();
  });

  function write(
    { key, data }: OfficialRequest,
    version: number,
    clientId: string | null = "app",
    more: object = {},
  ): Promise<Uint8Array> {
    const message = {
      apiKey: key,
      version,
      clientId,
      correlationId: 42,
      data: { ...data(version), ...more },
    };
    return peer.write(message);
  }

  test.each(OFFICIAL_REQUESTS)(
    "$name of every version begins as the codec thinks",
    async (request) => {
      for (const version of versionsOf(request)) {
        for (const clientId of ["app", null]) {
          const bytes = await write(request, version, clientId);
          expect(decode(bytes)).toMatchObject({
            type: MessageType.Request,
            frameLength: bytes.length,
          });
          const found = FRONT.map((name) => [name, codec.attribute(name)] as const);
          expect({
            version,
            ...Object.fromEntries(found.filter(([, value]) => value !== undefined)),
          }).toEqual({
            version,
            ...request.expected(version),
          });
          expect(codec.attribute("api_name")).toBe(request.name);
          expect(codec.attribute("api_version")).toBe(String(version));
          expect(codec.attribute("correlation_id")).toBe("42");
          expect(codec.attribute("client_id")).toBe(clientId ?? undefined);
        }
      }
    },
  );

  test("acks 0 of every version is one-way", async () => {
    const produce = find("Produce");
    for (const version of versionsOf(produce)) {
      for (const transactionalId of ["tx", null]) {
        const bytes = await write(produce, version, "app", { acks: 0, transactionalId });
        expect(decode(bytes).type).toBe(MessageType.Oneway);
      }
    }
  });

  test("a changed client id is the one that Kafka's classes would have written", async () => {
    for (const name of ["Produce", "Metadata", "Heartbeat"]) {
      const request = find(name);
      for (const version of versionsOf(request)) {
        decode(await write(request, version));
        const step = { operation: MutationOperation.Set, key: "client_id", value: "another one" };
        const expected = await write(request, version, "another one");
        expect(codec.encode(0n, [step])).toEqual({ bytes: expected, applied: true });
      }
    }
  });

  async function replyTo(
    request: OfficialRequest,
    version: number,
    kind: ErrorKind,
    more?: object,
  ) {
    decode(await write(request, version, "app", more));
    const reply = codec.encodeError(kind, 0n, TEXT, codec.captureContext());
    const { correlationId, data } = await peer.read(request.key, version, reply);
    expect(correlationId).toBe(42);
    return data as object;
  }

  test("replies to Produce of every version are read", async () => {
    const request = find("Produce");
    for (const version of versionsOf(request)) {
      const refused = await replyTo(request, version, ErrorKind.PermissionDenied);
      const name = version < 13 ? { name: "orders" } : { topicId: "AAECAwQFBgcICQoLDP3-_w" };
      const partition = { index: 3, errorCode: 29, baseOffset: -1 };
      expect(refused).toMatchObject({
        responses: [{ ...name, partitionResponses: [partition] }],
        throttleTimeMs: 0,
      });
      expect(JSON.stringify(refused).includes(TEXT)).toBe(version >= 8);
      const limited = await replyTo(request, version, ErrorKind.RateLimited);
      expect(limited).toMatchObject({ throttleTimeMs: version < 6 ? 0 : 500 });
    }
  });

  test("replies to Fetch of every version are read", async () => {
    const request = find("Fetch");
    for (const version of versionsOf(request)) {
      const refused = await replyTo(request, version, ErrorKind.PermissionDenied);
      const name = version < 13 ? { topic: "orders" } : { topicId: "AAECAwQFBgcICQoLDP3-_w" };
      const partition = { partitionIndex: 3, errorCode: 29, highWatermark: -1 };
      const response = { ...name, partitions: [partition] };
      expect(refused).toMatchObject({ responses: [response, response] });
      if (version >= 7) {
        const within = await replyTo(request, version, ErrorKind.PermissionDenied, {
          sessionEpoch: 1,
        });
        expect(within).toMatchObject({ errorCode: 70, sessionId: 0, responses: [] });
      }
      if (version >= 8) {
        const limited = await replyTo(request, version, ErrorKind.RateLimited);
        expect(limited).toMatchObject({ throttleTimeMs: 500, errorCode: 0, responses: [] });
      }
    }
  });

  test("replies to FindCoordinator of every version are read", async () => {
    for (const [type, code] of [
      [0, 30],
      [1, 53],
    ] as const) {
      const request = coordinatorRequest(type);
      for (const version of versionsOf(request)) {
        const refused = await replyTo(request, version, ErrorKind.PermissionDenied);
        const error = { errorCode: code, nodeId: -1, host: "", port: -1 };
        expect(refused).toMatchObject(
          version < 4 ? error : { coordinators: [{ key: "k", ...error }] },
        );
      }
    }
  });
});
