import { Command } from "commander";
import type { ProxyStatus, StreamStatus, TypeStatus } from "../server/proxy-status.js";
import type { SocketAddress } from "../server/socket-address.js";
import { adminJson } from "./admin-client.js";
import { adminAddressOption } from "./options.js";
import { table } from "./table.js";

interface StatusOptions {
  readonly adminAddress: SocketAddress;
  readonly json: boolean;
}

const TYPES = ["CDS", "EDS", "LDS", "ECDS", "routes"];

export function statusCommand(): Command {
  return new Command("status")
    .description("list connected proxies and what each has accepted")
    .addOption(adminAddressOption())
    .option("--json", "print everything that is known, as JSON", false)
    .action(async ({ adminAddress, json }: StatusOptions) => {
      const answer = await adminJson(adminAddress, "/debug/proxies");
      const { proxies } = answer as { readonly proxies: readonly ProxyStatus[] };
      process.stdout.write(
        `${json ? JSON.stringify(proxies, undefined, 2) : statusText(proxies)}\n`,
      );
    });
}

function cell(stream: StreamStatus, typeName: string): string {
  const type = stream.types.find(({ type: name }) => name === typeName);
  if (type === undefined) return "-";
  return type.missing.length === 0 ? type.state : `${type.state}, ${type.missing.length} missing`;
}

function remarks(node: string, { type, state, lastRefusal, missing }: TypeStatus): string[] {
  const lines = missing.map((name) => `${node}: ${type} ${name} does not exist`);
  if (state === "refused" && lastRefusal !== undefined) {
    const names = lastRefusal.resources.map(({ name }) => name).join(", ");
    lines.push(`${node}: refused ${type} ${names} at ${lastRefusal.at}: ${lastRefusal.message}`);
  }
  return lines;
}

/** One line for each stream, and below what is wrong. */
export function statusText(proxies: readonly ProxyStatus[]): string {
  if (proxies.length === 0) return "no proxy is connected";
  const rows = proxies.flatMap(({ node, streams }) =>
    streams.map((stream) => [
      node,
      stream.role,
      stream.agent,
      stream.connectedAt,
      ...TYPES.map((type) => cell(stream, type)),
    ]),
  );
  const lines = proxies.flatMap(({ node, streams }) =>
    streams.flatMap(({ types }) => types.flatMap((type) => remarks(node, type))),
  );
  const header = ["PROXY", "STREAM", "AGENT", "CONNECTED", "CDS", "EDS", "LDS", "ECDS", "ROUTES"];
  return [table(header, rows), ...new Set(lines)].join("\n");
}
