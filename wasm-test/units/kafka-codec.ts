// AssemblyScript entry: the Kafka codec behind the exports of the codec test harness.

import { KafkaCodec } from "../../assembly/codecs/kafka/codec";
import { bindCodec } from "./codec-exports";

export * from "./codec-exports";

bindCodec(new KafkaCodec());
