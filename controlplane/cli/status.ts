import { Command } from "commander";
import type { ProxyView } from "../server/proxy-status.js";
import type { SocketAddress } from "../server/socket-address.js";
import { adminJson } from "./admin-client.js";
import { adminAddressOption } from "./options.js";
import { statusText, streamsText } from "./status-text.js";

interface StatusOptions {
  readonly adminAddress: SocketAddress;
  readonly json: boolean;
  readonly streams: boolean;
}

export function statusCommand(): Command {
  return new Command("status")
    .description("list connected proxies and what each has accepted")
    .addOption(adminAddressOption())
    .option("--streams", "a line for each stream of a proxy and of the modules in it", false)
    .option("--json", "print everything that is known, as JSON", false)
    .action(async ({ adminAddress, json, streams }: StatusOptions) => {
      const answer = await adminJson(adminAddress, "/debug/proxies");
      const { proxies } = answer as { readonly proxies: readonly ProxyView[] };
      process.stdout.write(`${text(proxies, json, streams)}\n`);
    });
}

function text(proxies: readonly ProxyView[], isJson: boolean, isEachStream: boolean): string {
  if (isJson) return JSON.stringify(proxies, undefined, 2);
  if (proxies.length === 0) return "no proxy is connected";
  return isEachStream ? streamsText(proxies) : statusText(proxies);
}
