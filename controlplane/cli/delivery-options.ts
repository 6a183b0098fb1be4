// How the controller gets modules to proxies.
import { InvalidArgumentError, Option } from "commander";
import type { MeshControllerOptions } from "../server/mesh-controller-options.js";
import type { ModuleDelivery } from "../server/module-delivery.js";
import type { SocketAddress } from "../server/socket-address.js";
import { addressOption, durationMs } from "./options.js";
import type { RegistryCommandOptions } from "./registry-options.js";

export interface DeliveryFlags {
  readonly moduleDelivery: ModuleDelivery["kind"];
  readonly moduleAddress: SocketAddress;
  readonly moduleUrl?: string;
  readonly moduleStage: number;
  readonly moduleDeadline: number;
}

const KINDS: readonly ModuleDelivery["kind"][] = ["inline", "http", "oci"];

function baseUrl(text: string): string {
  const isUrl = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
  if (!isUrl) throw new InvalidArgumentError("Not a URL with http or https.");
  return text.replace(/\/+$/, "");
}

export function deliveryOptions(): readonly Option[] {
  return [
    new Option(
      "--module-delivery <how>",
      "inline: in EnvoyFilters; http: Istio's agents fetch modules from here; oci: they fetch images",
    )
      .choices(KINDS)
      .default("inline"),
    addressOption(
      "--module-address <host:port>",
      "where modules are handed out, with http",
      "0.0.0.0:15016",
    ),
    new Option(
      "--module-url <url>",
      "by which agents find that; default: http://<service host>:<port of the address>",
    ).argParser(baseUrl),
    new Option(
      "--module-stage <duration>",
      "how long proxies have a new version at least before connections begin with it",
    )
      .argParser(durationMs)
      .default(10_000, "10s"),
    new Option(
      "--module-deadline <duration>",
      "how long it is waited for all proxies to run a new version",
    )
      .argParser(durationMs)
      .default(60_000, "1m"),
  ];
}

export function deliveryOf(
  options: DeliveryFlags & RegistryCommandOptions,
  serviceHost: string,
): Pick<MeshControllerOptions, "delivery" | "modulesAddress" | "stageMs" | "deadlineMs"> {
  return {
    delivery: kindOf(options, serviceHost),
    modulesAddress: options.moduleAddress,
    stageMs: options.moduleStage,
    deadlineMs: options.moduleDeadline,
  };
}

function kindOf(
  { moduleDelivery, moduleAddress, moduleUrl, plainHttp }: DeliveryFlags & RegistryCommandOptions,
  serviceHost: string,
): ModuleDelivery {
  switch (moduleDelivery) {
    case "inline":
      return { kind: "inline" };
    case "oci":
      return { kind: "oci", isPlainHttp: plainHttp };
    case "http": {
      const { port } = moduleAddress;
      return { kind: "http", url: moduleUrl ?? `http://${serviceHost}:${String(port)}` };
    }
  }
}
