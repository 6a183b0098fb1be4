// What proxies are to have, at one moment. Versions are made from content, so they are the same in every
// control plane that has the same configuration, also after a restart.
import { createHash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { RESOURCE_TYPES, type ResourceType } from "./resource-type.js";
import { entryDigest, StateDigest, VERSION_LENGTH } from "./state-digest.js";

export interface ResourceInput {
  readonly name: string;
  /** The serialized message. */
  readonly value: Uint8Array;
  /** Name of a resource of the same type that a proxy must have accepted before it gets this one. */
  readonly after?: string;
}

export interface Resource extends ResourceInput {
  /** Hash of `value`. */
  readonly version: string;
  /** Of its name and version, for the version of the state that it is part of. */
  readonly digest: bigint;
  /** A serialized google.protobuf.Any with the message. */
  readonly any: Uint8Array;
}

/** What differs between two sets: thousands of streams look at nothing else. */
export interface ResourceChanges {
  /** `ResourceSet.id` of the one before. */
  readonly since: number;
  /** Names of those that are new, or of another version or order. */
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/** All resources of one type. */
export interface ResourceSet {
  /** No other set of this process has it. What does not change stays the same set. */
  readonly id: number;
  /** Hash of the names and versions of all resources. */
  readonly version: string;
  readonly resources: ReadonlyMap<string, Resource>;
  /** `resources` in their order. */
  readonly all: readonly Resource[];
  readonly changes: ResourceChanges;
}

export interface Snapshot {
  /** Hash of everything. */
  readonly version: string;
  /** By type URL; every served type is there. */
  readonly types: ReadonlyMap<string, ResourceSet>;
}

export function contentVersion(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex").slice(0, VERSION_LENGTH);
}

/** Of resources together, whatever their order. */
export function stateVersion(resources: Iterable<Pick<Resource, "digest">>): string {
  const state = new StateDigest();
  for (const { digest } of resources) state.add(digest);
  return state.version;
}

/** What decides which variant of a snapshot a proxy gets. */
export interface VariantNode {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Whether it refuses an extension configuration in the version that it was sent last. */
  readonly refuses: (extensionConfig: string) => boolean;
}

/** The snapshot of one proxy: the same for most. */
export type SnapshotVariants = (node: VariantNode) => Snapshot;

let setCount = 0;

function resource({ typeUrl }: ResourceType, input: ResourceInput, before?: Resource): Resource {
  const version = before?.value === input.value ? before.version : contentVersion(input.value);
  if (before?.version === version && before.after === input.after) return before;
  return {
    ...input,
    version,
    digest: entryDigest(input.name, version),
    any: toBinary(AnySchema, create(AnySchema, { typeUrl, value: input.value })),
  };
}

function resourceSet(
  type: ResourceType,
  inputs: readonly ResourceInput[],
  previous: ResourceSet | undefined,
): ResourceSet {
  const resources = new Map<string, Resource>();
  for (const input of inputs) {
    resources.set(input.name, resource(type, input, previous?.resources.get(input.name)));
  }
  const all = [...resources.values()];
  const changed = all.filter((now) => previous?.resources.get(now.name) !== now);
  const removed = previous?.all.filter(({ name }) => !resources.has(name)) ?? [];
  if (previous !== undefined && changed.length === 0 && removed.length === 0) return previous;
  return {
    id: ++setCount,
    version: stateVersion(all),
    resources,
    all,
    changes: {
      since: previous?.id ?? 0,
      changed: changed.map(({ name }) => name),
      removed: removed.map(({ name }) => name),
    },
  };
}

/**
 * A snapshot whose resources of one type are others.
 * @param previous the variant of the same kind before.
 */
export function withResources(
  base: Snapshot,
  type: ResourceType,
  inputs: readonly ResourceInput[],
  previous?: Snapshot,
): Snapshot {
  const { typeUrl } = type;
  const types = new Map(base.types);
  types.set(typeUrl, resourceSet(type, inputs, (previous ?? base).types.get(typeUrl)));
  return { version: versionOf(types), types };
}

function versionOf(types: Snapshot["types"]): string {
  return stateVersion(
    Array.from(types, ([typeUrl, { version }]) => ({ digest: entryDigest(typeUrl, version) })),
  );
}

/**
 * @param inputs resources by type URL; a type that is missing has none. Of several with the same name the
 *   last one counts.
 * @param previous the snapshot before, whose unchanged resources are shared.
 */
export function buildSnapshot(
  inputs: ReadonlyMap<string, readonly ResourceInput[]>,
  previous?: Snapshot,
): Snapshot {
  const types = new Map(
    RESOURCE_TYPES.map((type) => {
      const { typeUrl } = type;
      return [
        typeUrl,
        resourceSet(type, inputs.get(typeUrl) ?? [], previous?.types.get(typeUrl)),
      ] as const;
    }),
  );
  return { version: versionOf(types), types };
}
