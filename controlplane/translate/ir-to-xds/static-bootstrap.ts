// One file that makes a stock Envoy serve a mesh with no control plane at all.
import { create } from "@bufbuild/protobuf";
import {
  type Bootstrap,
  BootstrapSchema,
} from "../../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { AsyncDataSourceSchema } from "../../gen/envoy/config/core/v3/base_pb.js";
import { PluginConfigurationSchema } from "../../gen/metaproto/v1/plugin_pb.js";
import type { RouteConfiguration } from "../../gen/metaproto/v1/route_pb.js";
import type { Listener, Mesh } from "../../ir/mesh.js";
import { type Protocol, moduleName } from "../../ir/protocol.js";
import {
  type SocketAddress,
  internalListenerExtension,
  memoryRelease,
  socketAddress,
} from "./bootstrap.js";
import { cluster } from "./cluster.js";
import { blackholeCluster, dialCluster } from "./dial-cluster.js";
import { internalListener, listener } from "./listener.js";
import { pluginName } from "./names.js";
import type { PeerTimeouts } from "./peer-timeouts.js";
import { pluginSettings } from "./plugin-settings.js";
import { statsConfig } from "./stats-tags.js";
import { servable, stockListenerOf } from "./translate-to-xds.js";
import { inlineWasmFilter, wasmFilterConfig } from "./wasm-plugin.js";

export interface StaticBootstrapInput {
  readonly mesh: Mesh;
  /** Name of a module -> its file, as the proxy is to open it. */
  readonly moduleFiles: ReadonlyMap<string, string>;
  /** By name of the listener. */
  readonly routes: ReadonlyMap<string, RouteConfiguration>;
  readonly bindAddress: string;
  readonly peerTimeouts: PeerTimeouts;
  readonly admin: SocketAddress;
}

export interface StaticBootstrap {
  readonly bootstrap: Bootstrap;
  readonly faults: readonly string[];
}

/** The wasm filter of a protocol, which has the routes of all its listeners in its configuration. */
function pluginFilter(
  protocol: Protocol,
  listeners: readonly Listener[],
  input: StaticBootstrapInput,
): ReturnType<typeof inlineWasmFilter> {
  const { name, settings } = protocol;
  const file = input.moduleFiles.get(moduleName(protocol)) ?? "";
  const config = wasmFilterConfig({
    protocol: name,
    code: create(AsyncDataSourceSchema, {
      specifier: {
        case: "local",
        value: { specifier: { case: "filename", value: file } },
      },
    }),
    configuration: create(PluginConfigurationSchema, {
      ...pluginSettings(settings),
      dialCluster: pluginName(name),
      routeConfigurations: listeners
        .filter((listener) => listener.protocol === name)
        .flatMap((listener) => input.routes.get(listener.name) ?? []),
    }),
  });
  return inlineWasmFilter(config);
}

export function staticBootstrap(input: StaticBootstrapInput): StaticBootstrap {
  const { mesh, bindAddress, peerTimeouts } = input;
  const { listeners, stockListeners, protocols, faults } = servable(
    mesh,
    input.moduleFiles,
    bindAddress,
  );
  const filters = new Map(
    protocols.map((protocol) => [protocol.name, pluginFilter(protocol, listeners, input)]),
  );
  const dialNames = protocols.map(({ name }) => pluginName(name));
  const bootstrap = create(BootstrapSchema, {
    admin: { address: socketAddress(input.admin) },
    bootstrapExtensions: [internalListenerExtension()],
    statsConfig: statsConfig(),
    memoryAllocatorManager: memoryRelease(),
    staticResources: {
      listeners: [
        ...[...filters].map(([name, filter]) => internalListener(pluginName(name), filter)),
        ...listeners.flatMap((from) => {
          const filter = filters.get(from.protocol);
          if (filter === undefined) return [];
          return [listener(from, from.address ?? bindAddress, filter, peerTimeouts)];
        }),
        ...stockListeners.map((from) =>
          stockListenerOf(from, from.address ?? bindAddress, peerTimeouts),
        ),
      ],
      clusters: [
        ...mesh.clusters.map((from) => cluster(from, "inline", peerTimeouts)),
        ...(dialNames.length === 0 ? [] : [blackholeCluster()]),
        ...dialNames.map(dialCluster),
      ],
    },
  });
  return { bootstrap, faults };
}
