import { Command } from "commander";
import type { SocketAddress } from "../server/socket-address.js";
import { DEFAULT_XDS_ADDRESS, addressOption, nameAndValue, portNumber } from "./options.js";

interface BootstrapCommandOptions {
  readonly nodeId: string;
  readonly nodeCluster: string;
  readonly nodeLabel: Readonly<Record<string, string>>;
  readonly xdsAddress: SocketAddress;
  readonly adminHost: string;
  readonly adminPort: number;
}

export function bootstrapCommand(): Command {
  return new Command("bootstrap")
    .description("print the bootstrap of a stock Envoy that connects to the control plane")
    .requiredOption("--node-id <id>", "name of the proxy, unique")
    .option("--node-cluster <name>", "group of proxies it belongs to", "metaproto")
    .option("--node-label <name=value>", "label of it, also several times", nameAndValue, {})
    .addOption(
      addressOption("--xds-address <host:port>", "where the control plane is", DEFAULT_XDS_ADDRESS),
    )
    .option("--admin-host <ip>", "address of Envoy's own admin interface", "127.0.0.1")
    .option("--admin-port <port>", "port of Envoy's own admin interface", portNumber, 19_000)
    .action(async (options: BootstrapCommandOptions) => {
      const { renderBootstrap } = await import("../server/render-bootstrap.js");
      const { nodeId, nodeCluster, nodeLabel, xdsAddress, adminHost, adminPort } = options;
      const admin = { host: adminHost, port: adminPort };
      const node = { nodeId, nodeCluster, nodeLabels: nodeLabel };
      process.stdout.write(renderBootstrap({ ...node, xds: xdsAddress, admin }));
    });
}
