import { describe, expect, test } from "vitest";
import type { Mesh } from "../ir/mesh.js";
import { DEFAULT_SETTINGS } from "../ir/protocol.js";
import type { ModuleSet } from "../modules/module-directory.js";
import { ModulesInUse } from "./modules-in-use.js";

function present(...names: readonly string[]): ModuleSet {
  const modules = names.map((name) => ({
    name,
    digest: `digest of ${name}`,
    code: new Uint8Array(),
    file: `/modules/${name}.wasm`,
  }));
  return { modules: new Map(modules.map((module) => [module.name, module])), faults: [] };
}

function meshOf(...modules: readonly string[]): Mesh {
  const listeners = modules.map((module, index) => ({
    name: `s_${index}`,
    host: "s",
    port: index,
    address: undefined,
    protocol: module,
    routes: [],
    filters: [],
    clusterNames: [],
    downstreamTls: undefined,
  }));
  const protocols = modules.map((name) => ({ name, module: name, settings: DEFAULT_SETTINGS }));
  return { listeners, protocols, clusters: [] };
}

describe("a module whose file is gone", () => {
  test("stays as long as it is in use, and is told", () => {
    const modules = new ModulesInUse();
    expect(modules.use(meshOf("line"), present("dubbo", "line"))).toEqual([]);
    expect([...modules.available(present("dubbo")).keys()].sort()).toEqual(["dubbo", "line"]);
    const gone = ["/modules/line.wasm: is gone; the version before stays in use"];
    expect(modules.use(meshOf("line"), present("dubbo"))).toEqual(gone);
    expect(modules.use(meshOf("line", "dubbo"), present())).toEqual(gone);
    expect(modules.use(meshOf("dubbo"), present("dubbo"))).toEqual([]);
    expect([...modules.available(present()).keys()]).toEqual(["dubbo"]);
  });

  test("gives way to the file when it is back", () => {
    const modules = new ModulesInUse();
    modules.use(meshOf("line"), present("line"));
    const back = present("line");
    expect(modules.available(back).get("line")).toBe(back.modules.get("line"));
    expect(modules.use(meshOf("line"), back)).toEqual([]);
  });
});
