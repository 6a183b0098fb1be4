// What the SDK's modules import and export: exactly what is meant, with the signatures of the ABI.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

import { buildWasm } from "../../scripts/build-wasm.mjs";
import { findAbiFaults, importedHostCalls } from "./abi.js";
import { readShape } from "./module-shape.js";
import { CALLBACKS, HOST_CALLS } from "./signatures.js";

const read = async (target: string) => readFileSync(await buildWasm(target));
const ECHO_COUNT = await read("network-echo-count");
const HEADERS = await read("http-headers");
const EVERYTHING = await read("test/sdk-host-calls");
const exportsOf = (bytes: Uint8Array) =>
  readShape(bytes)
    .exports.map(({ name }) => name)
    .sort();

/** Not for modules written in AssemblyScript: the notice that memory has grown. */
const EMSCRIPTEN_ONLY = "emscripten_notify_memory_growth";
/** What the C++ host knows beyond ABI 0.2.1. */
const BEYOND_THE_SPEC = [
  "proxy_on_request_metadata",
  "proxy_on_response_metadata",
  "proxy_validate_configuration",
];

describe("network-echo-count", () => {
  it("exports what a network filter needs, and imports what it calls", () => {
    expect(findAbiFaults(ECHO_COUNT)).toEqual([]);
    expect(exportsOf(ECHO_COUNT)).toEqual([
      "_initialize",
      "memory",
      "proxy_abi_version_0_2_1",
      "proxy_on_configure",
      "proxy_on_context_create",
      "proxy_on_delete",
      "proxy_on_downstream_connection_close",
      "proxy_on_downstream_data",
      "proxy_on_memory_allocate",
      "proxy_on_new_connection",
      "proxy_on_tick",
      "proxy_on_upstream_data",
      "proxy_on_vm_start",
    ]);
    expect(importedHostCalls(ECHO_COUNT)).toEqual([
      "proxy_define_metric",
      "proxy_get_log_level",
      "proxy_increment_metric",
      "proxy_log",
      "proxy_set_tick_period_milliseconds",
    ]);
  });
});

describe("http-headers", () => {
  it("exports what an HTTP filter needs, and imports what it calls", () => {
    expect(findAbiFaults(HEADERS)).toEqual([]);
    expect(exportsOf(HEADERS)).toEqual([
      "_initialize",
      "memory",
      "proxy_abi_version_0_2_1",
      "proxy_on_configure",
      "proxy_on_context_create",
      "proxy_on_delete",
      "proxy_on_memory_allocate",
      "proxy_on_request_headers",
      "proxy_on_response_headers",
      "proxy_on_tick",
      "proxy_on_vm_start",
    ]);
    expect(importedHostCalls(HEADERS)).toEqual([
      "proxy_add_header_map_value",
      "proxy_get_buffer_bytes",
      "proxy_get_header_map_pairs",
      "proxy_get_header_map_value",
      "proxy_get_log_level",
      "proxy_get_property",
      "proxy_log",
      "proxy_remove_header_map_value",
      "proxy_replace_header_map_value",
      "proxy_send_local_response",
      "proxy_set_property",
      "proxy_set_tick_period_milliseconds",
    ]);
  });
});

describe("a module that uses all of the SDK", () => {
  /** The unit's own exports, which are no part of any ABI. */
  const isTestExport = (fault: string) =>
    /^exports func [a-z]/.test(fault) && !/proxy_/.test(fault);

  it("imports every host call of the ABI, each with its signature, and WASI's clock and randomness", () => {
    expect(findAbiFaults(EVERYTHING).filter((fault) => !isTestExport(fault))).toEqual([]);
    const all = Object.keys(HOST_CALLS).filter((name) => name !== EMSCRIPTEN_ONLY);
    expect(importedHostCalls(EVERYTHING)).toEqual(all.sort());
    const wasi = readShape(EVERYTHING).imports.filter(({ module }) => module !== "env");
    expect(wasi.map(({ name }) => name).sort()).toEqual(["clock_time_get", "random_get"]);
  });

  it("exports every callback of the ABI, each with its signature", () => {
    const exported = new Set(exportsOf(EVERYTHING));
    const missing = Object.keys(CALLBACKS).filter((name) => !exported.has(name));
    expect(missing.sort()).toEqual(BEYOND_THE_SPEC);
  });
});
