// AssemblyScript entry: the ZooKeeper codec behind the exports of the codec test harness.

import { ZookeeperCodec } from "../../assembly/codecs/zookeeper/codec";
import { bindCodec } from "./codec-exports";

export * from "./codec-exports";

bindCodec(new ZookeeperCodec());
