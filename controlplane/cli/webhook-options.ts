// Where API servers ask the controller, and with which certificate it answers.
import { Option } from "commander";
import type { IdentitySource } from "../identity/identity.js";
import type { KubernetesApi } from "../kubernetes/api.js";
import type { Logger } from "../runtime/logger.js";
import type { SocketAddress } from "../server/socket-address.js";
import { address } from "./options.js";

export interface WebhookFlags {
  readonly webhookAddress: SocketAddress | undefined;
  readonly webhookCert: string | undefined;
  readonly webhookKey: string | undefined;
  readonly webhookConfiguration: string;
  readonly webhookSecret: string;
}

export function webhookOptions(): readonly Option[] {
  return [
    new Option(
      "--webhook-address <host:port>",
      "where API servers ask whether a resource is right; default: nowhere",
    ).argParser(address),
    new Option("--webhook-cert <file>", "certificate chain for that, PEM; default: its own"),
    new Option("--webhook-key <file>", "its key, PEM"),
    new Option(
      "--webhook-configuration <name>",
      "ValidatingWebhookConfiguration that is told of its own authority",
    ).default("metaproto"),
    new Option(
      "--webhook-secret <name>",
      "Secret of its own authority; must be there, may be empty",
    ).default("metaproto-webhook"),
  ];
}

interface WebhookPlace {
  readonly api: KubernetesApi;
  readonly namespace: string;
  /** By which API servers find it. */
  readonly host: string;
  readonly logger: Logger;
}

/** Undefined: there is to be none. @throws Error when the options contradict each other. */
export async function webhookOf(
  flags: WebhookFlags,
  { api, namespace, host, logger }: WebhookPlace,
): Promise<{ address: SocketAddress; identity: IdentitySource } | undefined> {
  const { webhookAddress, webhookCert, webhookKey } = flags;
  if ((webhookCert === undefined) !== (webhookKey === undefined))
    throw new Error("--webhook-cert and --webhook-key are only of use together");
  if (webhookAddress === undefined) return undefined;
  if (webhookCert !== undefined && webhookKey !== undefined) {
    const { FileIdentity } = await import("../identity/file-identity.js");
    // Nobody has to show a certificate here: there is no authority to believe.
    const trustAnchors = webhookCert;
    const files = { certificate: webhookCert, privateKey: webhookKey, trustAnchors };
    return { address: webhookAddress, identity: new FileIdentity(files, logger) };
  }
  const { WebhookIdentity } = await import("../admission/webhook-identity.js");
  const identity = new WebhookIdentity({
    api,
    namespace,
    secret: flags.webhookSecret,
    configuration: flags.webhookConfiguration,
    hosts: [host],
    logger,
  });
  return { address: webhookAddress, identity };
}
