// AssemblyScript entry: the Kafka codec as a fuzz target.

import { KafkaCodec } from "../../assembly/codecs/kafka/codec";
import { MutationOperation } from "../../assembly/codec/mutation";
import { StaticText } from "../../assembly/wire/static-text";
import { CodecTarget } from "./fuzz/codec-target";
import { bindTarget } from "./fuzz/driver";
import { Change } from "./fuzz/mutations";

export * from "./fuzz/driver";

const LENGTH_BYTES: u32 = 4;
/** A longer one is left as it is. */
const SMALL: u32 = 0x1000;

const NAMES: StaticArray<StaticText> = [
  new StaticText("api_key"),
  new StaticText("api_name"),
  new StaticText("api_version"),
  new StaticText("client_id"),
  new StaticText("correlation_id"),
  new StaticText("topic"),
  new StaticText("topic_id"),
  new StaticText("topic_count"),
  new StaticText("group_id"),
  new StaticText("transactional_id"),
  new StaticText("acks"),
  new StaticText("key"),
];

const clientId = new StaticText("client_id");
const value = new StaticText("another");
const long = new StaticText("0123456789".repeat(40));
const nothing = new StaticText("");

const CHANGES: StaticArray<Change> = [
  new Change(clientId, value),
  new Change(clientId, nothing),
  new Change(clientId, long).add(MutationOperation.AddIfAbsent, clientId, value),
  new Change(clientId, value)
    .add(MutationOperation.Remove, clientId, nothing)
    .add(MutationOperation.AddIfAbsent, clientId, value),
  new Change(clientId, value).add(MutationOperation.Remove, new StaticText("key"), nothing),
];

class KafkaTarget extends CodecTarget {
  constructor() {
    super(new KafkaCodec(), NAMES);
  }

  override mutations(): StaticArray<Change> {
    return CHANGES;
  }

  override answersEverything(): bool {
    return false;
  }

  /** What looks like a frame ends where the input ends. */
  override repair(ptr: usize, len: u32): u32 {
    if (len > LENGTH_BYTES && bswap(load<u32>(ptr)) < SMALL) {
      store<u32>(ptr, bswap(len - LENGTH_BYTES));
    }
    return len;
  }
}

bindTarget(new KafkaTarget());
