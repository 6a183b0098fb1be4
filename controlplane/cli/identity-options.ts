// Who the controller is to proxies: what istiod says, what files say, or nobody.
import { Option } from "commander";
import type { IdentitySource } from "../identity/identity.js";
import type { Logger } from "../runtime/logger.js";
import { formatSocketAddress, type SocketAddress } from "../server/socket-address.js";
import { addressOption } from "./options.js";

export interface IdentityFlags {
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly tlsCa: string | undefined;
  readonly caAddress: SocketAddress;
  readonly caServerName: string | undefined;
  readonly caToken: string;
  readonly caRoot: string;
  readonly clusterId: string;
  readonly plaintext: boolean;
}

export function identityOptions(): readonly Option[] {
  return [
    new Option("--tls-cert <file>", "certificate chain, PEM; default: istiod gives one"),
    new Option("--tls-key <file>", "its key, PEM"),
    new Option("--tls-ca <file>", "of those who issue the certificates of proxies, PEM"),
    addressOption(
      "--ca-address <host:port>",
      "istiod, which gives a certificate for the service account's token",
      "istiod.istio-system.svc:15012",
    ),
    new Option("--ca-server-name <name>", "that istiod's certificate has; default: its host"),
    new Option(
      "--ca-token <file>",
      "token of the service account for the audience istio-ca",
    ).default("/var/run/secrets/tokens/istio-token"),
    new Option(
      "--ca-root <file>",
      "of istiod and of proxies: the ConfigMap istio-ca-root-cert",
    ).default("/var/run/secrets/istio/root-cert.pem"),
    new Option("--cluster-id <name>", "that istiod knows this cluster by").default("Kubernetes"),
    new Option(
      "--plaintext",
      "no TLS: whoever reaches the xDS address gets all routes, and proxies believe whoever answers",
    ).default(false),
  ];
}

/** Undefined: no TLS. @throws Error when the options contradict each other. */
export async function serverIdentityOf(
  flags: IdentityFlags,
  uri: string,
  logger: Logger,
): Promise<IdentitySource | undefined> {
  const { tlsCert, tlsKey, tlsCa, plaintext, caAddress } = flags;
  if (plaintext) {
    logger.warn("--plaintext: whoever reaches the xDS address gets all routes");
    return undefined;
  }
  if (tlsCert !== undefined && tlsKey !== undefined && tlsCa !== undefined) {
    const { FileIdentity } = await import("../identity/file-identity.js");
    return new FileIdentity(
      { certificate: tlsCert, privateKey: tlsKey, trustAnchors: tlsCa },
      logger,
    );
  }
  if ((tlsCert ?? tlsKey ?? tlsCa) !== undefined)
    throw new Error("--tls-cert, --tls-key and --tls-ca are only of use together");
  const { IstioIdentity } = await import("../identity/istio-identity.js");
  return new IstioIdentity({
    authority: {
      address: formatSocketAddress(caAddress),
      serverName: flags.caServerName ?? caAddress.host,
    },
    tokenFile: flags.caToken,
    trustAnchorsFile: flags.caRoot,
    uri,
    clusterId: flags.clusterId,
    logger,
  });
}
