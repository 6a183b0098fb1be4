import type { DiscoveryRequest } from "../gen/envoy/service/discovery/v3/discovery_pb.js";

/** Who is at the other end, as its first request says. */
export interface StreamNode {
  readonly id: string;
  readonly cluster: string;
  /** Such as `envoy 1.40.0`. */
  readonly agent: string;
  readonly role: "proxy" | "module";
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
  return {
    id: node.id,
    cluster: node.cluster,
    agent: `${userAgentName} ${version}`.trim(),
    role: userAgentName === MODULE_AGENT ? "module" : "proxy",
  };
}

function versionText(
  version: { majorNumber: number; minorNumber: number; patch: number } | undefined,
): string {
  if (version === undefined) return "";
  return `${version.majorNumber}.${version.minorNumber}.${version.patch}`;
}
