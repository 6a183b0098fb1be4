// Policies as the data path asks them: metaproto.filters.v1.AuthorizationPolicy, decoded.
// Allocates: at configuration.
import { Call } from "../../filter/call";
import { Counter } from "../../filter/counter";
import { Conditions } from "../../filter/filter-setup";
import { IpRanges } from "./ip-address";
import { PeerIdentity } from "./peer-identity";
import { TextPatterns } from "./text-pattern";

export class Source {
  readonly principals: TextPatterns = new TextPatterns();
  readonly notPrincipals: TextPatterns = new TextPatterns();
  readonly namespaces: TextPatterns = new TextPatterns();
  readonly notNamespaces: TextPatterns = new TextPatterns();
  readonly ipBlocks: IpRanges = new IpRanges();
  readonly notIpBlocks: IpRanges = new IpRanges();

  get isEmpty(): bool {
    return (
      this.principals.isEmpty &&
      this.notPrincipals.isEmpty &&
      this.namespaces.isEmpty &&
      this.notNamespaces.isEmpty &&
      this.ipBlocks.isEmpty &&
      this.notIpBlocks.isEmpty
    );
  }

  /** What a client does not have matches nothing, so that a `not` of it holds. */
  holds(peer: PeerIdentity): bool {
    const principal = peer.principal;
    const namespace = peer.namespace;
    if (!this.principals.isEmpty && !this.principals.match(principal.ptr, principal.len)) {
      return false;
    }
    if (this.notPrincipals.match(principal.ptr, principal.len)) return false;
    if (!this.namespaces.isEmpty && !this.namespaces.match(namespace.ptr, namespace.len)) {
      return false;
    }
    if (this.notNamespaces.match(namespace.ptr, namespace.len)) return false;
    const isWithin =
      this.ipBlocks.isEmpty || (peer.hasAddress && this.ipBlocks.contain(peer.address));
    return isWithin && !(peer.hasAddress && this.notIpBlocks.contain(peer.address));
  }
}

export class Rule {
  readonly from: Array<Source> = new Array<Source>();
  readonly to: Array<Conditions> = new Array<Conditions>();

  holds(call: Call, peer: PeerIdentity): bool {
    return this.isFrom(peer) && this.isTo(call);
  }

  private isFrom(peer: PeerIdentity): bool {
    for (let i = 0; i < this.from.length; i++) {
      if (unchecked(this.from[i]).holds(peer)) return true;
    }
    return this.from.length == 0;
  }

  private isTo(call: Call): bool {
    for (let i = 0; i < this.to.length; i++) {
      if (unchecked(this.to[i]).hold(call.codec, call.message)) return true;
    }
    return this.to.length == 0;
  }
}

export class Policy {
  constructor(
    /** ASCII. */
    readonly name: ArrayBuffer,
    private readonly rules: Array<Rule>,
    /** Requests that it matched, as far as it was asked. */
    private readonly matched: Counter,
  ) {}

  holds(call: Call, peer: PeerIdentity): bool {
    for (let i = 0; i < this.rules.length; i++) {
      if (!unchecked(this.rules[i]).holds(call, peer)) continue;
      this.matched.value++;
      return true;
    }
    return false;
  }
}

/** Policies that have the same effect. */
export class Policies {
  readonly list: Array<Policy> = new Array<Policy>();

  get isEmpty(): bool {
    return this.list.length == 0;
  }

  /** The first that matches, or null. */
  find(call: Call, peer: PeerIdentity): Policy | null {
    for (let i = 0; i < this.list.length; i++) {
      const policy = unchecked(this.list[i]);
      if (policy.holds(call, peer)) return policy;
    }
    return null;
  }
}
