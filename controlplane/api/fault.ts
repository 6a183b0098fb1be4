// Something wrong with what a user wrote, told such that it can be found and put right.

/** A resource's identity: there is at most one of each in a configuration. */
export interface ResourceId {
  readonly kind: string;
  /** Empty for kinds that belong to no namespace. */
  readonly namespace: string;
  readonly name: string;
}

/** A fault of one field, before it is known which file the field stands in. */
export interface FieldFault {
  /** Such as `spec.routes[0].route[1].weight`; empty: the resource as a whole. */
  readonly path: string;
  readonly message: string;
}

export interface Fault extends FieldFault {
  /** Undefined: the resource did not come from a file. */
  readonly file: string | undefined;
  /** Counted from 1; undefined when unknown. */
  readonly line: number | undefined;
  /** Undefined: the fault is the file's, or the document does not say what it is. */
  readonly resource: ResourceId | undefined;
}

/**
 * `file:line: kind/name: path: message`, without the parts that are unknown; where there is no file, the namespace tells
 * which resource of that name it is: `kind/namespace/name`.
 */
export function formatFault(fault: Fault): string {
  const place =
    fault.file === undefined
      ? undefined
      : fault.line === undefined
        ? fault.file
        : `${fault.file}:${fault.line}`;
  return [
    place,
    fault.resource && nameOf(fault.resource, place === undefined),
    fault.path || undefined,
    fault.message,
  ]
    .filter((part) => part !== undefined)
    .join(": ");
}

function nameOf({ kind, namespace, name }: ResourceId, withNamespace: boolean): string {
  if (name === "") return kind;
  return withNamespace && namespace !== "" ? `${kind}/${namespace}/${name}` : `${kind}/${name}`;
}

/** A key that is equal for equal identities. */
export function resourceKey(id: ResourceId): string {
  return `${id.kind}/${id.namespace}/${id.name}`;
}
