// A mesh of many services, as files.
import {
  destinationRule,
  listenerOf,
  metaRouter,
  type RouteOptions,
  type ServiceOptions,
  serviceEntry,
  yamlOf,
} from "../../envoy/support/resources.js";

const FIRST_PORT = 20_000;
const ENDPOINT_PORT = 9_000;

/** Two versions of two endpoints each, and routes as meshes have them. */
export function benchService(index: number): ServiceOptions {
  const endpoint = (number: number) => ({
    port: ENDPOINT_PORT + number,
    version: `v${String(1 + (number % 2))}`,
  });
  return {
    protocol: "dubbo",
    host: `service-${String(index)}.bench`,
    port: FIRST_PORT + index,
    endpoints: [0, 1, 2, 3].map(endpoint),
    routes: benchRoutes(80),
  };
}

/** @param weight of the first version, in percent, where the last route splits. */
export function benchRoutes(weight: number): RouteOptions[] {
  return [
    { match: { method: { exact: "getUser" }, user: { exact: "beta" } }, to: { v2: 100 } },
    { match: { method: { prefix: "list" } }, to: { v1: 100 } },
    { match: { method: { regex: "(get|find)[A-Z][a-z]+" } }, to: { v1: 100 } },
    { to: { v1: weight, v2: 100 - weight } },
  ];
}

export function fileName(index: number): string {
  return `service-${String(index)}.yaml`;
}

export function serviceFile(service: ServiceOptions): string {
  return yamlOf(serviceEntry(service), destinationRule(service), metaRouter(service));
}

/** One file for each service. */
export function meshFiles(count: number): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      fileName(index),
      serviceFile(benchService(index)),
    ]),
  );
}

/** Route configurations that the module of a proxy subscribes to: some neighbours, as clients have. */
const ROUTES_PER_PROXY = 20;
const PROXY_STRIDE = 10;

export function subscribedNames(proxy: number, services: number): string[] {
  return Array.from({ length: Math.min(ROUTES_PER_PROXY, services) }, (_, i) =>
    listenerOf(benchService((proxy * PROXY_STRIDE + i) % services)),
  );
}
