// What every codec has to do with the messages of its protocol.
import { describe, expect, test } from "vitest";
import { CodecConnection } from "../harness/codec-connection.js";
import type { CodecHarness } from "../harness/codec-harness.js";
import {
  DecodeStatus,
  ErrorKind,
  MessageType,
  MutationOperation,
  Origin,
  ResponseStatus,
} from "../harness/contract.js";
import type { ExpectedMessage, ProtocolCase } from "./protocol-case.js";

const TEXT = "metaproto: no route matches this request";

function originOf(name: string): Origin {
  return name.startsWith("req") ? Origin.Downstream : Origin.Upstream;
}

/** Runs the case on a codec. */
export function describeProtocol(protocol: ProtocolCase, codec: CodecHarness): void {
  const runner = new Runner(protocol, codec);
  const messages = Object.entries(protocol.expected);
  describe.each(messages)("%s", (name, expected) => {
    test("is what it is", () => runner.meaning(name, expected));
    test("comes in parts, cut at every byte", () => runner.parts(name, expected));
    test("gets another id", () => runner.renumbered(name, expected));
    test("is mutated, and keeps everything else", () => runner.mutated(name, expected));
  });
  test("every capture is told of", () => {
    expect([...protocol.frames.keys()].sort()).toEqual(Object.keys(protocol.expected).sort());
  });
  test("all frames at once, in parts of every size", () => runner.coalesced());
  test.each(protocol.errors)("an error reply of kind $kind", (error) => {
    runner.error(error);
  });
  if (Object.values(protocol.expected).some(({ type }) => type === MessageType.Request)) {
    test("error replies of all kinds, whatever room there is", () => runner.errors());
  } else {
    test("errors are not answered", () => runner.noErrors());
  }
  test("heartbeats", () => runner.heartbeats());
  test("garbage is refused at once", () => runner.garbage());
  test("no damaged byte makes anything else than a frame, a wait or a refusal", () =>
    runner.damaged());
}

class Runner {
  constructor(
    private readonly protocol: ProtocolCase,
    private readonly codec: CodecHarness,
  ) {
    expect(codec.exports.idBits()).toBe(protocol.idBits);
  }

  private frame(name: string): Uint8Array {
    const frame = this.protocol.frames.get(name);
    if (frame === undefined) throw new Error(`no frame ${name}`);
    return frame;
  }

  private decode(frame: Uint8Array, origin: Origin) {
    return this.codec.decode(frame, origin, this.codec.openState());
  }

  private expectMeaning(expected: ExpectedMessage): void {
    for (const [name, value] of Object.entries(expected.attributes ?? {}))
      expect([name, this.codec.attribute(name)]).toEqual([name, value]);
    expect(this.codec.attribute("no-such-attribute")).toBeUndefined();
    // Nobody asks it of others.
    if (expected.type === MessageType.Request || expected.type === MessageType.Oneway)
      expect(this.codec.timeoutMs()).toBe(expected.timeoutMs ?? 0);
  }

  meaning(name: string, expected: ExpectedMessage): void {
    const frame = this.frame(name);
    expect(this.decode(frame, originOf(name))).toMatchObject({
      decodeStatus: DecodeStatus.Done,
      frameLength: frame.length,
      type: expected.type,
      status: expected.status ?? ResponseStatus.Ok,
      ...(expected.id !== undefined && { id: expected.id }),
    });
    this.expectMeaning(expected);
    this.codec.moveFrame();
    this.expectMeaning(expected);
  }

  parts(name: string, expected: ExpectedMessage): void {
    const frame = this.frame(name);
    const connection = new CodecConnection(this.codec, originOf(name));
    for (let cut = 1; cut < frame.length; cut++) {
      connection.reopen();
      expect(connection.feed(frame.subarray(0, cut))).toEqual([]);
      const [message, ...others] = connection.feed(frame.subarray(cut));
      expect(others).toEqual([]);
      expect(message).toMatchObject({ type: expected.type, frameLength: frame.length });
    }
    connection.reopen();
    expect(connection.feedInChunks(frame, 1)).toHaveLength(1);
    this.expectMeaning(expected);
  }

  renumbered(name: string, expected: ExpectedMessage): void {
    if (expected.id === undefined || this.protocol.idBits === 0) return;
    const frame = this.frame(name);
    const origin = originOf(name);
    const largest = (1n << BigInt(this.protocol.idBits - 1)) - 1n;
    for (const id of [1n, 127n, 128n, 70_000n, largest]) {
      this.decode(frame, origin);
      const encoded = this.codec.encode(id).bytes;
      expect(this.decode(encoded, origin)).toMatchObject({
        decodeStatus: DecodeStatus.Done,
        frameLength: encoded.length,
        id,
        type: expected.type,
      });
      this.expectMeaning(expected);
      this.expectSame(this.codec.encode(expected.id).bytes, frame, origin, expected);
      this.decode(frame, origin);
      const patched = this.codec.patchId(id);
      if (patched !== undefined) expect(Buffer.from(patched)).toEqual(Buffer.from(encoded));
    }
    this.decode(frame, origin);
    expect(Buffer.from(this.codec.encode(expected.id).bytes)).toEqual(Buffer.from(frame));
  }

  /** A codec may leave an integer of variable width wider than it has to be: then the meaning is the same. */
  private expectSame(
    bytes: Uint8Array,
    frame: Uint8Array,
    origin: Origin,
    expected: ExpectedMessage,
  ): void {
    if (bytes.length <= frame.length) expect(Buffer.from(bytes)).toEqual(Buffer.from(frame));
    const { id, type } = expected;
    expect(this.decode(bytes, origin)).toMatchObject({ frameLength: bytes.length, id, type });
    this.expectMeaning(expected);
  }

  mutated(name: string, expected: ExpectedMessage): void {
    const origin = originOf(name);
    const isMessage = [MessageType.Request, MessageType.Oneway, MessageType.Response].some(
      (type) => type === expected.type,
    );
    const id = expected.id ?? 0n;
    const frame = this.frame(name);
    this.decode(frame, origin);
    const set = [
      { operation: MutationOperation.Set, key: "x-version", value: "v2" },
      { operation: MutationOperation.AddIfAbsent, key: "x-first", value: "a" },
      { operation: MutationOperation.AddIfAbsent, key: "x-version", value: "v3" },
    ];
    const encoded = this.codec.encode(id, set);
    expect(encoded.applied).toBe(this.protocol.isMutable && isMessage);
    if (!encoded.applied) {
      expect(Buffer.from(encoded.bytes)).toEqual(Buffer.from(frame));
      return;
    }
    expect(this.decode(encoded.bytes, origin)).toMatchObject({
      decodeStatus: DecodeStatus.Done,
      frameLength: encoded.bytes.length,
      type: expected.type,
      status: expected.status ?? ResponseStatus.Ok,
    });
    this.expectMeaning({
      ...expected,
      attributes: { ...expected.attributes, "x-version": "v2", "x-first": "a" },
    });
    const removed = this.codec.encode(id, [
      { operation: MutationOperation.Remove, key: "x-version" },
      { operation: MutationOperation.Remove, key: "x-first" },
      { operation: MutationOperation.Remove, key: "x-none" },
    ]);
    expect(removed.applied).toBe(true);
    expect(Buffer.from(removed.bytes)).toEqual(Buffer.from(frame));
  }

  coalesced(): void {
    for (const origin of [Origin.Downstream, Origin.Upstream]) {
      const frames = [...this.protocol.frames].filter(([name]) => originOf(name) === origin);
      const bytes = Buffer.concat(frames.map(([, frame]) => frame));
      const connection = new CodecConnection(this.codec, origin);
      for (const size of [1, 2, 3, 7, 16, 61, 500, bytes.length]) {
        connection.reopen();
        const received = connection.feedInChunks(bytes, size);
        expect(received.map(({ frame }) => frame.length)).toEqual(
          frames.map(([, frame]) => frame.length),
        );
      }
    }
  }

  private request(): {
    readonly frame: Uint8Array;
    readonly id: bigint;
    readonly context: Uint8Array;
  } {
    const entry = Object.entries(this.protocol.expected).find(
      ([, { type }]) => type === MessageType.Request,
    );
    if (entry === undefined) throw new Error("a case needs a request");
    const frame = this.frame(entry[0]);
    const { id } = this.decode(frame, Origin.Downstream);
    return { frame, id, context: this.codec.captureContext() };
  }

  error({ kind, status, attributes }: ProtocolCase["errors"][number]): void {
    const { id, context } = this.request();
    const reply = this.codec.encodeError(kind, id, TEXT, context);
    expect(this.decode(reply, Origin.Upstream)).toMatchObject({
      decodeStatus: DecodeStatus.Done,
      frameLength: reply.length,
      type: MessageType.Response,
      status,
      id,
    });
    for (const [name, value] of Object.entries(attributes))
      expect([name, this.codec.attribute(name)]).toEqual([name, value]);
    const hasText = Buffer.from(reply).includes(TEXT);
    expect(hasText).toBe(this.protocol.carriesText(kind));
  }

  errors(): void {
    const { id, context } = this.request();
    const long = "x".repeat(512);
    for (const kind of Object.values(ErrorKind)) {
      for (const text of ["", TEXT, long]) {
        for (const known of [context, new Uint8Array(0)]) {
          const reply = this.codec.encodeError(kind, id, text, known);
          expect(reply.length).toBeGreaterThan(0);
          const decoded = this.decode(reply, Origin.Upstream);
          expect(decoded).toMatchObject({
            decodeStatus: DecodeStatus.Done,
            frameLength: reply.length,
            type: MessageType.Response,
            id,
          });
          expect(decoded.status).not.toBe(ResponseStatus.Ok);
        }
      }
      for (const capacity of [0, 1, 10, 50]) {
        const reply = this.codec.encodeError(kind, id, TEXT, context, capacity);
        if (reply.length > 0) this.decode(reply, Origin.Upstream);
      }
    }
  }

  noErrors(): void {
    for (const kind of Object.values(ErrorKind))
      expect(this.codec.encodeError(kind, 0n, TEXT, new Uint8Array(0))).toHaveLength(0);
    for (const frame of this.protocol.frames.values())
      expect(this.decode(frame, Origin.Upstream).decodeStatus).toBe(DecodeStatus.Error);
  }

  heartbeats(): void {
    const probe = this.codec.encodeHeartbeat(77n);
    expect(probe.length > 0).toBe(this.protocol.hasHeartbeat);
    if (probe.length === 0) return;
    for (const origin of [Origin.Downstream, Origin.Upstream]) {
      const decoded = this.decode(probe, origin);
      expect(decoded).toMatchObject({
        decodeStatus: DecodeStatus.Done,
        frameLength: probe.length,
        type: MessageType.Heartbeat,
        id: 77n,
      });
      const reply = this.codec.encodeHeartbeatReply();
      expect(this.decode(reply, Origin.Upstream)).toMatchObject({
        decodeStatus: DecodeStatus.Done,
        frameLength: reply.length,
        type: MessageType.Event,
        id: 77n,
      });
    }
  }

  garbage(): void {
    for (const bytes of this.protocol.garbage) {
      for (const origin of [Origin.Downstream, Origin.Upstream]) {
        const padded = Buffer.concat([bytes, Buffer.alloc(64)]);
        expect(this.decode(padded, origin).decodeStatus).toBe(DecodeStatus.Error);
        expect(this.decode(bytes, origin).decodeStatus).toBe(DecodeStatus.Error);
      }
    }
  }

  damaged(): void {
    for (const [name, original] of this.protocol.frames) {
      const frame = original.slice(0, 400);
      for (let at = 0; at < frame.length; at++) {
        for (const byte of [0, 0xff, 0x7f]) {
          const damaged = frame.slice();
          damaged[at] = byte;
          const { decodeStatus } = this.decode(damaged, originOf(name));
          if (decodeStatus !== DecodeStatus.Done) continue;
          for (const attribute of ["service", "x-version"]) this.codec.attribute(attribute);
          this.codec.captureContext();
          this.codec.encode(5n, [{ operation: MutationOperation.Set, key: "a", value: "b" }]);
        }
      }
    }
  }
}
