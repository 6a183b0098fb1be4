// AssemblyScript: route tables as flat wasm exports.

import { Message } from "../../assembly/codec/message";
import { Faults } from "../../assembly/switchboard/config/faults";
import { RouteTableBuilder } from "../../assembly/switchboard/config/route-builder";
import { decodeRouteConfiguration } from "../../assembly/switchboard/config/route-configuration-pb";
import { GROUP_SEED, mixKey } from "../../assembly/switchboard/route/hash-slots";
import { LookupCost } from "../../assembly/switchboard/route/lookup-cost";
import { RouteTable } from "../../assembly/switchboard/route/table";
import { hashBytes } from "../../assembly/wire/bytes";
import { keepFaults } from "./fault-text";
import { codec } from "./route-fake-codec";

export * from "./route-table-access";

const message = new Message();

export function fetches(): u32 {
  return codec.fetches;
}

export function idCalls(): u32 {
  return codec.idCalls;
}

/** The table, or 0: `faultsPtr` and `faultsLen` then tell why. */
export function build(ptr: usize, len: u32): usize {
  const faults = new Faults();
  const builder = new RouteTableBuilder(faults, codec);
  decodeRouteConfiguration(ptr, len, builder, faults);
  const table = builder.build(codec);
  keepFaults(faults);
  if ((table == null) != faults.count > 0) abort("a table and faults, or neither");
  return changetype<usize>(table);
}

/** As `build`, of which nothing but the time is of interest. */
export function buildAndRelease(ptr: usize, len: u32): bool {
  const table = changetype<RouteTable>(build(ptr, len));
  return table != null && table.release();
}

export function steps(): u64 {
  return LookupCost.steps;
}

function setRequest(pairs: usize, width: u32): void {
  for (let i: u32 = 0; i < width; i++) {
    const pair = pairs + <usize>i * 8;
    codec.set(i, true, load<u32>(pair), load<u32>(pair, 4));
  }
}

/**
 * `rounds` lookups of `count` requests in turn; a request is `width` pairs of address and length, one
 * for each of the first attributes. Returns a checksum of the orders found.
 */
export function lookupMany(
  table: usize,
  requests: usize,
  count: u32,
  width: u32,
  rounds: u32,
): u32 {
  let sum: u32 = 0;
  let at: u32 = 0;
  for (let round: u32 = 0; round < rounds; round++) {
    setRequest(requests + <usize>(at * width) * 8, width);
    const entry = changetype<RouteTable>(table).lookup(codec, message);
    sum = sum * 31 + (entry == null ? 7 : entry.order);
    at = at + 1 == count ? 0 : at + 1;
  }
  return sum;
}

/** As `lookupMany` without the lookup: what the loop itself costs. */
export function setMany(requests: usize, count: u32, width: u32, rounds: u32): u32 {
  let at: u32 = 0;
  for (let round: u32 = 0; round < rounds; round++) {
    setRequest(requests + <usize>(at * width) * 8, width);
    at = at + 1 == count ? 0 : at + 1;
  }
  return at;
}

/** The hash of a value. */
export function hashOf(ptr: usize, len: u32): u32 {
  return hashBytes(ptr, len);
}

/** The hash of a bucket's key: its group and the ids of two values. */
export function keyOf(group: u32, first: u32, second: u32): u32 {
  return mixKey(mixKey(GROUP_SEED ^ group, first), second);
}

export function setLookups(table: usize, lookups: u32): void {
  changetype<RouteTable>(table).lookups = lookups;
}
