import { hostNameFault, isIpAddress } from "./host-name.js";
import type { KindDefinition, ResourceEnvelope } from "./resource.js";
import { ignored, map, object, optional, withDefault } from "./schema/composites.js";
import { checked, mapped, type Schema } from "./schema/schema.js";
import { integer, text } from "./schema/scalars.js";

const MAX_WEIGHT = 2 ** 32 - 1;

/** One workload, by itself or as an endpoint of a ServiceEntry. */
export interface WorkloadEntrySpec {
  /** An IP address or the name of a host; empty when only `network` is given. */
  readonly address: string;
  /** Number of the port, by the name that the ServiceEntry gives it. */
  readonly ports: Readonly<Record<string, number>>;
  readonly labels: Readonly<Record<string, string>>;
  /** At least 1. */
  readonly weight: number;
  readonly locality: { readonly region: string; readonly zone: string; readonly subZone: string };
}

export type WorkloadEntry = ResourceEnvelope<"WorkloadEntry", WorkloadEntrySpec>;

const fields = {
  address: withDefault(
    text,
    "",
    "IP address, or a DNS name with resolution DNS; `unix://` is a fault",
    "required",
  ),
  ports: withDefault(
    map(integer(1, 65535)),
    {},
    "port by the name of the ServiceEntry's port",
    "the ServiceEntry's port",
  ),
  labels: withDefault(map(text), {}, "subsets and selectors go by them"),
  weight: withDefault(
    integer(0, MAX_WEIGHT),
    1,
    "relative to the other endpoints: share of requests, and of keys with a hash; with resolution `DNS` of connections, which Envoy balances",
    "1",
  ),
  locality: withDefault(
    text,
    "",
    "`region/zone/subzone`, handed to Envoy: [what comes of it](filters/request-policies.md#balancing)",
  ),
  network: optional(text, "an entry with a network and no address is left out"),
  serviceAccount: ignored(),
};

const written = object(fields, { title: "" });

export const workloadEntrySpec: Schema<WorkloadEntrySpec> = mapped(
  checked(written, ({ address, network }, site) => {
    const place = site.field("address");
    if (address === "" && network === undefined) place.fault("is required");
    if (address.startsWith("unix://"))
      place.fault("is a Unix domain socket, which is not supported: use TCP");
    else if (address !== "" && !isIpAddress(address)) {
      const fault = hostNameFault(address);
      if (fault !== undefined) place.fault(`${fault}; and it is not an IP address either`);
    }
  }),
  ({ address, ports, labels, weight, locality }) => ({
    address,
    ports,
    labels,
    // Istio: 0 is "not given", and that is 1.
    weight: weight || 1,
    locality: parseLocality(locality),
  }),
);

export const workloadEntryKind: KindDefinition<"WorkloadEntry", WorkloadEntrySpec> = {
  kind: "WorkloadEntry",
  group: "networking.istio.io",
  versions: ["v1", "v1beta1", "v1alpha3"],
  namespaced: true,
  unknownFields: "warning",
  shape: workloadEntrySpec.shape,
  readSpec: workloadEntrySpec.read,
};

/** `region/zone/subzone`, the later parts optional. */
function parseLocality(text: string): WorkloadEntrySpec["locality"] {
  const [region = "", zone = "", ...rest] = text.split("/");
  return { region, zone, subZone: rest.join("/") };
}
