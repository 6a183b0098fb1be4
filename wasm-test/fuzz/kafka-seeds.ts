// What the Kafka target starts from: captured frames, and versions that no capture shows.
import {
  byte,
  compact,
  concat,
  fetch12,
  findCoordinator4,
  frame,
  int,
  long,
  NO_TAGS,
  produce8,
  produce9,
  request,
  short,
  text,
  varint,
  wholeCaptures,
} from "../codecs/kafka/frames.js";

const UUID = Uint8Array.from({ length: 16 }, (_, index) => index * 15);

/** A partition of what is produced by id, and of what is fetched so. */
function byIds(): Uint8Array[] {
  const produced = concat(int(0), varint(3), byte(1), byte(2), NO_TAGS);
  const fetched = concat(int(0), int(1), long(2n), int(3), long(4n), int(5), NO_TAGS);
  const topics = (partition: Uint8Array) =>
    concat(varint(3), UUID, varint(2), partition, NO_TAGS, UUID, varint(1), NO_TAGS);
  const produce = [NO_TAGS, compact("tx"), short(1), int(9), topics(produced), NO_TAGS];
  const fetch = [NO_TAGS, int(500), int(1), int(2), byte(0), int(0), int(0), topics(fetched)];
  return [
    request({ key: 0, version: 13 }, ...produce),
    request({ key: 1, version: 17 }, ...fetch, varint(1), compact(""), NO_TAGS),
  ];
}

export function kafkaSeeds(): Uint8Array[] {
  const captures = wholeCaptures().map(({ bytes }) => bytes);
  const records = new Uint8Array(20);
  const old = [int(-1), int(500), int(1), int(2), byte(0)];
  const topic = [int(1), text("t"), int(1), int(0), long(7n), long(8n), int(9)];
  return [
    ...captures.filter((bytes) => bytes.length < 1200),
    ...byIds(),
    ...[produce8(1, "t", records), produce8(0, "t", records), produce9(0, "t", 2)],
    ...[fetch12("t", {}), fetch12("t", { epoch: 4, partitions: 3 })],
    ...[findCoordinator4(0, "g"), findCoordinator4(1, "t"), findCoordinator4(0, "g", "h")],
    request({ key: 1, version: 5 }, ...old, ...topic),
    request({ key: 0, version: 2 }, short(0), int(1), int(1), text("t"), int(0)),
    request({ key: 3, version: 12, clientId: null }, NO_TAGS, varint(2), UUID, compact(null)),
    request({ key: 10, version: 2 }, text("g"), byte(1)),
    request({ key: 8, version: 4 }, text("g"), int(1), text("m"), long(1n), int(1), text("t")),
    request({ key: 28, version: 3 }, varint(1), byte(0), varint(2), byte(5), byte(6), compact("x")),
    request({ key: 7, version: 0, clientId: "" }),
    ...["\0user\0secret", "n,,n=user,r=abc", "", "ok"].map((token) => frame(Buffer.from(token))),
  ];
}

/** Heads of requests, counts and lengths of both widths, UUIDs. */
export const KAFKA_TOKENS = [
  ...["00000008", "00000009", "0000000d", "00010004", "0001000c", "00010011", "0003000c"],
  ...["000a0000", "000a0003", "000a0004", "0008000a", "0009000a", "001c0003", "004e0001"],
  ...["0000", "0001", "ffff", "00000000", "00000001", "ffffffff", "7fffffff", "80000000"],
  ...["00", "01", "02", "7f", "80", "8001", "ffffffff0f", "ffffffff1f", "0002", "00020003"],
].map((hex) => new Uint8Array(Buffer.from(hex, "hex")));
