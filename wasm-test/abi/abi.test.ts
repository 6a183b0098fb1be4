import { describe, expect, it } from "vitest";

import { assertValidAbi, findAbiFaults, importedHostCalls } from "./abi.js";
import { assemble } from "./wabt-tools.js";

const MEMORY = '(memory (export "memory") 1)';
const VERSION = '(func (export "proxy_abi_version_0_2_1"))';
const ALLOCATOR =
  '(func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 0))';

/** A module that is valid but for `parts`, which come first because imports must. */
function moduleWith(...parts: string[]): Uint8Array {
  return assemble(`(module ${parts.join("\n")} ${MEMORY} ${VERSION} ${ALLOCATOR})`);
}

describe("a valid module", () => {
  const valid = moduleWith(
    '(import "env" "proxy_log" (func (param i32 i32 i32) (result i32)))',
    '(import "env" "proxy_increment_metric" (func (param i32 i64) (result i32)))',
    '(import "wasi_snapshot_preview1" "clock_time_get" (func (param i32 i64 i32) (result i32)))',
    '(func (export "_initialize"))',
    '(func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32) (i32.const 0))',
    '(func (export "proxy_on_tick") (param i32))',
  );

  it("has no fault", () => {
    expect(findAbiFaults(valid, { requiredCallbacks: ["proxy_on_tick"] })).toEqual([]);
    expect(() => {
      assertValidAbi(valid);
    }).not.toThrow();
  });

  it("tells its host calls", () => {
    expect(importedHostCalls(valid)).toEqual(["proxy_increment_metric", "proxy_log"]);
  });

  it("may allocate with malloc", () => {
    const text = `(module ${MEMORY} ${VERSION} (func (export "malloc") (param i32) (result i32) (i32.const 0)))`;
    expect(findAbiFaults(assemble(text))).toEqual([]);
  });
});

describe("imports", () => {
  it.each([
    ["env", "proxy_fly", "no such host call in ABI 0.2.1"],
    ["env", "proxy_get_configuration", "no such host call in ABI 0.2.1"],
    ["env", "abort", "compile with --use abort=..."],
    ["env", "seed", "no such host call in ABI 0.2.1"],
    ["wasi_snapshot_preview1", "sock_open", "no such host call in ABI 0.2.1"],
    ["index", "proxy_log", 'the host has no module "index"'],
  ])("%s.%s is refused", (module, name, reason) => {
    const faults = findAbiFaults(moduleWith(`(import "${module}" "${name}" (func))`));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(`imports ${module}.${name}`);
    expect(faults[0]).toContain(reason);
  });

  it("with a wrong signature are refused, and the message says both", () => {
    const wrong = '(import "env" "proxy_record_metric" (func (param i32 i32) (result i32)))';
    expect(findAbiFaults(moduleWith(wrong))).toEqual([
      "imports env.proxy_record_metric as (i32, i32) -> i32: the host expects (i32, i64) -> i32 and refuses to load it",
    ]);
  });

  it("without the result are refused", () => {
    const wrong = '(import "env" "proxy_log" (func (param i32 i32 i32)))';
    expect(findAbiFaults(moduleWith(wrong))[0]).toContain("as (i32, i32, i32) -> nothing");
  });

  it("of memory or globals are refused", () => {
    expect(findAbiFaults(moduleWith('(import "env" "seed" (global i32))'))).toEqual([
      "imports global env.seed: the host provides functions only",
    ]);
  });
});

describe("exports", () => {
  it("of a stray global are refused", () => {
    const faults = findAbiFaults(
      moduleWith('(global (export "Action.Continue") i32 (i32.const 0))'),
    );
    expect(faults).toEqual([
      "exports global Action.Continue: an enum or variable leaked from an entry file",
    ]);
  });

  it("of a stray function are refused", () => {
    expect(findAbiFaults(moduleWith('(func (export "helper"))'))).toEqual([
      "exports func helper: not part of the ABI",
    ]);
  });

  it("of a misspelt callback are refused", () => {
    const faults = findAbiFaults(moduleWith('(func (export "proxy_on_ticks") (param i32))'));
    expect(faults).toEqual([
      "exports func proxy_on_ticks: not part of the ABI (misspelt, or of another ABI version?)",
    ]);
  });

  it("of a callback with a wrong signature are refused", () => {
    const wrong = '(func (export "proxy_on_done") (param i32))';
    expect(findAbiFaults(moduleWith(wrong))).toEqual([
      "exports proxy_on_done as (i32) -> nothing: the host expects (i32) -> i32 and refuses to load it",
    ]);
  });

  it("that are missing are named", () => {
    expect(findAbiFaults(assemble("(module)"))).toEqual([
      "exports no memory",
      "does not export proxy_abi_version_0_2_1",
      "exports none of malloc, proxy_on_memory_allocate: the host cannot give it memory",
    ]);
    expect(findAbiFaults(moduleWith(), { requiredCallbacks: ["proxy_on_configure"] })).toEqual([
      "does not export proxy_on_configure",
    ]);
  });

  it("of the callback of a function that is imported are read with the import's signature", () => {
    const text =
      '(import "env" "proxy_done" (func $done (result i32))) (export "proxy_on_done" (func $done))';
    expect(findAbiFaults(moduleWith(text))[0]).toContain("exports proxy_on_done as () -> i32");
  });
});

it("a start section is refused", () => {
  const faults = findAbiFaults(moduleWith("(func $main)", "(start $main)"));
  expect(faults).toHaveLength(1);
  expect(faults[0]).toContain("has a start section");
});

it("bytes that are no module throw", () => {
  expect(() => findAbiFaults(Uint8Array.of(1, 2, 3, 4))).toThrow();
});

it("all faults are in the error", () => {
  const bad = moduleWith('(import "env" "abort" (func))', '(func (export "helper"))');
  expect(() => {
    assertValidAbi(bad);
  }).toThrow(/imports env\.abort[^]*exports func helper/);
});
