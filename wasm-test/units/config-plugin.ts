// AssemblyScript: the plugin configuration's decoder as flat wasm exports.

import { Faults } from "../../assembly/switchboard/config/faults";
import {
  decodePluginConfiguration,
  PluginConfiguration,
} from "../../assembly/switchboard/config/plugin-configuration";
import { FakeCodec } from "./route-fake-codec";
import { usedHeapBytes } from "./heap-usage";

export { usedHeapBytes };

const codec = new FakeCodec();
let decoded: PluginConfiguration | null = null;
let faultText: ArrayBuffer = new ArrayBuffer(0);

export function decode(ptr: usize, len: u32): bool {
  const faults = new Faults();
  decoded = decodePluginConfiguration(ptr, len, codec, faults);
  faultText = String.UTF8.encode(faults.text());
  return decoded != null;
}
