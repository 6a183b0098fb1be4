// The mesh of a directory, read once: for commands that run without a control plane.
import { join } from "node:path";
import { formatFault } from "../api/fault.js";
import type { Mesh } from "../ir/mesh.js";
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

export interface MeshDirectories {
  /** Of resources. */
  readonly config: string;
  /** Of `<module>.wasm`; one that does not exist holds none. */
  readonly modules: string;
}

/** @throws Error when the directory of resources cannot be read. */
export async function readDirectoryMesh(directories: MeshDirectories): Promise<DirectoryMesh> {
  return meshWith(directories.config, await ModuleDirectory.load(directories.modules));
}

async function meshWith(directory: string, present: ModuleSet): Promise<DirectoryMesh> {
  const configuration = await loadDirectory(directory);
  const translation = translateToMesh({
    resources: configuration.resources,
    modules: [...present.modules.keys()],
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
  directories: MeshDirectories,
  bindAddress: string,
): Promise<DirectoryMesh> {
  const read = await readDirectoryMesh(directories);
  const { listeners } = read.mesh;
  const modules = new Map(read.mesh.protocols.map(({ module }) => [module, undefined]));
  const conflicts = servable(read.mesh, modules, bindAddress).faults;
  const clusters = new Map(read.mesh.clusters.map((cluster) => [cluster.name, cluster]));
  const refused = listeners.flatMap((listener) => {
    const result = translateToRoutes(listener, clusters, compileRegex);
    return result.kind === "refused" ? result.faults : [];
  });
  return { ...read, faults: [...read.faults, ...conflicts, ...refused] };
}

export interface StaticConfigurationOptions {
  readonly directories: MeshDirectories;
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
  const { directories, bindAddress, peerTimeouts, admin } = options;
  const present = await ModuleDirectory.load(directories.modules);
  const { mesh, faults, warnings } = await meshWith(directories.config, present);
  const clusters = new Map(mesh.clusters.map((cluster) => [cluster.name, cluster]));
  const results = mesh.listeners.map((listener) => ({
    name: listener.name,
    result: translateToRoutes(listener, clusters, compileRegex),
  }));
  const built = staticBootstrap({
    mesh,
    moduleFiles: new Map(
      [...present.modules.keys()].map((name) => [name, join(directories.modules, `${name}.wasm`)]),
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
