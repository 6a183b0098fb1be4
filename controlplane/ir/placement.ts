// Where Istio has a listener of the mesh, and whose proxies have it.

export type Labels = Readonly<Record<string, string>>;

export type Placement = OutboundPlacement | InboundPlacement | GatewayPlacement | WaypointPlacement;

/** Of the proxies that call a service. */
export interface OutboundPlacement {
  readonly kind: "outbound";
  /** Of the service. */
  readonly namespace: string;
  /** Namespaces whose proxies may know the service, sorted; undefined: all. */
  readonly exportedTo: readonly string[] | undefined;
  /** IP addresses for which Istio has a listener `<address>_<port>`, sorted. */
  readonly addresses: readonly string[];
  /** Whether no other service can be meant by the listener of all addresses, `0.0.0.0_<port>`. */
  readonly hasWildcard: boolean;
}

/** Of the proxies in front of a service's own workloads. The listener's port is that of the workload. */
export interface InboundPlacement {
  readonly kind: "inbound";
  readonly namespace: string;
  /** The labels of the workloads, at least one. */
  readonly selector: Labels;
}

/** Of the proxies of a gateway. */
export interface GatewayPlacement {
  readonly kind: "gateway";
  /** Of the Gateway. */
  readonly namespace: string;
  readonly gateway: string;
  /** The labels of the gateway's workloads, at least one. */
  readonly selector: Labels;
  /** Namespaces that its workloads may be in, sorted. */
  readonly namespaces: readonly string[];
  /** Ports that its proxies may listen on for the port of the Gateway, sorted. */
  readonly proxyPorts: readonly number[];
  /** Hosts of the server, without namespaces. */
  readonly hosts: readonly string[];
  /** Server names of its TLS by which Istio tells filter chains apart; empty: there is one chain. */
  readonly serverNames: readonly string[];
}

/** Of the waypoint that a service's requests pass in ambient mode. The listener's port is that of the service. */
export interface WaypointPlacement {
  readonly kind: "waypoint";
  /** Of the Gateway that stands for the waypoint. */
  readonly namespace: string;
  readonly gateway: string;
}
