// What requests begin with, by api key and version: the `*Request.json` of Apache Kafka 4.1.1, and what its
// history tells of older versions. A version that is newer is taken to begin as the newest known does.
// Allocates: when the module starts.

import { StaticText } from "../../wire/static-text";

/** No version has compact texts and tagged fields. */
const NEVER: u32 = 0xffff;

/** Fields, in order, by letters; `fields.ts` reads them. */
export enum Field {
  /** acks, i16. */
  Acks = 0x41, // A
  GroupId = 0x47, // G
  /** The key of a coordinator: a group, or a transaction if the key's type says so. */
  CoordinatorKey = 0x48, // H
  /** Type of that key, i8. */
  KeyType = 0x4b, // K
  Topic = 0x54, // T
  /** A UUID. */
  TopicId = 0x55, // U
  TransactionalId = 0x58, // X
  /** The number of topics; what follows is the first one's. */
  Topics = 0x5b, // [
  /** An array of something else. */
  Array = 0x7b, // {
  /** Any other text. */
  Text = 0x6e, // n
  // The digits 1 to 8: so many bytes of something else.
}

export class Api {
  readonly name: StaticText;
  readonly layouts: StaticText;

  /**
   * `flexibleFrom`: version with which compact texts begin. `layouts`: `<first version>:<fields>` for each
   * change of what requests begin with. `waits`: brokers answer late on purpose.
   */
  constructor(
    name: string,
    readonly flexibleFrom: u32 = NEVER,
    layouts: string = "",
    readonly waits: bool = false,
  ) {
    this.name = new StaticText(name);
    this.layouts = new StaticText(layouts);
  }
}

/** By api key. */
const APIS: StaticArray<Api> = [
  new Api("Produce", 9, "0:A4[T 3:XA4[T 13:XA4[U", true),
  new Api("Fetch", 12, "0:444[T 3:4444[T 4:44441[T 7:4444144[T 13:4444144[U 15:444144[U", true),
  new Api("ListOffsets", 6, "0:4[T 2:41[T"),
  new Api("Metadata", 9, "0:[T 10:[UT"),
  new Api("LeaderAndIsr"),
  new Api("StopReplica"),
  new Api("UpdateMetadata"),
  new Api("ControlledShutdown"),
  new Api("OffsetCommit", 8, "0:G[T 1:G4n[T 2:G4n8[T 5:G4n[T 7:G4nn[T 10:G4nn[U"),
  new Api("OffsetFetch", 6, "0:G[T 8:{G[T 9:{Gn4[T 10:{Gn4[U"),
  new Api("FindCoordinator", 3, "0:H 1:HK 4:K{H"),
  new Api("JoinGroup", 6, "0:G", true),
  new Api("Heartbeat", 4, "0:G"),
  new Api("LeaveGroup", 4, "0:G"),
  new Api("SyncGroup", 4, "0:G", true),
  new Api("DescribeGroups", 5, "0:{G"),
  new Api("ListGroups"),
  new Api("SaslHandshake"),
  new Api("ApiVersions"),
  new Api("CreateTopics", 5, "0:[T", true),
  new Api("DeleteTopics", 4, "0:[T 6:[TU", true),
  new Api("DeleteRecords", 2, "0:[T", true),
  new Api("InitProducerId", 2, "0:X"),
  new Api("OffsetForLeaderEpoch", 4, "0:[T 3:4[T"),
  new Api("AddPartitionsToTxn", 3, "0:X82[T 4:{X821[T"),
  new Api("AddOffsetsToTxn", 3, "0:X82G"),
  new Api("EndTxn", 3, "0:X"),
  new Api("WriteTxnMarkers"),
  new Api("TxnOffsetCommit", 3, "0:XG82[T 3:XG824nn[T"),
  new Api("DescribeAcls"),
  new Api("CreateAcls"),
  new Api("DeleteAcls"),
  new Api("DescribeConfigs"),
  new Api("AlterConfigs"),
  new Api("AlterReplicaLogDirs"),
  new Api("DescribeLogDirs"),
  new Api("SaslAuthenticate"),
  new Api("CreatePartitions", 2, "0:[T", true),
  new Api("CreateDelegationToken"),
  new Api("RenewDelegationToken"),
  new Api("ExpireDelegationToken"),
  new Api("DescribeDelegationToken"),
  new Api("DeleteGroups", 2, "0:{G"),
  new Api("ElectLeaders", NEVER, "", true),
  new Api("IncrementalAlterConfigs"),
  new Api("AlterPartitionReassignments", NEVER, "", true),
  new Api("ListPartitionReassignments"),
  new Api("OffsetDelete", NEVER, "0:G[T"),
  new Api("DescribeClientQuotas"),
  new Api("AlterClientQuotas"),
  new Api("DescribeUserScramCredentials"),
  new Api("AlterUserScramCredentials"),
  new Api("Vote"),
  new Api("BeginQuorumEpoch"),
  new Api("EndQuorumEpoch"),
  new Api("DescribeQuorum"),
  new Api("AlterPartition"),
  new Api("UpdateFeatures", NEVER, "", true),
  new Api("Envelope"),
  new Api("FetchSnapshot"),
  new Api("DescribeCluster"),
  new Api("DescribeProducers", 0, "0:[T"),
  new Api("BrokerRegistration"),
  new Api("BrokerHeartbeat"),
  new Api("UnregisterBroker"),
  new Api("DescribeTransactions", 0, "0:{X"),
  new Api("ListTransactions"),
  new Api("AllocateProducerIds"),
  new Api("ConsumerGroupHeartbeat", 0, "0:G"),
  new Api("ConsumerGroupDescribe", 0, "0:{G"),
  new Api("ControllerRegistration"),
  new Api("GetTelemetrySubscriptions"),
  new Api("PushTelemetry"),
  new Api("AssignReplicasToDirs"),
  new Api("ListConfigResources"),
  new Api("DescribeTopicPartitions", 0, "0:[T"),
  new Api("ShareGroupHeartbeat", 0, "0:G"),
  new Api("ShareGroupDescribe", 0, "0:{G"),
  new Api("ShareFetch", 0, "0:Gn4444[U 1:Gn444444[U", true),
  new Api("ShareAcknowledge", 0, "0:Gn4[U"),
  new Api("AddRaftVoter", NEVER, "", true),
  new Api("RemoveRaftVoter"),
  new Api("UpdateRaftVoter"),
  new Api("InitializeShareGroupState"),
  new Api("ReadShareGroupState"),
  new Api("WriteShareGroupState"),
  new Api("DeleteShareGroupState"),
  new Api("ReadShareGroupStateSummary"),
  new Api("StreamsGroupHeartbeat", 0, "0:G"),
  new Api("StreamsGroupDescribe", 0, "0:{G"),
  new Api("DescribeShareGroupOffsets", 0, "0:{G[T"),
  new Api("AlterShareGroupOffsets", 0, "0:G[T"),
  new Api("DeleteShareGroupOffsets", 0, "0:G[T"),
];

/** What is known of an api that has no name. */
const UNKNOWN = new Api("");

export function apiOf(key: u32): Api {
  return key < <u32>APIS.length ? unchecked(APIS[key]) : UNKNOWN;
}
