// AssemblyScript entry: the ZooKeeper codec as a fuzz target.

import { ZookeeperCodec } from "../../assembly/codecs/zookeeper/codec";
import { StaticText } from "../../assembly/wire/static-text";
import { CodecTarget } from "./fuzz/codec-target";
import { bindTarget } from "./fuzz/driver";

export * from "./fuzz/driver";

const LENGTH_BYTES: u32 = 4;
/** A longer one is left as it is: words and text begin with it. */
const SMALL: u32 = 0x1000;

const NAMES: StaticArray<StaticText> = [
  new StaticText("opcode"),
  new StaticText("path"),
  new StaticText("xid"),
  new StaticText("watch"),
  new StaticText("read_only"),
  new StaticText("session_id"),
  new StaticText("session_timeout"),
  new StaticText("zxid"),
  new StaticText("err"),
  new StaticText("key"),
];

class ZookeeperTarget extends CodecTarget {
  constructor() {
    super(new ZookeeperCodec(), NAMES);
  }

  /** What looks like a frame ends where the input ends. */
  override repair(ptr: usize, len: u32): u32 {
    if (len > LENGTH_BYTES && bswap(load<u32>(ptr)) < SMALL) {
      store<u32>(ptr, bswap(len - LENGTH_BYTES));
    }
    return len;
  }
}

bindTarget(new ZookeeperTarget());
