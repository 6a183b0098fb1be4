// A waypoint `waypoint` of the namespace `shop`, with what istiod's controllers would make of its Gateway.

const ADDRESS = "10.0.200.1";

export const WAYPOINT_LABELS = { "gateway.networking.k8s.io/gateway-name": "waypoint" };

/** YAML. @param podAddress of its only pod. */
export function waypointObjects(podAddress: string): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: istio-waypoint }
spec: { controllerName: istio.io/mesh-controller }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: waypoint, namespace: shop }
spec: { gatewayClassName: istio-waypoint, listeners: [{ name: mesh, port: 15008, protocol: HBONE }] }
status: { addresses: [{ type: IPAddress, value: ${ADDRESS} }] }
---
apiVersion: v1
kind: Service
metadata: { name: waypoint, namespace: shop, labels: { gateway.istio.io/managed: istio.io-mesh-controller } }
spec:
  clusterIP: ${ADDRESS}
  selector: { gateway.networking.k8s.io/gateway-name: waypoint }
  ports: [{ name: mesh, port: 15008, appProtocol: all }]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: waypoint-1, namespace: shop, labels: { kubernetes.io/service-name: waypoint } }
addressType: IPv4
ports: [{ name: mesh, port: 15008, protocol: TCP }]
endpoints: [{ addresses: [${podAddress}], conditions: { ready: true }, targetRef: { kind: Pod, name: waypoint-1, namespace: shop } }]
---
${withoutPeerMetadata()}`;
}

/** Istio's own filter for telemetry, which is no part of a stock Envoy. */
function withoutPeerMetadata(): string {
  const patches = ["downstream", "upstream"].map((side) => ({
    applyTo: "HTTP_FILTER",
    match: {
      context: "SIDECAR_INBOUND",
      listener: {
        filterChain: {
          filter: {
            name: "envoy.filters.network.http_connection_manager",
            subFilter: { name: `waypoint_${side}_peer_metadata` },
          },
        },
      },
    },
    patch: { operation: "REMOVE" },
  }));
  const target = { group: "gateway.networking.k8s.io", kind: "Gateway", name: "waypoint" };
  return JSON.stringify({
    apiVersion: "networking.istio.io/v1alpha3",
    kind: "EnvoyFilter",
    metadata: { name: "stock-envoy", namespace: "shop" },
    spec: { targetRefs: [target], configPatches: patches },
  });
}
