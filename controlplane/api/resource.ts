// What all kinds of resources have in common.
import type { ResourceId } from "./fault.js";

export interface Metadata {
  readonly name: string;
  /** `default` when the document names none; empty for kinds that belong to no namespace. */
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339; set by Kubernetes. */
  readonly creationTimestamp: string | undefined;
}

/** Where a resource was read from. */
export interface Origin {
  readonly file: string;
  /** Of each field by its path (`spec.hosts[0]`), counted from 1; the empty path is the document. */
  readonly lines: ReadonlyMap<string, number>;
}

export interface ResourceEnvelope<Kind extends string, Spec> {
  readonly kind: Kind;
  readonly apiVersion: string;
  readonly metadata: Metadata;
  readonly spec: Spec;
  readonly origin: Origin | undefined;
}

export function idOf(resource: { readonly kind: string; readonly metadata: Metadata }): ResourceId {
  const { name, namespace } = resource.metadata;
  return { kind: resource.kind, namespace, name };
}
