import { Command } from "commander";
import { type LogLevel, createLogger } from "../runtime/logger.js";
import { type SocketAddress, formatSocketAddress } from "../server/socket-address.js";
import {
  DEFAULT_ADMIN_ADDRESS,
  DEFAULT_XDS_ADDRESS,
  addressOption,
  bindOption,
  configOption,
  formerVersionsForOption,
  formerVersionsOption,
  logLevelOption,
  modulesOption,
  rootNamespaceOption,
  tcpUserTimeoutOption,
  unreadTimeoutOption,
} from "./options.js";
import { type FetchFlags, fetchingOf, fetchOptions } from "./fetch-options.js";
import { packageVersion } from "./package-root.js";

interface ServeOptions extends FetchFlags {
  readonly config: string;
  readonly xdsAddress: SocketAddress;
  readonly adminAddress: SocketAddress;
  readonly bind: string;
  readonly modules: string;
  readonly rootNamespace: string;
  readonly unreadTimeout: number;
  readonly tcpUserTimeout: number;
  readonly formerVersions: number;
  readonly formerVersionsFor: number;
  readonly logLevel: LogLevel;
}

export function serveCommand(): Command {
  const command = new Command("serve")
    .description("watch a directory of resources and serve it to Envoys over xDS")
    .addOption(configOption())
    .addOption(
      addressOption("--xds-address <host:port>", "where Envoys connect", DEFAULT_XDS_ADDRESS),
    )
    .addOption(
      addressOption(
        "--admin-address <host:port>",
        "where to serve health, metrics and debug pages",
        DEFAULT_ADMIN_ADDRESS,
      ),
    )
    .addOption(bindOption())
    .addOption(modulesOption())
    .addOption(rootNamespaceOption())
    .addOption(unreadTimeoutOption())
    .addOption(tcpUserTimeoutOption())
    .addOption(formerVersionsOption())
    .addOption(formerVersionsForOption())
    .addOption(logLevelOption())
    .action(serve);
  for (const option of fetchOptions()) command.addOption(option);
  return command;
}

async function serve(options: ServeOptions): Promise<void> {
  const { ControlPlane } = await import("../server/control-plane.js");
  const { DirectoryStore } = await import("../stores/directory/directory-store.js");
  const logger = createLogger(options.logLevel, (line) => process.stderr.write(`${line}\n`));
  const controlPlane = new ControlPlane({
    version: packageVersion(),
    source: new DirectoryStore(options.config),
    modulesDirectory: options.modules,
    xdsAddress: options.xdsAddress,
    adminAddress: options.adminAddress,
    bindAddress: options.bind,
    rootNamespace: options.rootNamespace,
    peerTimeouts: { unreadMs: options.unreadTimeout, tcpUserMs: options.tcpUserTimeout },
    maxRetiredPlugins: options.formerVersions,
    retiredPluginMs: options.formerVersionsFor,
    fetching: fetchingOf(options),
    logger,
  });
  const { xdsPort, adminPort } = await controlPlane.start();
  const xds = formatSocketAddress({ ...options.xdsAddress, port: xdsPort });
  const admin = formatSocketAddress({ ...options.adminAddress, port: adminPort });
  logger.info(`serving xDS on ${xds}, admin on http://${admin}`);
  const signal = await new Promise<string>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  logger.info(`${signal}: stopping; proxies keep what they have`);
  await controlPlane.stop();
}
