import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { CAPABILITIES, refusedImports } from "./host-calls.js";

const SDK = fileURLToPath(new URL("../../assembly/proxy-wasm-as", import.meta.url));

function functionsIn(file: string): string[] {
  const text = readFileSync(join(SDK, file), "utf8");
  return Array.from(text.matchAll(/export (?:declare )?function (\w+)/g), ([, name = ""]) => name);
}

describe("what modules may call", () => {
  test("is what the SDK has, but for HTTP and for what is the proxy's own", () => {
    const sdk = [...functionsIn("abi/env.ts"), ...functionsIn("abi/wasi_snapshot_preview1.ts")];
    expect(sdk.filter((name) => !CAPABILITIES.includes(name)).sort()).toEqual([
      "environ_get",
      "environ_sizes_get",
      "proxy_add_header_map_value",
      "proxy_remove_header_map_value",
      "proxy_replace_header_map_value",
      "proxy_send_local_response",
      "proxy_set_header_map_pairs",
      "proxy_set_property",
    ]);
    const callbacks = readdirSync(join(SDK, "context"))
      .filter((file) => file.startsWith("callbacks-"))
      .flatMap((file) => functionsIn(`context/${file}`))
      .filter((name) => /^proxy_on_(?!request_|response_)/.test(name));
    const listed = CAPABILITIES.filter((name) => name.startsWith("proxy_on_"));
    expect(listed).toEqual(callbacks.sort());
    const known = new Set([...sdk, ...callbacks]);
    expect(CAPABILITIES.filter((name) => !known.has(name))).toEqual([]);
  });

  test("depends on where it is imported from", () => {
    const imports = [
      { module: "env", name: "proxy_log" },
      { module: "env", name: "random_get" },
      { module: "wasi_snapshot_preview1", name: "random_get" },
      { module: "wasi_snapshot_preview1", name: "fd_write" },
      { module: "other", name: "proxy_log" },
    ];
    expect(refusedImports(imports)).toEqual([
      "env.random_get",
      "other.proxy_log",
      "wasi_snapshot_preview1.fd_write",
    ]);
  });
});
