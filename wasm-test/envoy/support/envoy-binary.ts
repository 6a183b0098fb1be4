// Path of the stock Envoy under test, as scripts/envoy finds or installs it.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const FINDER = fileURLToPath(new URL("../../../scripts/envoy", import.meta.url));
const found = new Map<string, string>();

/**
 * Absolute path of an Envoy binary.
 *
 * @param version exact version such as "1.36.2"; default METAPROTO_ENVOY_VERSION, else any supported
 * Envoy of this machine.
 * @throws Error with the message of scripts/envoy when there is none and none can be installed.
 */
export function envoyBinary(version = process.env["METAPROTO_ENVOY_VERSION"] ?? ""): string {
  const known = found.get(version);
  if (known !== undefined) return known;
  const args = version === "" ? [] : ["--version", version];
  const path = execFileSync(FINDER, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();
  found.set(version, path);
  return path;
}
