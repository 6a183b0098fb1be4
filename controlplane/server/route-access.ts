// Which proxies of Istio may have which routes: those of services that their namespace may know.
import type { Mesh } from "../ir/mesh.js";
import type { AccessPolicy } from "../xds/access-policy.js";
import { nodeNamespace, type PeerIdentity } from "../xds/peer-identity.js";
import { type ResourceType, ROUTES_TYPE } from "../xds/resource-type.js";
import type { StreamNode } from "../xds/stream-node.js";

export class RouteAccess implements AccessPolicy {
  /** By name; undefined: all. */
  private namespaces: ReadonlyMap<string, readonly string[] | undefined> = new Map();

  /** To be called before the snapshot that is made of the mesh is served. */
  update({ listeners }: Pick<Mesh, "listeners">): void {
    this.namespaces = new Map(
      listeners.map(({ name, placement }) => {
        switch (placement?.kind) {
          case "outbound":
            return [name, placement.exportedTo];
          case "inbound":
          case "waypoint":
            return [name, [placement.namespace]];
          case "gateway":
            return [name, placement.namespaces];
          case undefined:
            return [name, []];
        }
      }),
    );
  }

  /** A proxy speaks for its own namespace only: the one that its certificate is for. */
  refusalOf({ id }: StreamNode, peer: PeerIdentity | undefined): string | undefined {
    if (peer === undefined)
      return "no certificate of a workload: spiffe://<domain>/ns/<ns>/sa/<sa>";
    const namespace = nodeNamespace(id);
    if (namespace === peer.namespace) return undefined;
    return `${peer.uri} must not speak for node ${id}, whose namespace is ${namespace ?? "unknown"}`;
  }

  isServed(type: ResourceType): boolean {
    return type === ROUTES_TYPE;
  }

  mayHave(peer: PeerIdentity | undefined, _type: ResourceType, name: string): boolean {
    if (peer === undefined || !this.namespaces.has(name)) return false;
    return this.namespaces.get(name)?.includes(peer.namespace) ?? true;
  }
}
