import { expect, it } from "vitest";

import { HOST_CALLS, WASI_CALLS } from "../../abi/signatures.js";
import { TestHost } from "../index.js";
import { watModule } from "../testing/wat-module.js";

it("the host has every host call of the ABI and no other", () => {
  const { vm } = new TestHost({ module: watModule("") });
  const expected = [...Object.keys(HOST_CALLS), ...Object.keys(WASI_CALLS)].sort();
  expect(Object.keys(vm.stats.hostCalls).sort()).toEqual(expected);
});
