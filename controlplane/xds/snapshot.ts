// What proxies are to have, at one moment. Versions are made from content, so they are the same in every
// control plane that has the same configuration, also after a restart.
import { createHash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { RESOURCE_TYPES, type ResourceType } from "./resource-type.js";

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
  /** A serialized google.protobuf.Any with the message. */
  readonly any: Uint8Array;
}

/** All resources of one type. */
export interface ResourceSet {
  /** Hash of the names and versions of all resources. */
  readonly version: string;
  readonly resources: ReadonlyMap<string, Resource>;
}

export interface Snapshot {
  /** Hash of everything. */
  readonly version: string;
  /** By type URL; every served type is there. */
  readonly types: ReadonlyMap<string, ResourceSet>;
}

/** Hexadecimal digits of a version: enough that two contents never share one by chance. */
const VERSION_LENGTH = 16;

export function contentVersion(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex").slice(0, VERSION_LENGTH);
}

/** Hash of names and versions, whatever their order. */
export function stateVersion(versions: ReadonlyMap<string, string>): string {
  const lines = [...versions].map(([name, version]) => `${name}\n${version}\n`);
  return contentVersion(lines.sort().join(""));
}

function resourceSet(
  { typeUrl }: ResourceType,
  inputs: readonly ResourceInput[],
  previous: ResourceSet | undefined,
): ResourceSet {
  const resources = new Map<string, Resource>();
  for (const input of inputs) {
    const before = previous?.resources.get(input.name);
    const version = before?.value === input.value ? before.version : contentVersion(input.value);
    const isSame = before?.version === version && before.after === input.after;
    const any = (): Uint8Array =>
      toBinary(AnySchema, create(AnySchema, { typeUrl, value: input.value }));
    resources.set(input.name, isSame ? before : { ...input, version, any: any() });
  }
  const version = stateVersion(
    new Map([...resources].map(([name, resource]) => [name, resource.version])),
  );
  return { version, resources };
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
  return {
    version: stateVersion(new Map([...types].map(([typeUrl, { version }]) => [typeUrl, version]))),
    types,
  };
}
