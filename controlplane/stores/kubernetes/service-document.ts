// Services of Kubernetes as the ServiceEntries that Istio makes of them.
import { parsePortName } from "../../api/port-name.js";
import { ROUTERS_FROM } from "../../api/service-entry.js";
import type { KubernetesObject } from "../../kubernetes/object.js";

interface ServiceSpec {
  readonly type?: string;
  readonly clusterIP?: string;
  readonly clusterIPs?: readonly string[];
  readonly selector?: Readonly<Record<string, string>>;
  readonly ports?: readonly ServicePort[];
}

interface ServicePort {
  readonly name?: string;
  readonly port: number;
  /** A number, or the name of a port of the pods. */
  readonly targetPort?: number | string;
  readonly protocol?: string;
  readonly appProtocol?: string;
}

export interface ServiceNote {
  readonly path: string;
  readonly message: string;
}

export interface ServiceDocument {
  /** A document of the kind ServiceEntry. */
  readonly document: object;
  readonly warnings: readonly ServiceNote[];
}

const PREFIX = "synthetic-";
const EXPORT_TO = "networking.istio.io/exportTo";
/** Istio takes the protocol from before the first `-`: with this it takes the port for TCP, and looks at no bytes. */
const TCP = "tcp-";

/** Name of the ServiceEntry that stands for a Service, as Istio has it. */
function entryNameOf(service: string): string {
  return `${PREFIX}${service}`;
}

/**
 * A ServiceEntry that says what the Service says, without endpoints, which Istio knows. Undefined: it has no ports of
 * TCP, or is another name for a host elsewhere.
 */
export function serviceDocument(
  service: KubernetesObject,
  clusterDomain: string,
): ServiceDocument | undefined {
  const spec = (service.spec ?? {}) as ServiceSpec;
  const { name, namespace = "", labels, annotations = {}, creationTimestamp } = service.metadata;
  const ports = (spec.ports ?? []).map((port, index) => ({ port, index }));
  const tcp = ports.filter(({ port }) => (port.protocol ?? "TCP") === "TCP");
  if (spec.type === "ExternalName" || tcp.length === 0) return undefined;
  const exportTo = annotations[EXPORT_TO];
  const routersFrom = annotations[ROUTERS_FROM];
  return {
    document: {
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: {
        ...{ name: entryNameOf(name), namespace, labels: labels ?? {}, creationTimestamp },
        ...(routersFrom !== undefined && { annotations: { [ROUTERS_FROM]: routersFrom } }),
      },
      spec: {
        hosts: [`${name}.${namespace}.svc.${clusterDomain}`],
        addresses: addressesOf(spec),
        ports: tcp.map(({ port }) => portOf(port)),
        // Of a headless one clients choose the instance, and Istio's cluster goes where they went.
        resolution: addressesOf(spec).length === 0 ? "NONE" : "STATIC",
        location: "MESH_INTERNAL",
        ...(Object.keys(spec.selector ?? {}).length > 0 && {
          workloadSelector: { labels: spec.selector },
        }),
        ...(exportTo !== undefined && { exportTo: exportTo.split(",").map((item) => item.trim()) }),
      },
    },
    warnings: tcp.flatMap(({ port, index }) => warningsOf(port, index)),
  };
}

/** Whether clients choose an instance of it by themselves. */
export function isHeadless({ spec }: KubernetesObject): boolean {
  return addressesOf(spec ?? {}).length === 0;
}

/** Whether proxies reach its workloads by IPv6: Istio takes the version of the first address. */
export function isIpv6({ spec }: KubernetesObject): boolean {
  return addressesOf(spec ?? {})[0]?.includes(":") === true;
}

/** Ports that a module or a filter of Envoy's own serves. */
export function managedPorts({ spec }: KubernetesObject): readonly ServicePort[] {
  const { ports = [] } = (spec ?? {}) as ServiceSpec;
  return ports.filter((port) => {
    const { kind } = parsePortName(portNameOf(port));
    return kind === "managed" || kind === "stock";
  });
}

/** None: it is headless. */
function addressesOf({ clusterIP = "", clusterIPs }: ServiceSpec): readonly string[] {
  return (clusterIPs ?? [clusterIP]).filter((address) => address !== "" && address !== "None");
}

function portOf(port: ServicePort): object {
  const { targetPort } = port;
  return {
    number: port.port,
    name: portNameOf(port),
    protocol: "TCP",
    ...(typeof targetPort === "number" && targetPort > 0 && { targetPort }),
  };
}

/** What it says the protocol is comes before the name, as in Istio. */
function portNameOf({ name = "", port, appProtocol = "" }: ServicePort): string {
  const own = name === "" ? `tcp-${port}` : name;
  if (appProtocol === "") return own;
  const managed = managedName(appProtocol);
  if (managed !== undefined) return managed;
  return isManaged(own) ? `port-${port}` : own;
}

/** `[tcp-]metaprotocol-<protocol>`, `tcp-dubbo` and `tcp-thrift` as the name of a port. */
function managedName(appProtocol: string): string | undefined {
  const name = appProtocol.toLowerCase();
  const full = name.startsWith("metaprotocol-") ? `${TCP}${name}` : name;
  return isManaged(full) ? full : undefined;
}

function isManaged(name: string): boolean {
  return parsePortName(name).kind === "managed";
}

function warningsOf(port: ServicePort, index: number): readonly ServiceNote[] {
  const { appProtocol = "" } = port;
  const managed = isManaged(portNameOf(port));
  const path = `spec.ports[${index}]`;
  if (managed && appProtocol !== "" && !appProtocol.toLowerCase().startsWith(TCP))
    return [
      {
        path: `${path}.appProtocol`,
        message: `Istio does not know \`${appProtocol}\` and looks at the first bytes of connections, which breaks protocols whose server speaks first: write \`${TCP}${appProtocol}\``,
      },
    ];
  return [];
}
