// What EndpointSlices say of Services: at which addresses workloads are, and which of their ports have names.
import type { KubernetesObject, ResourceType } from "../../kubernetes/object.js";

export const ENDPOINT_SLICES: ResourceType = {
  kind: "EndpointSlice",
  group: "discovery.k8s.io",
  versions: ["v1"],
  plural: "endpointslices",
  namespaced: true,
};

/** Of one Service. */
export interface ServiceEndpoints {
  /** IP addresses, ready or not, sorted. */
  readonly addresses: readonly string[];
  /** Those that Istio gives proxies, of both IP versions, sorted. */
  readonly ready: readonly string[];
  /** Ports of workloads by the names of the Service's ports, ascending. */
  readonly ports: ReadonlyMap<string, readonly number[]>;
}

/** As much of a slice as matters. */
interface SliceSpec {
  readonly service: string;
  readonly addresses: readonly string[];
  readonly ready: readonly string[];
  readonly ports: readonly { readonly name: string; readonly port: number }[];
}

interface EndpointSlice extends KubernetesObject {
  readonly addressType?: string;
  readonly endpoints?: readonly SliceEndpoint[] | null;
  readonly ports?: readonly { readonly name?: string; readonly port?: number }[] | null;
}

interface SliceEndpoint {
  readonly addresses?: readonly string[];
  readonly conditions?: { readonly ready?: boolean };
}

const SERVICE_NAME = "kubernetes.io/service-name";

/** @returns an object whose `spec` is a `SliceSpec`, so that what does not matter is no change. */
export function projectSlice(object: KubernetesObject): KubernetesObject {
  const { apiVersion, kind, metadata, addressType, endpoints, ports } = object as EndpointSlice;
  const { name, namespace = "", uid, resourceVersion, labels = {} } = metadata;
  const known = addressType === "FQDN" ? [] : (endpoints ?? []);
  const spec: SliceSpec = {
    service: labels[SERVICE_NAME] ?? "",
    addresses: known.flatMap(({ addresses = [] }) => addresses),
    // Nothing said is ready, by the documentation of the kind.
    ready: known.flatMap(({ addresses = [], conditions }) =>
      conditions?.ready === false ? [] : addresses,
    ),
    ports: (ports ?? []).flatMap(({ name: port = "", port: number }) =>
      number === undefined ? [] : [{ name: port, port: number }],
    ),
  };
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      namespace,
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
    spec,
  };
}

interface Collected {
  readonly addresses: Set<string>;
  readonly ready: Set<string>;
  readonly ports: Map<string, Set<number>>;
}

/** By `<namespace>/<name>` of Services. @param slices as `projectSlice` has them. */
export function endpointsByService(
  slices: readonly KubernetesObject[],
): ReadonlyMap<string, ServiceEndpoints> {
  const found = new Map<string, Collected>();
  for (const { metadata, spec } of slices) {
    const { service, addresses, ready, ports } = spec as SliceSpec;
    if (service === "") continue;
    const key = `${metadata.namespace ?? ""}/${service}`;
    const known: Collected = found.get(key) ?? {
      addresses: new Set(),
      ready: new Set(),
      ports: new Map(),
    };
    found.set(key, known);
    for (const address of addresses) known.addresses.add(address);
    for (const address of ready) known.ready.add(address);
    for (const { name, port } of ports) {
      const numbers = known.ports.get(name) ?? new Set<number>();
      known.ports.set(name, numbers.add(port));
    }
  }
  return new Map(
    Array.from(found, ([key, { addresses, ready, ports }]) => [
      key,
      {
        addresses: [...addresses].sort(),
        ready: [...ready].sort(),
        ports: new Map(
          Array.from(ports, ([name, numbers]) => [name, [...numbers].sort((a, b) => a - b)]),
        ),
      },
    ]),
  );
}
