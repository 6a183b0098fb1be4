// AssemblyScript: route tables as flat wasm exports: a codec of the test's, whose attributes it sets, and
// what a table and its entries tell. Re-exported by every unit that has tables.

import { Message } from "../../assembly/codec/message";
import { Mutation } from "../../assembly/codec/mutation";
import { RouteEntry } from "../../assembly/switchboard/route/route-entry";
import { RouteTable } from "../../assembly/switchboard/route/table";
import { codec } from "./route-fake-codec";

export { faultsLen, faultsPtr } from "./fault-text";
export { usedHeapBytes } from "./heap-usage";

const message = new Message();

export function allocate(bytes: u32): usize {
  return heap.alloc(bytes);
}

export function free(ptr: usize): void {
  heap.free(ptr);
}

export function declareAttribute(namePtr: usize, nameLen: u32): u32 {
  return codec.add(namePtr, nameLen);
}

export function setAttribute(index: u32, isPresent: bool, ptr: usize, len: u32): void {
  codec.set(index, isPresent, ptr, len);
}

/** Address of the entry, or 0. */
export function lookup(table: usize): usize {
  return changetype<usize>(changetype<RouteTable>(table).lookup(codec, message));
}

export function entryOrder(entry: usize): u32 {
  return changetype<RouteEntry>(entry).order;
}

export function entryTimeout(entry: usize): u32 {
  return changetype<RouteEntry>(entry).timeoutMs;
}

export function entryNamePtr(entry: usize): usize {
  return changetype<RouteEntry>(entry).namePtr;
}

export function entryNameLen(entry: usize): u32 {
  return changetype<RouteEntry>(entry).nameLen;
}

export function pick(entry: usize, random: u32): u32 {
  return changetype<RouteEntry>(entry).pick(random);
}

/** Address of a Mutation, or 0. */
export function mutation(entry: usize, isResponse: bool): usize {
  const route = changetype<RouteEntry>(entry);
  return changetype<usize>(isResponse ? route.responseMutation : route.requestMutation);
}

export function mutationCount(mutation: usize): u32 {
  return changetype<Mutation>(mutation).count;
}

/** Address of a MutationEntry: operation, key, its length, value, its length; u32 each. */
export function mutationEntry(mutation: usize, index: u32): usize {
  return changetype<usize>(changetype<Mutation>(mutation).entry(index));
}

export function tableNamePtr(table: usize): usize {
  return changetype<RouteTable>(table).namePtr;
}

export function tableNameLen(table: usize): u32 {
  return changetype<RouteTable>(table).nameLen;
}

export function tableSize(table: usize): u32 {
  return changetype<RouteTable>(table).sizeBytes;
}

export function routeCount(table: usize): u32 {
  return changetype<RouteTable>(table).routeCount;
}

export function clusterCount(table: usize): u32 {
  return changetype<RouteTable>(table).clusterCount;
}

/** Address of a RouteCluster, whose fields are u32 in the order of its declaration. */
export function cluster(table: usize, index: u32): usize {
  return changetype<usize>(changetype<RouteTable>(table).cluster(index));
}

export function retain(table: usize): void {
  changetype<RouteTable>(table).retain();
}

export function isLastReference(table: usize): bool {
  return changetype<RouteTable>(table).isLastReference;
}

export function release(table: usize): bool {
  return changetype<RouteTable>(table).release();
}
