// AssemblyScript entry: the Redis codec as a fuzz target.

import { RedisCodec } from "../../assembly/codecs/redis/codec";
import { StaticText } from "../../assembly/wire/static-text";
import { CodecTarget } from "./fuzz/codec-target";
import { bindTarget } from "./fuzz/driver";

export * from "./fuzz/driver";

const NAMES: StaticArray<StaticText> = [
  new StaticText("command"),
  new StaticText("subcommand"),
  new StaticText("key"),
  new StaticText("channel"),
  new StaticText("access"),
  new StaticText("args"),
  new StaticText("error"),
];

bindTarget(new CodecTarget(new RedisCodec(), NAMES));
