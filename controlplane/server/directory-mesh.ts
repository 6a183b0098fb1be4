// The mesh of a directory, read once: for commands that run without a control plane.
import { join } from "node:path";
import { formatFault } from "../api/fault.js";
import type { Mesh } from "../ir/mesh.js";
import { moduleName } from "../ir/protocol.js";
import { ModuleDirectory, type ModuleSet } from "../modules/module-directory.js";
import { compileRegex } from "../regex/compile-regex.js";
import { loadDirectory } from "../stores/directory/load-directory.js";
import { translateToMesh } from "../translate/api-to-ir/translate-to-mesh.js";
import { translateToRoutes } from "../translate/ir-to-routes/translate-to-routes.js";
import type { PeerTimeouts } from "../translate/ir-to-xds/peer-timeouts.js";
import { staticBootstrap } from "../translate/ir-to-xds/static-bootstrap.js";
import { servable } from "../translate/ir-to-xds/translate-to-xds.js";
import { bootstrapYaml } from "./render-bootstrap.js";
import type { SocketAddress } from "./socket-address.js";

export interface DirectoryMesh {
  readonly mesh: Mesh;
  readonly resourceCount: number;
  /** One line each: `file:line: kind/name: path: message`, as far as known. */
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
}

export interface MeshSource {
  /** Directory of resources. */
  readonly config: string;
  /** Directory of `<module>.wasm`; one that does not exist holds none. */
  readonly modules: string;
  /** Where rules and policies hold for all namespaces. */
  readonly rootNamespace: string;
}

/** @throws Error when the directory of resources cannot be read. */
export async function readDirectoryMesh(source: MeshSource): Promise<DirectoryMesh> {
  return meshWith(source, await ModuleDirectory.load(source.modules));
}

async function meshWith(source: MeshSource, present: ModuleSet): Promise<DirectoryMesh> {
  const configuration = await loadDirectory(source.config);
  const translation = translateToMesh({
    resources: configuration.resources,
    modules: [...present.modules.keys()],
    rootNamespace: source.rootNamespace,
  });
  return {
    mesh: translation.mesh,
    resourceCount: configuration.resources.length,
    faults: [
      ...[...configuration.faults, ...translation.faults].map(formatFault),
      ...present.faults,
    ],
    warnings: [...configuration.warnings, ...translation.warnings].map(formatFault),
  };
}

/** Everything that a control plane would complain about, but for files of this package's modules, which may be elsewhere. */
export async function validateDirectories(
  source: MeshSource,
  bindAddress: string,
): Promise<DirectoryMesh> {
  const read = await readDirectoryMesh(source);
  const { listeners } = read.mesh;
  const modules = new Map(read.mesh.protocols.map((protocol) => [moduleName(protocol), undefined]));
  const conflicts = servable(read.mesh, modules, bindAddress).faults;
  const clusters = new Map(read.mesh.clusters.map((cluster) => [cluster.name, cluster]));
  const refused = listeners.flatMap((listener) => {
    const result = translateToRoutes(listener, clusters, compileRegex);
    return result.kind === "refused" ? result.faults : [];
  });
  return { ...read, faults: [...read.faults, ...conflicts, ...refused] };
}

export interface StaticConfigurationOptions {
  readonly source: MeshSource;
  readonly bindAddress: string;
  readonly peerTimeouts: PeerTimeouts;
  readonly admin: SocketAddress;
}

export interface StaticConfiguration {
  readonly yaml: string;
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * One bootstrap with everything in it. Files of modules are named as their directory is: a relative one is
 * relative to where Envoy is started.
 * @throws Error when the directory of resources cannot be read.
 */
export async function staticConfiguration(
  options: StaticConfigurationOptions,
): Promise<StaticConfiguration> {
  const { source, bindAddress, peerTimeouts, admin } = options;
  const present = await ModuleDirectory.load(source.modules);
  const { mesh, faults, warnings } = await meshWith(source, present);
  const clusters = new Map(mesh.clusters.map((cluster) => [cluster.name, cluster]));
  const results = mesh.listeners.map((listener) => ({
    name: listener.name,
    result: translateToRoutes(listener, clusters, compileRegex),
  }));
  const built = staticBootstrap({
    mesh,
    moduleFiles: new Map(
      [...present.modules.keys()].map((name) => [name, join(source.modules, `${name}.wasm`)]),
    ),
    routes: new Map(
      results.flatMap(({ name, result }) =>
        result.kind === "routes" ? [[name, result.routes] as const] : [],
      ),
    ),
    bindAddress,
    peerTimeouts,
    admin,
  });
  return {
    yaml: bootstrapYaml(built.bootstrap, [
      "Everything in one file, no control plane: listeners, clusters, modules and routes.",
    ]),
    faults: [
      ...faults,
      ...results.flatMap(({ result }) => (result.kind === "refused" ? result.faults : [])),
      ...built.faults,
    ],
    warnings,
  };
}
