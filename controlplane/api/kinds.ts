// All kinds of resources that the control plane reads.
import { type ApplicationProtocol, applicationProtocolKind } from "./application-protocol.js";
import { type DestinationRule, destinationRuleKind } from "./destination-rule.js";
import {
  type DubboAuthorizationPolicy,
  dubboAuthorizationPolicyKind,
} from "./dubbo-authorization-policy.js";
import type { FieldFault, ResourceId } from "./fault.js";
import { type Gateway, gatewayKind } from "./gateway.js";
import {
  type MetaAuthorizationPolicy,
  metaAuthorizationPolicyKind,
} from "./meta-authorization-policy.js";
import { type MetaRouter, metaRouterKind } from "./meta-router.js";
import { isObject } from "./schema/composites.js";
import { type RedisDestination, redisDestinationKind } from "./redis-destination.js";
import { type RedisService, redisServiceKind } from "./redis-service.js";
import {
  type KindDefinition,
  type Origin,
  readId,
  validateAs,
  type Validation,
} from "./resource.js";
import { type ServiceEntry, serviceEntryKind } from "./service-entry.js";
import { type VirtualService, virtualServiceKind } from "./virtual-service.js";
import { type WorkloadEntry, workloadEntryKind } from "./workload-entry.js";

export type Resource =
  | ApplicationProtocol
  | MetaRouter
  | MetaAuthorizationPolicy
  | DubboAuthorizationPolicy
  | RedisService
  | RedisDestination
  | ServiceEntry
  | WorkloadEntry
  | DestinationRule
  | VirtualService
  | Gateway;

const KINDS = [
  applicationProtocolKind,
  metaRouterKind,
  metaAuthorizationPolicyKind,
  dubboAuthorizationPolicyKind,
  redisServiceKind,
  redisDestinationKind,
  serviceEntryKind,
  workloadEntryKind,
  destinationRuleKind,
  virtualServiceKind,
  gatewayKind,
] as const;

/** What there is to say of each kind without reading a resource of it. */
export const RESOURCE_KINDS: readonly Pick<
  KindDefinition<Resource["kind"], unknown>,
  "kind" | "group" | "versions" | "namespaced"
>[] = KINDS;

export type DocumentValidation =
  | (Validation<Resource> & {
      /** Undefined: the document does not say, so it is not valid. */
      readonly id: ResourceId | undefined;
    })
  /** Not of a kind that is read here. */
  | { readonly outcome: "unsupported"; readonly warnings: readonly FieldFault[] };

/** Judges one document of any kind. */
export function validateResource(document: unknown, origin?: Origin): DocumentValidation {
  if (!isObject(document)) return invalid("", "must be an object with apiVersion, kind and spec");
  const { apiVersion, kind } = document;
  if (typeof apiVersion !== "string") return invalid("apiVersion", "is required");
  if (typeof kind !== "string") return invalid("kind", "is required");
  const [group, version] = apiVersion.split("/", 2);
  const definition = KINDS.find((item) => item.group === group && item.kind === kind);
  if (definition === undefined || version === undefined) {
    const message = `resources of the kind ${kind} of ${apiVersion} are not read; this one has no effect`;
    return { outcome: "unsupported", warnings: [{ path: "", message }] };
  }
  const id = readId(document, definition);
  if (!definition.versions.includes(version)) {
    const known = definition.versions.map((item) => `${definition.group}/${item}`).join(", ");
    return { ...invalid("apiVersion", `must be ${known}, not \`${apiVersion}\``), id };
  }
  return { ...validateKind(definition, document, origin), id };
}

function validateKind(
  definition: (typeof KINDS)[number],
  document: Readonly<Record<string, unknown>>,
  origin: Origin | undefined,
): Validation<Resource> {
  switch (definition.kind) {
    case "ApplicationProtocol":
      return validateAs(definition, document, origin);
    case "MetaRouter":
      return validateAs(definition, document, origin);
    case "MetaAuthorizationPolicy":
      return validateAs(definition, document, origin);
    case "DubboAuthorizationPolicy":
      return validateAs(definition, document, origin);
    case "RedisService":
      return validateAs(definition, document, origin);
    case "RedisDestination":
      return validateAs(definition, document, origin);
    case "ServiceEntry":
      return validateAs(definition, document, origin);
    case "WorkloadEntry":
      return validateAs(definition, document, origin);
    case "DestinationRule":
      return validateAs(definition, document, origin);
    case "VirtualService":
      return validateAs(definition, document, origin);
    case "Gateway":
      return validateAs(definition, document, origin);
  }
}

function invalid(
  path: string,
  message: string,
): Validation<never> & { readonly id: ResourceId | undefined } {
  return { outcome: "invalid", faults: [{ path, message }], warnings: [], id: undefined };
}
