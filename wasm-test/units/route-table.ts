// Exposes route tables to the tests.
import { RouteTable } from "../../assembly/switchboard/route/table";
import { decodePluginConfiguration } from "../../assembly/switchboard/config/plugin-configuration";
import { RouteDiscovery } from "../../assembly/switchboard/config/rds-subscription";
import { RouteTableBuilder } from "../../assembly/switchboard/config/route-builder";
import { Codec } from "../../assembly/codec/codec";
import { Message } from "../../assembly/codec/message";
import { Faults } from "../../assembly/switchboard/config/faults";

export function probe(codec: Codec, message: Message): u32 {
  const faults = new Faults();
  const configuration = decodePluginConfiguration(0, 0, codec, faults);
  const table = new RouteTableBuilder(faults).build(codec);
  if (configuration == null || table == null) return 0;
  const entry = table.lookup(codec, message);
  if (entry == null) return 1;
  table.retain();
  const c = table.cluster(entry.pick(7)).userData;
  return <u32>c + <u32>table.release();
}
