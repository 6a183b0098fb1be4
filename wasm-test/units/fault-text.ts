// AssemblyScript: the faults of the last configuration, for the test to read.

import { Faults } from "../../assembly/switchboard/config/faults";

let text: ArrayBuffer = new ArrayBuffer(0);

export function keepFaults(faults: Faults): void {
  text = String.UTF8.encode(faults.text());
}

export function faultsPtr(): usize {
  return changetype<usize>(text);
}

export function faultsLen(): u32 {
  return text.byteLength;
}
