import { exportTo, isExportedTo, namespaceList } from "./export-to.js";
import {
  hostNameFault,
  hostNames,
  isCidr,
  isDnsLabel,
  isIpAddress,
  wildcardHostNameFault,
} from "./host-name.js";
import { parsePortName, type StockProtocol } from "./port-name.js";
import type { KindDefinition, Metadata, ResourceEnvelope } from "./resource.js";
import {
  list,
  map,
  nonEmptyList,
  object,
  optional,
  type Read,
  required,
  withDefault,
} from "./schema/composites.js";
import { checked, mapped, type Schema } from "./schema/schema.js";
import { integer, oneOf, text, textWithout } from "./schema/scalars.js";
import { Site } from "./schema/site.js";
import { workloadEntrySpec, type WorkloadEntrySpec } from "./workload-entry.js";

const MAX_PORT = 65535;
/** Annotations of a ServiceEntry: see `ListenerTls`. */
const ANNOTATION_PREFIX = "metaproto.io/";
const TLS_CERTIFICATE = `${ANNOTATION_PREFIX}tls-certificate`;
const TLS_PRIVATE_KEY = `${ANNOTATION_PREFIX}tls-private-key`;
const TLS_CA = `${ANNOTATION_PREFIX}tls-ca`;
const TLS_ANNOTATIONS = [TLS_CERTIFICATE, TLS_PRIVATE_KEY, TLS_CA];
/** `"true"`: all proxies are contrib builds of Envoy, which have filters that others lack. */
const CONTRIB = `${ANNOTATION_PREFIX}envoy-contrib`;
/** Of a Service too: `team-a,team-b`, `.` or `*`. */
export const ROUTERS_FROM = `${ANNOTATION_PREFIX}routers-from`;

export interface ServicePort {
  readonly number: number;
  readonly name: string;
  /** Port of the endpoints; undefined: `number`. */
  readonly targetPort: number | undefined;
  /** From `name`; undefined: the port is not managed. */
  readonly applicationProtocol: string | undefined;
  /** Whether Istio is told that it is TCP, and so does not look for HTTP in it. */
  readonly isTcp: boolean;
  /** From `name`: VirtualServices route it too. */
  readonly isNative: boolean;
  /** From `name`; undefined: no filter of Envoy's own serves it. */
  readonly stockProtocol: StockProtocol | undefined;
}

/**
 * TLS that clients must use on the managed ports of a ServiceEntry when it is served without Istio:
 *
 *     metadata:
 *       annotations:
 *         metaproto.io/tls-certificate: /etc/certs/server.pem   # chain, PEM
 *         metaproto.io/tls-private-key: /etc/certs/server.key   # PEM
 *         metaproto.io/tls-ca: /etc/certs/ca.pem                # optional: clients must show a certificate of this CA
 *
 * Absolute paths of files on the machine of the proxy. They stand in annotations, since neither a ServiceEntry nor a
 * DestinationRule of Istio has a place for the TLS of the server's side, and a file with them stays valid there.
 */
export interface ListenerTls {
  readonly certificateFile: string;
  readonly privateKeyFile: string;
  readonly caFile: string | undefined;
}

export interface ServiceEntrySpec {
  readonly hosts: readonly string[];
  readonly addresses: readonly string[];
  readonly ports: readonly ServicePort[];
  readonly resolution: WrittenSpec["resolution"];
  readonly endpoints: readonly WorkloadEntrySpec[];
  /** Labels of WorkloadEntries of the same namespace that are the endpoints; undefined: `endpoints` are. */
  readonly workloadSelector: Readonly<Record<string, string>> | undefined;
  readonly exportTo: readonly string[];
  readonly subjectAltNames: readonly string[];
  /** From annotations; undefined: plain text. */
  readonly listenerTls: ListenerTls | undefined;
  /** From an annotation: all proxies have the filters of Envoy's contrib builds. */
  readonly hasContribEnvoy: boolean;
  /** From an annotation: namespaces beside its own whose MetaRouters may route it, as in `exportTo`; empty: all. */
  readonly routersFrom: readonly string[];
}

export type ServiceEntry = ResourceEnvelope<"ServiceEntry", ServiceEntrySpec>;

const portName = textWithout((name) => {
  const parsed = parsePortName(name);
  if (parsed.kind === "malformed") return parsed.message;
  return isDnsLabel(name) || name.endsWith("-")
    ? undefined
    : `\`${name}\` must consist of letters, digits and \`-\``;
});

const port: Schema<ServicePort> = mapped(
  object({
    number: required(integer(1, MAX_PORT), "port of the listener"),
    name: required(portName, "as above"),
    targetPort: optional(integer(1, MAX_PORT), "port of the endpoints", "`number`"),
    protocol: optional(
      text,
      "`TCP`, for Istio, which otherwise looks for HTTP in what clients send first",
    ),
  }),
  ({ number, name, targetPort, protocol }) => {
    const parsed = parsePortName(name);
    const applicationProtocol = parsed.kind === "managed" ? parsed.protocol : undefined;
    const isNative = parsed.kind === "managed" && parsed.isNative;
    const stockProtocol = parsed.kind === "stock" ? parsed.protocol : undefined;
    const isTcp = protocol?.toUpperCase() === "TCP";
    return { number, name, targetPort, isTcp, applicationProtocol, isNative, stockProtocol };
  },
);

const address = checked(text, (value, site) => {
  if (!isIpAddress(value) && !isCidr(value))
    site.fault(`\`${value}\` is neither an IP address nor a CIDR range`);
});

const labels = withDefault(map(text), {}, "all of which they have");

const written = object({
  hosts: required(hostNames(wildcardHostNameFault), "DNS names; a managed one without wildcard"),
  addresses: withDefault(
    list(address),
    [],
    "the IP address that the listener is bound to. With several hosts and as many addresses, each its own; else the first. `240.240.0.0/16` and CIDR ranges are not bound",
    "`--bind`",
  ),
  ports: required(nonEmptyList(port, "at least one port is required", { check: checkPorts }), ""),
  resolution: withDefault(
    oneOf("NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"),
    "NONE",
    "`STATIC`: addresses of endpoints are IPs. `DNS`, `DNS_ROUND_ROBIN`: names, which Envoy resolves; without endpoints the host itself. `NONE`, `DYNAMIC_DNS`: a fault on a managed port, since a proxy without Istio must know the endpoints",
    "`NONE`",
  ),
  endpoints: withDefault(list(workloadEntrySpec), [], "as [WorkloadEntry](#workloadentry)"),
  workloadSelector: optional(
    mapped(object({ labels }), (selector) => selector.labels),
    "the WorkloadEntries of the same namespace with these `labels` are the endpoints",
  ),
  exportTo: exportTo("namespaces whose MetaRouters may refer to the hosts; `~`: not served"),
  subjectAltNames: withDefault(
    list(text),
    [],
    "names that a server's certificate must have, where the DestinationRule gives none",
  ),
  location: withDefault(
    oneOf("MESH_EXTERNAL", "MESH_INTERNAL"),
    "MESH_EXTERNAL",
    "not applied, silently",
    "`MESH_EXTERNAL`",
  ),
});

type WrittenSpec = Read<typeof written>;

const spec = checked(written, checkEndpoints);

export const serviceEntryKind: KindDefinition<"ServiceEntry", ServiceEntrySpec> = {
  kind: "ServiceEntry",
  group: "networking.istio.io",
  versions: ["v1", "v1beta1", "v1alpha3"],
  namespaced: true,
  unknownFields: "warning",
  shape: spec.shape,
  readSpec: (value, site, metadata) => ({
    ...spec.read(value, site),
    ...readAnnotations(metadata, Site.root(site.findings).field("metadata")),
  }),
};

/** Whether a router of `namespace` may say where the requests of `entry` go. */
export function mayRoute(entry: ServiceEntry, namespace: string): boolean {
  const own = entry.metadata.namespace;
  return namespace === own || isExportedTo(entry.spec.routersFrom, own, namespace);
}

/** Whether resources of `namespace` may refer to the hosts of `entry`. */
export function isServiceVisible(entry: ServiceEntry, namespace: string): boolean {
  return isExportedTo(entry.spec.exportTo, entry.metadata.namespace, namespace);
}

function checkPorts(ports: readonly ServicePort[], site: Site): void {
  const names = new Set<string>();
  const numbers = new Set<number>();
  ports.forEach(({ name, number }, index) => {
    const place = site.item(index);
    if (names.has(name)) place.field("name").fault(`\`${name}\` is there twice`);
    if (numbers.has(number)) place.field("number").fault(`${number} is there twice`);
    if (name !== "") names.add(name);
    numbers.add(number);
  });
}

/** Istio's rules of what each resolution needs. */
function checkEndpoints(spec: WrittenSpec, site: Site): void {
  const { endpoints, resolution } = spec;
  if (endpoints.length > 0 && spec.workloadSelector !== undefined)
    site.field("workloadSelector").fault("must not be there together with `endpoints`");
  if (resolution === "NONE" && endpoints.length > 0)
    site.field("endpoints").fault("must not be there with resolution NONE, which is the default");
  if (resolution === "DNS_ROUND_ROBIN" && endpoints.length > 1)
    site.field("endpoints").fault("there must be at most one with resolution DNS_ROUND_ROBIN");
  if (["DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"].includes(resolution)) {
    if (spec.addresses.some(isCidr))
      site.field("addresses").fault(`CIDR ranges are not allowed with resolution ${resolution}`);
    if (endpoints.length === 0 && resolution !== "DYNAMIC_DNS")
      for (const host of spec.hosts)
        if (spec.workloadSelector === undefined && hostNameFault(host) !== undefined)
          site.field("hosts").fault(`\`${host}\` cannot be resolved: \`endpoints\` are required`);
  }
  const portNames = new Set(spec.ports.map((port) => port.name));
  endpoints.forEach((endpoint, index) => {
    const place = site.field("endpoints").item(index);
    if (resolution === "STATIC" && endpoint.address !== "" && !isIpAddress(endpoint.address))
      place.field("address").fault("must be an IP address with resolution STATIC");
    for (const name of Object.keys(endpoint.ports))
      if (!portNames.has(name))
        place
          .field("ports")
          .field(name)
          .fault(`the ServiceEntry has no port of the name \`${name}\``);
  });
}

function readAnnotations(
  { annotations }: Metadata,
  site: Site,
): Pick<ServiceEntrySpec, "listenerTls" | "hasContribEnvoy" | "routersFrom"> {
  const placeOf = (annotation: string): Site => site.field("annotations").field(annotation);
  for (const annotation of Object.keys(annotations)) {
    if (!annotation.startsWith(ANNOTATION_PREFIX) || annotation === ROUTERS_FROM) continue;
    const value = annotations[annotation] ?? "";
    if (annotation === CONTRIB) {
      if (value !== "true" && value !== "false")
        placeOf(annotation).fault('must be "true" or "false"');
    } else if (!TLS_ANNOTATIONS.includes(annotation))
      placeOf(annotation).fault("unknown annotation");
    else if (!value.startsWith("/"))
      placeOf(annotation).fault("must be the absolute path of a file");
  }
  return {
    listenerTls: readListenerTls(annotations, placeOf),
    hasContribEnvoy: annotations[CONTRIB] === "true",
    routersFrom: readRoutersFrom(annotations, placeOf),
  };
}

function readRoutersFrom(
  annotations: Metadata["annotations"],
  placeOf: (annotation: string) => Site,
): readonly string[] {
  const text = annotations[ROUTERS_FROM];
  if (text === undefined) return [];
  const items = text.split(",").map((item) => item.trim());
  return namespaceList.read(items, placeOf(ROUTERS_FROM));
}

function readListenerTls(
  annotations: Metadata["annotations"],
  placeOf: (annotation: string) => Site,
): ListenerTls | undefined {
  const certificateFile = annotations[TLS_CERTIFICATE];
  const privateKeyFile = annotations[TLS_PRIVATE_KEY];
  const caFile = annotations[TLS_CA];
  if (certificateFile !== undefined && privateKeyFile !== undefined)
    return { certificateFile, privateKeyFile, caFile };
  const present = TLS_ANNOTATIONS.find((name) => name in annotations);
  if (present !== undefined)
    placeOf(present).fault(`${TLS_CERTIFICATE} and ${TLS_PRIVATE_KEY} are both needed for TLS`);
  return undefined;
}
