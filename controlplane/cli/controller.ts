import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { Command, Option } from "commander";
import { type LogLevel, createLogger } from "../runtime/logger.js";
import { type DeliveryFlags, deliveryOf, deliveryOptions } from "./delivery-options.js";
import { type FetchFlags, fetchingOf, fetchOptions } from "./fetch-options.js";
import { type IdentityFlags, identityOptions, serverIdentityOf } from "./identity-options.js";
import { type SocketAddress, formatSocketAddress } from "../server/socket-address.js";
import { type MeshFlags, meshOptions, meshSettingsOf, startMeshWatch } from "./mesh-options.js";
import {
  DEFAULT_BIND_ADDRESS,
  addressOption,
  formerVersionsForOption,
  formerVersionsOption,
  logLevelOption,
  modulesOption,
  monitoringAddressOption,
  portNumber,
  tcpUserTimeoutOption,
  unreadTimeoutOption,
} from "./options.js";
import { packageVersion } from "./package-root.js";
import { type WebhookFlags, webhookOf, webhookOptions } from "./webhook-options.js";

interface ControllerOptions
  extends IdentityFlags, MeshFlags, WebhookFlags, FetchFlags, DeliveryFlags {
  readonly kubeconfig: string | undefined;
  readonly namespace: string | undefined;
  readonly watchNamespace: readonly string[] | undefined;
  readonly identity: string | undefined;
  readonly serviceHost: string | undefined;
  readonly servicePort: number | undefined;
  readonly serviceAccount: string;
  readonly xdsAddress: SocketAddress;
  readonly adminAddress: SocketAddress;
  readonly monitoringAddress: SocketAddress | undefined;
  readonly modules: string;
  readonly unreadTimeout: number;
  readonly tcpUserTimeout: number;
  readonly formerVersions: number;
  readonly formerVersionsFor: number;
  readonly logLevel: LogLevel;
}

export function controllerCommand(): Command {
  const command = new Command("controller")
    .description("watch the resources of a Kubernetes cluster, serve routes and write statuses")
    .option("--kubeconfig <file>", "how to reach the cluster; default: as kubectl, or as a pod")
    .option("--namespace <name>", "namespace of the Lease; default: that of the pod or the context")
    .option(
      "--watch-namespace <names...>",
      "read the resources of these namespaces only; default: all",
    )
    .option("--identity <name>", "of this replica; default: its host and a random part")
    .addOption(addressOption("--xds-address <host:port>", "where proxies connect", "0.0.0.0:15010"))
    .option(
      "--service-host <name>",
      "by which proxies find this; default: metaproto.<namespace>.svc",
    )
    .addOption(
      new Option(
        "--service-port <port>",
        "at which they find it; default: that of the xDS address",
      ).argParser(portNumber),
    )
    .option("--service-account <name>", "of this, in the identity that proxies expect", "metaproto")
    .addOption(
      addressOption(
        "--admin-address <host:port>",
        "where to serve health, metrics and debug pages",
        "127.0.0.1:15014",
      ),
    )
    .addOption(monitoringAddressOption())
    .addOption(modulesOption())
    .addOption(unreadTimeoutOption())
    .addOption(tcpUserTimeoutOption())
    .addOption(formerVersionsOption())
    .addOption(formerVersionsForOption())
    .addOption(logLevelOption())
    .action(control);
  const more = [...meshOptions(), ...identityOptions(), ...webhookOptions()];
  for (const option of [...more, ...fetchOptions(), ...deliveryOptions()])
    command.addOption(option);
  return command;
}

async function control(options: ControllerOptions): Promise<void> {
  const { MeshController } = await import("../server/mesh-controller.js");
  const { kubernetesContext } = await import("../kubernetes/kube-config.js");
  const logger = createLogger(options.logLevel, (line) => process.stderr.write(`${line}\n`));
  const version = packageVersion();
  const context = kubernetesContext(options.kubeconfig, `metaproto/${version}`);
  const mesh = await meshSettingsOf(options, context.api, logger);
  const { rootNamespace, trustDomain, clusterDomain, defaultExportTo } = mesh;
  const namespace = options.namespace ?? context.namespace ?? rootNamespace;
  const uri = `spiffe://${trustDomain}/ns/${namespace}/sa/${options.serviceAccount}`;
  const serverIdentity = await serverIdentityOf(options, uri, logger);
  const host = options.serviceHost ?? `metaproto.${namespace}.svc`;
  const { api } = context;
  const webhook = await webhookOf(options, { api, namespace, host, logger });
  const controller = new MeshController({
    version,
    ...(serverIdentity && { serverIdentity }),
    api,
    webhook,
    identity: options.identity ?? `${hostname()}_${randomUUID().slice(0, 8)}`,
    namespace,
    namespaces: options.watchNamespace,
    address: {
      host,
      port: options.servicePort ?? options.xdsAddress.port,
      identity: serverIdentity && uri,
    },
    modulesDirectory: options.modules,
    fetching: fetchingOf(options),
    ...deliveryOf(options, host),
    xdsAddress: options.xdsAddress,
    adminAddress: options.adminAddress,
    monitoringAddress: options.monitoringAddress,
    bindAddress: DEFAULT_BIND_ADDRESS,
    rootNamespace,
    clusterDomain,
    defaultExportTo,
    hasWaypoints: options.waypoints,
    peerTimeouts: { unreadMs: options.unreadTimeout, tcpUserMs: options.tcpUserTimeout },
    maxRetiredPlugins: options.formerVersions,
    retiredPluginMs: options.formerVersionsFor,
    logger,
  });
  const meshWatch = await startMeshWatch(options, { api, logger, before: mesh }, controller);
  const signal = stopSignal();
  const started = controller.start();
  const first = await Promise.race([started, signal]);
  if (typeof first !== "string") {
    const xds = formatSocketAddress({ ...options.xdsAddress, port: first.xdsPort });
    const admin = formatSocketAddress({ ...options.adminAddress, port: first.adminPort });
    const asked = webhook && `, webhook on port ${first.webhookPort ?? 0}`;
    logger.info(`serving xDS on ${xds}, admin on http://${admin}${asked ?? ""}`);
  }
  logger.info(`${await signal}: stopping; proxies keep what they have`);
  await meshWatch.stop();
  await controller.stop();
  context.api.close();
}

function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
}
