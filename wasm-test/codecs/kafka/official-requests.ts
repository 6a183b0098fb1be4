// Requests as Kafka's message definitions describe them, and what the codec is to find in them. A version
// has the fields that it knows of what is given here.

const TOPIC_ID = "AAECAwQFBgcICQoLDP3-_w";
const INDEX = { partitionIndex: 3, partition: 3, index: 3 };

/** Fields that partitions have in any request. */
const PARTITION = {
  ...INDEX,
  ...{ currentLeaderEpoch: 1, leaderEpoch: 1, lastFetchedEpoch: -1, logStartOffset: 3, offset: 4 },
  ...{ fetchOffset: 4, partitionMaxBytes: 0, timestamp: 6, maxNumOffsets: 1, records: null },
  ...{ committedOffset: 7, committedLeaderEpoch: 8, committedMetadata: "m", startOffset: 9 },
  ...{ replicaDirectoryId: TOPIC_ID, highWatermark: 1, acknowledgementBatches: [] },
};
const TOPIC = { name: "orders", topic: "orders", topicName: "orders", topicId: TOPIC_ID };
const WITH_PARTITIONS = { ...TOPIC, partitions: [PARTITION], partitionData: [PARTITION] };
const WITH_INDICES = { ...TOPIC, partitions: [3], partitionIndexes: [3] };

/** What requests of groups and transactions have in common. */
const COMMON = {
  ...{ groupId: "team", memberId: "", groupInstanceId: null, instanceId: null, rackId: null },
  ...{ generationId: -1, generationIdOrMemberEpoch: -1, memberEpoch: -1, transactionalId: "tx" },
  ...{ producerId: -1, producerEpoch: -1, timeoutMs: 100, replicaId: -1, isolationLevel: 0 },
};

export interface OfficialRequest {
  readonly key: number;
  readonly name: string;
  /** Of a version. */
  readonly data: (version: number) => object;
  /** What the codec finds in it, by attribute. */
  readonly expected: (version: number) => Readonly<Record<string, string>>;
  readonly versions: readonly [first: number, last: number];
}

const topic = { topic: "orders", topic_count: "1" };
const topicId = { topic_id: TOPIC_ID, topic_count: "1" };
const group = { group_id: "team" };
const transaction = { transactional_id: "tx" };

function request(
  key: number,
  name: string,
  versions: readonly [number, number],
  data: object | ((version: number) => object),
  expected: (version: number) => Readonly<Record<string, string>>,
): OfficialRequest {
  const dataOf = (version: number): object => ({
    ...COMMON,
    ...(typeof data === "function" ? (data as (version: number) => object)(version) : data),
  });
  return { key, name, versions, data: dataOf, expected };
}

const OF_GROUPS: readonly OfficialRequest[] = [
  request(
    11,
    "JoinGroup",
    [0, 9],
    {
      sessionTimeoutMs: 1,
      rebalanceTimeoutMs: 1,
      protocolType: "consumer",
      protocols: [],
      reason: null,
    },
    () => group,
  ),
  request(12, "Heartbeat", [0, 4], {}, () => group),
  request(13, "LeaveGroup", [0, 5], { members: [] }, () => group),
  request(
    14,
    "SyncGroup",
    [0, 5],
    { protocolType: null, protocolName: null, assignments: [] },
    () => group,
  ),
  request(
    15,
    "DescribeGroups",
    [0, 6],
    { groups: ["team", "other"], includeAuthorizedOperations: false },
    () => group,
  ),
  request(42, "DeleteGroups", [0, 2], { groupsNames: ["team"] }, () => group),
  request(
    68,
    "ConsumerGroupHeartbeat",
    [0, 1],
    {
      rebalanceTimeoutMs: 1,
      subscribedTopicNames: null,
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: null,
    },
    () => group,
  ),
  request(
    69,
    "ConsumerGroupDescribe",
    [0, 1],
    { groupIds: ["team"], includeAuthorizedOperations: false },
    () => group,
  ),
  request(76, "ShareGroupHeartbeat", [1, 1], { subscribedTopicNames: null }, () => group),
  request(
    77,
    "ShareGroupDescribe",
    [1, 1],
    { groupIds: ["team"], includeAuthorizedOperations: false },
    () => group,
  ),
  request(
    89,
    "StreamsGroupDescribe",
    [0, 0],
    { groupIds: ["team"], includeAuthorizedOperations: false },
    () => group,
  ),
];

const OF_TRANSACTIONS: readonly OfficialRequest[] = [
  request(
    22,
    "InitProducerId",
    [0, 6],
    { transactionTimeoutMs: 1, enable2Pc: false, keepPreparedTxn: false },
    () => transaction,
  ),
  request(25, "AddOffsetsToTxn", [0, 4], {}, () => ({ ...transaction, ...group })),
  request(26, "EndTxn", [0, 5], { committed: true }, () => transaction),
  request(65, "DescribeTransactions", [0, 0], { transactionalIds: ["tx"] }, () => transaction),
  request(28, "TxnOffsetCommit", [0, 5], { topics: [WITH_PARTITIONS] }, () => ({
    ...transaction,
    ...group,
    ...topic,
  })),
  request(
    24,
    "AddPartitionsToTxn",
    [0, 5],
    (version) =>
      version < 4
        ? {
            ...{ v3AndBelowTransactionalId: "tx", v3AndBelowProducerId: 9 },
            ...{ v3AndBelowProducerEpoch: 2, v3AndBelowTopics: [WITH_INDICES] },
          }
        : { transactions: [{ ...COMMON, verifyOnly: false, topics: [WITH_INDICES] }] },
    () => ({ ...transaction, ...topic }),
  ),
];

const OF_TOPICS: readonly OfficialRequest[] = [
  request(0, "Produce", [3, 13], { acks: 1, topicData: [WITH_PARTITIONS] }, (version) => ({
    ...(version < 13 ? topic : topicId),
    ...transaction,
    acks: "1",
  })),
  request(
    1,
    "Fetch",
    [4, 18],
    (version) => ({
      ...{ maxWaitMs: 1, minBytes: 1, maxBytes: 1, sessionId: 0, sessionEpoch: 0, rackId: "" },
      topics: [WITH_PARTITIONS, WITH_PARTITIONS],
      ...(version < 7 ? {} : { forgottenTopicsData: [] }),
      ...(version < 12 ? {} : { clusterId: null }),
      ...(version < 15 ? {} : { replicaState: { replicaId: -1, replicaEpoch: -1 } }),
    }),
    (version) => ({ ...(version < 13 ? topic : topicId), topic_count: "2" }),
  ),
  request(2, "ListOffsets", [1, 10], { topics: [WITH_PARTITIONS] }, () => topic),
  request(
    3,
    "Metadata",
    [0, 13],
    {
      topics: [{ name: "orders", topicId: "AAAAAAAAAAAAAAAAAAAAAA" }],
      allowAutoTopicCreation: true,
      ...{ includeClusterAuthorizedOperations: false, includeTopicAuthorizedOperations: false },
    },
    () => topic,
  ),
  request(
    8,
    "OffsetCommit",
    [2, 10],
    { retentionTimeMs: -1, topics: [WITH_PARTITIONS] },
    (version) => ({ ...group, ...(version < 10 ? topic : topicId) }),
  ),
  request(
    9,
    "OffsetFetch",
    [1, 10],
    (version) => ({
      requireStable: false,
      ...(version < 8
        ? { topics: [WITH_INDICES] }
        : { groupId: "", groups: [{ ...COMMON, topics: [WITH_INDICES] }] }),
    }),
    (version) => ({ ...group, ...(version < 10 ? topic : topicId) }),
  ),
  request(
    19,
    "CreateTopics",
    [2, 7],
    {
      topics: [{ ...TOPIC, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
      validateOnly: false,
    },
    () => topic,
  ),
  request(
    20,
    "DeleteTopics",
    [1, 6],
    (version) => (version < 6 ? { topicNames: ["orders"] } : { topics: [TOPIC] }),
    (version) => ({ ...topic, ...(version < 6 ? {} : topicId) }),
  ),
  request(21, "DeleteRecords", [0, 2], { topics: [WITH_PARTITIONS] }, () => topic),
  request(23, "OffsetForLeaderEpoch", [2, 4], { topics: [WITH_PARTITIONS] }, () => topic),
  request(
    37,
    "CreatePartitions",
    [0, 3],
    { topics: [{ ...TOPIC, count: 2, assignments: null }], validateOnly: false },
    () => topic,
  ),
  request(47, "OffsetDelete", [0, 0], { topics: [WITH_PARTITIONS] }, () => ({
    ...group,
    ...topic,
  })),
  request(61, "DescribeProducers", [0, 0], { topics: [WITH_INDICES] }, () => topic),
  request(
    75,
    "DescribeTopicPartitions",
    [0, 0],
    { topics: [TOPIC], responsePartitionLimit: 1, cursor: null },
    () => topic,
  ),
  request(
    78,
    "ShareFetch",
    [1, 1],
    {
      ...{
        shareSessionEpoch: 0,
        maxWaitMs: 1,
        minBytes: 1,
        maxBytes: 1,
        maxRecords: 1,
        batchSize: 1,
      },
      ...{ topics: [WITH_PARTITIONS], forgottenTopicsData: [] },
    },
    () => ({ ...group, ...topicId }),
  ),
  request(
    79,
    "ShareAcknowledge",
    [1, 1],
    { shareSessionEpoch: 0, topics: [WITH_PARTITIONS] },
    () => ({ ...group, ...topicId }),
  ),
  request(
    90,
    "DescribeShareGroupOffsets",
    [0, 0],
    { groups: [{ groupId: "team", topics: [WITH_INDICES] }] },
    () => ({ ...group, ...topic }),
  ),
  request(91, "AlterShareGroupOffsets", [0, 0], { topics: [WITH_PARTITIONS] }, () => ({
    ...group,
    ...topic,
  })),
  request(92, "DeleteShareGroupOffsets", [0, 0], { topics: [TOPIC] }, () => ({
    ...group,
    ...topic,
  })),
];

/** Of coordinators: of groups (type 0) and transactions (type 1). */
export function coordinatorRequest(type: number): OfficialRequest {
  const data = (version: number): object =>
    version < 4 ? { key: "k", keyType: type } : { keyType: type, coordinatorKeys: ["k"] };
  const versions: [number, number] = [type, 6];
  const name = type === 0 ? "group_id" : "transactional_id";
  return request(10, "FindCoordinator", versions, data, () => ({ [name]: "k" }));
}

export const OFFICIAL_REQUESTS: readonly OfficialRequest[] = [
  ...OF_TOPICS,
  ...OF_GROUPS,
  ...OF_TRANSACTIONS,
  ...[0, 1].map(coordinatorRequest),
];
