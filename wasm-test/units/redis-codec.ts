// AssemblyScript entry: the Redis codec behind the exports of the codec test harness.

import { RedisCodec } from "../../assembly/codecs/redis/codec";
import { bindCodec } from "./codec-exports";

export * from "./codec-exports";

bindCodec(new RedisCodec());
