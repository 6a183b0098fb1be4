import type { Fault, FieldFault, ResourceId } from "../../api/fault.js";
import { type Resource, validateResource } from "../../api/kinds.js";
import { idOf } from "../../api/resource.js";
import type { KubernetesObject } from "../../kubernetes/object.js";
import { serviceDocument } from "./service-document.js";

/** What an object contributes to the configuration. */
export interface JudgedObject {
  /** The resource, or what it was when it was right. */
  readonly resource: Resource | undefined;
  /** Name the object: of a Service, not the resource that stands for it. */
  readonly faults: readonly Fault[];
  readonly warnings: readonly Fault[];
}

const KEPT = "the version before stays in effect";

/**
 * @param lastGood what the object was when it was right, if it ever was.
 * @param clusterDomain of the hosts of Services.
 */
export function judgeObject(
  object: KubernetesObject,
  lastGood: Resource | undefined,
  clusterDomain: string,
): JudgedObject | undefined {
  const id = identityOf(object);
  const service = object.kind === "Service" ? serviceDocument(object, clusterDomain) : undefined;
  if (object.kind === "Service" && service === undefined) return undefined;
  const validation = validateResource(service?.document ?? documentOf(object));
  const notes = (service?.warnings ?? []).map((note) => place(note, id));
  const warnings = [...validation.warnings.map((fault) => place(fault, id)), ...notes];
  switch (validation.outcome) {
    case "unsupported":
      return { resource: undefined, faults: [], warnings };
    case "valid":
      return { resource: validation.resource, faults: [], warnings };
    case "invalid": {
      const suffix = lastGood === undefined ? "" : `; ${KEPT}`;
      const faults = validation.faults.map(({ path, message }) =>
        place({ path, message: `${message}${suffix}` }, id),
      );
      return { resource: lastGood, faults, warnings };
    }
  }
}

/** What of an object validators look at. */
function documentOf({ apiVersion, kind, metadata, spec }: KubernetesObject): object {
  const { name, namespace, labels, annotations, creationTimestamp } = metadata;
  return {
    apiVersion,
    kind,
    metadata: { name, namespace, labels, annotations, creationTimestamp },
    spec,
  };
}

export function identityOf({ kind, metadata }: KubernetesObject): ResourceId {
  return idOf({
    kind,
    metadata: {
      name: metadata.name,
      namespace: metadata.namespace ?? "",
      labels: {},
      annotations: {},
      creationTimestamp: undefined,
    },
  });
}

function place({ path, message }: FieldFault, resource: ResourceId): Fault {
  return { file: undefined, line: undefined, resource, path, message };
}
