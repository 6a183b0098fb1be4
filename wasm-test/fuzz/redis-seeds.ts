// What inputs for the Redis codec are made from: captured reads, commands of every shape, replies.
import { readHexFixtures } from "../codecs/harness/hex-fixture.js";
import { aggregate, bulk, command, reply } from "../codecs/redis/resp.js";

const CAPTURES = new URL("../codecs/redis/captures/", import.meta.url);

const COMMANDS = [
  "EVAL script 2 a b",
  "EVALSHA_RO sha 0",
  "ZUNION 2 a b",
  "XREADGROUP GROUP g c BLOCK 0 STREAMS s >",
  "XREAD COUNT 2 STREAMS s 0",
  "CLIENT REPLY OFF",
  "CLIENT SETINFO LIB-NAME x",
  "CLIENT TRACKING on",
  "OBJECT ENCODING k",
  "MIGRATE h 1 k 0 10",
  "BLMPOP 0 2 a b LEFT",
  "SUBSCRIBE a b c",
  "SSUBSCRIBE a",
  "psync ? -1",
  "GEORADIUSBYMEMBER_RO g m 1 m",
];

/** Frames, one each: the mutator joins and cuts them itself. */
export function redisSeeds(): Uint8Array[] {
  const captured = Array.from(readHexFixtures(CAPTURES).values(), ({ bytes }) => bytes);
  const whole = captured.filter((bytes) => !Buffer.from(bytes).includes("zz"));
  const commands = COMMANDS.map((line) => command(...line.split(" ")));
  const lines = COMMANDS.map((line) => Buffer.from(`${line}\r\n`));
  const nested = aggregate("*", bulk("a"), aggregate("%", bulk("k"), reply(":1")), reply("_"));
  const replies = [
    nested,
    aggregate("|", bulk("ttl"), nested),
    aggregate(">", bulk("subscribe"), bulk("c"), reply(":1")),
    aggregate(">", bulk("message"), bulk("c"), nested),
    aggregate("~", reply("#t"), reply(",1.5"), reply("(12345678901234567890")),
    reply("!11", "OOM no room"),
    reply("=7", "txt:abc"),
    reply("*3", "$-1", "*-1", "-LOADING wait"),
  ];
  return [...whole, ...commands, ...lines, ...replies];
}

/** Types, lengths that are not there, words that decide something. */
export const REDIS_TOKENS = [
  ...["*1\r\n", "*-1\r\n", "*0\r\n", "*4294967295\r\n", "$-1\r\n", "$0\r\n\r\n", "$536870912\r\n"],
  ...["\r\n", "\r", "\n", "+", "-", ":", "_\r\n", "#t\r\n", ",", "(", "!", "=", "~2\r\n", "%1\r\n"],
  ...[">2\r\n", "|1\r\n", "00", "9999999999", "$9\r\nsubscribe\r\n", "BLOCK", "STREAMS", "CLIENT"],
].map((text) => new TextEncoder().encode(text));
