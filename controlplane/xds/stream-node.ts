import type { DiscoveryRequest } from "../gen/envoy/service/discovery/v3/discovery_pb.js";

/** Who is at the other end, as its first request says. */
export interface StreamNode {
  readonly id: string;
  readonly cluster: string;
  /** Such as `envoy 1.40.0`. */
  readonly agent: string;
  readonly role: "proxy" | "module";
  /** Of a module: the name that its version has in proxies, `metaproto.<protocol>.<digest>`. */
  readonly plugin?: string;
  /** `LABELS` of its metadata, where Istio has those of the workload. */
  readonly labels: Readonly<Record<string, string>>;
}

/** How modules' streams name themselves in `node.user_agent_name`. */
const MODULE_AGENT = "metaproto";

/** Undefined when the request does not say. */
export function streamNode({ node }: DiscoveryRequest): StreamNode | undefined {
  if (node === undefined || node.id === "") return undefined;
  const { userAgentName, userAgentVersionType } = node;
  const version =
    userAgentVersionType.case === "userAgentVersion"
      ? userAgentVersionType.value
      : userAgentVersionType.case === "userAgentBuildVersion"
        ? versionText(userAgentVersionType.value.version)
        : "";
  const isModule = userAgentName === MODULE_AGENT;
  return {
    id: node.id,
    cluster: node.cluster,
    agent: isModule ? userAgentName : `${userAgentName} ${version}`.trim(),
    role: isModule ? "module" : "proxy",
    ...(isModule && version !== "" && { plugin: version }),
    labels: labelsIn(node.metadata?.["LABELS"]),
  };
}

function labelsIn(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter(
      (entry): entry is [string, string] => typeof entry[1] === "string",
    ),
  );
}

function versionText(
  version: { majorNumber: number; minorNumber: number; patch: number } | undefined,
): string {
  if (version === undefined) return "";
  return `${version.majorNumber}.${version.minorNumber}.${version.patch}`;
}
