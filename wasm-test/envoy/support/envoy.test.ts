// The harness itself: it must fail exactly where Envoy crashed or lost a wasm VM.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import wabt from "wabt";
import { Envoy } from "./envoy.js";
import { failuresInLog } from "./envoy-log.js";
import { TcpConnection } from "./tcp-connection.js";

/** Logs at level critical when it starts, and traps on the first byte of a connection. */
const TRAPPING_MODULE = `(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "started")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $log (i32.const 5) (i32.const 16) (i32.const 7))) (i32.const 1))
  (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32) unreachable))`;

const folder = mkdtempSync(join(tmpdir(), "metaproto-test-"));
const moduleFile = join(folder, "trap.wasm");

beforeAll(async () => {
  const parsed = (await wabt()).parseWat("trap.wat", TRAPPING_MODULE);
  writeFileSync(moduleFile, parsed.toBinary({}).buffer);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const EXTENSIONS = "type.googleapis.com/envoy.extensions.filters.network";
const ECHO = {
  name: "envoy.filters.network.echo",
  typed_config: { "@type": `${EXTENSIONS}.echo.v3.Echo` },
};
const TRAP = {
  name: "envoy.filters.network.wasm",
  typed_config: {
    "@type": `${EXTENSIONS}.wasm.v3.Wasm`,
    config: {
      name: "trap",
      vm_config: { runtime: "envoy.wasm.runtime.v8", code: { local: { filename: moduleFile } } },
    },
  },
};

function bootstrap(filters: readonly object[]): object {
  const address = { socket_address: { address: "127.0.0.1", port_value: 0 } };
  return {
    static_resources: { listeners: [{ name: "tcp", address, filter_chains: [{ filters }] }] },
  };
}

async function echo(envoy: Envoy): Promise<string> {
  const connection = await TcpConnection.connect(await envoy.listenerPort("tcp"));
  connection.write(Buffer.from("ping"));
  connection.end();
  return (await connection.readUntilEnd()).toString();
}

describe("Envoy harness", () => {
  test("serves on a port of its own, with statistics, and stops cleanly", async () => {
    const envoy = await Envoy.start({ bootstrap: bootstrap([ECHO]) });
    const connection = await TcpConnection.connect(await envoy.listenerPort("tcp"));
    connection.write(Buffer.from("ping"));
    expect((await connection.read(4)).toString()).toBe("ping");
    connection.destroy();
    const name = "listener.127.0.0.1_0.downstream_cx_total";
    expect(await envoy.waitForStat(name, (value) => value === 1)).toBe(1);
    expect(envoy.residentBytes()).toBeGreaterThan(1_000_000);
    await envoy.stop();
  });

  test("a trap in a module fails the test that stops Envoy; a module's own log does not", async () => {
    const envoy = await Envoy.start({ bootstrap: bootstrap([TRAP, ECHO]) });
    expect(envoy.log().some((line) => line.includes("[critical][wasm]"))).toBe(true);
    expect(envoy.failures()).toEqual([]);
    expect(await echo(envoy)).toBe("");
    await expect(envoy.stop()).rejects.toThrow(/proxy_on_downstream_data failed.*unreachable/);
  });

  test("a crash fails the test that stops Envoy, and whoever waits learns it at once", async () => {
    const envoy = await Envoy.start({ bootstrap: bootstrap([ECHO]) });
    process.kill(envoy.pid, "SIGSEGV");
    await expect(envoy.waitForStat("none", () => false)).rejects.toThrow(/Envoy has ended/);
    await expect(envoy.stop()).rejects.toThrow(/Segmentation fault/);
  });

  test("a refused bootstrap is reported with Envoy's own words", async () => {
    await expect(Envoy.start({ bootstrap: "unknown_field: 1" })).rejects.toThrow(/unknown_field/);
  });
});

test("failures in a log", () => {
  const at = "[2026-01-01 00:00:00.000][1]";
  const failing = [
    `${at}[critical][backtrace] [source/a.cc:1] Caught Segmentation fault`,
    `${at}[error][wasm] [source/b.cc:2] Function: proxy_on_tick failed: Uncaught RuntimeError`,
  ];
  const harmless = [
    `${at}[critical][wasm] [source/c.cc:3] wasm log name vm: text`,
    `${at}[error][wasm] [source/c.cc:3] wasm log name: text`,
    `${at}[error][config] [source/d.cc:4] a rejected update is the test's own business`,
    "no log line [critical]",
  ];
  expect(failuresInLog([...harmless, ...failing])).toEqual(failing);
});
