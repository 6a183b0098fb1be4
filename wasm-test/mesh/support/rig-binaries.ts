// What `scripts/mesh-rig` has built.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const CACHE =
  process.env["METAPROTO_CACHE"] ?? fileURLToPath(new URL("../../../.cache", import.meta.url));
const RIG = `${CACHE}/mesh-rig`;

export type RigBinary = "etcd" | "kube-apiserver" | "istiod" | "pilot-agent" | "redirect";

/** YAML of the CustomResourceDefinitions of Istio. */
export const ISTIO_CRDS = `${RIG}/istio-crds.yaml`;

/** YAML of those of the Gateway API, by which Istio knows waypoints. */
export const GATEWAY_API_CRDS = `${RIG}/gateway-api-crds.yaml`;

/** From which Istio's agent makes Envoy's bootstrap. */
export const ISTIO_BOOTSTRAP = `${RIG}/istio-bootstrap.json`;

export function rigBinary(name: RigBinary): string {
  return `${RIG}/bin/${name}`;
}

/** Why waypoints cannot be had here, or undefined. */
export function missingGatewayApi(): string | undefined {
  return existsSync(GATEWAY_API_CRDS)
    ? undefined
    : "the Gateway API is not in the rig: scripts/mesh-rig puts it there";
}

/** Why it cannot be used here, or undefined. */
export function missingRig(...names: readonly RigBinary[]): string | undefined {
  const isThere = (name: RigBinary): boolean =>
    existsSync(rigBinary(name)) && (name !== "pilot-agent" || existsSync(ISTIO_BOOTSTRAP));
  const missing = names.find((name) => !isThere(name));
  return (
    missing && `${missing} was not built: scripts/mesh-rig builds it, once, in about 30 minutes`
  );
}
