// AssemblyScript entry: the decoder of route configurations as a fuzz target, and lookups in the tables
// that come of it.

import { Mutation } from "../../assembly/codec/mutation";
import { Message } from "../../assembly/codec/message";
import { RouteTable } from "../../assembly/switchboard/route/table";
import { StaticText } from "../../assembly/wire/static-text";
import { bindTarget } from "./fuzz/driver";
import { digestFaults } from "./fuzz/fault-digest";
import { mix, mixBytes, Target } from "./fuzz/target";
import { work, workLen } from "./fuzz/mutator";
import { codec } from "./route-fake-codec";
import { build } from "./route-table";

export * from "./fuzz/driver";

const NAMES: StaticArray<StaticText> = [
  new StaticText("interface"),
  new StaticText("method"),
  new StaticText("version"),
  new StaticText("x-user"),
  new StaticText("x-tier"),
];
const LOOKUPS: u32 = 4;
const MAX_VALUE: u32 = 24;

const message = new Message();

class RouteTableTarget extends Target {
  constructor() {
    super();
    this.heapBytes = 4 << 20;
    this.inputsPerHeapCheck = 64;
    this.heapSlack = 64 << 10;
    this.fixedSteps = 200000;
    this.stepsPerByte = 4000;
  }

  override open(): void {
    for (let i = 0; i < NAMES.length; i++) codec.add(NAMES[i].ptr, NAMES[i].len);
  }

  run(ptr: usize, len: u32): u32 {
    const address = build(ptr, len);
    if (address == 0) {
      this.verdict = 3;
      return digestFaults();
    }
    this.verdict = 1;
    const table = changetype<RouteTable>(address);
    let digest = mix(table.routeCount, table.clusterCount);
    digest = mixBytes(digest, table.namePtr, table.nameLen);
    for (let i: u32 = 0; i < table.clusterCount; i++) {
      const cluster = table.cluster(i);
      digest = mixBytes(digest, cluster.namePtr, cluster.nameLen);
      digest = mix(mix(digest, cluster.endpoints), <u32>cluster.endpointsVersion);
    }
    for (let i: u32 = 0; i < LOOKUPS; i++) digest = this.look(table, digest);
    if (!table.release()) abort("a table that somebody keeps");
    return digest;
  }

  /** A request whose values are pieces of the configuration: some of them match. */
  private look(table: RouteTable, digest: u32): u32 {
    let choice = digest;
    for (let i = 0; i < NAMES.length; i++) {
      choice = mix(choice, i);
      const at = workLen == 0 ? 0 : choice % workLen;
      const len = min((choice >>> 20) % MAX_VALUE, workLen - at);
      codec.set(i, (choice >>> 16) % 4 != 0, work + at, len);
    }
    const entry = table.lookup(codec, message);
    if (entry == null) return mix(digest, 0xffff);
    digest = mix(mix(digest, entry.order), entry.timeoutMs);
    digest = mixBytes(digest, entry.namePtr, entry.nameLen);
    const cluster = entry.pick(choice);
    if (cluster >= table.clusterCount) abort("a route to a cluster that is not there");
    digest = mix(digest, cluster);
    digest = digestMutation(digest, entry.requestMutation);
    return digestMutation(digest, entry.responseMutation);
  }
}

function digestMutation(digest: u32, mutation: Mutation | null): u32 {
  if (mutation == null) return mix(digest, 0);
  for (let i: u32 = 0; i < mutation.count; i++) {
    const entry = mutation.entry(i);
    digest = mixBytes(mix(digest, entry.operation), entry.keyPtr, entry.keyLen);
    digest = mixBytes(digest, entry.valuePtr, entry.valueLen);
  }
  return digest;
}

bindTarget(new RouteTableTarget());
