// All kinds of resources that the control plane reads.
import { type ApplicationProtocol, applicationProtocolKind } from "./application-protocol.js";
import { type DestinationRule, destinationRuleKind } from "./destination-rule.js";
import {
  type DubboAuthorizationPolicy,
  dubboAuthorizationPolicyKind,
} from "./dubbo-authorization-policy.js";
import type { FieldFault, ResourceId } from "./fault.js";
import {
  type MetaAuthorizationPolicy,
  metaAuthorizationPolicyKind,
} from "./meta-authorization-policy.js";
import { type MetaRouter, metaRouterKind } from "./meta-router.js";
import { isObject } from "./schema/composites.js";
import { type Origin, readId, validateAs, type Validation } from "./resource.js";
import { type ServiceEntry, serviceEntryKind } from "./service-entry.js";
import { type WorkloadEntry, workloadEntryKind } from "./workload-entry.js";

export type Resource =
  | ApplicationProtocol
  | MetaRouter
  | MetaAuthorizationPolicy
  | DubboAuthorizationPolicy
  | ServiceEntry
  | WorkloadEntry
  | DestinationRule;

const KINDS = [
  applicationProtocolKind,
  metaRouterKind,
  metaAuthorizationPolicyKind,
  dubboAuthorizationPolicyKind,
  serviceEntryKind,
  workloadEntryKind,
  destinationRuleKind,
] as const;

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
  switch (definition.kind) {
    case "ApplicationProtocol":
      return { ...validateAs(definition, document, origin), id };
    case "MetaRouter":
      return { ...validateAs(definition, document, origin), id };
    case "MetaAuthorizationPolicy":
      return { ...validateAs(definition, document, origin), id };
    case "DubboAuthorizationPolicy":
      return { ...validateAs(definition, document, origin), id };
    case "ServiceEntry":
      return { ...validateAs(definition, document, origin), id };
    case "WorkloadEntry":
      return { ...validateAs(definition, document, origin), id };
    case "DestinationRule":
      return { ...validateAs(definition, document, origin), id };
  }
}

function invalid(
  path: string,
  message: string,
): Validation<never> & { readonly id: ResourceId | undefined } {
  return { outcome: "invalid", faults: [{ path, message }], warnings: [], id: undefined };
}
