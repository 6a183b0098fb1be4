import { hostNameFault, isIpAddress } from "./host-name.js";
import type { ObjectReader } from "./object-reader.js";
import type { KindDefinition, ResourceEnvelope } from "./resource.js";

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

export const workloadEntryKind: KindDefinition<"WorkloadEntry", WorkloadEntrySpec> = {
  kind: "WorkloadEntry",
  group: "networking.istio.io",
  versions: ["v1", "v1beta1", "v1alpha3"],
  namespaced: true,
  unknownFields: "warning",
  readSpec: readWorkloadEntrySpec,
};

export function readWorkloadEntrySpec(reader: ObjectReader): WorkloadEntrySpec {
  reader.ignore("serviceAccount");
  const address = reader.string("address") ?? "";
  const network = reader.string("network");
  if (address === "" && network === undefined) reader.fault("address", "is required");
  if (address.startsWith("unix://"))
    reader.fault("address", "is a Unix domain socket, which is not supported: use TCP");
  else if (address !== "" && !isIpAddress(address)) {
    const fault = hostNameFault(address);
    if (fault !== undefined)
      reader.fault("address", `${fault}; and it is not an IP address either`);
  }
  return {
    address,
    ports: reader.map("ports", (value, path) => {
      if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 65535)
        return value;
      reader.findings.fault(path, "must be an integer from 1 to 65535");
      return 0;
    }),
    labels: reader.stringMap("labels"),
    // Istio: 0 is "not given", and that is 1.
    weight: reader.integer("weight", 0, MAX_WEIGHT) || 1,
    locality: parseLocality(reader.string("locality") ?? ""),
  };
}

/** `region/zone/subzone`, the later parts optional. */
function parseLocality(text: string): WorkloadEntrySpec["locality"] {
  const [region = "", zone = "", ...rest] = text.split("/");
  return { region, zone, subZone: rest.join("/") };
}
