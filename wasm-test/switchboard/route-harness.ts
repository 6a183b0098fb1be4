// A route table in the compiled module: configurations go in as protobuf.
import { create, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type RouteConfiguration,
  RouteConfigurationSchema,
} from "../../controlplane/gen/metaproto/v1/route_pb.js";
import { instantiateUnit } from "../modules/unit.js";
import { type TableExports, TableHarness } from "./table-harness.js";

/** The fields to set, not a whole message. */
export type RouteConfigurationInit = Exclude<
  MessageInitShape<typeof RouteConfigurationSchema>,
  RouteConfiguration
>;

export interface RouteExports extends TableExports {
  fetches(): number;
  idCalls(): number;
  build(ptr: number, len: number): number;
  buildAndRelease(ptr: number, len: number): number;
  steps(): bigint;
  lookupMany(table: number, requests: number, count: number, width: number, rounds: number): number;
  setMany(requests: number, count: number, width: number, rounds: number): number;
  hashOf(ptr: number, len: number): number;
  keyOf(group: number, first: number, second: number): number;
  setLookups(table: number, lookups: number): void;
}

export function encodeConfiguration(init: RouteConfigurationInit | RouteConfiguration): Uint8Array {
  return toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, init));
}

export class RouteHarness extends TableHarness<RouteExports> {
  static async load(): Promise<RouteHarness> {
    return new RouteHarness(await instantiateUnit<RouteExports>("route-table"));
  }

  buildBytes(bytes: Uint8Array): { table: number; faults: string } {
    const ptr = this.put(bytes);
    const table = this.exports.build(ptr, bytes.length);
    this.exports.free(ptr);
    return { table, faults: this.faults() };
  }

  /** The table; throws with the faults when it is refused. */
  build(init: RouteConfigurationInit | RouteConfiguration): number {
    const { table, faults } = this.buildBytes(encodeConfiguration(init));
    if (table === 0) throw new Error(faults);
    return table;
  }

  /** The faults of a configuration that is refused. */
  faultsOf(init: RouteConfigurationInit): string {
    const { table, faults } = this.buildBytes(encodeConfiguration(init));
    if (table !== 0) throw new Error("the configuration was accepted");
    return faults;
  }
}
