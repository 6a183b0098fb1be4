// What all kinds of resources have in common, and how a document becomes one.
import type { Fault, FieldFault, ResourceId } from "./fault.js";
import { objectNameFault } from "./host-name.js";
import {
  ignored,
  isObject,
  map,
  object,
  optional,
  required,
  withDefault,
} from "./schema/composites.js";
import { anything, longText, nonEmpty, text } from "./schema/scalars.js";
import { checked, type Shape } from "./schema/schema.js";
import { Findings, Site } from "./schema/site.js";

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
  /** Undefined: not from a file. */
  readonly origin: Origin | undefined;
}

/** How one kind is recognised and read. */
export interface KindDefinition<Kind extends string, Spec> {
  readonly kind: Kind;
  readonly group: string;
  /** The newest first. */
  readonly versions: readonly [string, ...string[]];
  readonly namespaced: boolean;
  /** A fault for our own kinds; a warning for Istio's, whose next version may have more fields than we know. */
  readonly unknownFields: "fault" | "warning";
  /** Title and fields of `spec`. */
  readonly shape: Shape;
  readonly readSpec: (spec: unknown, site: Site, metadata: Metadata) => Spec;
}

export type Validation<R> =
  | { readonly outcome: "valid"; readonly resource: R; readonly warnings: readonly FieldFault[] }
  | {
      readonly outcome: "invalid";
      readonly faults: readonly FieldFault[];
      readonly warnings: readonly FieldFault[];
    };

/** As paths of the Kubernetes API and names of CustomResourceDefinitions have a kind: `serviceentries`, `gateways`. */
export function pluralOf(kind: string): string {
  const singular = kind.toLowerCase();
  return /[^aeiou]y$/.test(singular) ? `${singular.slice(0, -1)}ies` : `${singular}s`;
}

const DEFAULT_NAMESPACE = "default";

export function idOf(resource: { readonly kind: string; readonly metadata: Metadata }): ResourceId {
  const { name, namespace } = resource.metadata;
  return { kind: resource.kind, namespace, name };
}

/** A fault of a resource, with the place where it stands. */
export function faultOf(
  resource: {
    readonly kind: string;
    readonly metadata: Metadata;
    readonly origin: Origin | undefined;
  },
  { path, message }: FieldFault,
): Fault {
  const { origin } = resource;
  return {
    file: origin?.file,
    line: origin && lineOf(origin, path),
    resource: idOf(resource),
    path,
    message,
  };
}

/** Of a field; of what it would stand in if it is not there. */
export function lineOf(origin: Origin, path: string): number | undefined {
  let place = path;
  for (;;) {
    const line = origin.lines.get(place);
    if (line !== undefined || place === "") return line;
    place = place.slice(0, Math.max(place.lastIndexOf("."), place.lastIndexOf("["), 0));
  }
}

/** What a document says it is, without regard to whether the rest of it is valid. */
export function readId(
  document: unknown,
  definition: Pick<KindDefinition<string, unknown>, "kind" | "namespaced">,
): ResourceId | undefined {
  const metadata = isObject(document) ? document["metadata"] : undefined;
  if (!isObject(metadata)) return undefined;
  const { name, namespace } = metadata;
  if (typeof name !== "string" || name === "") return undefined;
  return { kind: definition.kind, namespace: namespaceOf(namespace, definition), name };
}

const name = checked(text, (value, site) => {
  const fault = value === "" ? undefined : objectNameFault(value);
  if (fault !== undefined) site.fault(fault);
});

const envelope = object({
  apiVersion: required(text, "group and version"),
  kind: ignored(),
  metadata: required(
    object(
      {
        name: required(nonEmpty(name), "with kind and namespace the identity"),
        namespace: optional(name, "whose it is"),
        labels: withDefault(map(longText), {}, "of Kubernetes"),
        annotations: withDefault(map(longText), {}, "of Kubernetes"),
        creationTimestamp: optional(text, "RFC 3339; set by Kubernetes"),
      },
      { isOpen: true },
    ),
    "",
  ),
  spec: required(anything, "what is wanted"),
  status: ignored(),
});

/** Collects all faults of a document whose `apiVersion` and `kind` are those of `definition`. */
export function validateAs<Kind extends string, Spec>(
  definition: KindDefinition<Kind, Spec>,
  document: Readonly<Record<string, unknown>>,
  origin: Origin | undefined,
): Validation<ResourceEnvelope<Kind, Spec>> {
  const namespace = readId(document, definition)?.namespace ?? "";
  const findings = new Findings(definition.unknownFields, namespace);
  const site = Site.root(findings);
  const read = envelope.read(document, site);
  const metadata = { ...read.metadata, namespace };
  // Its absence has been told already.
  const spec =
    read.spec === undefined
      ? undefined
      : definition.readSpec(read.spec, site.field("spec"), metadata);
  const { faults, warnings } = findings;
  if (faults.length > 0 || spec === undefined) return { outcome: "invalid", faults, warnings };
  const { kind } = definition;
  const resource = { kind, apiVersion: read.apiVersion, metadata, spec, origin };
  return { outcome: "valid", resource, warnings };
}

function namespaceOf(
  namespace: unknown,
  definition: Pick<KindDefinition<string, unknown>, "namespaced">,
): string {
  if (!definition.namespaced) return "";
  return typeof namespace === "string" && namespace !== "" ? namespace : DEFAULT_NAMESPACE;
}
