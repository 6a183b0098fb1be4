// Which waypoint the requests for a service pass, as Istio reads it: labels of the service, else of its namespace, name a
// Gateway, which says for whom it is.
// https://istio.io/latest/docs/ambient/usage/waypoint
import type { KubernetesObject, ResourceType } from "../../kubernetes/object.js";

export const NAMESPACES: ResourceType = {
  kind: "Namespace",
  group: "",
  versions: ["v1"],
  plural: "namespaces",
  namespaced: false,
};

/** Not those of Istio's own, which have the same name. */
export const API_GATEWAYS: ResourceType = {
  kind: "Gateway",
  group: "gateway.networking.k8s.io",
  versions: ["v1"],
  plural: "gateways",
  namespaced: true,
};

export const WAYPOINT_KINDS: readonly ResourceType[] = [NAMESPACES, API_GATEWAYS];

const USE_WAYPOINT = "istio.io/use-waypoint";
const USE_WAYPOINT_NAMESPACE = "istio.io/use-waypoint-namespace";
const WAYPOINT_FOR = "istio.io/waypoint-for";
/** Of Services that Istio made for a waypoint or an east-west gateway: they have none themselves. */
const MANAGED = "gateway.istio.io/managed";
const NONE = "none";
const FOR_SERVICES = ["service", "all"];
const HBONE = { protocol: "HBONE", port: 15_008 };

export type WaypointFacts =
  | { readonly namespace: string; readonly gateway: string }
  /** `missing`: what the labels name, `<namespace>/<name>`. */
  | { readonly missing: string; readonly reason: string };

type Labels = Readonly<Record<string, string>>;

interface GatewayListener {
  readonly protocol?: string;
  readonly port?: number;
  readonly allowedRoutes?: {
    readonly namespaces?: { readonly from?: string; readonly selector?: LabelSelector };
  };
}

interface LabelSelector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

export class Waypoints {
  private readonly namespaces: ReadonlyMap<string, Labels>;
  private readonly gateways: ReadonlyMap<string, KubernetesObject>;

  constructor(namespaces: Iterable<KubernetesObject>, gateways: Iterable<KubernetesObject>) {
    this.namespaces = new Map(
      Array.from(namespaces, ({ metadata }) => [metadata.name, metadata.labels ?? {}]),
    );
    this.gateways = new Map(
      Array.from(gateways, (gateway) => [
        placeOf(gateway.metadata.namespace ?? "", gateway.metadata.name),
        gateway,
      ]),
    );
  }

  /** Undefined: none is named. @param service a Service or ServiceEntry. */
  of({ metadata }: KubernetesObject): WaypointFacts | undefined {
    const { namespace = "", labels = {} } = metadata;
    if (labels[MANAGED] !== undefined) return undefined;
    const named = [labels, this.namespaces.get(namespace) ?? {}].find(
      (item) => item[USE_WAYPOINT] !== undefined,
    );
    const gateway = named?.[USE_WAYPOINT];
    if (named === undefined || gateway === undefined || gateway === NONE) return undefined;
    const own = named[USE_WAYPOINT_NAMESPACE] ?? namespace;
    const place = placeOf(own, gateway);
    const reason = this.refusalOf(this.gateways.get(place), namespace);
    return reason === undefined ? { namespace: own, gateway } : { missing: place, reason };
  }

  /** Undefined: it is for services of the namespace. */
  private refusalOf(gateway: KubernetesObject | undefined, namespace: string): string | undefined {
    if (gateway === undefined) return "there is no such Gateway";
    const purpose = gateway.metadata.labels?.[WAYPOINT_FOR] ?? "service";
    if (!FOR_SERVICES.includes(purpose)) return `it is for \`${purpose}\`, not for services`;
    const { listeners = [] } = (gateway.spec ?? {}) as { listeners?: readonly GatewayListener[] };
    const hbone = listeners.find(
      ({ protocol, port }) => protocol === HBONE.protocol && port === HBONE.port,
    );
    const { from = "Same", selector } = hbone?.allowedRoutes?.namespaces ?? {};
    const isAllowed =
      from === "All" ||
      (from === "Selector"
        ? isSelected(this.namespaces.get(namespace) ?? {}, selector)
        : gateway.metadata.namespace === namespace);
    return isAllowed ? undefined : `it allows none of the namespace \`${namespace}\``;
  }
}

function placeOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** An empty selector selects everything, none selects nothing. */
function isSelected(labels: Labels, selector: LabelSelector | undefined): boolean {
  if (selector === undefined) return false;
  const { matchLabels = {}, matchExpressions = [] } = selector;
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      switch (operator) {
        case "In":
          return value !== undefined && values.includes(value);
        case "NotIn":
          return value === undefined || !values.includes(value);
        case "Exists":
          return value !== undefined;
        case "DoesNotExist":
          return value === undefined;
        default:
          return false;
      }
    })
  );
}
