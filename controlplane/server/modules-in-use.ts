// A module that connections go through stays although its file is gone: a build may remove it before it writes it anew.
import type { Mesh } from "../ir/mesh.js";
import { canaryName, moduleName } from "../ir/protocol.js";
import type { ModuleSet } from "../modules/module-directory.js";
import type { WasmModule } from "../modules/wasm-module.js";

export class ModulesInUse {
  private used: ReadonlyMap<string, WasmModule> = new Map();

  /** By name: the modules that there are, and those in use that are gone. */
  available({ modules }: ModuleSet): ReadonlyMap<string, WasmModule> {
    return new Map([...this.used, ...modules]);
  }

  /**
   * Remembers which of the available modules `mesh` uses.
   * @returns one line for each of them whose file is gone.
   */
  use(mesh: Mesh, present: ModuleSet): string[] {
    const available = this.available(present);
    const names = new Set(
      mesh.protocols.flatMap((protocol) => [
        moduleName(protocol),
        ...(protocol.canary?.source === undefined ? [] : [canaryName(protocol)]),
      ]),
    );
    this.used = new Map([...available].filter(([name]) => names.has(name)));
    return [...this.used.values()]
      .filter(({ name }) => !present.modules.has(name))
      .map(({ file }) => `${file}: is gone; the version before stays in use`);
  }
}
