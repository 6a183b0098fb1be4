// A mesh of many services, as objects of Kubernetes and Istio.
import { benchRoutes } from "./services.js";

export const NAMESPACE = "bench";

/** Port numbers of every service, as its kind of server usually has them. */
const PORTS = [
  { number: 20880, protocol: "dubbo" },
  { number: 9090, protocol: "thrift" },
  { number: 8090, protocol: "dubbo" },
] as const;

export const PORTS_PER_SERVICE = PORTS.length;

/** Services that a proxy talks to, as clients have them. */
const SERVICES_PER_PROXY = 20;
const PROXY_STRIDE = 10;

export interface MeshObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: object;
}

export function nameOf(service: number): string {
  return `service-${String(service)}`;
}

export function hostOf(service: number): string {
  return `${nameOf(service)}.${NAMESPACE}`;
}

function object(apiVersion: string, kind: string, name: string, spec: object): MeshObject {
  return { apiVersion, kind, metadata: { name, namespace: NAMESPACE }, spec };
}

/** Two versions; `endpoints` in all. */
export function meshService(service: number, endpoints = 4): MeshObject {
  return object("networking.istio.io/v1", "ServiceEntry", nameOf(service), {
    hosts: [hostOf(service)],
    addresses: [`240.1.${String(service >> 8)}.${String(service & 255)}`],
    ports: PORTS.map(({ number, protocol }) => ({
      number,
      name: `tcp-metaprotocol-${protocol}-${String(number)}`,
      protocol: "TCP",
    })),
    location: "MESH_INTERNAL",
    resolution: "STATIC",
    endpoints: Array.from({ length: endpoints }, (_, index) => ({
      address: `10.1.${String(service >> 8)}.${String(index + 1)}`,
      labels: { version: `v${String(1 + (index % 2))}` },
    })),
  });
}

export function meshDestinationRule(service: number): MeshObject {
  return object("networking.istio.io/v1", "DestinationRule", nameOf(service), {
    host: hostOf(service),
    subsets: ["v1", "v2"].map((version) => ({ name: version, labels: { version } })),
  });
}

/** @param weight of the first version, in percent. */
export function meshRouter(service: number, weight = 80): MeshObject {
  const host = hostOf(service);
  return object("metaprotocol.aeraki.io/v1alpha1", "MetaRouter", nameOf(service), {
    hosts: [host],
    routes: benchRoutes(weight).map(({ match, to }, index) => ({
      name: `route-${String(index)}`,
      ...(match && { match: { attributes: match } }),
      route: Object.entries(to).map(([subset, share]) => ({
        destination: { host, subset },
        weight: share,
      })),
    })),
  });
}

/** Limits what sidecars of the namespace know to the services that one of them talks to. */
export function sidecarOf(proxy: number, services: number): MeshObject {
  const hosts = servicesOf(proxy, services).map((service) => `./${hostOf(service)}`);
  return object("networking.istio.io/v1", "Sidecar", "default", { egress: [{ hosts }] });
}

function servicesOf(proxy: number, services: number): number[] {
  const count = Math.min(SERVICES_PER_PROXY, services);
  return Array.from({ length: count }, (_, i) => (proxy * PROXY_STRIDE + i) % services);
}

/** Route configurations that the module of a proxy subscribes to. */
export function meshRouteNames(proxy: number, services: number): string[] {
  return servicesOf(proxy, services).flatMap((service) =>
    PORTS.map(({ number }) => `${hostOf(service)}_${String(number)}`),
  );
}
