import { describe, expect, it } from "vitest";

import { WasmResult } from "./abi-values.js";
import { ByteBuffer } from "./byte-buffer.js";

function bufferOf(text: string): ByteBuffer {
  const buffer = new ByteBuffer();
  buffer.appendFromPeer(Buffer.from(text));
  return buffer;
}

const textOf = (buffer: ByteBuffer) => Buffer.from(buffer.view()).toString();

describe("setBytes", () => {
  it.each([
    ["replaces all from 0 over the whole length", 0, 3, "X", "X"],
    ["replaces all from 0 over more than the length", 0, 0x7fffffff, "X", "X"],
    ["empties with no bytes", 0, 3, "", ""],
    ["prepends at 0 with length 0", 0, 0, "X", "Xabc"],
    ["appends at the length", 3, 0, "X", "abcX"],
    ["appends beyond the length, whatever the length given", 0x7fffffff, 5, "X", "abcX"],
  ])("%s", (_what, start, length, data, expected) => {
    const buffer = bufferOf("abc");
    expect(buffer.setBytes(start, length, Buffer.from(data))).toBe(WasmResult.Ok);
    expect(textOf(buffer)).toBe(expected);
  });

  it.each([
    ["a part from 0", 0, 2],
    ["a part from the middle", 1, 1],
    ["an insertion in the middle", 1, 0],
    ["the rest", 2, 0x7fffffff],
  ])("refuses %s", (_what, start, length) => {
    const buffer = bufferOf("abc");
    expect(buffer.setBytes(start, length, Buffer.from("X"))).toBe(WasmResult.BadArgument);
    expect(textOf(buffer)).toBe("abc");
  });

  it("takes anything at 0 of an empty buffer", () => {
    const buffer = new ByteBuffer();
    expect(buffer.setBytes(0, 0, Buffer.from("b"))).toBe(WasmResult.Ok);
    buffer.clear();
    expect(buffer.setBytes(0, 5, Buffer.from("c"))).toBe(WasmResult.Ok);
    expect(textOf(buffer)).toBe("c");
  });
});

describe("the origin of bytes", () => {
  it("is the peer until the module replaces all of them", () => {
    const buffer = bufferOf("request");
    expect(buffer.holdsPeerBytes).toBe(true);
    buffer.setBytes(0x7fffffff, 0, Buffer.from("response"));
    expect(buffer.holdsPeerBytes).toBe(true);
    buffer.setBytes(0, 0x7fffffff, Buffer.from("response"));
    expect(buffer.holdsPeerBytes).toBe(false);
  });

  it("is the module after its bytes were taken", () => {
    const buffer = bufferOf("request");
    expect(Buffer.from(buffer.take()).toString()).toBe("request");
    expect(buffer.holdsPeerBytes).toBe(false);
    expect(buffer.length).toBe(0);
  });
});

it("grows, and reuses the room of bytes that were taken", () => {
  const buffer = new ByteBuffer();
  const piece = Buffer.from("0123456789".repeat(30));
  for (let round = 0; round < 100; round++) {
    buffer.append(piece);
    buffer.append(piece);
    expect(Buffer.from(buffer.take()).toString()).toBe(piece.toString() + piece.toString());
  }
});
