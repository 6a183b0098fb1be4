// Objects of Kubernetes and the names under which its API has them.
import { isDeepStrictEqual } from "node:util";

export interface ObjectMeta {
  readonly name: string;
  /** Absent: it belongs to no namespace. */
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  /** Counts changes of the spec; not every kind has it. */
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec?: unknown;
  readonly status?: unknown;
}

/** A kind of objects, as paths of the API name it. */
export interface ResourceType {
  readonly kind: string;
  /** Empty: the core group. */
  readonly group: string;
  /** The first that the cluster serves is used. */
  readonly versions: readonly [string, ...string[]];
  readonly plural: string;
  readonly namespaced: boolean;
}

export interface ResourcePlace {
  readonly version?: string;
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  readonly name?: string;
  readonly subresource?: "status";
}

/** `group/version`, or the version alone in the core group. */
export function apiVersionOf({ group, versions }: ResourceType, version = versions[0]): string {
  return group === "" ? version : `${group}/${version}`;
}

export function resourcePath(type: ResourceType, place: ResourcePlace = {}): string {
  const { version, namespace, name, subresource } = place;
  const root = type.group === "" ? "/api" : "/apis";
  return [
    `${root}/${apiVersionOf(type, version)}`,
    ...(type.namespaced && namespace !== undefined
      ? ["namespaces", encodeURIComponent(namespace)]
      : []),
    type.plural,
    ...(name === undefined ? [] : [encodeURIComponent(name)]),
    ...(subresource === undefined ? [] : [subresource]),
  ].join("/");
}

/** Equal for the versions of one object. */
export function objectKey({ metadata }: Pick<KubernetesObject, "metadata">): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}

/** Whether two versions of an object ask for the same: what only servers write is left aside. */
export function isSameContent(a: KubernetesObject, b: KubernetesObject): boolean {
  return a === b || isDeepStrictEqual(contentOf(a), contentOf(b));
}

function contentOf({ apiVersion, kind, metadata, spec }: KubernetesObject): unknown {
  const { name, namespace, uid, generation, creationTimestamp, labels, annotations } = metadata;
  return {
    identity: [apiVersion, kind, name, namespace, uid, generation, creationTimestamp],
    labels: labels ?? {},
    annotations: annotations ?? {},
    spec,
  };
}
