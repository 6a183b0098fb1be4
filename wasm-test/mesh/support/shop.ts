// The services of the tests with mutual TLS, as YAML.
import type { Workload } from "./secured-mesh.js";

/** A Kubernetes Service of Dubbo: port 20880, at the pods 20881. */
export function greeterService(address: string): string {
  return `apiVersion: v1
kind: Service
metadata: { name: greeter, namespace: shop }
spec:
  clusterIP: ${address}
  selector: { app: greeter }
  ports: [{ name: tcp-metaprotocol-dubbo, port: 20880, targetPort: 20881 }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: greeter, namespace: shop }
spec:
  host: greeter.shop.svc.cluster.local
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]
`;
}

/** What Kubernetes itself would write. */
export function endpointSlice(workloads: readonly Workload[]): string {
  return (
    JSON.stringify({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name: "greeter",
        namespace: "shop",
        labels: { "kubernetes.io/service-name": "greeter" },
      },
      addressType: "IPv4",
      ports: [{ name: "tcp-metaprotocol-dubbo", port: 20881, protocol: "TCP" }],
      endpoints: workloads.map(({ name, namespace, pod }) => ({
        addresses: [pod.address],
        conditions: { ready: true },
        targetRef: { kind: "Pod", name, namespace },
      })),
    }) + "\n"
  );
}

/** The same pods' Thrift, as a ServiceEntry that lists them: port 9090, at the pods 9091. */
export function thriftService(workloads: readonly Workload[]): string {
  const endpoints = workloads.map(({ pod, labels, serviceAccount }) =>
    JSON.stringify({
      address: pod.address,
      ports: { "tcp-metaprotocol-thrift": 9091 },
      labels,
      serviceAccount,
    }),
  );
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: thrift, namespace: shop, annotations: { workloadSelector: greeter } }
spec:
  hosts: [thrift.shop]
  addresses: [10.0.100.2]
  ports: [{ number: 9090, name: tcp-metaprotocol-thrift, protocol: TCP, targetPort: 9091 }]
  location: MESH_INTERNAL
  resolution: STATIC
  endpoints: [${endpoints.join(", ")}]
`;
}

export interface RouterOptions {
  /** Default greeter. */
  readonly name?: string;
  /** Null: none. */
  readonly localRateLimit?: object | null;
}

/** @param weights of the subsets. */
export function greeterRouter(
  weights: Readonly<Record<string, number>>,
  { name = "greeter", ...rest }: RouterOptions = {},
): string {
  const host = "greeter.shop.svc.cluster.local";
  const route = Object.entries(weights).map(([subset, weight]) => ({
    destination: { host, subset },
    weight,
  }));
  return (
    JSON.stringify({
      apiVersion: "metaprotocol.aeraki.io/v1alpha1",
      kind: "MetaRouter",
      metadata: { name, namespace: "shop" },
      spec: { hosts: [host], routes: [{ name: "all", route }], ...rest },
    }) + "\n"
  );
}

export function authorizationPolicy(principal: string): string {
  return `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaAuthorizationPolicy
metadata: { name: callers, namespace: shop }
spec: { rules: [{ from: [{ source: { principals: ["${principal}"] } }] }] }
`;
}
