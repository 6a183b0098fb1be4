import { describe, expect, test } from "vitest";
import { CodecConnection } from "../harness/codec-connection.js";
import { CodecHarness } from "../harness/codec-harness.js";
import { DecodeStatus, Origin } from "../harness/contract.js";
import { RandomSource } from "../../inputs/random-source.js";
import {
  DIALECTS,
  NAMED_DIALECTS,
  ValueType,
  WireType,
  dialectNumber,
  writeMessage,
} from "./official-library.js";
import { randomMessage } from "./random-message.js";

const codec = await CodecHarness.load("thrift-codec");
const { walkSteps } = codec.exports as unknown as { walkSteps: () => bigint };
const state = codec.openState();
const downstream = new CodecConnection(codec, Origin.Downstream);
const UNFRAMED = DIALECTS.filter((dialect) => dialect.transport === "unframed");

describe.each(NAMED_DIALECTS)("random messages, %s", (_name, dialect) => {
  test("end where the library ended them, however they are cut", () => {
    const random = new RandomSource(20_240_611);
    for (let round = 0; round < 300; round++) {
      const frames = [0, 1, 2].map(() => writeMessage(dialect, randomMessage(random)));
      const stream = new Uint8Array(Buffer.concat(frames));
      downstream.reopen();
      const received = downstream.feedInChunks(stream, 1 + random.below(stream.length));
      expect(received.map((message) => message.frame)).toEqual(frames);
      expect(received.every((message) => message.dialect === dialectNumber(dialect))).toBe(true);
      expect(downstream.pending).toBe(0);
    }
  });
});

describe.each(UNFRAMED.map((dialect) => [dialect.protocol, dialect] as const))(
  "unframed %s",
  (_name, dialect) => {
    test("need never passes the end of the message, and is met step by step", () => {
      const random = new RandomSource(7);
      for (let round = 0; round < 200; round++) {
        const frame = writeMessage(dialect, randomMessage(random));
        codec.clearState(state);
        let shown = 1;
        for (;;) {
          const message = codec.decode(frame.subarray(0, shown), Origin.Downstream, state);
          if (message.decodeStatus === DecodeStatus.Done) break;
          expect(message.decodeStatus).toBe(DecodeStatus.WaitForData);
          expect(message.need).toBeLessThanOrEqual(frame.length);
          shown = message.need;
        }
        expect(shown).toBe(frame.length);
      }
    });

    test("byte by byte costs a bounded number of steps per byte", () => {
      const frame = writeMessage(dialect, {
        name: "big",
        fields: (protocol) => {
          protocol.writeFieldBegin("list", ValueType.List, 1);
          protocol.writeListBegin(ValueType.Struct, 400);
          for (let i = 0; i < 400; i++) {
            protocol.writeStructBegin("item");
            protocol.writeFieldBegin("text", ValueType.String, 1);
            protocol.writeString("0123456789");
            protocol.writeFieldEnd();
            protocol.writeFieldStop();
            protocol.writeStructEnd();
          }
          protocol.writeListEnd();
          protocol.writeFieldEnd();
        },
      });
      codec.clearState(state);
      const before = walkSteps();
      codec.decode(frame, Origin.Downstream, state);
      const atOnce = Number(walkSteps() - before);
      const start = walkSteps();
      let last;
      for (let shown = 1; shown <= frame.length; shown++) {
        last = codec.decode(frame.subarray(0, shown), Origin.Downstream, state);
      }
      expect(last).toMatchObject({ decodeStatus: DecodeStatus.Done, frameLength: frame.length });
      expect(Number(walkSteps() - start)).toBeLessThanOrEqual(atOnce + frame.length);
      expect(atOnce).toBeGreaterThan(400);
      expect(atOnce).toBeLessThanOrEqual(frame.length);
    });

    test("a message has exactly 64 levels of containers at most", () => {
      const nested = (levels: number): Uint8Array =>
        writeMessage(dialect, {
          name: "deep",
          fields: (protocol) => {
            for (let i = 1; i < levels; i++) {
              protocol.writeFieldBegin("inner", ValueType.Struct, 1);
              protocol.writeStructBegin("inner");
            }
            for (let i = 1; i < levels; i++) {
              protocol.writeFieldStop();
              protocol.writeStructEnd();
            }
          },
        });
      downstream.reopen();
      expect(downstream.feed(nested(64))).toMatchObject([{ decodeStatus: DecodeStatus.Done }]);
      downstream.reopen();
      expect(downstream.feed(nested(65))).toMatchObject([
        { decodeStatus: DecodeStatus.Error, idKnown: true },
      ]);
    });
  },
);

test("a response's struct is walked as well", () => {
  const upstream = new CodecConnection(codec, Origin.Upstream);
  const random = new RandomSource(11);
  for (let round = 0; round < 100; round++) {
    const frame = writeMessage(random.pick(UNFRAMED), randomMessage(random, WireType.Reply));
    const received = upstream.feedInChunks(frame, 1 + random.below(frame.length));
    expect(received).toMatchObject([{ decodeStatus: DecodeStatus.Done, frame }]);
  }
});
