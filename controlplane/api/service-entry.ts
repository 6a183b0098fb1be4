import { exportTo, isExportedTo } from "./export-to.js";
import {
  hostNameFault,
  hostNames,
  isCidr,
  isDnsLabel,
  isIpAddress,
  wildcardHostNameFault,
} from "./host-name.js";
import { parsePortName } from "./port-name.js";
import type { KindDefinition, Metadata, ResourceEnvelope } from "./resource.js";
import {
  ignored,
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

export interface ServicePort {
  readonly number: number;
  readonly name: string;
  /** Port of the endpoints; undefined: `number`. */
  readonly targetPort: number | undefined;
  /** From `name`; undefined: the port is not managed. */
  readonly applicationProtocol: string | undefined;
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
    protocol: ignored("not applied, silently: the protocol is in the name"),
  }),
  ({ number, name, targetPort }) => {
    const parsed = parsePortName(name);
    const applicationProtocol = parsed.kind === "managed" ? parsed.protocol : undefined;
    return { number, name, targetPort, applicationProtocol };
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
    listenerTls: readListenerTls(metadata, Site.root(site.findings).field("metadata")),
  }),
};

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

function readListenerTls({ annotations }: Metadata, site: Site): ListenerTls | undefined {
  const placeOf = (annotation: string): Site => site.field("annotations").field(annotation);
  for (const annotation of Object.keys(annotations)) {
    if (!annotation.startsWith(ANNOTATION_PREFIX)) continue;
    if (![TLS_CERTIFICATE, TLS_PRIVATE_KEY, TLS_CA].includes(annotation))
      placeOf(annotation).fault("unknown annotation");
    else if (!annotations[annotation]?.startsWith("/"))
      placeOf(annotation).fault("must be the absolute path of a file");
  }
  const certificateFile = annotations[TLS_CERTIFICATE];
  const privateKeyFile = annotations[TLS_PRIVATE_KEY];
  const caFile = annotations[TLS_CA];
  if (certificateFile !== undefined && privateKeyFile !== undefined)
    return { certificateFile, privateKeyFile, caFile };
  const present = [TLS_CERTIFICATE, TLS_PRIVATE_KEY, TLS_CA].find((name) => name in annotations);
  if (present !== undefined)
    placeOf(present).fault(`${TLS_CERTIFICATE} and ${TLS_PRIVATE_KEY} are both needed for TLS`);
  return undefined;
}
