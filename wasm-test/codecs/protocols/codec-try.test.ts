// `metaproto codec try`: what people see of a description and a capture.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCommand } from "../../../controlplane/cli/testing/run-command.js";
import { buildWasm } from "../../../scripts/build-wasm.mjs";
import { BOLT_V1 } from "./bolt.js";
import { BRPC } from "./brpc.js";
import { COURIER } from "./courier.js";
import { PARCEL } from "./parcel.js";
import { capturesOf } from "./protocol-case.js";

const DESCRIPTIONS = fileURLToPath(
  new URL("../../../docs/protocol-owners/frames/", import.meta.url),
);
const TRPC = capturesOf("trpc");

let folder: string;

beforeAll(async () => {
  await buildWasm("tools/frame-reader");
  folder = mkdtempSync(join(tmpdir(), "metaproto-codec-try-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function frames(...names: readonly string[]): Uint8Array {
  return Buffer.concat(names.map((name) => TRPC.get(name) ?? new Uint8Array()));
}

function tryOn(capture: string, ...options: readonly string[]) {
  return runCommand("codec", "try", join(DESCRIPTIONS, "trpc.yaml"), capture, ...options);
}

/** A pcap file of one packet from a client that begins, and one of its bytes. */
function pcapOf(bytes: Uint8Array): Uint8Array {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt32LE(101, 20);
  const packet = (flags: number, sequence: number, payload: Uint8Array): Buffer => {
    const ip = Buffer.alloc(40);
    ip[0] = 0x45;
    ip.writeUInt16BE(40 + payload.length, 2);
    ip[9] = 6;
    ip.set([10, 0, 0, 1, 10, 0, 0, 2], 12);
    ip.writeUInt16BE(40_000, 20);
    ip.writeUInt16BE(8_000, 22);
    ip.writeUInt32BE(sequence, 24);
    ip[32] = 0x50;
    ip[33] = flags;
    const record = Buffer.alloc(16);
    record.writeUInt32LE(40 + payload.length, 8);
    record.writeUInt32LE(40 + payload.length, 12);
    return Buffer.concat([record, ip, payload]);
  };
  const half = bytes.length >> 1;
  return Buffer.concat([
    header,
    packet(2, 99, new Uint8Array()),
    // The second half comes first.
    packet(0x18, 100 + half, bytes.subarray(half)),
    packet(0x18, 100, bytes.subarray(0, half)),
  ]);
}

describe("metaproto codec try", () => {
  test("prints every frame and every value with its offset", async () => {
    const { code, stdout } = await tryOn(file("two.bin", frames("req-hello", "req-oneway")));
    expect(code).toBe(0);
    const lines = stdout.split("\n");
    expect(lines[0]).toBe("from the client, 257 bytes");
    expect(lines).toContain("     0  request, id 1, the client waits 799 ms: 127 bytes, request");
    expect(lines).toContain('    82    func             "/trpc.test.helloworld.Greeter/SayHello"');
    expect(lines).toContain(
      "   127  oneway request, id 4, the client waits 799 ms: 130 bytes, request",
    );
  });

  test("knows what servers send, and errors", async () => {
    const hex = Buffer.from(frames("rsp-business-error")).toString("hex");
    const { code, stdout } = await tryOn(
      file("response.hex", `# a comment\n${hex}\n`),
      ...["--from", "server"],
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^from the server, 40 bytes\n.*response, an error of the application/);
  });

  test("puts packets together", async () => {
    const { code, stdout } = await tryOn(file("x.pcap", pcapOf(frames("req-hello"))));
    expect(code).toBe(0);
    expect(stdout).toContain("from the client, 127 bytes");
    expect(stdout).toContain("request, id 1");
  });

  test("tells how much of a frame is missing", async () => {
    const half = frames("req-hello").subarray(0, 100);
    const { code, stdout } = await tryOn(file("half.bin", half), "--from", "client");
    expect(code).toBe(0);
    expect(stdout).toContain("     0  an incomplete frame: it needs 127 bytes, 100 are there");
  });

  test.each([
    [
      "a constant",
      127 + 2,
      9,
      "    129  DISAGREES: no layout begins like this: request comes closest, until `frameType`",
    ],
    ["a length", 127 + 4, 0xff, "an incomplete frame: it needs 4278190210 bytes"],
    [
      "a part",
      127 + 8,
      0xff,
      "    135  DISAGREES: a part is longer than what is left of the frame",
    ],
    [
      "protobuf",
      127 + 16,
      0x07,
      "    143  DISAGREES: a part is longer than what is left of the frame, or is not",
    ],
  ])("names the first byte that disagrees: %s", async (_, at, byte, expected) => {
    const bytes = Buffer.from(frames("req-hello", "req-oneway"));
    bytes[at] = byte;
    const { code, stdout } = await tryOn(file("damaged.bin", bytes));
    expect(stdout).toContain("request, id 1");
    expect(stdout).toContain(expected.trimStart());
    expect(code).toBe(expected.includes("DISAGREES") ? 1 : 0);
  });

  test.each<[string, ReadonlyMap<string, Uint8Array>, string, number, number, number, string]>([
    ["courier", COURIER.frames, "req-tags", 1, 0x53, 1, "request comes closest, until `magic`"],
    ["courier", COURIER.frames, "req-tags", -1, 0, -1, "`end` is not the constant that it must be"],
    ["courier", COURIER.frames, "req-tags", 30, 0xff, 22, "`tags` is not what it should be"],
    ["parcel", PARCEL.frames, "req-tags", 0, 0x27, 0, "packet comes closest, until `stx`"],
    ["parcel", PARCEL.frames, "req-tags", -1, 0, -1, "`etx` is not the constant that it must be"],
    ["parcel", PARCEL.frames, "req-tags", 23, 0xff, 18, "`tags` is not what it should be"],
    ["brpc", BRPC.frames, "req-kv-log", 2, 0x51, 2, "message comes closest, until `magic`"],
    ["brpc", BRPC.frames, "req-kv-log", 8, 0xff, 8, "a part is longer than what is left"],
    ["brpc", BRPC.frames, "req-kv-log", 12, 0x07, 12, "or is not what it should be"],
    ["trpc", TRPC, "req-transinfo", 2, 9, 2, "request comes closest, until `frameType`"],
    [
      "bolt",
      BOLT_V1.frames,
      "req-baggage",
      1,
      7,
      1,
      "request, version 1 comes closest, until `type`",
    ],
    ["bolt", BOLT_V1.frames, "req-baggage", 66, 0xff, 66, "`headers` is not what it should be"],
  ])("%s: names the first byte that disagrees (%#)", async (...damage) => {
    const [protocol, known, name, at, byte, expected, text] = damage;
    const frame = known.get(name);
    if (frame === undefined) throw new Error(`no frame ${name}`);
    const damaged = Buffer.from(frame);
    const from = (offset: number): number => (offset < 0 ? frame.length + offset : offset);
    damaged[from(at)] = byte;
    const capture = file(`${protocol}.bin`, Buffer.concat([frame, damaged]));
    const description = join(DESCRIPTIONS, `${protocol}.yaml`);
    const { code, stdout } = await runCommand("codec", "try", description, capture);
    const line = stdout.split("\n").find((one) => one.includes("DISAGREES"));
    expect(line).toContain(`${String(frame.length + from(expected))}  DISAGREES: `);
    expect(line).toContain(text);
    expect(stdout).toContain(`of a frame that begins at ${String(frame.length)}`);
    expect(code).toBe(1);
  });

  test("tells by line and field what is wrong with a description", async () => {
    const description = file(
      "wrong.yaml",
      `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata: { name: wrong }
spec:
  protocol: wrong
  frame:
    layouts:
      - fields:
          - { name: length, type: u32, counts: [body] }
          - { name: text, type: text }
          - { name: body, type: bytes }
        requestId: sequence
`,
    );
    const { code, stderr } = await runCommand(
      ...["codec", "try", description, file("a.bin", frames("req-hello"))],
    );
    expect(code).toBe(1);
    expect(stderr).toContain(
      "wrong.yaml:10: spec.frame.layouts[0].fields[1]: nothing tells how long the frame is",
    );
    expect(stderr).toContain(
      "wrong.yaml:12: spec.frame.layouts[0].requestId: there is no value `sequence`; there are length, text, body",
    );
  });
});
