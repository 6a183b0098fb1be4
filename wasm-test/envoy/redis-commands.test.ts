// What the codec knows of commands, held to what a real server says of them.
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CodecHarness } from "../codecs/harness/codec-harness.js";
import { DecodeStatus, Origin } from "../codecs/harness/contract.js";
import { command } from "../codecs/redis/resp.js";
import { describeWith } from "./support/describe-with.js";
import { missingRedis, RedisServer } from "./support/redis-server.js";

const ARGUMENTS = Array.from({ length: 9 }, (_, i) => `arg${String(i + 1)}`);
/** Redis takes them for an attack by a browser, and so they are refused. */
const NO_COMMANDS = new Set(["host:", "post", "sync", "psync"]);

/** Of COMMAND: name, number of arguments, flags, positions of the first and the last key, step. */
type Description = readonly [string, number, readonly string[], number, ...unknown[]];

describeWith("commands", [missingRedis()], () => {
  let server: RedisServer;
  let described: readonly Description[];
  let codec: CodecHarness;

  beforeAll(async () => {
    codec = await CodecHarness.load("redis-codec");
    server = await RedisServer.start();
    const client = new Redis({ host: "127.0.0.1", port: server.port, protocol: 2 });
    described = (await client.call("COMMAND")) as Description[];
    client.disconnect();
  });

  afterAll(async () => {
    await server.stop();
  });

  function decode(name: string): void {
    const bytes = command(name, ...ARGUMENTS);
    const { decodeStatus } = codec.decode(bytes, Origin.Downstream, codec.openState());
    expect(decodeStatus, name).toBe(DecodeStatus.Done);
  }

  function namesOf(isWanted: (description: Description) => boolean): string[] {
    const names = described.filter(isWanted).map(([name]) => name);
    return names.filter((name) => !NO_COMMANDS.has(name)).sort();
  }

  test("those that only read", () => {
    const expected = namesOf(([, , flags]) => flags.includes("readonly"));
    expect(expected.length).toBeGreaterThan(70);
    const known = namesOf(([name]) => {
      if (NO_COMMANDS.has(name)) return false;
      decode(name);
      return codec.attribute("access") === "read";
    });
    expect(known).toEqual(expected);
  });

  test("where the first key is", () => {
    const fixed = described.filter(
      ([name, , flags, first]) =>
        !NO_COMMANDS.has(name) && (first > 0 || !flags.includes("movablekeys")),
    );
    expect(fixed.length).toBeGreaterThan(190);
    for (const [name, , , first] of fixed) {
      decode(name);
      expect(codec.attribute("key"), name).toBe(first > 0 ? `arg${String(first)}` : undefined);
    }
  });
});
