// Routes as the modules read them.
import { type MessageInitShape, create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  type AttributeMatchSchema,
  Cluster_LoadBalancer as LoadBalancer,
  type ClusterSchema,
  type MutationSchema,
  Mutation_Operation as Operation,
  type RouteConfiguration,
  RouteConfigurationSchema,
  type RouteSchema,
} from "../../gen/metaproto/v1/route_pb.js";
import type { Cluster } from "../../ir/cluster.js";
import type { Listener } from "../../ir/mesh.js";
import type { AttributeMatch, Mutation, Route } from "../../ir/route.js";
import { endpointsVersion } from "./endpoints-version.js";

/** Compiles a pattern in RE2 syntax to the automaton of metaproto.v1.Regex. */
export type CompileRegex = (
  pattern: string,
) => { readonly dfa: Uint8Array; readonly literalPrefix: string } | { readonly error: string };

export type RoutesResult =
  | { readonly kind: "routes"; readonly routes: RouteConfiguration }
  /** What the modules could not execute, each with the route's name. */
  | { readonly kind: "refused"; readonly faults: readonly string[] };

const OPERATIONS: Readonly<Record<Mutation["operation"], Operation>> = {
  set: Operation.SET,
  addIfAbsent: Operation.ADD_IF_ABSENT,
  remove: Operation.REMOVE,
};

const LOAD_BALANCERS: Readonly<Record<Cluster["loadBalancer"], LoadBalancer>> = {
  leastRequest: LoadBalancer.LEAST_REQUEST,
  roundRobin: LoadBalancer.ROUND_ROBIN,
  random: LoadBalancer.RANDOM,
};

/**
 * The route configuration of one listener.
 * @param clusters all clusters of the mesh, by name; those that the listener can reach are described to
 *   the module, which bounds and balances their requests.
 */
export function translateToRoutes(
  listener: Listener,
  clusters: ReadonlyMap<string, Cluster>,
  compileRegex: CompileRegex,
): RoutesResult {
  const faults: string[] = [];
  const refuse = (message: string): void => {
    faults.push(message);
  };
  const routes = create(RouteConfigurationSchema, {
    name: listener.name,
    routes: listener.routes.map((from) =>
      route(from, compileRegex, (message) => {
        refuse(
          `${listener.name}: route ${from.name === "" ? "without a name" : from.name}: ${message}`,
        );
      }),
    ),
    clusters: listener.clusterNames.flatMap((name) => {
      const known = clusters.get(name);
      return known === undefined ? [] : [cluster(known)];
    }),
  });
  return faults.length === 0 ? { kind: "routes", routes } : { kind: "refused", faults };
}

function route(
  from: Route,
  compileRegex: CompileRegex,
  refuse: (message: string) => void,
): MessageInitShape<typeof RouteSchema> {
  return {
    name: from.name,
    match: from.match.map((match) => attributeMatch(match, compileRegex, refuse)),
    destinations: from.destinations.map(({ cluster, weight }) => ({ cluster, weight })),
    ...(from.timeoutMs === undefined ? {} : { timeout: durationFromMs(from.timeoutMs) }),
    requestMutation: from.requestMutation.map(mutation),
    responseMutation: from.responseMutation.map(mutation),
  };
}

function attributeMatch(
  from: AttributeMatch,
  compileRegex: CompileRegex,
  refuse: (message: string) => void,
): MessageInitShape<typeof AttributeMatchSchema> {
  const { name, invert, specifier } = from;
  switch (specifier.kind) {
    case "exact":
    case "prefix":
      return { name, invert, specifier: { case: specifier.kind, value: specifier.value } };
    case "present":
      return { name, invert, specifier: { case: "present", value: true } };
    case "regex": {
      const { pattern } = specifier;
      const compiled = compileRegex(pattern);
      if ("error" in compiled) {
        refuse(`match on ${name}: regex ${JSON.stringify(pattern)}: ${compiled.error}`);
        return { name, invert };
      }
      return { name, invert, specifier: { case: "regex", value: { pattern, ...compiled } } };
    }
  }
}

function mutation(from: Mutation): MessageInitShape<typeof MutationSchema> {
  return { operation: OPERATIONS[from.operation], key: from.key, value: from.value };
}

function cluster(from: Cluster): MessageInitShape<typeof ClusterSchema> {
  return {
    name: from.name,
    // How many addresses a name has, only the proxy knows: the pool finds them by dialling.
    endpoints: from.discovery === "dns" ? 0 : from.endpoints.length,
    maxConnections: from.maxConnections ?? 0,
    maxRequests: from.maxRequests ?? 0,
    maxPendingRequests: from.maxPendingRequests ?? 0,
    loadBalancer: LOAD_BALANCERS[from.loadBalancer],
    endpointsVersion: endpointsVersion(from.endpoints),
  };
}
