import { isExportedTo, readExportTo } from "./export-to.js";
import {
  canonicalHostName,
  hostNameFault,
  isCidr,
  isDnsLabel,
  isIpAddress,
  wildcardHostNameFault,
} from "./host-name.js";
import type { ObjectReader } from "./object-reader.js";
import { fieldPath } from "./object-reader.js";
import { parsePortName } from "./port-name.js";
import type { KindDefinition, Metadata, ResourceEnvelope } from "./resource.js";
import { readWorkloadEntrySpec, type WorkloadEntrySpec } from "./workload-entry.js";

const MAX_PORT = 65535;
const RESOLUTIONS = ["NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"] as const;
const LOCATIONS = ["MESH_EXTERNAL", "MESH_INTERNAL"] as const;

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
  readonly location: (typeof LOCATIONS)[number];
  readonly resolution: (typeof RESOLUTIONS)[number];
  readonly endpoints: readonly WorkloadEntrySpec[];
  /** Labels of WorkloadEntries of the same namespace that are the endpoints; undefined: `endpoints` are. */
  readonly workloadSelector: Readonly<Record<string, string>> | undefined;
  readonly exportTo: readonly string[];
  readonly subjectAltNames: readonly string[];
  /** From annotations; undefined: plain text. */
  readonly listenerTls: ListenerTls | undefined;
}

export type ServiceEntry = ResourceEnvelope<"ServiceEntry", ServiceEntrySpec>;

export const serviceEntryKind: KindDefinition<"ServiceEntry", ServiceEntrySpec> = {
  kind: "ServiceEntry",
  group: "networking.istio.io",
  versions: ["v1", "v1beta1", "v1alpha3"],
  namespaced: true,
  unknownFields: "warning",
  readSpec(reader, metadata) {
    const spec: ServiceEntrySpec = {
      hosts: readHosts(reader),
      addresses: readAddresses(reader),
      ports: readPorts(reader),
      location: reader.oneOf("location", LOCATIONS) ?? "MESH_EXTERNAL",
      resolution: reader.oneOf("resolution", RESOLUTIONS) ?? "NONE",
      endpoints: reader.objects("endpoints", readWorkloadEntrySpec),
      workloadSelector: reader.object("workloadSelector", (fields) => fields.stringMap("labels")),
      exportTo: readExportTo(reader, metadata.namespace),
      subjectAltNames: reader.strings("subjectAltNames"),
      listenerTls: readListenerTls(reader, metadata),
    };
    checkEndpoints(reader, spec);
    return spec;
  },
};

/** Whether resources of `namespace` may refer to the hosts of `entry`. */
export function isServiceVisible(entry: ServiceEntry, namespace: string): boolean {
  return isExportedTo(entry.spec.exportTo, entry.metadata.namespace, namespace);
}

function readHosts(reader: ObjectReader): readonly string[] {
  const hosts = reader.strings("hosts");
  if (hosts.length === 0) reader.fault("hosts", "at least one host is required");
  const seen = new Set<string>();
  hosts.forEach((host, index) => {
    const path = `${reader.fieldPath("hosts")}[${index}]`;
    const fault = wildcardHostNameFault(host);
    if (fault !== undefined) reader.findings.fault(path, fault);
    else if (seen.has(canonicalHostName(host)))
      reader.findings.fault(path, `\`${host}\` is there twice`);
    seen.add(canonicalHostName(host));
  });
  return hosts;
}

function readAddresses(reader: ObjectReader): readonly string[] {
  const addresses = reader.strings("addresses");
  addresses.forEach((address, index) => {
    if (!isIpAddress(address) && !isCidr(address))
      reader.findings.fault(
        `${reader.fieldPath("addresses")}[${index}]`,
        `\`${address}\` is neither an IP address nor a CIDR range`,
      );
  });
  return addresses;
}

function readPorts(reader: ObjectReader): readonly ServicePort[] {
  const names = new Set<string>();
  const numbers = new Set<number>();
  const ports = reader.objects("ports", (fields) => {
    fields.ignore("protocol");
    const port = readPort(fields);
    if (names.has(port.name)) fields.fault("name", `\`${port.name}\` is there twice`);
    if (numbers.has(port.number)) fields.fault("number", `${port.number} is there twice`);
    if (port.name !== "") names.add(port.name);
    if (port.number !== 0) numbers.add(port.number);
    return port;
  });
  if (ports.length === 0) reader.fault("ports", "at least one port is required");
  return ports;
}

function readPort(fields: ObjectReader): ServicePort {
  if (!fields.has("number")) fields.fault("number", "is required");
  const number = fields.integer("number", 1, MAX_PORT) ?? 0;
  const name = fields.requiredString("name");
  if (name !== "" && !isDnsLabel(name) && !/-$/.test(name))
    fields.fault("name", `\`${name}\` must consist of letters, digits and \`-\``);
  const parsed = parsePortName(name);
  if (parsed.kind === "malformed") fields.fault("name", parsed.message);
  return {
    number,
    name,
    targetPort: fields.integer("targetPort", 1, MAX_PORT),
    applicationProtocol: parsed.kind === "managed" ? parsed.protocol : undefined,
  };
}

/** Istio's rules of what each resolution needs. */
function checkEndpoints(reader: ObjectReader, spec: ServiceEntrySpec): void {
  const { endpoints, resolution } = spec;
  if (endpoints.length > 0 && spec.workloadSelector !== undefined)
    reader.fault("workloadSelector", "must not be there together with `endpoints`");
  if (resolution === "NONE" && endpoints.length > 0)
    reader.fault("endpoints", "must not be there with resolution NONE, which is the default");
  if (resolution === "DNS_ROUND_ROBIN" && endpoints.length > 1)
    reader.fault("endpoints", "there must be at most one with resolution DNS_ROUND_ROBIN");
  if (["DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"].includes(resolution)) {
    if (spec.addresses.some(isCidr))
      reader.fault("addresses", `CIDR ranges are not allowed with resolution ${resolution}`);
    if (endpoints.length === 0 && resolution !== "DYNAMIC_DNS")
      for (const host of spec.hosts)
        if (spec.workloadSelector === undefined && hostNameFault(host) !== undefined)
          reader.fault("hosts", `\`${host}\` cannot be resolved: \`endpoints\` are required`);
  }
  const portNames = new Set(spec.ports.map((port) => port.name));
  endpoints.forEach((endpoint, index) => {
    const path = `${reader.fieldPath("endpoints")}[${index}]`;
    if (resolution === "STATIC" && endpoint.address !== "" && !isIpAddress(endpoint.address))
      reader.findings.fault(`${path}.address`, "must be an IP address with resolution STATIC");
    for (const name of Object.keys(endpoint.ports))
      if (!portNames.has(name))
        reader.findings.fault(
          fieldPath(`${path}.ports`, name),
          `the ServiceEntry has no port of the name \`${name}\``,
        );
  });
}

function readListenerTls(reader: ObjectReader, metadata: Metadata): ListenerTls | undefined {
  const { annotations } = metadata;
  const pathOf = (annotation: string): string => fieldPath("metadata.annotations", annotation);
  for (const annotation of Object.keys(annotations)) {
    if (!annotation.startsWith(ANNOTATION_PREFIX)) continue;
    if (![TLS_CERTIFICATE, TLS_PRIVATE_KEY, TLS_CA].includes(annotation))
      reader.findings.fault(pathOf(annotation), "unknown annotation");
    else if (!annotations[annotation]?.startsWith("/"))
      reader.findings.fault(pathOf(annotation), "must be the absolute path of a file");
  }
  const certificateFile = annotations[TLS_CERTIFICATE];
  const privateKeyFile = annotations[TLS_PRIVATE_KEY];
  const caFile = annotations[TLS_CA];
  if (certificateFile !== undefined && privateKeyFile !== undefined)
    return { certificateFile, privateKeyFile, caFile };
  const present = [TLS_CERTIFICATE, TLS_PRIVATE_KEY, TLS_CA].find((name) => name in annotations);
  if (present !== undefined)
    reader.findings.fault(
      pathOf(present),
      `${TLS_CERTIFICATE} and ${TLS_PRIVATE_KEY} are both needed for TLS`,
    );
  return undefined;
}
