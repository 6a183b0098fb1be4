// The kinds of resources served, in the order in which a proxy must get them: what is referred to
// comes before what refers to it.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#eventual-consistency-considerations

export interface ResourceType {
  /** Short name for people. */
  readonly name: "CDS" | "EDS" | "LDS" | "ECDS" | "routes";
  readonly typeUrl: string;
  /**
   * True: a response holds everything that is subscribed to, and what it lacks is gone; a first
   * subscription without names is one to everything. False: a response holds what is to change.
   */
  readonly isStateOfTheWorld: boolean;
}

const PREFIX = "type.googleapis.com";

export const CLUSTER_TYPE: ResourceType = {
  name: "CDS",
  typeUrl: `${PREFIX}/envoy.config.cluster.v3.Cluster`,
  isStateOfTheWorld: true,
};

export const ENDPOINT_TYPE: ResourceType = {
  name: "EDS",
  typeUrl: `${PREFIX}/envoy.config.endpoint.v3.ClusterLoadAssignment`,
  isStateOfTheWorld: false,
};

export const LISTENER_TYPE: ResourceType = {
  name: "LDS",
  typeUrl: `${PREFIX}/envoy.config.listener.v3.Listener`,
  isStateOfTheWorld: true,
};

export const EXTENSION_CONFIG_TYPE: ResourceType = {
  name: "ECDS",
  typeUrl: `${PREFIX}/envoy.config.core.v3.TypedExtensionConfig`,
  isStateOfTheWorld: false,
};

export const ROUTES_TYPE: ResourceType = {
  name: "routes",
  typeUrl: `${PREFIX}/metaproto.v1.RouteConfiguration`,
  isStateOfTheWorld: false,
};

export const RESOURCE_TYPES: readonly ResourceType[] = [
  CLUSTER_TYPE,
  ENDPOINT_TYPE,
  LISTENER_TYPE,
  EXTENSION_CONFIG_TYPE,
  ROUTES_TYPE,
];

/** What a proxy must have before its modules get routes: a module dials as soon as it has a route. */
export const ROUTED_TO: readonly ResourceType[] = [CLUSTER_TYPE, ENDPOINT_TYPE];
